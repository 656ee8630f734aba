"""A definition's JSON: types, what is filled in, what is kept."""

from __future__ import annotations

import copy

import pytest

from mock_server.platform.definitions import completed, edited, shape_errors, structure
from tests.unit.platform.building import chain, code_node, definition, edge, port


def paths(body):
    return [each["path"] for each in shape_errors(body)]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], []),
        ("text", []),
        ({"name": 5}, ["name"]),
        ({"nodes": {}}, ["nodes"]),
        ({"nodes": [3]}, ["nodes", 0]),
        ({"nodes": [{"name": "a", "type": 5}]}, ["nodes", 0, "type"]),
        ({"nodes": [{"name": "a"}, {"name": []}]}, ["nodes", 1, "name"]),
        ({"nodes": [{"inputs": [{"portId": 7}]}]}, ["nodes", 0, "inputs", 0, "portId"]),
        ({"nodes": [{"outputs": [{"actions": ["a", 3]}]}]}, ["nodes", 0, "outputs", 0, "actions", 1]),
        ({"nodes": [{"metadata": {"position": "left"}}]}, ["nodes", 0, "metadata", "position"]),
        ({"nodes": [{"metadata": {"position": {"x": "1"}}}]}, ["nodes", 0, "metadata", "position", "x"]),
        ({"nodes": [{"metadata": {"position": {"y": True}}}]}, ["nodes", 0, "metadata", "position", "y"]),
        ({"connections": [{"src": {"nodeId": "a", "portId": "b"}}]}, ["connections", 0, "tgt"]),
        ({"connections": [{"src": {"nodeId": 1}, "tgt": {}}]}, ["connections", 0, "src", "nodeId"]),
        ({"startNodes": ["a"]}, ["startNodes", 0]),
        ({"variables": [{"type": "String"}]}, ["variables", 0, "name"]),
        ({"settings": []}, ["settings"]),
    ],
)
def test_a_wrong_type_is_told_with_its_path(body, path):
    assert paths(body) == [path]


def test_a_right_body_has_no_errors_and_is_not_touched():
    body = chain("a", "b", settings={"x": None}, preview={"any": ["thing"]}, unknown=[1, None])
    before = copy.deepcopy(body)
    assert shape_errors(body) == []
    assert body == before


def test_a_node_without_place_gets_one_and_the_others_stay():
    nodes = [code_node(each, metadata={"mine": 1}) for each in "abc"]
    nodes[1]["metadata"]["position"] = {"x": 7, "y": 8}
    pipeline = completed(definition(*nodes, edges=[("a.item", "b.item"), ("a.item", "c.item")]))
    places = [node["metadata"]["position"] for node in pipeline["nodes"]]
    assert places[1] == {"x": 7, "y": 8}
    assert places[0]["x"] < places[2]["x"]
    assert all(node["metadata"]["mine"] == 1 for node in pipeline["nodes"])


def test_half_a_place_is_made_whole():
    node = code_node("a", metadata={"position": {"x": None, "y": 5, "colour": "red"}})
    position = completed(definition(node))["nodes"][0]["metadata"]["position"]
    assert position["y"] == 5
    assert position["colour"] == "red"
    assert isinstance(position["x"], float)


def test_no_place_may_be_said_as_null():
    pipeline = definition(code_node("a", metadata={"position": None}))
    assert shape_errors(pipeline) == []
    assert isinstance(completed(pipeline)["nodes"][0]["metadata"]["position"]["x"], float)


def test_nodes_of_one_id_are_placed_too_for_rules_to_look_at():
    nodes = [code_node("a"), code_node("b"), code_node("a")]
    pipeline = completed(definition(*nodes, edges=[("a.item", "b.item")]))
    assert all(isinstance(each["metadata"]["position"]["x"], float) for each in pipeline["nodes"])


def test_ids_that_are_missing_are_made_up():
    pipeline = completed({"name": "p", "nodes": [{"name": "a", "inputs": [{"name": "x"}]}], "startNodes": [{}]})
    (node,) = pipeline["nodes"]
    assert node["id"]
    assert node["type"] == "code"
    assert node["inputs"][0]["portId"]
    assert node["outputs"] == []
    assert pipeline["startNodes"][0]["id"]
    assert pipeline["connections"] == pipeline["variables"] == []


def test_an_edit_keeps_what_it_does_not_name_and_passes_over_the_platforms_own():
    before = {"id": "1", "status": "Installed", "name": "p", "description": "d", "mine": {"deep": [1]}, "_private": 1}
    after = edited(before, {"id": "2", "status": "Created", "name": "q", "createdAt": 5, "_private": 2, "new": 0})
    assert after == {"id": "1", "status": "Installed", "name": "q", "description": "d", "mine": {"deep": [1]}, "new": 0}


def test_null_clears_what_may_be_absent_and_nothing_else():
    before = {"name": "p", "description": "d", "nodes": [1]}
    assert edited(before, {"name": None, "description": None, "nodes": None}) == {"name": "p", "nodes": [1]}


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it["nodes"][0]["metadata"].update(position={"x": 9, "y": 9}, serviceConfig={"runtime": {}}),
        lambda it: it["nodes"][0].update(name="other"),
        lambda it: it["nodes"].append(code_node("lonely")),
        lambda it: it["nodes"].reverse(),
        lambda it: it["startNodes"][0].update(trigger={"type": "Cron", "spec": {"cron": "* * * * *"}}),
        lambda it: it["connections"][0].update(condition="{}"),
        lambda it: it.update(name="n", description="d", variables=[{"name": "v"}], settings={"s": 1}),
    ],
)
def test_what_is_no_change_of_structure(change):
    before = completed(chain("a", "b"))
    after = copy.deepcopy(before)
    change(after)
    assert structure(before) == structure(after)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("nodes", lambda it: it["nodes"][1]["inputs"].append(port("extra"))),
        ("nodes", lambda it: it["nodes"][1]["inputs"][0].update(type="Json")),
        ("nodes", lambda it: it["nodes"].pop()),
        ("connections", lambda it: it["connections"].clear()),
        ("connections", lambda it: it["connections"].append(edge("b.item", "a.item"))),
        ("connections", lambda it: it["connections"][0].update(condition='{"dir": "/a"}')),
        ("connections", lambda it: it["connections"][0].update(action="go")),
        ("root", lambda it: it["startNodes"][0].update(nodeId="b")),
    ],
)
def test_what_is_a_change_of_structure(what, change):
    before = completed(chain("a", "b"))
    after = copy.deepcopy(before)
    change(after)
    assert structure(before)[what] != structure(after)[what]
