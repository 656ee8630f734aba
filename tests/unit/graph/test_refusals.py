"""What ends a run before its time, and what is refused."""

from __future__ import annotations

import pytest

from dtlpipe.graph import (
    PipelineMaxComponentRuns,
    PipelineRuntimeError,
    PipelineValidationError,
    RunState,
    TaskNotOutstanding,
    TaskNotReady,
)
from tests.unit.graph.machines import build, loop, ready, run

DIAMOND = build(
    {"a": (["x"], ["y"]), "b": (["x"], ["y"]), "c": (["x"], ["y"]), "d": (["l", "r"], ["y"])},
    ["a.y -> b.x", "a.y -> c.x", "b.y -> d.l", "c.y -> d.r"],
)


def count_to(limit):
    def call(task):
        if task.node == "head":
            return {"y": task.inputs["x"][-1] + 1}
        return {"done": task.inputs["x"]} if task.inputs["x"] >= limit else {"again": task.inputs["x"]}

    return call


@pytest.mark.parametrize("mode", ["concurrent", "serial"])
def test_a_loop_runs_until_its_condition_ends_it(mode):
    state = loop(mode=mode)
    run(state, count_to(5))
    assert dict(state.visits) == {"head": 5, "tail": 5}
    assert state.outputs == {"tail": {"done": 5}}


@pytest.mark.parametrize("mode", ["concurrent", "serial"])
def test_a_loop_without_an_end_is_stopped_at_the_limit(mode):
    state = loop(limit=7, mode=mode)
    with pytest.raises(PipelineMaxComponentRuns, match="count 7 reached for component 'head'"):
        run(state, count_to(10**9))
    assert state.visits["head"] == 7
    assert state.finished
    assert isinstance(state.failed[1], PipelineMaxComponentRuns)
    assert state.failed[0].key == ("head", 7)
    assert state.next() is None


def test_after_a_failure_nothing_is_handed_out_and_outstanding_tasks_may_complete():
    state = RunState(DIAMOND, {"a": {"x": 1}})
    state.complete(state.next(), {"y": 2})
    b, c = ready(state)
    error = RuntimeError("no")
    state.fail(b, error)
    assert not state.finished
    assert state.failed == (b, error)
    state.complete(c, {"y": 1})
    assert state.next() is None
    assert state.finished
    with pytest.raises(TaskNotReady):
        state.take("d", 0)


def test_the_first_failure_is_the_one_that_counts():
    state = RunState(build({"a": ([], []), "b": ([], [])}))
    a, b = ready(state)
    first, second = ValueError("first"), ValueError("second")
    state.fail(b, first)
    state.fail(a, second)
    assert state.failed == (b, first)


@pytest.mark.parametrize("close", [lambda s, t: s.complete(t, {}), lambda s, t: s.fail(t, ValueError())])
def test_a_task_is_closed_once(close):
    state = RunState(build({"a": ([], []), "b": ([], [])}))
    task = state.next()
    close(state, task)
    with pytest.raises(TaskNotOutstanding, match="Visit 0 of node 'a' is not outstanding"):
        close(state, task)
    with pytest.raises(TaskNotOutstanding, match="Visit 4 of node 'b'"):
        close(state, ("b", 4))
    with pytest.raises(PipelineValidationError, match="no node 'ghost'"):
        close(state, ("ghost", 0))


def test_an_older_visit_cannot_close_a_newer_one():
    state = loop()
    head = state.next()
    state.complete(head, {"y": 1})
    tail = state.next()
    state.complete(tail, {"again": 1})
    state.next()
    with pytest.raises(TaskNotOutstanding, match="visit 1 is"):
        state.complete(head, {"y": 9})


@pytest.mark.parametrize(
    ("inputs", "message"), [({"z": {"x": 1}}, "no node 'z'"), ({"a": {"k": 1}}, "'a' has no input 'k'; it has: 'x'")]
)
def test_inputs_for_what_does_not_exist_are_refused(inputs, message):
    with pytest.raises(PipelineValidationError, match=message):
        RunState(DIAMOND, inputs)


def test_an_unknown_mode_is_refused():
    with pytest.raises(PipelineValidationError, match="no mode 'parallel'"):
        RunState(DIAMOND, mode="parallel")


def test_a_value_is_converted_on_its_way_and_a_failing_conversion_changes_nothing():
    from dtlpipe.graph import Graph, freeze

    graph = Graph().add_node("a", [], ["y"]).add_node("b", ["x"]).add_node("c", ["x"])
    graph.connect("a", "y", "b", "x")
    graph.connect("a", "y", "c", "x", convert=int)
    state = RunState(freeze(graph))
    a = state.next()
    before = state.snapshot()
    with pytest.raises(PipelineRuntimeError, match=r"conversion(.|\n)*'a'\n.*'y'\n.*'c'\n.*'x'\nError: .*ValueError"):
        state.complete(a, {"y": "seven"})
    assert state.snapshot() == before
    state.complete(a, {"y": "7"})
    assert [t.inputs for t in ready(state)] == [{"x": "7"}, {"x": 7}]
