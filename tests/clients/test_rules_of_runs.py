"""What else is said of runs: who began them, how often each node runs, what may be connected and loaded."""

from __future__ import annotations

import pytest

from tests.clients.steps import code, counts, every, installed, over, parts, pipeline_of, port, ran, same, states

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


def plain(item):
    return item


def both(a, b):
    return a


def test_a_diamond_is_four_executions_that_say_whose_they_are(dl, project, item):
    top, left, right = (code(dl, project, plain, name=name) for name in ("top", "left", "right"))
    last = code(dl, project, both, {"a": "ITEM", "b": "ITEM"}, {"item": "ITEM"}, name="last")
    pipeline = pipeline_of(
        project,
        top,
        (top, left),
        (top, right),
        (left, last, left.outputs[0], last.inputs[0]),
        (right, last, right.outputs[0], last.inputs[1]),
    )
    run = ran(pipeline, item=item.id)
    assert (run.status, counts(run)) == ("success", dict.fromkeys(("top", "left", "right", "last"), 1))
    (part,) = parts(run, "last")
    execution = dl.executions.get(execution_id=part["_id"])
    node = next(each for each in pipeline.nodes if each.name == "last")
    assert execution.pipeline == {"id": pipeline.id, "nodeId": node.node_id, "executionId": run.id}
    assert execution.creator == run.creator == project.creator


def test_what_a_trigger_began_is_the_platforms(dl, project, dataset):
    pipeline = project.pipelines.create(name="pipe")
    node = code(dl, project, plain)
    pipeline.nodes.add(node)
    node.add_trigger(
        trigger_type=dl.TriggerType.EVENT,
        resource=dl.TriggerResource.ITEM,
        actions=dl.TriggerAction.CREATED,
        filters=dl.Filters(field="datasetId", values=dataset.id),
    )
    pipeline = installed(pipeline)
    dataset.items.upload(local_path=b"x", remote_name="one.txt")
    (run,) = every(pipeline.pipeline_executions.list())
    done = over(pipeline, run)
    assert (done.status, done.creator) == ("success", "pipelines@dataloop.ai")
    (part,) = parts(done, "plain")
    assert dl.executions.get(execution_id=part["_id"]).creator == "pipelines@dataloop.ai"


def test_an_action_that_the_port_has_not_is_refused_with_those_that_it_has(dl, project):
    first = code(dl, project, plain, outputs=[port(dl, "item", "ITEM", actions=["go", "stop"])], name="first")
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(first)
    first.connect(code(dl, project, plain, name="second"), action="go")
    pipeline.connections[0].action = "fly"
    with pytest.raises(dl.exceptions.BadRequest, match="of node 'first' has no action 'fly'"):
        pipeline.update()


def test_a_condition_looks_at_the_dataset_that_passes(dl, project, dataset):
    def first(dataset):
        return dataset

    def second(dataset):
        return dataset.name

    for name, taken in (("data", {"first": 1, "second": 1}), ("other", {"first": 1})):
        start = code(dl, project, first, {"dataset": "DATASET"}, {"dataset": "DATASET"})
        pipeline = project.pipelines.create(name=f"pipe {name}")
        pipeline.nodes.add(start)
        end = code(dl, project, second, {"dataset": "DATASET"}, {"name": "STRING"})
        start.connect(end, filters=dl.Filters(custom_filter={"name": name}))
        run = ran(installed(pipeline), dataset=dataset.id)
        assert (run.status, counts(run)) == ("success", taken)


def test_other_branches_of_a_failed_run_may_have_run(dl, project, item):
    def refuse(item):
        raise ValueError("no")

    top, good = code(dl, project, plain, name="top"), code(dl, project, plain, name="good")
    bad, after = code(dl, project, refuse, name="bad"), code(dl, project, plain, name="after")
    run = ran(pipeline_of(project, top, (top, good), (top, bad), (bad, after)), item=item.id)
    found = states(run)
    assert run.status == "failed"
    assert (found["top"], found["bad"], found["after"]) == ("success", "failed", "pending")
    assert found["good"] in ("success", "failed")  # it ran, or was not begun any more


def test_a_dataset_node_loads_what_is_there_only_where_nothing_leads_to_it(dl, project, dataset):
    first = code(dl, project, plain)
    loads = dl.DatasetNode(name="loads", project_id=project.id, dataset_id=dataset.id, load_existing_data=True)
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(first)
    first.connect(loads)
    pipeline = pipeline.update()
    with pytest.raises(dl.exceptions.BadRequest, match="loads existing data and has an incoming connection"):
        pipeline.install()


def test_a_pipeline_goes_on_without_a_node_that_was_taken_out(dl, project, item):
    first, second, third = (code(dl, project, same, name=name) for name in ("first", "second", "third"))
    pipeline = pipeline_of(project, first, (first, second), (second, third))
    assert counts(ran(pipeline, item=item.id)) == {"first": 1, "second": 1, "third": 1}
    pipeline.pause()
    pipeline = project.pipelines.get(pipeline_name="pipe")
    assert pipeline.nodes.remove("second")
    pipeline = installed(pipeline)
    run = ran(pipeline, item=item.id)
    assert (run.status, counts(run)) == ("success", {"first": 1})
    assert {node.name for node in run.nodes} == {"first", "third"}
