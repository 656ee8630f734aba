"""Triggers, through the field's SDK and through ours: what begins by itself, what for, and by whom."""

from __future__ import annotations

import time

import pytest

from tests.clients.steps import FINAL, code, every, installed, output, over, parts, pipeline_of, port, same

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")

BOT = "pipelines@dataloop.ai"


def name_of(item):
    return item.name


def triggered(dl, project, method=same, name="pipe", ports=None, **trigger):
    """An installed pipeline of one node that has a trigger."""
    pipeline = project.pipelines.create(name=name)
    node = code(dl, project, method, *(ports or ()))
    pipeline.nodes.add(node)
    node.add_trigger(**trigger)
    return installed(pipeline)


def runs(pipeline):
    """The oldest first."""
    return list(reversed(every(pipeline.pipeline_executions.list())))


def upload(dataset, name, folder="/in", **more):
    return dataset.items.upload(local_path=name.encode(), remote_name=name, remote_path=folder, **more)


def given(run, name):
    """What the one execution of a node was given."""
    (part,) = parts(run, name)
    return part["input"]


def test_an_upload_runs_the_pipeline_for_the_item(dl, project, dataset):
    names = ({"item": "ITEM"}, {"name": "STRING"})
    pipeline = triggered(dl, project, name_of, ports=names)
    item = upload(dataset, "a.txt")
    (run,) = [over(pipeline, each) for each in runs(pipeline)]
    assert run.status == "success"
    assert run.creator == BOT
    assert given(run, "name_of") == {"item": {"item_id": item.id}}
    assert output(dl, run, "name_of") == "a.txt"
    (trigger,) = every(pipeline.triggers.list())
    (part,) = parts(run, "name_of")
    execution = dl.executions.get(execution_id=part["_id"])
    assert execution.trigger_id == trigger.id
    assert execution.creator == BOT


def test_only_what_the_filter_matches_does(dl, project, dataset):
    filters = dl.Filters(field="dir", values="/in")
    filters.add(field="metadata.user.n", values=1, operator=dl.FiltersOperations.GREATER_THAN)
    pipeline = triggered(dl, project, filters=filters, execution_mode=dl.TriggerExecutionMode.ALWAYS)
    for name, folder, n in (("a.txt", "/in", 1), ("b.txt", "/in", 2), ("c.txt", "/out", 2)):
        upload(dataset, name, folder, item_metadata={"user": {"n": n}})
    (run,) = [over(pipeline, each) for each in runs(pipeline)]
    assert dl.items.get(item_id=given(run, "same")["item"]["item_id"]).name == "b.txt"


@pytest.mark.parametrize(("mode", "expected"), [("ONCE", 1), ("ALWAYS", 3)])
def test_once_is_once_for_an_item_and_always_is_each_time(dl, project, dataset, mode, expected):
    pipeline = triggered(
        dl,
        project,
        actions=[dl.TriggerAction.CREATED, dl.TriggerAction.UPDATED],
        execution_mode=getattr(dl.TriggerExecutionMode, mode),
    )
    item = upload(dataset, "a.txt")
    for number in range(2):
        item.metadata["user"] = {"n": number}
        item = item.update()
    assert len(runs(pipeline)) == expected


def test_node_code_still_sees_an_item_that_was_deleted(dl, project, dataset):
    names = ({"item": "ITEM"}, {"name": "STRING"})
    pipeline = triggered(dl, project, name_of, ports=names, actions=[dl.TriggerAction.DELETED])
    upload(dataset, "gone.txt").delete()
    (run,) = [over(pipeline, each) for each in runs(pipeline)]
    assert output(dl, run, "name_of") == "gone.txt"


def test_each_start_node_has_runs_of_its_own(dl, project, dataset):
    def first(item):
        return item

    def second(item):
        return item

    pipeline = project.pipelines.create(name="pipe")
    for method in (first, second):
        node = code(dl, project, method)
        pipeline.nodes.add(node)
        node.add_trigger()
    pipeline = installed(pipeline)
    upload(dataset, "a.txt")
    found = [over(pipeline, each) for each in runs(pipeline)]
    assert sorted(node.name for run in found for node in run.nodes if node.status == "success") == ["first", "second"]
    assert [sum(node.status == "pending" for node in run.nodes) for run in found] == [1, 1]


def test_an_item_that_node_code_uploads_is_an_event_too(dl, project, dataset):
    def copy(item):
        return item.dataset.items.upload(local_path=b"copy", remote_name=f"copy-{item.name}", remote_path="/out")

    def end(item):
        return item

    begins = triggered(dl, project, copy, name="begins", filters=dl.Filters(field="dir", values="/in"))
    goes_on = triggered(dl, project, end, name="goes-on", filters=dl.Filters(field="dir", values="/out"))
    upload(dataset, "a.txt")
    (run,) = [over(begins, each) for each in runs(begins)]
    assert run.status == "success"
    (following,) = [over(goes_on, each) for each in runs(goes_on)]
    assert dl.items.get(item_id=given(following, "end")["item"]["item_id"]).name == "copy-a.txt"
    assert following.creator == BOT


