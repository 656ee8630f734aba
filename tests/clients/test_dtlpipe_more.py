"""What only our SDK has: batches that are cancelled and retried, events, and repositories of the smaller nouns."""

from __future__ import annotations

import pytest

import dtlpipe as dl
from dtlpipe import AsyncClient
from dtlpipe.model.annotation import Annotation
from tests.clients.steps import code, pipeline_of


def long(item):
    import time

    until = time.monotonic() + 60
    while time.monotonic() < until:
        time.sleep(0.01)
    return item


def picky(item):
    if (item.metadata.get("user") or {}).get("good"):
        return item
    raise ValueError("not good")


def filled(dataset, count):
    items = [dataset.items.upload(local_path=b"x", remote_name=f"{n}.txt", remote_path="/in") for n in range(count)]
    return items, dl.Filters(field="dir", values="/in", context={"datasets": [dataset.id]})


def test_a_batch_is_cancelled_with_all_of_its_runs(project, dataset):
    _, filters = filled(dataset, 5)
    pipeline = pipeline_of(project, code(dl, project, long))
    batch = pipeline.execute_batch(filters=filters)
    assert batch.cancel() == 5
    assert batch.wait(timeout=60).counts() == {"terminated": 5}
    assert batch.cancel() == 0
    assert {each.status for each in batch.failed()} == {"terminated"}


def test_what_failed_of_a_batch_of_runs_is_retried_under_the_same_ids(project, dataset):
    items, filters = filled(dataset, 3)
    items[0].metadata["user"] = {"good": True}
    items[0].update()
    pipeline = pipeline_of(project, code(dl, project, picky))
    batch = pipeline.execute_batch(filters=filters).wait(timeout=60)
    assert batch.counts() == {"success": 1, "failed": 2}
    before = {each.item_id: each.execution.id for each in batch.results()}
    for each in items[1:]:
        each.metadata["user"] = {"good": True}
        each.update()
    assert batch.retry_failed() is batch
    assert batch.wait(timeout=60).counts() == {"success": 3}
    assert {each.item_id: each.execution.id for each in batch.results()} == before
    assert batch.retry_failed().counts() == {"success": 3}


def test_what_failed_of_a_batch_of_calls_is_made_again_as_a_batch(project, dataset):
    items, filters = filled(dataset, 3)
    pipeline = pipeline_of(project, code(dl, project, picky))
    found = project.services.get(service_name=pipeline.nodes[0].namespace.service_name)
    batch = found.execute_batch(filters=filters, function_name="picky", priority=3).wait(timeout=60)
    assert batch.counts() == {"failed": 3}
    for each in items:
        each.metadata["user"] = {"good": True}
        each.update()
    again = batch.retry_failed()
    assert again.id != batch.id
    assert again.wait(timeout=60).counts() == {"success": 3}
    call = found.execute({"item": items[0]}, function_name="picky", priority=7, sync=True, timeout=60)
    assert call.latest_status["status"] == "success"


def test_events_of_a_run_end_with_it(client, project, item):
    def same(item):
        return item

    pipeline = pipeline_of(project, code(dl, project, same))
    run = pipeline.execute({"item": item})
    events = list(client.events.follow(run_id=run.id))
    assert [each.id for each in events] == sorted(each.id for each in events)
    assert {each.run_id for each in events} == {run.id}
    assert run.refresh().status == "success"
    later = list(client.events.follow(run_id=run.id, after=events[0].id))
    assert [each.id for each in later] == [each.id for each in events[1:]]
    assert [each.id for each in run.events()] == [each.id for each in events]
    with pytest.raises(dl.exceptions.NotFound):
        list(client.events.follow(run_id="0" * 24))


async def test_events_are_told_to_async_clients(platform, project, item):
    def same(item):
        return item

    pipeline = pipeline_of(project, code(dl, project, same))
    run = pipeline.execute({"item": item})
    async with AsyncClient(platform.url) as client:
        kinds = [each.kind async for each in client.events.follow(run_id=run.id)]
    assert kinds == [each.kind for each in run.events()]


def test_annotations_are_uploaded_found_changed_and_deleted(client, dataset, item):
    box = {"type": "box", "label": "dog", "coordinates": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}
    first, second = item.annotations.upload([box, Annotation(type="class", label="cat")])
    assert (first.label, second.type, first.item_id) == ("dog", "class", item.id)
    assert item.refresh().annotations_count == 2
    assert {each.label for each in item.annotations.list()} == {"dog", "cat"}
    first.label = "wolf"
    first.update()
    assert client.annotations.get(first.id).label == "wolf"
    wolves = dl.Filters("label", "wolf", resource=dl.FiltersResource.ANNOTATION)
    assert [each.id for each in dataset.annotations.list(wolves)] == [first.id]
    assert dataset.annotations.delete(wolves) == 1
    assert second.delete() is True
    assert list(item.annotations.list()) == []
    with pytest.raises(dl.exceptions.BadRequest, match="item"):
        dataset.annotations.upload(box)


def test_recipes_and_their_ontologies(client, project):
    recipe = project.recipes.create("mine", labels=["dog", {"tag": "cat", "color": "#010203"}])
    (ontology,) = recipe.ontologies()
    assert ontology.labels == ["dog", "cat"]
    ontology.remove_labels(["dog"])
    assert ontology.labels == ["cat"]
    recipe.title = "renamed"
    assert client.recipes.get(recipe.update().id).title == "renamed"
    copy = recipe.clone()
    assert copy.ontology_ids != recipe.ontology_ids
    assert {each.id for each in project.recipes.list()} >= {recipe.id, copy.id}
    assert copy.delete()
    with pytest.raises(dl.exceptions.NotFound):
        client.recipes.get(copy.id)


def test_packages_have_revisions(client, project):
    package = project.packages.create("calc", modules=[dl.PackageModule()])
    assert project.packages.get("calc").id == client.packages.get(package_id=package.id).id == package.id
    first = package.version
    package.metadata = {"a": 1}
    package.update()
    assert [each.version for each in package.revisions()] == [package.version, first]
    assert [each.name for each in project.packages.list()] == ["calc"]
    assert package.delete()
    with pytest.raises(dl.exceptions.NotFound):
        project.packages.get("calc")
