"""What a run does, through the field's SDK and through ours: joins, failures, starts, node code, logs."""

from __future__ import annotations

import json

import pytest

from tests.clients.steps import code, counts, every, output, over, parts, pipeline_of, ran, states

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


def test_a_join_waits_for_all_its_inputs_and_runs_once(dl, project, item):
    def top(item):
        return item

    def left(item):
        return "left of " + item.name

    def right(item):
        return "right of " + item.name

    def join(one, two):
        return one + ", " + two

    nodes = {
        "top": code(dl, project, top),
        "left": code(dl, project, left, outputs={"text": "STRING"}),
        "right": code(dl, project, right, outputs={"text": "STRING"}),
        "join": code(dl, project, join, {"one": "STRING", "two": "STRING"}, {"both": "STRING"}),
    }
    joined = nodes["join"].inputs
    pipeline = pipeline_of(
        project,
        nodes["top"],
        (nodes["top"], nodes["left"]),
        (nodes["top"], nodes["right"]),
        (nodes["left"], nodes["join"], nodes["left"].outputs[0], joined[0]),
        (nodes["right"], nodes["join"], nodes["right"].outputs[0], joined[1]),
    )
    run = ran(pipeline, item=item.id)
    assert run.status == dl.ExecutionStatus.SUCCESS, json.dumps(run.to_json(), default=str)
    assert counts(run) == {"top": 1, "left": 1, "right": 1, "join": 1}
    assert output(dl, run, "join") == "left of one.txt, right of one.txt"


def test_a_failure_names_its_node_and_leaves_what_comes_after_alone(dl, project, item):
    def fine(item):
        return item

    def breaks(item):
        raise ValueError(f"cannot read {item.name}")

    def after(item):
        return item

    first, second, third = (code(dl, project, each) for each in (fine, breaks, after))
    pipeline = pipeline_of(project, first, (first, second), (second, third))
    run = ran(pipeline, item=item.id)
    assert run.status == dl.ExecutionStatus.FAILED
    assert states(run) == {"fine": "success", "breaks": "failed", "after": "pending"}
    (part,) = parts(run, "breaks")
    execution = dl.executions.get(execution_id=part["_id"])
    status = execution.latest_status
    assert status["status"] == "failed"
    assert status["error"]["message"] == "cannot read one.txt"
    assert "raise ValueError" in status["error"]["traceback"]
    assert execution.pipeline_execution_id == run.id
    assert execution.node_id == second.node_id
    assert execution.pipeline_id == pipeline.id


def test_a_run_from_a_node_leaves_what_is_above_pending(dl, project, item):
    def one(item):
        return item

    def two(item):
        return item

    def three(item):
        return item

    first, second, third = (code(dl, project, each) for each in (one, two, three))
    pipeline = pipeline_of(project, first, (first, second), (second, third))
    run = ran(pipeline, second, item=item.id)
    assert run.status == "success"
    assert states(run) == {"one": "pending", "two": "success", "three": "success"}


def test_a_run_from_a_join_gives_it_what_the_caller_gave(dl, project):
    def one(n):
        return n

    def join(a, b):
        return a - b

    first = code(dl, project, one, {"n": "INT"}, {"n": "INT"})
    last = code(dl, project, join, {"a": "INT", "b": "INT"}, {"n": "INT"})
    pipeline = pipeline_of(
        project,
        first,
        (first, last, first.outputs[0], last.inputs[0]),
        (first, last, first.outputs[0], last.inputs[1]),
    )
    run = ran(pipeline, last, a=5, b=3)
    assert run.status == "success", run.to_json()
    assert states(run) == {"one": "pending", "join": "success"}
    assert output(dl, run, "join") == 2
    assert output(dl, ran(pipeline, n=4), "join") == 0


def test_context_and_progress_are_given_to_who_asks(dl, project, item):
    def run(item, context, progress):
        progress.update(progress=40, message="almost", status="working")
        return {
            "pipeline": context.pipeline_id,
            "node": context.node_id,
            "run": context.pipeline_execution_id,
            "execution": context.execution_id,
            "service": context.service_id,
            "name": context.pipeline.name,
            "item": item.id,
        }

    node = code(dl, project, run, outputs={"seen": "JSON"})
    pipeline = pipeline_of(project, node)
    done = ran(pipeline, item=item.id)
    assert done.status == "success", done.to_json()
    (part,) = parts(done, "run")
    execution = dl.executions.get(execution_id=part["_id"])
    assert execution.output == {
        "pipeline": pipeline.id,
        "node": node.node_id,
        "run": done.id,
        "execution": execution.id,
        "service": execution.service_id,
        "name": "pipe",
        "item": item.id,
    }
    assert execution.latest_status["percentComplete"] == 100


