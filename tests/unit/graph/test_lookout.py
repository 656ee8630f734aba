"""Haystack's asynchronous order, rule by rule. `against_haystack.py ... async` compares with the original."""

from __future__ import annotations

import pytest

from dtlpipe.graph import PipelineMaxComponentRuns, RunState
from tests.unit.graph.machines import build, greedy, names, optional, ready


def begin(plan, inputs=None, **options):
    return RunState(plan, inputs, dead_paths=False, **options)


def test_all_that_is_ready_starts_together_by_name():
    state = begin(build({name: ([], []) for name in "bac"}))
    assert names(ready(state)) == ["a", "b", "c"]


def test_a_greedy_node_waits_for_what_runs_and_holds_back_what_else_could_start():
    plan = build(
        {
            "a": ([], ["y"]),
            "b": (["x"], ["y"]),
            "d": ([], ["y"]),
            "f": (["x"], []),
            "g": ([greedy("x")], ["y"]),
        },
        ["a.y -> g.x", "d.y -> f.x"],
    )
    state = begin(plan)
    a, d = ready(state)
    state.complete(a, {"y": 1})
    assert state.next() is None, "g waits for d"
    state.complete(d, {"y": 1})
    (g,) = ready(state)
    assert g.node == "g", "and f for g"
    state.complete(g, {})
    assert names(ready(state)) == ["f"]


def test_a_greedy_node_that_has_been_chosen_runs_even_if_an_earlier_one_is_due_meanwhile():
    plan = build(
        {"a": ([greedy("x")], []), "p": ([], ["y"]), "q": ([], ["y"]), "z": ([greedy("x")], [])},
        ["p.y -> z.x", "q.y -> a.x"],
    )
    state = begin(plan)
    p, q = ready(state)
    state.complete(p, {"y": 1})
    assert state.next() is None
    state.complete(q, {"y": 1})
    z = state.next()
    assert z.node == "z"
    state.complete(z, {})
    assert names(ready(state)) == ["a"]


def test_a_running_entry_holds_back_what_comes_after_it_until_it_has_ended():
    plan = build({"a": ([], ["y"]), "b": ([], ["y"]), "c": (["x"], [])}, ["b.y -> c.x"])
    state = begin(plan)
    a, b = ready(state)
    state.complete(b, {"y": 1})
    assert ready(state) == [], "a runs, and its first visit still counts as due"
    state.complete(a, {})
    assert names(ready(state)) == ["c"]


def test_what_comes_before_it_starts_and_takes_the_others_along():
    plan = build({"a": ([], ["y"]), "b": ([], ["y"]), "c": (["x"], []), "B": (["x"], [])}, ["b.y -> c.x", "b.y -> B.x"])
    state = begin(plan)
    _a, b = ready(state)
    state.complete(b, {"y": 1})
    assert names(ready(state)) == ["B", "c"]


def test_a_running_node_with_values_of_the_user_holds_back_what_comes_after_it():
    plan = build({"a": (["x"], []), "b": ([], ["y"]), "c": (["x"], [])}, ["b.y -> c.x"])
    state = begin(plan, {"a": {"x": 1}})
    a, b = ready(state)
    state.complete(b, {"y": 1})
    assert ready(state) == []
    state.complete(a, {})
    assert names(ready(state)) == ["c"]


def running_beside_its_sender(**sockets):
    """A node `n` that was handed out before its sender `a` has ended, and `z`, which comes after it."""
    plan = build(
        {"a": ([], ["y"]), "dead": (["x"], ["y"]), "n": (["k", *sockets["n"]], []), "z": (["k", *sockets["z"]], [])},
        sockets["edges"],
    )
    state = begin(plan, {"n": {"k": 1}, "z": {"k": 1}}, max_runs_per_node=sockets.get("limit", 9))
    a = state.take("a", 0)
    n = state.take("n", 0)
    return state, a, n


def test_a_node_that_gets_a_value_while_it_runs_holds_back_what_comes_after_it():
    state, a, n = running_beside_its_sender(n=[optional("x")], z=[optional("x")], edges=["a.y -> n.x", "a.y -> z.x"])
    state.complete(a, {"y": 1})
    assert state.next() is None, "n could run again"
    state.complete(n, {})
    assert [(task.node, task.visit) for task in ready(state)] == [("n", 1), ("z", 0)]


