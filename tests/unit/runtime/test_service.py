"""What node code sees of the machinery."""

from __future__ import annotations

import types

import pytest

from dtlpipe.runtime.service import BaseServiceRunner, Context, Progress


def test_progress_sends_what_was_said_and_no_more():
    sent = []
    progress = Progress(sent.append)

    progress.update(progress=50, message="half")
    progress.update("inProgress", 75, None, {"a": 1}, 2.5, "go")

    assert sent == [
        {"progress": 50, "message": "half"},
        {"status": "inProgress", "progress": 75, "output": {"a": 1}, "duration": 2.5, "action": "go"},
    ]
    assert progress.action == "go"


@pytest.mark.parametrize("wrong", [{"progress": "50"}, {"progress": True}, {"action": 1}, {"message": 2}])
def test_progress_refuses_wrong_types_by_name(wrong):
    with pytest.raises(TypeError, match=next(iter(wrong))):
        Progress().update(**wrong)


def test_context_fetches_entities_once_and_only_when_there_is_an_id():
    asked = []

    class Repository:
        def __init__(self, name):
            self.name = name

        def get(self, **ids):
            asked.append((self.name, ids))
            return types.SimpleNamespace(nodes=[types.SimpleNamespace(node_id="n", name="mine")], **ids)

    class Sdk:
        def __getattr__(self, name):
            return Repository(name)

    context = Context({"pipeline_id": "p", "node_id": "n", "pipeline_execution_id": "c"}, sdk=Sdk())

    assert asked == []
    assert context.node.name == "mine"
    assert context.pipeline.pipeline_id == "p"
    assert context.pipeline_execution.pipeline_execution_id == "c"
    assert [context.service, context.task, context.project, context.assignment] == [None] * 4
    assert asked == [
        ("pipelines", {"pipeline_id": "p"}),
        ("pipeline_executions", {"pipeline_execution_id": "c", "pipeline_id": "p"}),
    ]


def test_context_reads_the_event_that_set_it_off():
    event = {
        "itemStatusEvent": {"action": "created", "status": {"status": "approved", "creator": "a@b", "taskId": "t"}}
    }
    context = Context({"event": event | {"body": {"commandData": {"commandId": "k"}}}})

    assert (context.item_status, context.item_status_creator, context.task_id) == ("approved", "a@b", "t")
    assert (context.item_status_operation, context.command_id) == ("created", "k")


def test_a_runner_outside_a_service_says_so():
    with pytest.raises(LookupError, match="no service"):
        _ = BaseServiceRunner().service_entity


def test_kill_event_is_quiet_until_the_execution_is_to_end():
    runner = BaseServiceRunner()
    runner.kill_event()
    BaseServiceRunner._terminated.set()
    try:
        with pytest.raises(InterruptedError):
            runner.kill_event()
    finally:
        BaseServiceRunner._terminated.clear()
