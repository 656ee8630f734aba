"""Haystack's synchronous order, rule by rule. `against_haystack.py` compares with the original on random graphs."""

from __future__ import annotations

import pytest

from dtlpipe.graph import PipelineMaxComponentRuns, RunState
from tests.unit.graph.machines import build, greedy, lazy, optional, run


def trace(plan, inputs, call, **options):
    return [(node, received) for node, _, received in run(RunState(plan, inputs, mode="serial", **options), call)]


def everything(task):
    return {"y": f"{task.node}{task.visit}"}


def test_one_task_at_a_time():
    state = RunState(build({"a": ([], []), "b": ([], [])}), mode="serial")
    first = state.next()
    assert first.node == "a"
    assert state.next() is None
    assert not state.finished
    state.complete(first, {})
    assert state.next().node == "b"


def test_a_batch_is_decided_at_one_moment_and_runs_by_name():
    plan = build({"a": ([], ["y"]), "b": (["x"], []), "c": ([], [])}, ["a.y -> b.x"])
    assert [node for node, _ in trace(plan, {}, everything)] == ["a", "c", "b"], "b is ready only after the batch"


def test_greedy_nodes_come_first_in_a_batch():
    plan = build({"a": ([], ["y"]), "z": ([greedy("x")], [])}, [])
    assert [node for node, _ in trace(plan, {"z": {"x": 1}}, everything)] == ["z", "a"]


def test_a_node_in_the_batch_sees_what_arrives_before_its_turn():
    plan = build({"a": ([greedy("x")], ["y"]), "b": ([greedy("x")], [])}, ["a.y -> b.x"])
    assert trace(plan, {"a": {"x": 1}, "b": {"x": "user"}}, everything) == [("a", {"x": [1]}), ("b", {"x": ["a0"]})]


def test_names_are_compared_as_they_are_within_a_batch():
    plan = build({name: ([], []) for name in ("b", "B", "a", "10", "9")})
    assert [node for node, _ in trace(plan, {}, everything)] == ["10", "9", "B", "a", "b"]


def test_one_waiting_node_runs_and_then_all_is_weighed_anew():
    plan = build(
        {
            "dead": (["x"], ["y"]),
            "p": (["k", optional("x", 0)], ["y"]),
            "q": (["k", optional("x", 0)], ["y"]),
            "r": (["x"], []),
        },
        ["dead.y -> p.x", "dead.y -> q.x", "p.y -> r.x"],
    )
    assert [n for n, _ in trace(plan, {"p": {"k": 1}, "q": {"k": 1}}, everything)] == ["p", "r", "q"]


def test_of_waiting_nodes_the_topologically_first_runs():
    plan = build(
        {"dead": (["x"], ["y"]), "z": (["k", optional("x", 0)], ["y"]), "a": (["k", lazy("x")], ["y"])},
        ["dead.y -> z.x", "z.y -> a.x"],
    )
    assert [n for n, _ in trace(plan, {"z": {"k": 1}, "a": {"k": 1, "x": 1}}, everything)] == ["z", "a"]


def test_of_waiting_nodes_in_one_cycle_the_first_by_lower_case_name_runs():
    plan = build(
        {"B": (["k", optional("x", 0)], ["y"]), "a": (["k", optional("x", 0)], ["y"])}, ["B.y -> a.x", "a.y -> B.x"]
    )
    received = trace(plan, {"a": {"k": 1}, "B": {"k": 1}}, lambda t: {"y": 1} if t.node == "a" and not t.visit else {})
    assert received == [("a", {"k": 1, "x": 0}), ("B", {"k": 1, "x": 1})]


def test_of_waiting_nodes_the_first_by_name_is_held_to_the_limit_whichever_would_run():
    plan = build(
        {
            "c": (["never"], ["y"]),
            "m": (["x"], ["y"]),
            "B": (["k", optional("x"), optional("w"), optional("z")], ["y"]),
            "a": ([optional("x"), optional("z")], ["y"]),
        },
        ["B.y -> m.x", "m.y -> B.x", "B.y -> a.x", "a.y -> B.w", "c.y -> B.z", "c.y -> a.z"],
    )
    state = RunState(plan, {"B": {"k": 1}}, mode="serial", max_runs_per_node=1)
    for expected in ("B", "m"):
        task = state.next()
        assert task.node == expected
        state.complete(task, {"y": 1})
    with pytest.raises(PipelineMaxComponentRuns, match="component 'B'"):
        state.next()


def test_an_untaken_branch_leaves_its_followers_waiting_but_they_run_in_the_end():
    plan = build(
        {"a": ([], ["y"]), "b": (["x"], ["y"]), "c": ([lazy("x"), "k"], ["y"]), "d": (["x"], [])},
        ["a.y -> b.x", "b.y -> c.x", "a.y -> c.k", "c.y -> d.x"],
    )
    assert trace(plan, {"c": {"x": 9}}, everything)[-2:] == [("c", {"x": [9, "b0"], "k": "a0"}), ("d", {"x": "c0"})]


def test_a_greedy_node_keeps_the_last_of_the_values_that_one_batch_brings():
    plan = build(
        {n: ([], ["y"]) for n in "ab"} | {"z": ([greedy("x")], ["y"]), "e": (["x"], [])},
        ["a.y -> z.x", "b.y -> z.x", "z.y -> e.x"],
    )
    assert trace(plan, {}, everything) == [("a", {}), ("b", {}), ("z", {"x": ["b0"]}), ("e", {"x": "z0"})]


def test_a_sender_that_leaves_the_users_value_in_place_is_still_waited_for():
    plan = build(
        {"a": ([], ["y"]), "p": (["x"], ["y"]), "q": (["k"], []), "b": ([], ["y"])},
        ["a.y -> p.x", "b.y -> q.k"],
    )
    ran = trace(plan, {"p": {"x": "user"}, "q": {"k": "user"}}, lambda t: {"y": 1} if t.node == "b" else {})
    assert ran == [("a", {}), ("b", {}), ("q", {"k": 1}), ("p", {"x": "user"})]


def test_a_greedy_node_with_several_senders_never_knows_that_all_have_reported():
    plan = build(
        {n: ([], ["y"]) for n in "abc"} | {"m": (["x"], []), "g": (["k", greedy("x", default_value=0)], [])},
        ["a.y -> g.x", "b.y -> g.x", "c.y -> g.k", "c.y -> m.x"],
    )
    ran = trace(plan, {}, lambda t: {"y": 1} if t.node == "c" else {})
    assert ran[3:] == [("m", {"x": 1}), ("g", {"k": 1, "x": [0]})]


def test_nor_does_it_in_later_visits():
    plan = build(
        {n: ([], ["y"]) for n in "ab"}
        | {"g": ([optional("k"), greedy("x", default_value=0)], ["y"]), "late": (["x"], ["y"]), "m": (["x"], [])},
        ["a.y -> g.x", "b.y -> g.x", "g.y -> late.x", "late.y -> g.k", "late.y -> m.x"],
    )
    ran = trace(plan, {}, lambda t: {"y": 1} if t.node != "g" or not t.visit else {})
    assert [node for node, _ in ran] == ["a", "b", "g", "late", "m", "g"]
