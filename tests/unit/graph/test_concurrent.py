from __future__ import annotations

from dtlpipe.graph import (
    NO_OUTPUT,
    RunState,
)
from dtlpipe.graph.readiness import RUNNING
from tests.unit.graph.machines import build, greedy, lazy, loop, names, optional, ready, run

DIAMOND = build(
    {"a": (["x"], ["y"]), "b": (["x"], ["y"]), "c": (["x"], ["y"]), "d": (["l", "r"], ["y"])},
    ["a.y -> b.x", "a.y -> c.x", "b.y -> d.l", "c.y -> d.r"],
)


def test_branches_are_handed_out_together_and_the_join_waits_for_all_its_inputs():
    state = RunState(DIAMOND, {"a": {"x": 1}})
    (a,) = ready(state)
    assert (a.key, a.inputs) == (("a", 0), {"x": 1})
    state.complete(a, {"y": 2})
    b, c = ready(state)
    assert state.outstanding == 2
    state.complete(c, {"y": 30})
    assert ready(state) == []
    state.complete(b, {"y": 20})
    (d,) = ready(state)
    assert d.inputs == {"l": 20, "r": 30}
    state.complete(d, {"y": 50})
    assert state.finished
    assert state.outputs == {"d": {"y": 50}}


def test_an_empty_graph_is_finished_at_once():
    state = RunState(build({}))
    assert state.finished
    assert state.next() is None


def test_none_is_a_value_and_a_missing_key_is_not():
    plan = build({"a": ([], ["p", "q"]), "b": (["x"], []), "c": (["x"], [])}, ["a.p -> b.x", "a.q -> c.x"])
    state = RunState(plan)
    state.complete(state.next(), {"p": None})
    assert [(t.node, t.inputs) for t in ready(state)] == [("b", {"x": None})]
    assert state.not_run() == ("c",)


def test_an_output_may_say_that_it_is_no_value():
    plan = build({"a": ([], ["y"]), "b": (["x"], [])}, ["a.y -> b.x"])
    state = RunState(plan)
    state.complete(state.next(), {"y": NO_OUTPUT})
    assert state.finished


def test_a_closed_edge_gives_its_receiver_nothing():
    plan = build({"a": ([], ["y"]), "b": (["x"], []), "c": (["x"], [])}, ["a.y -> b.x", "a.y -> c.x"])
    state = RunState(plan)
    state.complete(state.next(), {"y": 1}, closed=[0])
    assert names(ready(state)) == ["c"]
    assert state.not_run() == ("b",)


def test_nobody_waits_for_a_branch_that_was_not_taken():
    plan = build(
        {
            "a": ([], ["left", "right"]),
            "b": (["x"], ["y"]),
            "c": (["x"], ["y"]),
            "slow": ([], []),
            "join": (["main", optional("side", "none")], []),
            "pass": (["x"], ["y"]),
        },
        ["a.left -> b.x", "a.right -> c.x", "b.y -> join.main", "c.y -> pass.x", "pass.y -> join.side"],
    )
    state = RunState(plan)
    a, slow = ready(state)
    state.complete(a, {"left": 1})
    (b,) = ready(state)
    state.complete(b, {"y": 2})
    (join,) = ready(state)
    assert join.inputs == {"main": 2, "side": "none"}
    assert state.tasks == (slow, join)
    assert state.not_run() == ("c", "pass")


def test_a_node_that_lost_a_mandatory_branch_is_given_up_while_its_other_senders_run():
    plan = build(
        {
            "a": ([], ["y"]),
            "slow": ([], ["y"]),
            "main": ([], ["y"]),
            "join": (["l", "r"], ["y"]),
            "end": (["main", optional("side", "none")], []),
        },
        ["a.y -> join.l", "slow.y -> join.r", "join.y -> end.side", "main.y -> end.main"],
    )
    state = RunState(plan)
    a, main, slow = ready(state)
    state.complete(main, {"y": 1})
    assert ready(state) == []
    state.complete(a, {})
    assert [(t.node, t.inputs) for t in ready(state)] == [("end", {"main": 1, "side": "none"})]
    state.complete(slow, {"y": 1})
    assert state.not_run() == ("join",)


def test_a_node_that_nothing_reached_is_given_up_even_if_it_could_do_without():
    plan = build(
        {
            "a": ([], ["y"]),
            "slow": ([], []),
            "main": ([], ["y"]),
            "maybe": ([optional("x")], ["y"]),
            "end": (["main", optional("side", "none")], []),
        },
        ["a.y -> maybe.x", "maybe.y -> end.side", "main.y -> end.main"],
    )
    state = RunState(plan)
    a, main, _slow = ready(state)
    state.complete(main, {"y": 1})
    state.complete(a, {})
    assert names(ready(state)) == ["end"]
    assert state.not_run() == ("maybe",)