def test_a_deferred_node_that_is_over_the_limit_stops_the_run_even_while_others_run():
    state, a, _n = running_beside_its_sender(n=[], z=[optional("x")], edges=["dead.y -> z.x"], limit=0)
    state.complete(a, {})
    assert state.next() is None, "n comes first: its first visit has not ended"
    plan = build({"a": ([], []), "dead": (["x"], ["y"]), "z": (["k", optional("x")], [])}, ["dead.y -> z.x"])
    state = begin(plan, {"z": {"k": 1}}, max_runs_per_node=0)
    state.take("a", 0)
    assert state.next() is None
    state = RunState.from_entries(
        plan,
        {"z": {"k": [{"sender": None, "value": 1}], "x": []}},
        visits={"a": 1},
        outputs={},
        dead_paths=False,
        max_runs_per_node=0,
    )
    with pytest.raises(PipelineMaxComponentRuns, match="component 'z'"):
        state.next()


def test_a_running_node_that_would_be_deferred_keeps_the_limit_from_those_after_it():
    state, a, n = running_beside_its_sender(
        n=[optional("x"), optional("w")],
        z=[optional("x")],
        edges=["a.y -> n.x", "dead.y -> n.w", "dead.y -> z.x"],
        limit=0,
    )
    state.complete(a, {"y": 1})
    assert state.next() is None, "z is over its limit, but n comes first"
    state.complete(n, {})
    with pytest.raises(PipelineMaxComponentRuns, match="component 'n'"):
        state.next()


def test_a_failure_ends_the_echo_too():
    state = begin(build({"a": ([], []), "b": ([], [])}))
    a, b = ready(state)
    state.fail(a, ValueError("no"))
    assert state.next() is None
    state.complete(b, {})
    assert state.finished


WAITING = build(
    {
        "dead": (["x"], ["y"]),
        "run": ([], []),
        "p": (["k", optional("x", 0)], ["y"]),
        "b": (["k", optional("x", 0), optional("p", 0)], []),
    },
    ["dead.y -> p.x", "dead.y -> b.x", "p.y -> b.p"],
)


def test_a_deferred_node_starts_when_nothing_runs_the_topologically_first_one():
    state = begin(WAITING, {"p": {"k": 1}, "b": {"k": 1}})
    (other,) = ready(state)
    assert other.node == "run"
    state.complete(other, {})
    (p,) = ready(state)
    assert p.node == "p"
    state.complete(p, {})
    assert names(ready(state)) == ["b"]


def test_the_limit_is_held_against_the_first_node_of_a_look_even_if_it_could_not_start_yet():
    state = begin(WAITING, {"p": {"k": 1}, "b": {"k": 1}}, max_runs_per_node=0)
    with pytest.raises(PipelineMaxComponentRuns, match="'run'"):
        state.next()
    plan = build(
        {
            "a": (["k", optional("x"), optional("z")], ["y"]),
            "b": (["x"], ["y"]),
            "c": (["x"], []),
            "dead": (["never"], ["y"]),
        },
        ["a.y -> b.x", "b.y -> a.x", "a.y -> c.x", "dead.y -> a.z"],
    )
    state = begin(plan, {"a": {"k": 1}}, max_runs_per_node=1)
    (a,) = ready(state)
    state.complete(a, {"y": 1})
    b, _c = ready(state)
    state.complete(b, {"y": 1})
    with pytest.raises(PipelineMaxComponentRuns, match="component 'a'"):
        state.next()


def test_a_recorded_history_can_be_taken_again():
    plan = build({"a": ([], ["y"]), "b": ([], []), "c": (["x"], [])}, ["a.y -> c.x"])
    original, replayed = begin(plan), begin(plan)
    for task in ready(original):
        replayed.take(*task.key)
    for state in (original, replayed):
        state.complete(("a", 0), {"y": 1})
    assert replayed.snapshot() == original.snapshot()


def test_a_look_survives_a_snapshot():
    plan = build({"a": ([], ["y"]), "b": ([], ["y"]), "g": ([greedy("x")], [])}, ["a.y -> g.x"])
    state = begin(plan)
    a, b = ready(state)
    state.complete(a, {"y": 1})
    assert state.next() is None, "g waits for b"
    restored = RunState.restore(plan, state.snapshot())
    assert restored.snapshot() == state.snapshot()
    for each in (state, restored):
        each.complete(("b", b.visit), {})
        assert names(ready(each)) == ["g"]
