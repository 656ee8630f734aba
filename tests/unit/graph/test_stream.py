from __future__ import annotations

from dtlpipe.graph import RunState
from tests.unit.graph.machines import build, names, optional, ready, run, stream

PLAN = build(
    {
        "a": ([], ["y"]),
        "b": ([], ["y"]),
        "conf": ([], ["y"]),
        "slow": ([], []),
        "work": ([stream("item"), "conf"], ["y"]),
    },
    ["a.y -> work.item", "b.y -> work.item", "conf.y -> work.conf"],
)


def test_each_arrival_is_one_visit_in_order_and_other_inputs_are_broadcast():
    state = RunState(PLAN)
    a, b, conf, slow = ready(state)
    state.complete(b, {"y": "from b"})
    assert ready(state) == []
    state.complete(conf, {"y": "set"})
    (first,) = ready(state)
    assert first.inputs == {"item": "from b", "conf": "set"}
    state.complete(a, {"y": None})
    assert ready(state) == [], "visits of one node follow each other"
    state.complete(first, {"y": 1})
    (second,) = ready(state)  # beside `slow`: a broadcast value need not come again
    assert (second.visit, second.inputs) == (1, {"item": None, "conf": "set"})
    state.complete(second, {"y": 2})
    state.complete(slow, {})
    assert state.finished
    assert state.outputs == {"work": {"y": 2}}
    assert state.blocked() == []


def test_no_value_is_lost_while_the_node_is_busy():
    plan = build({n: ([], ["y"]) for n in "abcd"} | {"work": ([stream("x")], [])}, [f"{n}.y -> work.x" for n in "abcd"])
    state = RunState(plan)
    for task in ready(state):
        state.complete(task, {"y": task.node})
    assert [inputs["x"] for _, _, inputs in run(state, lambda _: {})] == ["a", "b", "c", "d"]


def test_a_sender_without_a_value_is_no_arrival():
    state = RunState(PLAN)
    for task in ready(state):
        state.complete(task, {"y": 1} if task.node == "conf" else {})
    assert state.finished
    assert state.not_run() == ("work",)


def test_a_stream_that_nobody_feeds_any_more_lets_its_followers_go_on():
    plan = build(
        {
            "a": ([], ["y"]),
            "main": ([], ["y"]),
            "slow": ([], []),
            "work": ([stream("x")], ["y"]),
            "join": (["main", optional("side", 0)], []),
        },
        ["a.y -> work.x", "work.y -> join.side", "main.y -> join.main"],
    )
    state = RunState(plan)
    a, main, _slow = ready(state)
    state.complete(main, {"y": 1})
    assert ready(state) == []
    state.complete(a, {})
    assert names(ready(state)) == ["join"]


def test_a_value_from_outside_is_an_arrival_too():
    plan = build({"head": ([stream("x")], ["y"]), "tail": (["x"], ["y"])}, ["head.y -> tail.x", "tail.y -> head.x"])
    state = RunState(plan, {"head": {"x": "user"}})
    trace = run(state, lambda t: {"y": t.visit} if t.visit < 2 else {})
    assert [(node, inputs["x"]) for node, _, inputs in trace] == [
        ("head", "user"),
        ("tail", 0),
        ("head", 0),
        ("tail", 1),
        ("head", 1),
    ]


def test_an_optional_stream_falls_back_to_its_default_when_all_its_senders_gave_nothing():
    plan = build(
        {"a": ([], ["y"]), "main": ([], ["y"]), "work": (["k", stream("x", default_value="none")], [])},
        ["a.y -> work.x", "main.y -> work.k"],
    )
    state = RunState(plan)
    a, main = ready(state)
    state.complete(main, {"y": 1})
    assert ready(state) == []
    state.complete(a, {})
    assert ready(state)[0].inputs == {"k": 1, "x": "none"}
    state.complete(("work", 0), {})
    assert state.finished


def test_two_streams_of_one_node_are_taken_in_pairs():
    plan = build(
        {"a": ([], ["y"]), "b": ([], ["y"]), "c": ([], ["y"]), "pair": ([stream("l"), stream("r")], [])},
        ["a.y -> pair.l", "b.y -> pair.l", "c.y -> pair.r"],
    )
    state = RunState(plan)
    for task in ready(state):
        state.complete(task, {"y": task.node})
    assert [inputs for _, _, inputs in run(state, lambda _: {})] == [{"l": "a", "r": "c"}]
    assert state.blocked() == [("pair", ("r",))]


def test_a_broadcast_value_need_not_come_again_for_the_next_visit_to_be_due():
    plan = build(
        {n: ([], ["y"]) for n in ("a", "b", "conf")} | {"work": ([stream("item"), "conf"], ["y"]), "z": (["x"], [])},
        ["a.y -> work.item", "b.y -> work.item", "conf.y -> work.conf", "work.y -> z.x"],
    )
    trace = run(RunState(plan, mode="serial"), lambda _: {"y": 1})
    assert [(node, visit) for node, visit, _ in trace[3:]] == [("work", 0), ("work", 1), ("z", 0)]
