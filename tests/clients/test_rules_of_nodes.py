"""Nodes that are the platform's own work, through the field's SDK and through ours."""

from __future__ import annotations

import uuid

import pytest

from tests.clients.steps import code, counts, every, installed, output, over, parts, pipeline_of, port, ran, states

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


def native(dl, project, kind, inputs, outputs, name=None, **metadata):
    """A node of a type that dtlpy has no builder for."""
    if hasattr(dl, "PlatformNode"):
        node = dl.PlatformNode(name or kind, kind, inputs, outputs)
        node.metadata.update(metadata)
        return node
    from dtlpy.entities.node import PipelineNameSpace, PipelineNode

    return PipelineNode(
        name=name or kind,
        node_id=str(uuid.uuid4()),
        outputs=outputs,
        inputs=inputs,
        node_type=kind,
        namespace=PipelineNameSpace(function_name=kind, project_name=project.name),
        project_id=project.id,
        metadata=metadata,
    )


def shared(dl, name, kind, percentage):
    """A port with a share of what a split gives on."""
    found = port(dl, name, kind)
    found.port_percentage = percentage
    return found


def plus(n):
    return n + 1


def tell(n):
    return n


def held(pipeline, run, name):
    """The run, or the only one if None, once something is at the node.

    It is listed: a second look at a run is held until the run is over.
    """
    import time

    until, seen = time.monotonic() + 30, "no run"
    while time.monotonic() < until:
        for found in every(pipeline.pipeline_executions.list()):
            if run is not None and found.id != run.id:
                continue
            if states(found)[name] == "in-progress":
                return found
            seen = states(found)
            assert found.status in ("in-progress", "pending"), (found.status, seen)
        time.sleep(0.02)
    raise AssertionError(f"nothing waits at {name}: {seen}")


def test_a_split_gives_each_value_to_one_of_its_outputs_by_their_shares(dl, project):
    def many(count):
        return list(range(count))

    first = code(dl, project, many, {"count": "INT"}, [port(dl, "ns", "INTS")])
    split = native(
        dl, project, "split", [port(dl, "n", "INT")], [shared(dl, "most", "INT", 100), shared(dl, "none", "INT", 0)]
    )
    one, two = (code(dl, project, tell, {"n": "INT"}, {"n": "INT"}, name=name) for name in ("one", "two"))
    pipeline = pipeline_of(
        project,
        first,
        (first, split),
        (split, one, split.outputs[0], one.inputs[0]),
        (split, two, split.outputs[1], two.inputs[0]),
    )
    run = ran(pipeline, count=4)
    assert (run.status, counts(run)) == ("success", {"many": 1, "split": 4, "one": 4}), run.to_json()


def test_shares_that_do_not_make_a_hundred_are_refused(dl, project):
    split = native(
        dl, project, "split", [port(dl, "n", "INT")], [shared(dl, "a", "INT", 60), shared(dl, "b", "INT", 30)]
    )
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(split)
    with pytest.raises(dl.exceptions.BadRequest, match="must be percentages that make 100 together"):
        installed(pipeline)


def test_a_merge_waits_for_all_its_inputs_and_makes_them_a_list(dl, project):
    first = code(dl, project, plus, {"n": "INT"}, {"n": "INT"}, name="first")
    one, two = (code(dl, project, plus, {"n": "INT"}, {"n": "INT"}, name=name) for name in ("one", "two"))
    merge = native(
        dl,
        project,
        "merge",
        [port(dl, "a", "INT"), port(dl, "b", "INT")],
        [port(dl, "all", "INTS"), port(dl, "b", "INT")],
    )
    pipeline = pipeline_of(
        project,
        first,
        (first, one),
        (first, two),
        (one, merge, one.outputs[0], merge.inputs[0]),
        (two, merge, two.outputs[0], merge.inputs[1]),
    )
    run = ran(pipeline, n=1)
    assert (run.status, output(dl, run, "merge")) == ("success", {"all": [3, 3], "b": 3})


def test_a_variable_is_updated_for_what_follows_and_for_runs_to_come(dl, project):
    def times(n, factor):
        return n * factor

    update = native(dl, project, "updateVariable", [port(dl, "n", "INT")], [port(dl, "n", "INT")], variableName="by")
    last = code(dl, project, times, [port(dl, "n", "INT"), port(dl, "factor", "INT", variable_name="by")], {"n": "INT"})
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(update)
    update.connect(last)
    kind = dl.Variable if hasattr(dl, "Variable") else dl.entities.pipeline.Variable
    pipeline.variables.append(kind.from_json({"name": "by", "type": "Integer", "value": 3}))
    pipeline = installed(pipeline)
    assert output(dl, ran(pipeline, n=5), "times") == 25
    again = project.pipelines.get(pipeline_name="pipe")
    assert [each.value for each in again.variables] == [5]
    assert output(dl, ran(again, node=last, n=2), "times") == 10


