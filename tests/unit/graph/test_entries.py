"""What waits in the sockets and who sent it, in Haystack's form."""

from __future__ import annotations

import json

import pytest

from dtlpipe.graph import NO_OUTPUT, PipelineValidationError, RunState, RunStateError
from tests.unit.graph.machines import build, greedy, lazy, optional, ready, run, stream

PLAN = build(
    {
        "a": ([], ["y", "z"]),
        "b": ([], ["y"]),
        "g": (["never", greedy("x")], []),
        "l": (["never", lazy("x"), optional("o", 1)], []),
        "s": (["never", stream("x")], []),
    },
    [
        "a.y -> g.x",
        "b.y -> g.x",
        "a.y -> l.x",
        "b.y -> l.x",
        "a.z -> l.o",
        "a.y -> s.x",
        "b.y -> s.x",
    ],
)


def by(sender, value):
    return {"sender": sender, "value": value}


def test_entries_say_who_sent_what_in_the_order_of_arrival():
    state = RunState(PLAN, {"l": {"x": 0}, "s": {"x": 9}}, remember_senders=True)
    a, b = ready(state)
    state.complete(b, {"y": 1})
    state.complete(a, {"y": 2})
    assert state.entries() == {
        "g": {"x": [by("a", 2)]},
        "l": {"x": [by(None, 0), by("b", 1), by("a", 2)], "o": [by("a", NO_OUTPUT)]},
        "s": {"x": [by(None, 9), by("b", 1), by("a", 2)]},
    }


def test_who_reported_nothing_is_there_too():
    state = RunState(PLAN, {"g": {"x": 0}}, remember_senders=True)
    a, b = ready(state)
    state.complete(b, {})
    state.complete(a, {"z": 2})
    assert state.entries() == {
        "g": {"x": [by(None, 0)]},
        "l": {"x": [by("a", NO_OUTPUT), by("b", NO_OUTPUT)], "o": [by("a", 2)]},
        "s": {"x": [by("a", NO_OUTPUT), by("b", NO_OUTPUT)]},
    }


def test_of_a_greedy_sockets_silent_senders_there_is_one():
    state = RunState(PLAN, remember_senders=True)
    for task in ready(state):
        state.complete(task, {})
    assert state.entries()["g"] == {"x": [by("a", NO_OUTPUT)]}


def test_tasks_that_have_not_ended_well_count_as_not_begun():
    plan = build({"a": ([], ["y"]), "b": (["k", "x"], [])}, ["a.y -> b.x"])
    state = RunState(plan, {"b": {"k": 1}}, mode="serial", remember_senders=True)
    state.complete(state.next(), {"y": [5]})
    waiting = {"b": {"k": [by(None, 1)], "x": [by("a", [5])]}}
    assert state.entries() == waiting
    b = state.next()
    assert state.entries() == waiting
    restored = RunState.restore(plan, json.loads(json.dumps(state.snapshot())))
    assert restored.entries() == waiting
    restored.complete(("b", 0), {})
    assert restored.entries() == {"b": {"k": [by(None, 1)]}}
    state.fail(b, ValueError("no"))
    assert state.entries() == waiting


def test_reports_without_a_value_survive_a_snapshot_of_what_is_running():
    plan = build({"a": ([], ["y"]), "b": (["k", optional("x", 0)], [])}, ["a.y -> b.x"])
    state = RunState(plan, {"b": {"k": 1}}, remember_senders=True)
    state.complete(state.next(), {})
    assert state.next().inputs == {"k": 1, "x": 0}
    restored = RunState.restore(plan, json.loads(json.dumps(state.snapshot())))
    assert restored.entries() == state.entries() == {"b": {"k": [by(None, 1)], "x": [by("a", NO_OUTPUT)]}}


def test_a_state_that_did_not_remember_senders_says_so():
    state = RunState(PLAN)
    a, _b = ready(state)
    state.complete(a, {"y": 1})
    with pytest.raises(RunStateError, match="remember_senders=True"):
        state.entries()


@pytest.mark.parametrize("mode", ["serial", "concurrent"])
def test_a_state_made_of_entries_goes_on_where_they_were_taken(mode):
    plan = build(
        {
            "a": ([], ["y", "z"]),
            "g": ([greedy("x")], ["y"]),
            "l": ([lazy("x"), optional("o", 1)], ["y"]),
            "s": ([stream("x")], ["y"]),
        },
        ["a.y -> g.x", "a.y -> l.x", "a.z -> l.o", "a.y -> s.x", "g.y -> l.x"],
    )
    state = RunState(plan, {"l": {"x": 0}, "s": {"x": 9}}, mode=mode, remember_senders=True)
    while (task := state.next()).node != "a":
        state.complete(task, {"y": task.node})
    state.complete(task, {"y": 1})
    options = {"visits": state.visits, "outputs": state.outputs, "mode": mode}
    again = RunState.from_entries(plan, state.entries(), **options)
    assert again.entries() == state.entries()

    def call(task):
        return {"y": task.node}

    assert sorted(run(again, call)) == sorted(run(state, call))
    assert again.outputs == state.outputs


def test_a_user_value_beside_one_that_was_sent_stays():
    plan = build({"a": ([], ["y"]), "b": ([lazy("x"), "never"], [])}, ["a.y -> b.x"])
    entries = {"b": {"x": [by(None, 0), by("a", 1)]}}
    state = RunState.from_entries(plan, entries, visits={"a": 1}, outputs={})
    assert state.entries() == entries
    assert state.finished


def test_sockets_and_senders_that_the_plan_does_not_know():
    plan = build({"a": ([], ["y"]), "b": (["x"], [])})
    state = RunState.from_entries(plan, {"b": {"gone": [by(None, 1)]}}, visits={"a": 1, "b": 1}, outputs={})
    assert state.entries() == {}
    assert state.finished
    with pytest.raises(PipelineValidationError, match="no node 'who'"):
        RunState.from_entries(plan, {"b": {"x": [by("who", 1)]}}, visits={}, outputs={})


def test_senders_survive_a_snapshot():
    state = RunState(PLAN, {"s": {"x": 9}}, remember_senders=True)
    a, b = ready(state)
    state.complete(b, {"y": 1})
    state.complete(a, {"y": 2})
    restored = RunState.restore(PLAN, json.loads(json.dumps(state.snapshot())))
    assert restored.entries() == state.entries()
