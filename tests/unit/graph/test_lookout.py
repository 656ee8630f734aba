"""Haystack's asynchronous order, rule by rule. `against_haystack.py ... async` compares with the original."""

from __future__ import annotations

import pytest

from dtlpipe.graph import PipelineMaxComponentRuns, RunState
from tests.unit.graph.machines import build, greedy, lazy, names, optional, ready


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


def test_a_node_that_has_values_again_while_it_runs_holds_back_what_comes_after_it():
    plan = build(
        {
            "a": ([], ["y"]),
            "b": ([], ["y"]),
            "m": ([greedy("x")], []),
            "n": ([lazy("x")], []),
            "z": (["x"], []),
        },
        ["a.y -> n.x", "b.y -> n.x", "b.y -> z.x"],
    )
    state = begin(plan, {"n": {"x": 0}})
    tasks = {task.node: task for task in ready(state)}
    state.complete(tasks["a"], {})
    assert ready(state) == []
    state.complete(tasks["b"], {"y": 1})
    (first, second) = ready(state)
    assert (first.node, second.node) == ("n", "z")


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


def test_a_deferred_echo_is_no_offence_against_the_limit():
    plan = build(
        {
            "a": (["k", lazy("x")], ["y"]),
            "b": ([], ["y"]),
            "dead": (["never"], ["y"]),
            "z": (["k", optional("x"), optional("w")], []),
        },
        ["b.y -> a.x", "dead.y -> a.x", "dead.y -> z.w", "a.y -> z.x"],
    )
    state = begin(plan, {"a": {"k": 1, "x": 1}, "z": {"k": 1}}, max_runs_per_node=1)
    (b,) = ready(state)
    state.complete(b, {})
    (a,) = ready(state)
    assert a.node == "a"
    assert ready(state) == []


def test_a_recorded_history_can_be_taken_again():
    plan = build({"a": ([], ["y"]), "b": ([], []), "c": (["x"], [])}, ["a.y -> c.x"])
    original, replayed = begin(plan), begin(plan)
    for task in ready(original):
        replayed.take(*task.key)
    for state in (original, replayed):
        state.complete(("a", 0), {"y": 1})
    assert replayed.snapshot() == original.snapshot()
