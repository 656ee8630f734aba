from __future__ import annotations

import json

import pytest

from dtlpipe.graph import RunState, SnapshotMismatch, TaskNotReady
from tests.unit.graph.machines import build, greedy, lazy, names, optional, ready, run, stream

PLAN = build(
    {
        "a": (["x"], ["y", "z"]),
        "b": (["x", optional("o", 5)], ["y"]),
        "c": ([stream("x"), "k"], ["y"]),
        "d": ([lazy("x")], ["y"]),
        "e": ([greedy("x")], ["y"]),
        "f": (["x"], ["y"]),
    },
    ["a.y -> b.x", "a.y -> c.x", "b.y -> c.x", "a.z -> c.k", "c.y -> d.x", "b.y -> d.x", "b.y -> e.x", "a.z -> f.x"],
)
INPUTS = {"a": {"x": 1}, "b": {"o": 2}, "d": {"x": 0}}


def step(task):
    return {"y": [task.node, task.visit], "z": None}


@pytest.mark.parametrize("mode", ["concurrent", "serial"])
@pytest.mark.parametrize("steps", range(12))
def test_a_restored_machine_goes_on_like_the_original(mode, steps):
    original = RunState(PLAN, INPUTS, mode=mode, include_outputs_from={"b"})
    held = []
    for turn in range(steps):
        task = original.next()
        held += [task] if task else []
        if held and (task is None or turn % 3 == 2):
            first = held.pop(0)
            original.complete(first, step(first), closed=[3] if turn % 2 else [])
    data = json.loads(json.dumps(original.snapshot()))
    restored = RunState.restore(PLAN, data)
    assert restored.snapshot() == original.snapshot()
    assert restored.tasks == original.tasks
    assert [t.inputs for t in restored.tasks] == [t.inputs for t in original.tasks]
    for state in (original, restored):
        for task in state.tasks:
            state.complete(task, step(task))
    assert run(restored, step) == run(original, step)
    assert restored.snapshot() == original.snapshot()
    assert restored.outputs == original.outputs


def test_a_snapshot_is_not_changed_by_what_the_machine_does_later():
    state = RunState(PLAN, INPUTS)
    state.complete(state.next(), step(("a", 0)) if False else {"y": 1, "z": 2})
    data = state.snapshot()
    text = json.dumps(data)
    run(state, step)
    assert json.dumps(data) == text
    run(RunState.restore(PLAN, data), step)
    assert json.dumps(data) == text


def test_a_run_with_a_start_is_restored_with_the_whole_plan():
    state = RunState(PLAN, {"b": {"x": 1}}, start="b")
    restored = RunState.restore(PLAN, state.snapshot())
    assert run(restored, step) == run(state, step)
    again = RunState.restore(PLAN, restored.snapshot())
    assert again.finished
    assert again.visits["b"] == 1


def test_a_failure_survives():
    state = RunState(PLAN, INPUTS)
    error = ValueError("no")
    task = state.next()
    state.fail(task, error)
    restored = RunState.restore(PLAN, state.snapshot())
    assert restored.failed == (task, error)
    assert restored.finished


def test_a_snapshot_of_another_graph_or_format_is_refused():
    data = RunState(PLAN, INPUTS).snapshot()
    other = build({"a": (["x"], [])})
    with pytest.raises(SnapshotMismatch, match="other nodes"):
        RunState.restore(other, data)
    with pytest.raises(SnapshotMismatch, match="other nodes"):
        RunState.restore(other, {**data, "start": "b"})
    with pytest.raises(SnapshotMismatch, match="format 99"):
        RunState.restore(PLAN, {**data, "format": 99})


def test_a_recorded_history_rebuilds_the_machine():
    original = RunState(PLAN, INPUTS)
    history = []
    pending = []
    while not original.finished:
        task = original.next()
        if task is not None:
            history.append(("take", *task.key))
            pending.append(task)
        else:
            task = pending.pop()
            original.complete(task, step(task))
            history.append(("complete", *task.key))
    rebuilt = RunState(PLAN, INPUTS)
    for kind, node, visit in history:
        if kind == "take":
            assert rebuilt.take(node, visit).key == (node, visit)
        else:
            task = next(t for t in rebuilt.tasks if t.node == node)
            rebuilt.complete((node, visit), step(task))
    assert rebuilt.snapshot() == original.snapshot()


def test_a_task_can_be_taken_out_of_turn_but_not_before_its_inputs_are_there():
    plan = build({"a": ([], ["y"]), "b": ([], ["y"]), "c": (["x"], [])}, ["a.y -> c.x"])
    state = RunState(plan)
    with pytest.raises(TaskNotReady, match="'c' cannot run now"):
        state.take("c", 0)
    with pytest.raises(TaskNotReady, match="next visit of node 'b' is 0, not 1"):
        state.take("b", 1)
    state.take("b", 0)
    with pytest.raises(TaskNotReady, match="'b' cannot run now"):
        state.take("b", 0)
    assert names(ready(state)) == ["a"]


def test_in_serial_mode_only_the_next_task_can_be_taken():
    plan = build({"a": ([], []), "b": ([], [])})
    state = RunState(plan, mode="serial")
    with pytest.raises(TaskNotReady):
        state.take("b", 0)
    state.complete(state.take("a", 0), {})
    state.take("b", 0)
