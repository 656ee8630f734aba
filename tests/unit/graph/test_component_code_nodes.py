"""Dataloop code nodes as components: ports become sockets, and the function gets and gives what it would over there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import dtlpipe as dl
from dtlpipe.graph import (
    ComponentError,
    InputSocket,
    Pipeline,
    PipelineValidationError,
    SerializationError,
    component_from_dict,
    component_to_dict,
)
from dtlpipe.graph.components.code_nodes import CodeNodeComponent
from dtlpipe.graph.components.functions import as_component
from dtlpipe.runtime.results import spread


def count(text: str, least: int = 1) -> int:
    return max(len(text), least)


def split(text: str) -> tuple[str, int]:
    return text.upper(), len(text)


async def later(text):
    return text + "!"


def types(sockets: Any) -> dict[str, Any]:
    return {name: each.type for name, each in sockets._sockets_dict.items()}


def node(method: Any, **more: Any) -> dl.CodeNode:
    return dl.CodeNode(name="node", method=method, project_id="p", project_name="project", **more)


def test_ports_become_sockets_with_the_types_of_the_function():
    found = as_component(node(split))
    assert types(found.__haystack_input__) == {"text": str}
    assert types(found.__haystack_output__) == {"output": str, "output_1": int}
    assert found.run(text="abc") == {"output": "ABC", "output_1": 3}


def test_a_default_of_the_function_or_of_the_port_makes_an_input_optional():
    assert as_component(node(count)).__haystack_input__.least == InputSocket("least", int, 1)
    port = dl.PipelineNodeIO(name="least", input_type="Integer", default_value=0)
    text = dl.PipelineNodeIO(name="text", input_type="String")
    found = as_component(node(count, inputs=[text, port]))
    assert found.__haystack_input__.least == InputSocket("least", int, 0)
    assert found.__haystack_input__.text.is_mandatory


def test_types_of_ports_serve_where_the_function_has_none():
    def plain(a, b, c, d, e):
        return a

    inputs = [("a", "Integer"), ("b", "Float[]"), ("c", "Json"), ("d", "Item"), ("e", "Boolean")]
    found = as_component(node(plain, inputs=inputs, outputs=[("text", "String")]))
    assert types(found.__haystack_input__) == {"a": int, "b": list[float], "c": Any, "d": Any, "e": bool}
    assert types(found.__haystack_output__) == {"text": str}


def test_values_go_by_name_and_ports_that_the_function_does_not_name_are_left_out():
    found = as_component(node(count, inputs=[("text", "String"), ("unused", "Integer")]))
    assert not found.__haystack_input__.unused.is_mandatory
    assert found.run(text="abc", unused=4) == {"output": 3}


def test_a_function_that_takes_any_keyword_gets_every_port():
    def everything(**values):
        return values

    found = as_component(node(everything, inputs=[("a", "Integer"), ("b", "Integer")]))
    assert found.run(a=1, b=2) == {"output": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("result", "ports"),
    [
        (1, ["one"]),
        ((1, 2), ["one"]),
        (None, ["one"]),
        ({"one": 1}, ["one"]),
        ((1, 2), ["one", "two"]),
        ([1, 2], ["one", "two"]),
        (1, ["one", "two"]),
        ({"one": 1, "two": 2}, ["one", "two"]),
        (None, ["one", "two"]),
    ],
)
def test_results_go_to_the_ports_that_they_go_to_on_the_platform(result, ports):
    found = CodeNodeComponent(lambda: result, [], [{"name": name, "type": "Json"} for name in ports])
    there = spread(result, [(name, "Json") for name in ports], "node")
    assert found.run() == {name: value for name, _type, value in there}


def test_too_few_values_for_the_ports_are_refused_as_on_the_platform():
    found = CodeNodeComponent(split, [{"name": "text", "type": "String"}], [{"name": n, "type": "Json"} for n in "abc"])
    with pytest.raises(ComponentError, match="'split' returned 2 values for 3 output ports \\('a', 'b', 'c'\\)"):
        found.run(text="abc")


def test_without_output_ports_nothing_is_declared_and_nothing_lost():
    found = as_component(node(count, outputs=[]))
    assert types(found.__haystack_output__) == {}
    assert found.run(text="abc") == {"output": 3}
    assert CodeNodeComponent(lambda: None, [], []).run() == {}


async def test_async_functions_are_awaited():
    found = as_component(node(later))
    assert await found.run_async(text="abc") == {"output": "abc!"}


@pytest.mark.parametrize("extra", ["progress", "context"])
def test_what_only_the_platform_has_must_be_optional(extra):
    names: dict[str, Any] = {}
    exec(f"def needs(text, {extra}): return text\ndef asks(text, {extra}=None): return text", names)
    ports = [{"name": "text", "type": "String"}]
    with pytest.raises(ComponentError, match=f"'needs' needs '{extra}'.*Only the platform gives them"):
        CodeNodeComponent(names["needs"], ports, [])
    assert CodeNodeComponent(names["asks"], ports, ports).run(text="abc") == {"text": "abc"}


def test_a_parameter_without_port_and_default_is_refused():
    with pytest.raises(ComponentError, match=r"'count' needs 'text', and its node has no such port. Add input ports"):
        as_component(node(count, inputs=[]))


@pytest.mark.parametrize(
    "without",
    [
        dl.CodeNode.from_wire(node(count).to_wire()),
        dl.DatasetNode(name="node", project_id="p", dataset_id="d"),
        SimpleNamespace(name="node", node_type="code", inputs=[], outputs=[]),
    ],
)
def test_a_node_without_its_function_is_refused(without):
    with pytest.raises(PipelineValidationError, match=r"Node 'node' has no function here.*CodeNodeComponent.of\("):
        as_component(without)


def test_a_node_that_was_read_from_a_platform_can_be_given_its_function():
    found = CodeNodeComponent.of(dl.CodeNode.from_wire(node(count).to_wire()), count)
    assert found.run(text="abc") == {"output": 3}


def test_nodes_run_in_pipelines_beside_functions():
    pipeline = Pipeline()
    pipeline.add_component("split", node(split))
    pipeline.add_component("count", node(count))
    pipeline.add_component("double", lambda value: 2 * value)
    pipeline.connect("split.output", "count.text")
    pipeline.connect("count", "double")
    assert pipeline.run({"split": {"text": "abc"}}) == {"double": {"output": 6}, "split": {"output_1": 3}}


def test_a_node_is_written_with_its_ports_and_found_again(monkeypatch):
    monkeypatch.setenv("DTLPIPE_DESERIALIZATION_ALLOWLIST", __name__)
    found = as_component(node(count, outputs=[("length", "Integer")]))
    data = component_to_dict(found, "it")
    assert data == {
        "type": "dtlpipe.graph.components.code_nodes.CodeNodeComponent",
        "init_parameters": {
            "function": f"{__name__}.count",
            "inputs": [
                {"name": "text", "type": "String", "default_value": None},
                {"name": "least", "type": "Integer", "default_value": 1},
            ],
            "outputs": [{"name": "length", "type": "Integer"}],
        },
    }
    again = component_from_dict(CodeNodeComponent, data, "it")
    assert again.run(text="abc") == {"length": 3}
    assert component_to_dict(again, "it") == data


def test_a_node_of_a_local_function_cannot_be_written():
    with pytest.raises(SerializationError, match="no import finds it"):
        as_component(node(lambda text: text)).to_dict()
