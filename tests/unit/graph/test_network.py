"""The graph behind a pipeline, read as networkx graphs are read."""

from __future__ import annotations

import copy

import pytest

from dtlpipe.graph.pipeline.network import Network


def small() -> Network:
    network = Network()
    for name in "abc":
        network.add_node(name, instance=name.upper())
    network.add_edge("a", "b", "o/i", conn_type="int")
    network.add_edge("a", "c", "o/i", conn_type="str")
    network.add_edge("a", "b", "p/i", conn_type="bool")
    return network


def test_nodes_are_read_by_name_as_a_mapping_and_by_call():
    nodes = small().nodes
    assert list(nodes) == ["a", "b", "c"]
    assert nodes["a"] == {"instance": "A"}
    assert len(nodes) == 3
    assert "a" in nodes
    assert "z" not in nodes
    assert nodes() is nodes
    assert nodes(data="instance") == [("a", "A"), ("b", "B"), ("c", "C")]
    assert nodes(data="missing", default=0) == [("a", 0), ("b", 0), ("c", 0)]
    assert nodes(data=True)[0] == ("a", {"instance": "A"})
    assert nodes.data(data=False) == ["a", "b", "c"]
    assert list(nodes.keys()) == ["a", "b", "c"]
    assert list(nodes.values())[2] == {"instance": "C"}
    assert dict(nodes.items())["b"] == {"instance": "B"}
    assert nodes.get("a") == {"instance": "A"}
    assert nodes.get("z", 1) == 1
    assert repr(nodes) == "NodeView(('a', 'b', 'c'))"
    with pytest.raises(KeyError):
        nodes["z"]


def test_edges_are_triples_and_those_of_one_sender_stand_together():
    edges = small().edges
    assert list(edges) == [("a", "b", "o/i"), ("a", "b", "p/i"), ("a", "c", "o/i")]
    assert len(edges) == 3
    assert edges["a", "c", "o/i"] == {"conn_type": "str"}
    assert ("a", "b", "p/i") in edges
    assert ("b", "a", "p/i") not in edges
    assert "ab" not in edges
    assert dict(edges.items())["a", "b", "p/i"] == {"conn_type": "bool"}
    assert repr(edges) == "EdgeView([('a', 'b', 'o/i'), ('a', 'b', 'p/i'), ('a', 'c', 'o/i')])"


def test_edges_are_asked_for_by_node_with_keys_and_data():
    network = small()
    assert network.edges() == [("a", "b"), ("a", "b"), ("a", "c")]
    assert network.edges("b") == []
    assert network.edges(["a", "b"], keys=True)[1] == ("a", "b", "p/i")
    assert network.edges("a", data="conn_type") == [("a", "b", "int"), ("a", "b", "bool"), ("a", "c", "str")]
    assert network.edges("a", data="nothing", default=7)[0] == ("a", "b", 7)
    assert network.edges.data()[0] == ("a", "b", {"conn_type": "int"})
    assert network.edges.data("conn_type", keys=True)[2] == ("a", "c", "o/i", "str")
    assert network.in_edges("b", data="conn_type") == [("a", "b", "int"), ("a", "b", "bool")]
    assert network.out_edges is network.edges


def test_one_asks_who_is_connected_with_whom():
    network = small()
    assert network.has_node("a")
    assert not network.has_node("z")
    assert "a" in network
    assert network.has_edge("a", "b")
    assert network.has_edge("a", "b", "p/i")
    assert not network.has_edge("a", "b", "q/i")
    assert not network.has_edge("z", "b")
    assert network.get_edge_data("a", "b") == {"o/i": {"conn_type": "int"}, "p/i": {"conn_type": "bool"}}
    assert network.get_edge_data("a", "b", "o/i") == {"conn_type": "int"}
    assert network.get_edge_data("a", "b", "q/i", default=0) == 0
    assert network.get_edge_data("b", "a", default=0) == 0
    assert list(network.successors("a")) == list(network.neighbors("a")) == ["b", "c"]
    assert list(network.predecessors("b")) == ["a"]
    assert network["a"] is network.adj["a"]
    assert network["a"]["c"] == {"o/i": {"conn_type": "str"}}
    assert (network.out_degree("a"), network.in_degree("b"), network.degree("b")) == (3, 2, 2)
    assert dict(network.in_degree()) == {"a": 0, "b": 2, "c": 1}
    assert dict(network.out_degree()) == {"a": 3, "b": 0, "c": 0}
    assert dict(network.degree()) == {"a": 3, "b": 2, "c": 1}
    assert (network.number_of_nodes(), network.number_of_edges(), len(network)) == (3, 3, 3)
    assert list(network) == ["a", "b", "c"]
    assert network.is_directed()
    assert network.is_multigraph()
    assert repr(network) == "<Network of 3 nodes, 3 edges>"


def test_a_node_added_again_keeps_its_place_and_takes_more_data():
    network = small()
    network.add_node("a", visits=0)
    assert list(network) == ["a", "b", "c"]
    assert network.nodes["a"] == {"instance": "A", "visits": 0}


def test_every_change_gives_another_version_and_no_question_does():
    network = small()
    seen = {network.version}
    changes = [
        lambda: network.add_node("d"),
        lambda: network.add_edge("c", "d", "o/i"),
        lambda: network.remove_edge("a", "b", "p/i"),
        lambda: network.remove_node("b"),
    ]
    for change in changes:
        change()
        assert network.version not in seen
        seen.add(network.version)
    last = network.version
    _ = (list(network.edges), network.nodes(data=True), network.copy(), network.has_edge("a", "c"))
    assert network.version == last


def test_a_copy_is_changed_without_the_original():
    network = small()
    other = network.copy()
    assert (list(other.nodes), list(other.edges)) == (list(network.nodes), list(network.edges))
    other.remove_node("a")
    other.nodes["b"]["instance"] = "other"
    assert len(network.edges) == 3
    assert network.nodes["b"]["instance"] == "B"


def test_a_deep_copy_answers_from_its_own_nodes():
    other = copy.deepcopy(small())
    other.add_node("d")
    assert list(other.nodes) == ["a", "b", "c", "d"]
    assert len(other.edges) == 3


def test_who_lost_the_last_edge_between_them_are_neighbours_no_more():
    network = small()
    network.remove_edge("a", "b", "p/i")
    assert network.has_edge("a", "b")
    network.remove_edge("a", "b", "o/i")
    assert not network.has_edge("a", "b")
    assert list(network.predecessors("b")) == []
    assert list(network.successors("a")) == ["c"]