def test_a_loop_that_cannot_go_round_again_is_given_up():
    plan = build(
        {
            "conf": ([], ["y"]),
            "head": (["k", lazy("x")], ["y"]),
            "tail": (["x"], ["again", "out"]),
            "slow": ([], []),
            "main": ([], ["y"]),
            "end": (["main", optional("side", "none")], []),
        },
        ["conf.y -> head.k", "head.y -> tail.x", "tail.again -> head.x", "tail.out -> end.side", "main.y -> end.main"],
    )
    state = RunState(plan, {"head": {"x": 0}})
    conf, main, slow = ready(state)
    state.complete(main, {"y": 1})
    state.complete(conf, {"y": 1})
    assert ready(state) == [], "head waits for what its own loop may bring"
    state.complete(slow, {})
    (head,) = ready(state)
    state.complete(head, {})
    (end,) = ready(state)
    assert end.inputs == {"main": 1, "side": "none"}
    assert state._ready.priority[plan.index["end"]] == RUNNING
    assert state._ready.quiet[plan.index["tail"]]


def test_a_node_that_waits_for_one_sender_is_not_given_up_by_another():
    plan = build(
        {
            "a": ([], ["y"]),
            "main": ([], ["y"]),
            "step": (["user", "x"], ["y"]),
            "end": (["main", optional("side", "none")], []),
        },
        ["a.y -> step.x", "step.y -> end.side", "main.y -> end.main"],
    )
    state = RunState(plan, {"step": {"user": 1}})
    a, main = ready(state)
    state.complete(main, {"y": 1})
    assert ready(state) == []
    state.complete(a, {"y": 1})
    assert names(ready(state)) == ["step"]


def test_an_optional_greedy_input_is_waited_for_until_all_its_senders_are_gone():
    plan = build(
        {n: ([], ["y"]) for n in ("a", "b", "main", "slow")} | {"z": (["k", greedy("x", default_value=0)], [])},
        ["a.y -> z.x", "b.y -> z.x", "main.y -> z.k"],
    )
    state = RunState(plan)
    a, b, main, _slow = ready(state)
    for task, outputs in ((main, {"y": 1}), (a, {})):
        state.complete(task, outputs)
        assert ready(state) == []
    state.complete(b, {})
    assert ready(state)[0].inputs == {"k": 1, "x": [0]}


def test_a_join_with_an_untaken_mandatory_branch_never_runs_and_says_what_it_lacks():
    state = RunState(DIAMOND, {"a": {"x": 1}})
    state.complete(state.next(), {"y": 2})
    b, c = ready(state)
    state.complete(b, {"y": 20})
    state.complete(c, {})
    assert state.finished
    assert state.not_run() == ("d",)
    assert state.blocked() == [("d", ("r",))]


def test_a_node_without_its_mandatory_user_input_holds_nobody_up():
    plan = build(
        {"a": (["x"], ["y"]), "b": ([], ["y"]), "slow": ([], []), "c": (["main", optional("side", 0)], [])},
        ["a.y -> c.side", "b.y -> c.main"],
    )
    state = RunState(plan)
    b, _slow = ready(state)
    state.complete(b, {"y": 1})
    assert [(t.node, t.inputs) for t in ready(state)] == [("c", {"main": 1, "side": 0})]


def test_an_optional_input_that_may_still_come_is_waited_for():
    plan = build(
        {"a": ([], ["y"]), "b": ([], ["y"]), "c": (["main", optional("side", 0)], [])},
        ["a.y -> c.main", "b.y -> c.side"],
    )
    state = RunState(plan)
    a, b = ready(state)
    state.complete(a, {"y": 1})
    assert ready(state) == []
    state.complete(b, {"y": 2})
    assert ready(state)[0].inputs == {"main": 1, "side": 2}


def test_a_lazy_input_collects_all_values_in_order_of_arrival():
    plan = build({n: ([], ["y"]) for n in "abc"} | {"z": ([lazy("x")], [])}, [f"{n}.y -> z.x" for n in "abc"])
    state = RunState(plan, {"z": {"x": "user"}})
    tasks = {task.node: task for task in ready(state)}
    assert list(tasks) == ["a", "b", "c"]
    for name in "cab":
        state.complete(tasks[name], {"y": name} if name != "a" else {})
    assert ready(state)[0].inputs == {"x": ["user", "c", "b"]}


def test_a_lazy_input_of_lists_joins_them():
    plan = build(
        {n: ([], ["y"]) for n in "ab"} | {"z": ([lazy("x", wrap_input_in_list=False)], [])},
        ["a.y -> z.x", "b.y -> z.x"],
    )
    state = RunState(plan)
    for task in ready(state):
        state.complete(task, {"y": [task.node, task.node]})
    assert ready(state)[0].inputs == {"x": ["a", "a", "b", "b"]}