def test_a_new_dataset_is_an_event_and_its_code_is_given_the_dataset(dl, project):
    def title(dataset):
        return dataset.name

    ports = ({"dataset": "DATASET"}, {"title": "STRING"})
    pipeline = triggered(dl, project, title, ports=ports, resource=dl.TriggerResource.DATASET)
    project.datasets.create(dataset_name="another")
    (run,) = [over(pipeline, each) for each in runs(pipeline)]
    assert output(dl, run, "title") == "another"


def test_a_pause_puts_triggers_to_rest_unless_they_are_kept_active(dl, project, dataset):
    pipeline = triggered(dl, project)
    pipeline.pause()
    upload(dataset, "missed.txt")
    pipeline = pipeline.install()
    assert runs(pipeline) == []
    pipeline.pause(keep_triggers_active=True)
    item = upload(dataset, "kept.txt")
    assert runs(pipeline) == []
    pipeline = pipeline.install()
    (run,) = [over(pipeline, each) for each in runs(pipeline)]
    assert given(run, "same") == {"item": {"item_id": item.id}}
    upload(dataset, "more.txt")
    assert len(runs(pipeline)) == 2


def test_an_edit_of_a_trigger_takes_effect_at_once(dl, project, dataset):
    pipeline = triggered(dl, project)
    (trigger,) = every(pipeline.triggers.list())
    assert (trigger.active, trigger.type, trigger.pipeline_id) == (True, dl.TriggerType.EVENT, pipeline.id)
    trigger.active = False
    trigger = trigger.update()
    upload(dataset, "a.txt")
    assert runs(pipeline) == []
    trigger.active = True
    trigger.filters = {"$and": [{"name": "c.txt"}]}
    trigger.update()
    for name in ("b.txt", "c.txt"):
        upload(dataset, name)
    (run,) = [over(pipeline, each) for each in runs(pipeline)]
    assert dl.items.get(item_id=given(run, "same")["item"]["item_id"]).name == "c.txt"
    assert dl.triggers.get(trigger_id=trigger.id).active is True


def test_a_trigger_is_made_through_the_pipeline(dl, project, dataset):
    pipeline = pipeline_of(project, code(dl, project, same))
    assert every(pipeline.triggers.list()) == []
    assert pipeline.triggers.create(execution_mode=dl.TriggerExecutionMode.ALWAYS) is True
    upload(dataset, "a.txt")
    assert len(runs(pipeline)) == 1


def test_a_trigger_calls_a_function_of_a_service(dl, project, dataset):
    pipeline = pipeline_of(project, code(dl, project, name_of, {"item": "ITEM"}, {"name": "STRING"}))
    service = dl.services.get(service_name=pipeline.nodes[0].namespace.service_name)
    trigger = service.triggers.create(name="t", function_name="name_of", filters={"$and": [{"dir": "/in"}]})
    assert [each.id for each in every(service.triggers.list())] == [trigger.id]
    upload(dataset, "other.txt", "/out")
    upload(dataset, "a.txt")
    (execution,) = every(service.executions.list())
    for _ in range(20):
        found = dl.executions.get(execution_id=execution.id)
        if dl.__name__ == "dtlpipe":
            found.wait(timeout=60)
        if found.latest_status["status"] in FINAL:
            break
    assert found.output == "a.txt"
    assert found.trigger_id == trigger.id
    assert runs(pipeline) == []
    assert trigger.delete()
    with pytest.raises(dl.exceptions.NotFound):
        dl.triggers.get(trigger_id=trigger.id)


def test_a_schedule_starts_a_pipeline(dl, project):
    def tick(n):
        return n

    pipeline = project.pipelines.create(name="pipe")
    node = code(dl, project, tick, [port(dl, "n", "INT", default_value=7)], {"n": "INT"})
    pipeline.nodes.add(node)
    node.add_trigger(trigger_type=dl.TriggerType.CRON, cron="* * * * * *")  # each second
    pipeline = installed(pipeline)
    deadline = time.monotonic() + 30
    while not (found := runs(pipeline)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (trigger,) = every(pipeline.triggers.list())
    assert (trigger.type, trigger.cron) == (dl.TriggerType.CRON, "* * * * * *")
    trigger.active = False
    trigger.update()
    run = over(pipeline, found[0])
    assert run.status == "success"
    assert run.creator == BOT
    assert output(dl, run, "tick") == 7


@pytest.mark.parametrize("cron", ["whenever", "61 * * * *"])
def test_a_schedule_that_is_none_is_refused(dl, project, cron):
    with pytest.raises(dl.exceptions.BadRequest, match="cron"):
        triggered(dl, project, trigger_type=dl.TriggerType.CRON, cron=cron)