def test_node_code_works_on_the_platform_as_any_client_does(dl, project, item):
    def run(item):
        import dtlpy as dl

        same = dl.items.get(item_id=item.id)
        copy = item.dataset.items.upload(
            local_path=item.download(save_locally=False).read() + b"!",
            remote_name="copy.txt",
            remote_path="/made",
            item_metadata={"user": {"of": item.id}},
        )
        filters = dl.Filters(field="dir", values="/made")
        filters.add(field="metadata.user.of", values=item.id)
        found = item.dataset.items.list(filters=filters)
        project = dl.projects.get(project_id=item.project_id)
        same.metadata["user"] = {"copies": [each.id for each in found.all()], "in": project.name}
        same.update()
        return copy

    done = ran(pipeline_of(project, code(dl, project, run)), item=item.id)
    assert done.status == "success", done.to_json()
    copy = item.dataset.items.get(filepath="/made/copy.txt")
    assert copy.download(save_locally=False).read() == b"some bytes!"
    seen = dl.items.get(item_id=item.id).metadata["user"]
    assert seen == {"copies": [copy.id], "in": project.name}
    assert parts(done, "run")[0]["output"]["item_id"] == copy.id


def test_what_node_code_writes_is_kept_by_execution(dl, project, item):
    def run(item, word):
        import logging
        import sys

        print("printed", word)
        print("on the other stream", file=sys.stderr)
        logging.getLogger("mine").warning("logged %s", word)
        return item

    pipeline = pipeline_of(project, code(dl, project, run, {"item": "ITEM", "word": "STRING"}, {"item": "ITEM"}))
    one, two = (ran(pipeline, item=item.id, word=word) for word in ("alpha", "omega"))
    service = dl.services.get(service_name=pipeline.nodes[0].namespace.service_name)
    for done, word, other in ((one, "alpha", "omega"), (two, "omega", "alpha")):
        (part,) = parts(done, "run")
        options = {"view": False} if dl.__name__ == "dtlpy" else {}
        lines = "\n".join(map(str, service.log(execution_id=part["_id"], **options)))
        assert f"printed {word}" in lines
        assert "on the other stream" in lines
        assert f"logged {word}" in lines
        assert other not in lines


def test_functions_of_one_name_in_two_pipelines_do_not_mix(dl, project, item):
    def one():
        def run(item):
            return "one"

        return run

    def two():
        def run(item):
            return "two"

        return run

    nodes = [code(dl, project, make(), outputs={"text": "STRING"}) for make in (one, two)]
    first, second = (pipeline_of(project, node, name="pipe") for node in nodes)
    assert first.nodes[0].namespace.service_name != second.nodes[0].namespace.service_name
    assert [output(dl, ran(each, item=item.id), "run") for each in (first, second)] == ["one", "two"]


def test_a_dataset_node_in_the_middle_puts_the_item_into_its_dataset(dl, project, item):
    def mark(item):
        item.metadata["user"] = {"was": item.dataset.name}
        return item.update()

    other = project.datasets.create(dataset_name="other")
    start = dl.DatasetNode(name="in", project_id=project.id, dataset_id=item.dataset.id)
    middle = code(dl, project, mark)
    end = dl.DatasetNode(name="out", project_id=project.id, dataset_id=other.id, dataset_folder="/done")
    pipeline = pipeline_of(project, start, (start, middle), (middle, end))
    done = ran(pipeline, item=item.id)
    assert done.status == "success", done.to_json()
    found = every(other.items.list())
    assert [each.filename for each in found] == ["/done/one.txt"]
    assert found[0].metadata["user"] == {"was": "data"}
    assert found[0].download(save_locally=False).read() == b"some bytes"
    assert [each.filename for each in every(item.dataset.items.list())] == ["/in/one.txt"]


def test_a_function_node_runs_another_pipelines_service(dl, project, item):
    def run(item, suffix):
        return item.name + suffix

    one = pipeline_of(project, code(dl, project, run, {"item": "ITEM", "suffix": "STRING"}, {"text": "STRING"}))
    service = dl.services.get(service_name=one.nodes[0].namespace.service_name)
    node = dl.FunctionNode(name="call", service=service, function_name="run")
    assert [each.name for each in node.inputs] == ["item", "suffix"]
    two = pipeline_of(project, node, name="two")
    done = ran(two, item=item.id, suffix="!")
    assert done.status == "success", done.to_json()
    assert output(dl, done, "call") == "one.txt!"


def test_a_run_without_inputs_needs_none(dl, project):
    def run():
        return 7

    pipeline = pipeline_of(project, code(dl, project, run, [], {"n": "INT"}))
    done = over(pipeline, pipeline.execute())
    assert (done.status, output(dl, done, "run")) == ("success", 7), done.to_json()


def test_a_pipeline_that_is_not_installed_can_be_tested_and_not_executed(dl, project, item):
    def run(item):
        return item

    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(code(dl, project, run))
    pipeline = pipeline.update()
    with pytest.raises(dl.exceptions.BadRequest, match="not installed"):
        pipeline.execute(execution_input={"item": item.id})
    assert pipeline.pipeline_executions.list().items_count == 0
    done = over(pipeline, pipeline.test(execution_input={"item": item.id}))
    assert done.status == "success"
