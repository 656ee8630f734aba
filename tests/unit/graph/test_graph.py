from __future__ import annotations

import pytest

from dtlpipe.graph import (
    NO_OUTPUT,
    Graph,
    InputPort,
    PipelineConnectError,
    PipelineValidationError,
    PortKind,
    RunState,
    freeze,
)
from tests.unit.graph.machines import build, lazy, stream


@pytest.fixture
def two():
    return Graph().add_node("a", ["x"], ["y"]).add_node("b", ["x"], ["y"])


def test_a_node_name_is_used_once(two):
    with pytest.raises(PipelineValidationError, match="'a' exists already"):
        two.add_node("a")


def test_a_node_needs_a_name():
    with pytest.raises(PipelineValidationError, match="needs a name"):
        Graph().add_node("")


@pytest.mark.parametrize(("inputs", "outputs", "what"), [(["x", "x"], [], "input"), ([], ["y", "y"], "output")])
def test_a_socket_name_is_used_once_per_side(inputs, outputs, what):
    with pytest.raises(PipelineValidationError, match=f"'a' declares the {what} '[xy]' twice"):
        Graph().add_node("a", inputs, outputs)


def test_a_misspelt_node_gets_a_suggestion(two):
    two.add_node("classifier", ["x"])
    with pytest.raises(PipelineConnectError, match=r"no node 'clasifier'\. Did you mean 'classifier'"):
        two.connect("a", "y", "clasifier", "x")


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        (("a", "z", "b", "x"), "'a' has no output 'z'. It has 'y'"),
        (("a", "y", "b", "z"), "'b' has no input 'z'. It has 'x'"),
        (("c", "z", "b", "x"), "'c' has no output 'z'. It has no outputs: declare them"),
    ],
)
def test_an_unknown_socket_is_named_with_those_that_exist(two, ends, message):
    two.add_node("c")
    with pytest.raises(PipelineConnectError, match=message):
        two.connect(*ends)


def test_a_node_cannot_feed_itself(two):
    with pytest.raises(PipelineConnectError, match="'a' cannot be connected to itself"):
        two.connect("a", "y", "a", "x")


def test_a_second_sender_to_a_standard_input_is_refused_with_the_way_out(two):
    two.add_node("c", [], ["y"])
    two.connect("a", "y", "b", "x")
    with pytest.raises(PipelineConnectError, match=r"'x' of node 'b' is already fed by 'a' \('y'\), so 'c'.*stream"):
        two.connect("c", "y", "b", "x")
    assert len(two.edges) == 1


@pytest.mark.parametrize("kind", ["lazy", "greedy", "stream"])
def test_other_inputs_take_many_senders(kind):
    graph = Graph().add_node("a", [], ["y"]).add_node("b", [], ["y"]).add_node("c", [InputPort("x", kind=kind)])
    assert [graph.connect("a", "y", "c", "x"), graph.connect("b", "y", "c", "x")] == [0, 1]


def test_connecting_twice_is_one_edge_unless_the_key_differs(two):
    assert two.connect("a", "y", "b", "x") == 0
    assert two.connect("a", "y", "b", "x") == 0
    assert two.connect("a", "y", "b", "x", key="else") == 1
    assert [edge.key for edge in two.edges] == ["y/x", "else"]


def test_descendants_are_what_can_be_reached():
    plan = build({n: (["x"], ["y"]) for n in "abcd"}, ["a.y -> b.x", "b.y -> c.x"])
    assert plan.descendants("a") == {"b", "c"}
    assert plan.descendants("d") == frozenset()


def test_a_node_is_its_own_descendant_only_on_a_cycle():
    graph = Graph().add_node("a", ["x"], ["y"]).add_node("b", ["x"], ["y"])
    graph.connect("a", "y", "b", "x")
    assert graph.descendants("a") == {"b"}
    graph.connect("b", "y", "a", "x")
    assert graph.descendants("a") == {"a", "b"}


def test_a_cycle_is_found_and_named_in_walking_order():
    graph = Graph()
    for name in "abcde":
        graph.add_node(name, [lazy("x")], ["y"])
    for left, right in ("ab", "bc", "cd"):
        graph.connect(left, "y", right, "x")
    assert graph.find_cycle() is None
    assert freeze(graph).is_acyclic
    graph.connect("d", "y", "b", "x")
    assert graph.find_cycle() == ("b", "c", "d")
    assert not freeze(graph).is_acyclic


def test_a_plan_numbers_nodes_by_name_and_edges_by_connection():
    plan = build({n: ([stream("x")], ["y"]) for n in "cab"}, ["c.y -> a.x", "a.y -> b.x", "c.y -> b.x"])
    assert plan.names == ("a", "b", "c")
    assert plan.edges_from("c") == (0, 2)
    assert (plan.edges[1].source, plan.edges[1].target, plan.edges[1].key) == ("a", "b", "y/x")
    with pytest.raises(PipelineValidationError, match="no node 'z'"):
        plan.edges_from("z")


def test_a_plan_does_not_follow_later_changes_of_its_graph(two):
    plan = freeze(two)
    two.connect("a", "y", "b", "x")
    two.add_node("c")
    assert (plan.names, plan.edges) == (("a", "b"), ())


def test_fingerprints_tell_plans_apart_and_are_stable():
    def plans(**options):
        return build({"a": ([], ["y"]), "b": ([InputPort("x", **options)], [])}, ["a.y -> b.x"])

    assert plans().fingerprint == plans().fingerprint
    assert len({plans().fingerprint, plans(kind="lazy").fingerprint, plans(default_value=1).fingerprint}) == 3
    assert plans().starting_at("a").fingerprint != plans().fingerprint


def test_an_unknown_kind_of_socket_is_refused():
    with pytest.raises(ValueError, match="eager"):
        InputPort("x", kind="eager")
    assert InputPort("x", kind="lazy").kind is PortKind.LAZY


def test_a_cycle_is_found_among_paths_that_meet_again():
    graph = Graph()
    for name in "abcd":
        graph.add_node(name, [stream("x")], ["y"])
    for left, right in ("ab", "ac", "bd", "cd", "da"):
        graph.connect(left, "y", right, "x")
    assert graph.find_cycle() == ("a", "b", "d")


def test_a_plan_says_how_large_it_is_and_where_it_starts():
    plan = build({"a": ([], ["y"]), "b": (["x"], [])}, ["a.y -> b.x"])
    assert repr(plan) == "<Plan of 2 nodes, 1 edges>"
    assert repr(plan.starting_at("b")) == "<Plan of 2 nodes, 1 edges, start='b'>"


def test_visits_read_like_a_mapping():
    state = RunState(build({"a": ([], []), "b": ([], [])}))
    state.next()
    assert state.visits == {"a": 1, "b": 0}
    assert len(state.visits) == 2
    assert repr(state.visits) == "{'a': 1, 'b': 0}"


def test_a_node_that_received_nothing_blocks_nothing():
    state = RunState(build({"a": (["x"], [])}))
    assert state.finished
    assert state.blocked() == []


def test_sockets_say_what_they_are():
    kinds = ("standard", "lazy", "greedy", "stream")
    assert [InputPort("x", kind=kind).is_variadic for kind in kinds] == [False, True, True, False]
    assert [InputPort("x", kind=kind).takes_many_senders for kind in kinds] == [False, True, True, True]
    assert repr(NO_OUTPUT) == "<no output>"