def test_an_unknown_variable_is_refused_at_install(dl, project):
    update = native(dl, project, "updateVariable", [port(dl, "n", "INT")], [port(dl, "n", "INT")])
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(update)
    with pytest.raises(dl.exceptions.BadRequest, match="updates variable 'n', which the pipeline does not have"):
        installed(pipeline)


def inner_and_outer(dl, project, method):
    inner = pipeline_of(project, code(dl, project, method, {"n": "INT"}, {"n": "INT"}, name="within"), name="inner")
    nested = native(
        dl, project, "pipeline", [port(dl, "n", "INT")], [port(dl, "n", "INT")], "nested", pipelineId=inner.id
    )
    last = code(dl, project, tell, {"n": "INT"}, {"n": "INT"})
    return inner, pipeline_of(project, nested, (nested, last), name="outer")


def test_a_pipeline_runs_in_a_pipeline_and_gives_what_its_last_nodes_gave(dl, project):
    inner, outer = inner_and_outer(dl, project, plus)
    run = ran(outer, n=1)
    assert (run.status, output(dl, run, "tell")) == ("success", 2), run.to_json()
    within = inner.pipeline_executions.list()
    assert within.items_count == 1


def test_what_fails_within_fails_the_node_and_says_why(dl, project):
    def refuse(n):
        raise ValueError("not today")

    _, outer = inner_and_outer(dl, project, refuse)
    run = ran(outer, n=1)
    assert (run.status, states(run)) == ("failed", {"nested": "failed", "tell": "pending"})
    (part,) = parts(run, "nested")
    assert "not today" in part["latestStatus"]["error"]["message"]


def test_an_end_by_hand_of_the_node_ends_what_runs_within(dl, project):
    def wait(n):
        import time

        time.sleep(60)

    inner, outer = inner_and_outer(dl, project, wait)
    run = outer.execute(execution_input={"n": 1})
    found = held(outer, run, "nested")
    within = held(inner, None, "within")
    (part,) = parts(found, "nested")
    dl.executions.terminate(execution=dl.executions.get(execution_id=part["_id"]))
    assert over(outer, run).status == "failed"
    assert over(inner, within).status == "terminated"


def work(dl, project, dataset, **options):
    """A pipeline whose items go to people, and on by what these say."""
    node = dl.TaskNode(
        name="look",
        project_id=project.id,
        dataset_id=dataset.id,
        recipe_title="recipe",
        recipe_id="r1",
        task_owner="owner@example.com",
        workload=[],
        **options,
    )

    def good(item):
        return item.name

    def bad(item):
        return item.name

    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(node)
    for method, action in zip((good, bad), node.outputs[0].actions, strict=False):
        node.connect(code(dl, project, method, {"item": "ITEM"}, {"name": "STRING"}), action=action)
    return installed(pipeline)


@pytest.mark.parametrize(
    ("options", "word", "reached"),
    [
        ({}, "completed", "good"),
        ({}, "discard", "bad"),
        ({"task_type": "qa"}, "approved", "good"),
        ({"actions": ["fine", "blurred"]}, "blurred", "bad"),
    ],
)
def test_a_task_waits_for_people_and_goes_on_by_what_they_say(dl, project, dataset, item, options, word, reached):
    pipeline = work(dl, project, dataset, **options)
    run = pipeline.execute(execution_input={"item": item.id})
    assert held(pipeline, run, "look").status == "in-progress"
    seen = dataset.items.get(item_id=item.id)
    (ref,) = seen.metadata["system"]["refs"]
    seen.update_status(status=word, task_id=ref["id"])
    done = over(pipeline, run)
    assert (done.status, counts(done)) == ("success", {"look": 1, reached: 1}), done.to_json()
    again = dataset.items.get(item_id=item.id)
    assert again.status(task_id=ref["id"]) == {"completed": "complete", "approved": "approve"}.get(word, word)


def test_a_task_is_listed_with_its_items_and_takes_no_status_that_it_has_not(dl, project, dataset, item):
    pipeline = work(dl, project, dataset)
    run = pipeline.execute(execution_input={"item": item.id})
    held(pipeline, run, "look")
    (ref,) = dataset.items.get(item_id=item.id).metadata["system"]["refs"]
    task = dl.tasks.get(task_id=ref["id"])
    assert (task.name, task.total_items, task.progress) == ("look", 1, 0)
    found = (
        task.get_items().all()
        if hasattr(dl, "PlatformNode")
        else dataset.tasks.get_items(task=task, dataset=dataset).all()
    )
    assert [each.id for each in found] == [item.id]
    with pytest.raises(dl.exceptions.BadRequest, match="has no status 'perfect'"):
        dataset.items.get(item_id=item.id).update_status(status="perfect", task_id=task.id)
    assert held(pipeline, run, "look").status == "in-progress"
