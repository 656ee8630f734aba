"""Pipelines are edited in memory: nodes, ports by name, connections, and where a run starts."""

from __future__ import annotations

import json

import pytest

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.model.filters import Filters
from dtlpipe.model.package import FunctionIO, PackageModule
from dtlpipe.model.pipeline import Pipeline, PipelineNode, PipelineNodeIO


def node(
    name: str, inputs: tuple[str, ...] = ("item",), outputs: tuple[str, ...] = ("item",), **options
) -> PipelineNode:
    return PipelineNode(
        name=name,
        inputs=[PipelineNodeIO(input_type="Item", name=each) for each in inputs],
        outputs=[PipelineNodeIO(input_type="Item", name=each, **options) for each in outputs],
    )


@pytest.fixture
def pair():
    pipeline = Pipeline(name="p")
    return pipeline, pipeline.nodes.add(node("a")), pipeline.nodes.add(node("b"))


def roots(pipeline: Pipeline) -> list[str]:
    return [pipeline.nodes.get(node_id=each["nodeId"]).name for each in pipeline.start_nodes if each["type"] == "root"]


def test_the_first_node_is_where_runs_start(pair):
    pipeline, a, _ = pair
    assert roots(pipeline) == ["a"]
    assert a.is_root()


def test_connecting_into_the_start_moves_it_to_the_source(pair):
    pipeline, a, b = pair
    b.connect(a)
    assert roots(pipeline) == ["b"]


def test_a_node_that_is_connected_joins_the_pipeline(pair):
    pipeline, a, _ = pair
    assert a.connect(node("c")).name == "c"
    assert [each.name for each in pipeline.nodes] == ["a", "b", "c"]
    assert [each.name for each in pipeline.sources_of(pipeline.nodes["c"])] == ["a"]


def test_a_node_is_added_once(pair):
    pipeline, a, _ = pair
    pipeline.nodes.add(a)
    assert len(pipeline.nodes) == 2
    with pytest.raises(BadRequest, match="another pipeline, 'p'"):
        Pipeline(name="q").nodes.add(a)


def test_ports_are_found_by_name_id_or_themselves():
    n = node("n", inputs=("x", "y"))
    assert n.input() is n.inputs[0]
    assert n.input("y") is n.input(n.inputs[1]) is n.input(n.inputs[1].port_id) is n.inputs[1]
    with pytest.raises(BadRequest) as caught:
        n.input("z")
    assert (caught.value.node, caught.value.port) == ("n", "z")
    assert "'x', 'y'" in str(caught.value)
    with pytest.raises(BadRequest, match="no output port"):
        node("n", outputs=()).output()


def test_a_connection_carries_its_condition_as_json(pair):
    pipeline, a, b = pair
    a.connect(b, filters=Filters("metadata.user.ok", True, use_defaults=False))
    wire = pipeline.to_wire()["connections"][0]
    assert json.loads(wire["condition"]) == {"$and": [{"metadata.user.ok": True}]}
    assert pipeline.connections[0].filters == {"$and": [{"metadata.user.ok": True}]}


def test_actions_are_those_of_the_port():
    pipeline = Pipeline(name="p")
    a = pipeline.nodes.add(node("a", actions=["pass", "fail"]))
    a.connect(node("b"))
    a.connect(node("c"), action="fail")
    assert [each.action for each in pipeline.connections] == ["pass", "fail"]
    with pytest.raises(BadRequest, match="no action 'maybe'"):
        a.connect(node("d"), action="maybe")
    with pytest.raises(BadRequest, match="its actions are none"):
        pipeline.nodes["b"].connect(node("e"), action="x")


def test_a_node_of_no_pipeline_cannot_be_connected():
    with pytest.raises(BadRequest, match="add it first"):
        node("a").connect(node("b"))


def test_connections_may_be_taken_back(pair):
    pipeline, a, b = pair
    a.connect(b)
    assert a.disconnect(b)
    assert not a.disconnect(b)
    assert pipeline.connections == []


def test_removing_a_node_removes_what_hangs_on_it(pair):
    pipeline, a, b = pair
    a.connect(b)
    assert pipeline.nodes.remove("a")
    assert pipeline.connections == []
    assert roots(pipeline) == ["b"]
    assert a.pipeline is None
    assert not pipeline.nodes.remove("a")


def test_a_node_that_is_not_there_lists_those_that_are(pair):
    pipeline, *_ = pair
    with pytest.raises(NotFound, match="'a', 'b'"):
        pipeline.nodes.get("z")


def test_a_trigger_stays_with_its_node_when_the_start_moves(pair):
    pipeline, a, b = pair
    a.add_trigger(actions="Created")
    b.connect(a)
    assert roots(pipeline) == ["b"]
    assert [(each["nodeId"], each["type"]) for each in pipeline.start_nodes[1:]] == [(a.node_id, "trigger")]
    b.add_trigger("Cron", cron="0 * * * *")
    assert pipeline.start_nodes[0]["trigger"] == {"type": "Cron", "spec": {"cron": "0 * * * *"}}


def test_every_node_has_a_position(pair):
    _, a, _ = pair
    assert a.to_wire()["metadata"]["position"] == {"x": 0, "y": 0, "z": 0}
    a.position = (3, 4)
    assert a.position == (3, 4)


def test_a_pipeline_survives_the_wire(pair):
    pipeline, a, b = pair
    a.connect(b)
    wire = pipeline.to_wire()
    again = Pipeline.from_wire(wire)
    assert again.to_wire() == wire
    again.nodes["b"].connect(node("c"))
    assert len(again.nodes) == 3, "its nodes belong to it"


def test_lists_that_are_null_are_empty():
    pipeline = Pipeline.from_wire(
        {"id": "p", "nodes": None, "connections": None, "startNodes": None, "variables": None}
    )
    assert (pipeline.nodes, pipeline.connections, pipeline.start_nodes, pipeline.variables) == ([], [], [], [])


def test_falsy_defaults_of_ports_count():
    assert PipelineNodeIO(default_value=0).to_wire()["defaultValue"] == 0
    assert PipelineNodeIO(default_value="").to_wire()["defaultValue"] == ""


def test_an_input_names_itself_by_its_type():
    assert FunctionIO(type="Item").name == "item"
    assert FunctionIO(type="Json").name == "config"
    assert FunctionIO(type="String", name="s", value="x").to_wire() == {"type": "String", "value": "x", "name": "s"}
    module = PackageModule.from_wire({"functions": [{"name": "run", "input": [{"type": "Item", "name": "i"}]}]})
    assert module.function("run").inputs[0].name == "i"
    assert module.function("walk") is None
