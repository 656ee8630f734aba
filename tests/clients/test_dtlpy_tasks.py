"""Tasks and assignments that people make, by the field's SDK."""

from __future__ import annotations

import pytest

from tests.clients.steps import every

pytestmark = pytest.mark.sdks("dtlpy")

ANN, BOB = "ann@example.org", "bob@example.org"


def filled(dataset, count=4):
    return [dataset.items.upload(local_path=b"x", remote_name=f"{index}.txt") for index in range(count)]


def made(dl, dataset, **options):
    options = {"assignee_ids": [ANN, BOB], **options}
    return dataset.tasks.create(task_name="look", recipe_id="r1", scoring=True, **options)


def test_a_task_is_made_of_items_dealt_out_and_goes_as_people_say(dl, project, dataset):
    items = filled(dataset)
    task = made(dl, dataset)
    assert (task.name, task.total_items, task.progress, task.project_id) == ("look", 4, 0, project.id)
    ann, bob = sorted(task.assignments.list(), key=lambda each: each.annotator)
    assert (ann.annotator, ann.total_items, bob.annotator, bob.total_items) == (ANN, 2, BOB, 2)
    assert ann.dataset.id == dataset.id
    mine = every(ann.get_items())
    assert mine[0].id in {each.id for each in items}
    assert task.assignments.set_status(status="complete", operation="create", item_id=mine[0].id, assignment_id=ann.id)
    mine[1].update_status(status="discard", task_id=task.id)
    assert dataset.items.get(item_id=mine[0].id).status(task_id=task.id) == "complete"
    found = dataset.tasks.get(task_id=task.id)
    assert (found.progress, found.status) == (50, "inProgress")
    assert task.assignments.get(assignment_id=ann.id).status == "completed"
    assert [each.id for each in dataset.tasks.list(task_name="look")] == [task.id]
    assert dataset.tasks.list(status="completed") == []


def test_items_go_into_a_task_once_and_out_unless_they_have_a_status(dl, dataset):
    one, two, three = filled(dataset, 3)
    task = made(dl, dataset, items=[one, two], assignee_ids=[ANN])
    task.add_items(items=[two, three], assignee_ids=[ANN])
    assert {each.id for each in every(dataset.tasks.get_items(task=task))} == {one.id, two.id, three.id}
    dataset.items.get(item_id=one.id).update_status(status="complete", task_id=task.id)
    assert dataset.tasks.remove_items(task=task, items=[one, two])
    assert {each.id for each in every(dataset.tasks.get_items(task=task))} == {one.id, three.id}
    (assignment,) = task.assignments.list()
    assert assignment.total_items == 2
    other = task.assignments.create(assignee_id=BOB, items=[two])
    assert (other.annotator, other.total_items) == (BOB, 1)


def test_work_that_is_left_is_given_to_others(dl, dataset):
    filled(dataset)
    task = made(dl, dataset, assignee_ids=[ANN])
    (ann,) = task.assignments.list()
    bob = task.assignments.reassign(assignment=ann, assignee_id=BOB, task=task)
    assert (bob.annotator, bob.total_items) == (BOB, 4)
    workload = dl.Workload([dl.WorkloadUnit(assignee_id=ANN, load=75), dl.WorkloadUnit(assignee_id=BOB, load=25)])
    task.assignments.redistribute(assignment=bob, workload=workload, task=task)
    loads = {each.annotator: each.total_items for each in task.assignments.list()}
    assert loads == {ANN: 3, BOB: 1}


def test_a_task_is_changed_and_deleted_with_its_assignments(dl, project, dataset):
    (item,) = filled(dataset, 1)
    task = made(dl, dataset, available_actions=[dl.ItemAction("fine"), dl.ItemAction("blurred")])
    task.name = "look again"
    assert task.update().name == "look again"
    with pytest.raises(dl.exceptions.BadRequest, match="has no status 'complete'"):
        dataset.tasks.set_status(status="complete", operation="create", task_id=task.id, item_ids=[item.id])
    assert task.delete()
    with pytest.raises(dl.exceptions.NotFound):
        dataset.tasks.get(task_id=task.id)
    assert dataset.items.get(item_id=item.id).metadata["system"]["refs"] == []
    assert project.assignments.list() == []


def test_what_is_no_task_is_refused_and_makes_none(dl, dataset):
    filled(dataset, 1)
    with pytest.raises(dl.exceptions.BadRequest, match="limit"):
        made(dl, dataset, limit=-1)
    with pytest.raises(dl.exceptions.BadRequest, match=r"\$bogus"):
        made(dl, dataset, query={"filter": {"name": {"$bogus": 1}}})
    assert dataset.tasks.list() == []


def test_tasks_of_every_kind_are_made_of_what_is_in_the_dataset(dl, project, dataset):
    filled(dataset, 3)
    options = {"recipe_id": "r1", "assignee_ids": [ANN]}
    makers = dataset.tasks
    labeling = makers.create_labeling_task(name="label", batch_size=3, max_batch_workload=5, **options)
    assert labeling.metadata["system"]["batchSize"] == 3
    consensus = makers.create_consensus_task(name="agree", consensus_percentage=50, consensus_assignees=1, **options)
    qualification = makers.create_qualification_task(name="qualify", **options)
    honeypot = makers.create_honeypot_task(name="honey", **options)
    assert [each.total_items for each in (labeling, consensus, qualification)] == [3, 3, 3]
    assert honeypot.id
    query = dl.Filters(resource=dl.FiltersResource.TASK, use_defaults=False)
    query.add(field="name", values=["label", "agree"], operator=dl.FiltersOperations.IN)
    assert {each.name for each in every(project.tasks.query(filters=query, project_ids=[project.id]))} == {
        "label",
        "agree",
    }


def test_what_was_done_in_a_task_is_looked_through_in_another(dl, dataset):
    done, open_ = filled(dataset, 2)
    task = made(dl, dataset)
    done.update_status(status="complete", task_id=task.id)
    review = dataset.tasks.create_qa_task(task=task, assignee_ids=[BOB])
    assert review.spec["type"] == "qa"
    assert [each.id for each in every(dataset.tasks.get_items(task=review))] == [done.id]
    assert open_.id not in {each.id for each in every(dataset.tasks.get_items(task=review))}


def test_an_assignment_is_renamed_and_all_its_items_get_a_status_at_once(dl, dataset):
    items = filled(dataset, 2)
    task = made(dl, dataset, assignee_ids=[ANN])
    (mine,) = task.assignments.list()
    mine.name = "for today"
    assert mine.update().name == "for today"
    task.set_status(status="complete", operation="create", item_ids=[each.id for each in items])
    assert task.assignments.get(assignment_name="for today").status == "completed"