def test_defaults_of_variadic_inputs_are_wrapped_and_fresh():
    plan = build({"z": ([lazy("l", default_value=1), greedy("g", default_value=2), optional("o", 3)], [])})
    inputs = RunState(plan).next().inputs
    assert inputs == {"l": [1], "g": [2], "o": 3}
    inputs["l"].append("mine")
    assert RunState(plan).next().inputs["l"] == [1]


def test_a_greedy_node_runs_alone_and_at_each_arrival():
    plan = build(
        {"a": ([], ["y"]), "b": ([], ["y"]), "c": ([], []), "z": ([greedy("x")], ["y"])}, ["a.y -> z.x", "b.y -> z.x"]
    )
    state = RunState(plan)
    a, b, c = ready(state)
    state.complete(a, {"y": 1})
    assert ready(state) == []
    state.complete(c, {})
    assert ready(state) == []
    state.complete(b, {"y": 2})
    (z,) = ready(state)
    assert z.inputs == {"x": [2]}, "a later value replaces one that no visit has had"
    state.complete(z, {"y": 3})
    assert state.finished


def test_nothing_starts_beside_a_greedy_node():
    plan = build({"a": ([], ["y"]), "g": ([greedy("x")], ["y"]), "s": (["x"], [])}, ["a.y -> g.x", "a.y -> s.x"])
    state = RunState(plan)
    state.complete(state.next(), {"y": 1})
    assert names(ready(state)) == ["g"]
    state.complete(("g", 0), {})
    assert names(ready(state)) == ["s"]


def test_user_values_persist_over_visits_except_in_greedy_sockets():
    plan = build(
        {"a": (["k", lazy("x")], ["y"]), "b": ([greedy("g"), optional("h", 0)], ["y"])}, ["a.y -> b.h", "b.y -> a.x"]
    )
    state = RunState(plan, {"a": {"k": "kept", "x": 0}, "b": {"g": "once"}})
    seen = []
    for _ in range(3):
        task = state.next()
        seen.append((task.node, task.inputs))
        state.complete(task, {"y": task.visit})
    assert seen == [
        ("a", {"k": "kept", "x": [0]}),
        ("b", {"g": ["once"], "h": 0}),
        ("a", {"k": "kept", "x": [0, 0]}),
    ]
    assert state.finished
    assert state.blocked() == [("b", ("g",))], "its greedy value went with the first visit"


def test_a_sender_replaces_the_users_value():
    plan = build({"a": ([], ["y"]), "b": (["x"], [])}, ["a.y -> b.x"])
    state = RunState(plan, {"b": {"x": "user"}})
    (a,) = ready(state)
    state.complete(a, {"y": "sent"})
    assert ready(state)[0].inputs == {"x": "sent"}


def test_the_users_value_is_used_when_the_sender_gives_none():
    plan = build({"a": ([], ["y"]), "b": (["x"], [])}, ["a.y -> b.x"])
    state = RunState(plan, {"b": {"x": "user"}})
    state.complete(state.next(), {})
    assert ready(state)[0].inputs == {"x": "user"}


def test_waiting_nodes_run_one_by_one_when_nothing_else_can():
    plan = build(
        {"b": (["k", optional("x", 0)], ["y"]), "a": (["k", optional("x", 0)], ["y"])}, ["a.y -> b.x", "b.y -> a.x"]
    )
    state = RunState(plan, {"a": {"k": 1}, "b": {"k": 1}})
    (first,) = ready(state)
    assert first.node == "a", "members of one cycle go by name"
    state.complete(first, {"y": 5})
    assert [t.inputs for t in ready(state)] == [{"k": 1, "x": 5}]


def test_outputs_keep_the_last_visit_that_left_something():
    state = loop(include_outputs_from={"head"})
    run(
        state,
        lambda task: {"y": task.visit} if task.node == "head" else ({"again": 1, "extra": 1} if not task.visit else {}),
    )
    assert state.outputs == {"head": {"y": 1}, "tail": {"extra": 1}}


def test_a_dead_sender_with_two_connections_to_one_input_is_missed_once():
    plan = build(
        {"dead": (["x"], ["p", "q"]), "slow": ([], []), "z": (["k", lazy("x", default_value=0)], [])},
        ["dead.p -> z.x", "dead.q -> z.x"],
    )
    state = RunState(plan, {"z": {"k": 1}})
    assert [(t.node, t.inputs) for t in ready(state)] == [("slow", {}), ("z", {"k": 1, "x": [0]})]


def test_a_sender_of_two_values_to_one_input_that_has_run_for_the_last_time_is_waited_for_once():
    plan = build({"a": ([], ["p", "q"]), "l": ([lazy("x")], [])}, ["a.p -> l.x", "a.q -> l.x"])
    state = RunState(plan)
    state.complete(state.next(), {"p": 1, "q": 2})
    assert [task.inputs for task in ready(state)] == [{"x": [1, 2]}]
