"""Lists that are spread over tasks, and collected again: by hand, in every order, and at their largest."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.graph import Graph, InputPort, PipelineTransitionError, PipelineValidationError, freeze
from dtlpipe.graph.elements import FanPlan, Turn
from dtlpipe.graph.errors import TaskNotOutstanding, TaskNotReady
from dtlpipe.graph.fanning import MOST_ELEMENTS, FanState, closed_element
from dtlpipe.graph.ports import PortKind

TURNS = {"->": Turn.PASS, "-<": Turn.FAN, ">-": Turn.COLLECT}


def build(*edges):
    """Edges like `a.y -< b.x`: `-<` spreads, `>-` collects. Nodes are made as they are named."""
    parts = [re.fullmatch(r"(\w+)\.(\w+) (->|-<|>-) (\w+)\.(\w+)", each).groups() for each in edges]
    graph, inputs, outputs = Graph(), {}, {}
    for source, out, _, target, into in parts:
        for name in (source, target):
            inputs.setdefault(name, {})
            outputs.setdefault(name, {})
        outputs[source][out] = inputs[target][into] = None
    for name, own in inputs.items():
        ports = [InputPort(each, PortKind.STREAM) for each in own] or [InputPort("x", default_value=None)]
        graph.add_node(name, ports, list(outputs[name]))
    turns = {}
    for number, (source, out, mark, target, into) in enumerate(parts):
        turns[graph.connect(source, out, target, into, key=str(number))] = TURNS[mark]
    return FanPlan(freeze(graph), turns)


class Played:
    """A run whose tasks the test ends; `seen` has what each node received."""

    def __init__(self, plan, start="a"):
        self.state = FanState(plan, {start: {}}, start=start)
        self.open, self.seen, self.paths = {}, {}, {}
        self.look()

    def look(self):
        while (task := self.state.next()) is not None:
            self.open[task.key] = task
            self.seen.setdefault(task.node, []).append(task.inputs)
            self.paths.setdefault(task.node, []).append(self.state.path(task))

    def end(self, node, visit=0, closed=(), **outputs):
        self.state.complete(self.open.pop((node, visit)), outputs, closed)
        self.look()
        return self

    def values(self, node, name="x"):
        return [each[name] for each in self.seen.get(node, [])]


def test_each_element_of_a_list_is_a_task_of_its_own_and_all_are_handed_out_at_once():
    run = Played(build("a.y -< b.x")).end("a", y=["p", "q", "r"])
    assert run.values("b") == ["p", "q", "r"]
    assert run.state.outstanding == 3
    assert run.paths["b"] == [(0,), (1,), (2,)]


def test_a_value_beside_a_list_is_there_for_each_element():
    run = Played(build("a.y -< b.x", "a.z -> b.z")).end("a", y=[1, 2], z="same")
    assert run.seen["b"] == [{"x": 1, "z": "same"}, {"x": 2, "z": "same"}]


def test_a_value_that_comes_later_than_the_list_is_still_there_for_each_element():
    run = Played(build("a.y -< b.x", "a.z -> c.x", "c.y -> b.z")).end("a", y=[1, 2, 3], z=0)
    assert "b" not in run.seen
    run.end("c", y="late")
    assert run.values("b", "z") == ["late"] * 3


def test_two_lists_are_paired_first_with_first():
    run = Played(build("a.y -< b.x", "a.z -< b.z")).end("a", y=[1, 2], z=["p", "q"])
    assert run.seen["b"] == [{"x": 1, "z": "p"}, {"x": 2, "z": "q"}]


def test_lists_of_different_lengths_that_are_to_be_paired_fail_the_run_once_with_both_lengths():
    plan = build("a.y -< b.x", "a.z -> c.x", "c.y -< b.z")
    run = Played(plan).end("a", y=[1, 2], z=0)
    with pytest.raises(PipelineTransitionError, match="have 2 and 3 elements") as caught:
        run.end("c", y=[1, 2, 3])
    assert (caught.value.source, caught.value.target) == ("c", "b")
    assert run.state.next() is None
    assert "b" not in run.seen


def test_lists_that_are_paired_behind_other_nodes_must_be_of_one_length_too():
    run = Played(build("a.y -< b.x", "a.z -< c.x", "b.y -> d.x", "c.y -> d.z"))
    with pytest.raises(PipelineTransitionError, match="have 1 and 2 elements"):
        run.end("a", y=[1], z=[1, 2])


def test_two_branches_of_one_list_meet_element_by_element():
    run = Played(build("a.y -< b.x", "a.y -< c.x", "b.y -> d.x", "c.y -> d.z")).end("a", y=[1, 2])
    run.end("b", 1, y="b1").end("c", 0, y="c0").end("c", 1, y="c1").end("b", 0, y="b0")
    assert run.seen["d"] == [{"x": "b1", "z": "c1"}, {"x": "b0", "z": "c0"}]
    assert run.paths["d"] == [(1,), (0,)]


def test_what_the_elements_came_to_is_collected_in_their_order_whatever_order_they_end_in():
    run = Played(build("a.y -< b.x", "b.y >- c.x")).end("a", y=[1, 2, 3])
    run.end("b", 2, y="third").end("b", 0, y="first")
    assert "c" not in run.seen
    run.end("b", 1, y="second")
    assert run.values("c") == [["first", "second", "third"]]


def test_elements_that_are_not_taken_are_missing_from_the_list():
    plan = build("a.y -< b.x", "b.y >- c.x")
    run = Played(plan).end("a", y=[1, 2, 3], closed=(closed_element(0, 1, 2),))
    assert run.values("b") == [1, 3]
    run.end("b", 0, y="one").end("b", 1, closed=(1,), y="three")
    assert run.values("c") == [["one"]]


def test_where_nothing_arrives_nothing_is_collected():
    plan = build("a.y -< b.x", "b.y >- c.x")
    assert Played(plan).end("a", y=[]).seen.keys() == {"a"}
    run = Played(plan).end("a", y=[1]).end("b", closed=(1,), y=2)
    assert run.seen.keys() == {"a", "b"}


def test_a_none_in_place_of_a_list_is_its_one_element():
    run = Played(build("a.y -< b.x", "b.y >- c.x")).end("a", y=None)
    assert run.values("b") == [None]
    assert run.end("b", y=1).values("c") == [[1]]


@pytest.mark.parametrize("value", ["text", 7, {"a": 1}])
def test_what_is_no_list_cannot_be_spread(value):
    with pytest.raises(PipelineTransitionError, match=f"a value of type {type(value).__name__}"):
        Played(build("a.y -< b.x")).end("a", y=value)


def test_a_list_of_a_thousand_is_spread_and_one_more_fails_the_run():
    plan = build("a.y -< b.x", "a.z -> c.x")
    assert len(Played(plan).end("a", y=list(range(MOST_ELEMENTS)), z=0).seen["b"]) == MOST_ELEMENTS
    run = Played(plan)
    with pytest.raises(PipelineTransitionError, match=f"{MOST_ELEMENTS + 1} elements .* {MOST_ELEMENTS} at most"):
        run.end("a", y=list(range(MOST_ELEMENTS + 1)), z=0)
    assert run.seen.keys() == {"a"}


def test_lists_in_lists_are_collected_from_the_inside_out():
    run = Played(build("a.y -< b.x", "b.y -< c.x", "c.y >- d.x", "d.y >- e.x")).end("a", y=[1, 2])
    run.end("b", 1, y=["p", "q"]).end("c", 1, y="Q").end("b", 0, y=["r"]).end("c", 0, y="P")
    assert run.values("d") == [["P", "Q"]]
    run.end("c", 2, y="R")
    run.end("d", 1, y="first").end("d", 0, y="second")
    assert run.values("e") == [["first", "second"]]


def test_a_collected_list_waits_for_what_comes_through_a_longer_way():
    run = Played(build("a.y -< b.x", "a.y -< c.x", "c.y -> b2.x", "b.y >- d.x", "b2.y >- d.x")).end("a", y=[1])
    run.end("b", y="short")
    assert run.values("d") == [["short"]]  # each connection makes its own list
    run.end("c", y=0).end("b2", y="long")
    assert run.values("d") == [["short"], ["long"]]


def test_several_connections_into_one_port_are_tasks_of_their_own_for_each_element():
    run = Played(build("a.y -< b.x", "b.y -> c.x", "b.y -> d.x", "c.y -> e.x", "d.y -> e.x", "e.y >- f.x"))
    run.end("a", y=[1, 2]).end("b", 0, closed=(1,), y=10).end("b", 1, closed=(2,), y=20)
    run.end("c", y="c of 2").end("d", y="d of 1").end("e", 0, y="E2").end("e", 1, y="E1")
    assert run.values("f") == [["E1", "E2"]]


def test_a_single_value_and_elements_may_meet_in_one_port():
    run = Played(build("a.y -< b.x", "a.z -> b.x", "b.y >- c.x")).end("a", y=[1, 2], z=3)
    assert run.values("b") == [1, 2, 3]
    run.end("b", 2, y=30).end("b", 0, y=10).end("b", 1, y=20)
    assert run.values("c") == [[10, 20, 30]]


def test_a_run_from_behind_the_spreading_has_one_element():
    run = Played(build("a.y -< b.x", "b.y >- c.x"), start="b").end("b", y=1)
    assert run.values("c") == [[1]]
    assert "a" not in run.seen


def test_a_join_with_a_node_that_takes_no_part_never_runs():
    run = Played(build("a.y -< b.x", "b.y -> d.x", "a.z -> c.x", "c.y -> d.z"), start="b").end("b", y=1)
    assert run.seen.keys() == {"b"}


def test_after_a_failure_nothing_is_handed_out_and_what_is_out_may_end():
    run = Played(build("a.y -< b.x", "b.y -> c.x")).end("a", y=[1, 2])
    run.state.fail(run.open.pop(("b", 0)), ValueError("no"))
    run.end("b", 1, y=2)
    assert "c" not in run.seen
    assert run.state.outstanding == 0


def test_moves_that_make_no_sense_are_refused_and_change_nothing():
    run = Played(build("a.y -< b.x"))
    with pytest.raises(TaskNotReady, match="Visit 0 of node 'b'"):
        run.state.take("b", 0)
    with pytest.raises(TaskNotOutstanding, match="Visit 1 of node 'a'"):
        run.state.complete(("a", 1), {})
    with pytest.raises(PipelineValidationError, match="no input 'nope'"):
        FanState(build("a.y -< b.x"), {"a": {"nope": 1}}, start="a")
    assert run.end("a", y=[5]).values("b") == [5]


# --- any graph, in any order --------------------------------------------------


@st.composite
def graphs(draw):
    """Edges between up to seven nodes, each port with one connection; and how long the list of each node is."""
    names = "abcdefg"[: draw(st.integers(2, 7))]
    lists = {name: draw(st.integers(0, 3)) for name in names if draw(st.booleans())}
    edges = []
    for index, name in enumerate(names[1:], 1):
        for port in range(draw(st.integers(1, 2))):
            source = names[draw(st.integers(0, index - 1))]
            marks = ("-<", "-<", "->") if source in lists else ("->", "->", ">-")
            edges.append(f"{source}.y {draw(st.sampled_from(marks))} {name}.x{port}")
    return edges, lists


def play(plan, lists, rng):
    """All that is received when tasks end in that order, as text; and the history, to be replayed."""
    state, open_, seen, history = FanState(plan, {"a": {}}, start="a"), [], [], []
    try:
        while True:
            while (task := state.next()) is not None:
                open_.append(task)
                seen.append((task.node, state.path(task), str(task.inputs)))
            if not open_:
                return sorted(seen), None, history
            task = open_.pop(rng.randrange(len(open_)))
            path = "".join(map(str, state.path(task)))
            value = f"{task.node}{path}"
            length = lists.get(task.node)
            outputs = {"y": value if length is None else [f"{value}.{number}" for number in range(length)]}
            state.complete(task, outputs)
            history.append((task.key, outputs))
    except PipelineTransitionError as error:
        return None, str(error), history


@given(graphs(), st.integers(0, 1000))
def test_the_order_in_which_tasks_end_changes_nothing_that_a_node_receives(graph, seed):
    edges, lists = graph
    plan = build(*edges)
    seen, error, history = play(plan, lists, random.Random(seed))
    others, other_error, _ = play(plan, lists, random.Random(0))
    assert (error is None) == (other_error is None)
    assert seen == others
    state = FanState(plan, {"a": {}}, start="a")
    for key, outputs in history:
        task = state.take(*key)
        state.complete(task, outputs)


def test_a_thousand_elements_through_a_chain_cost_what_they_deliver():
    """Counted in looks at ports, not in seconds."""
    plan = build("a.y -< b.x", "a.z -> b.z", "b.y -> c.x", "a.z -> c.z", "c.y >- d.x")
    looks = []

    class Counting(FanState):
        def _look(self, node, path):
            looks.append(node)
            super()._look(node, path)

    state = Counting(plan, {"a": {}}, start="a")
    state.complete(state.next(), {"y": list(range(1000)), "z": 0})
    tasks = [state.next() for _ in range(1000)]
    for task in reversed(tasks):
        state.complete(task, {"y": task.inputs["x"]})
    while (task := state.next()) is not None:
        state.complete(task, {"y": task.inputs.get("x")})
    assert len(looks) < 5000
