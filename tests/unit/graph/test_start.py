from __future__ import annotations

from dtlpipe.graph import RunState
from tests.unit.graph.machines import build, lazy, names, optional, ready, run

PLAN = build(
    {
        "up": (["x"], ["y"]),
        "begin": (["x"], ["y"]),
        "other": ([], ["y"]),
        "next": (["x", optional("side", "none")], ["y"]),
        "needs": (["x", "outside"], ["y"]),
        "gather": ([lazy("x")], []),
    },
    [
        "up.y -> begin.x",
        "begin.y -> next.x",
        "other.y -> next.side",
        "begin.y -> needs.x",
        "other.y -> needs.outside",
        "next.y -> gather.x",
        "other.y -> gather.x",
    ],
)


def echo(task):
    return {"y": task.node}


def test_only_the_start_node_and_what_follows_from_it_take_part():
    state = RunState(PLAN, {"begin": {"x": 1}}, start="begin")
    trace = run(state, echo)
    assert trace == [
        ("begin", 0, {"x": 1}),
        ("next", 0, {"x": "begin", "side": "none"}),
        ("gather", 0, {"x": ["next"]}),
    ]
    assert state.not_run() == ("needs", "other", "up")
    assert state.blocked() == [("needs", ("outside",))]


def test_the_start_node_runs_once_even_without_its_mandatory_inputs():
    state = RunState(PLAN, start="begin")
    assert ready(state)[0].inputs == {}
    state.complete(("begin", 0), {})
    assert state.finished
    assert state.visits["begin"] == 1


def test_inputs_of_nodes_that_take_no_part_are_ignored():
    state = RunState(PLAN, {"up": {"x": 1}, "begin": {"x": 2}}, start="begin")
    assert names(ready(state)) == ["begin"]


def test_a_start_node_inside_a_loop_runs_again_when_the_loop_comes_back():
    plan = build(
        {"source": ([], ["y"]), "a": ([lazy("x")], ["y"]), "b": (["x"], ["again", "done"])},
        ["source.y -> a.x", "a.y -> b.x", "b.again -> a.x"],
    )
    state = RunState(plan, {"a": {"x": 0}}, start="a")
    trace = run(
        state, lambda t: {"y": sum(t.inputs["x"])} if t.node == "a" else ({"again": 1} if t.visit < 2 else {"done": 1})
    )
    assert [step[:2] for step in trace] == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_a_start_node_that_lacks_input_does_not_run_a_second_time_on_its_own():
    plan = build(
        {"a": (["k", optional("x", 0)], ["y"]), "b": (["x"], ["y"])},
        ["a.y -> b.x", "b.y -> a.x"],
    )
    state = RunState(plan, start="a")
    trace = run(state, lambda t: {"y": 1})
    assert [step[0] for step in trace] == ["a", "b"]
    assert state.blocked() == [("a", ("k",))]


def test_any_node_may_be_the_start_and_its_plan_is_compiled_once():
    assert PLAN.starting_at("next") is PLAN.starting_at("next")
    assert [step[0] for step in run(RunState(PLAN, {"next": {"x": 1}}, start="next"), echo)] == ["next", "gather"]
    assert [step[0] for step in run(RunState(PLAN, {"gather": {"x": 1}}, start="gather"), echo)] == ["gather"]
