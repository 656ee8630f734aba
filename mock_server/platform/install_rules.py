"""What a pipeline must have before it can run: asked at install, and told beforehand by `validate`.

Law: as in `graph_rules`, rules look and say. What they must know of the rest of the platform are `Surroundings`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from dtlpipe.model.enums import TriggerResource
from mock_server.platform.existing_data import LOADS
from mock_server.platform.graph_rules import PORT_TYPES, Definition, Problem, code_of, graph_of, label
from mock_server.platform.native_rules import native_problems
from mock_server.runners import own, registered
from mock_server.store.base import Document

#: Types of nodes that run shipped code, and so need a service.
CODE_TYPES = frozenset({"code", "ml", "custom"})
#: What has events on this platform.
HAPPENING = (TriggerResource.ITEM.value, TriggerResource.ANNOTATION.value, TriggerResource.DATASET.value)


@attrs.frozen
class Surroundings:
    """How rules look up what a pipeline refers to; each gives None for what is not there.

    Attributes:
        dataset: a dataset by id.
        service: a service by name.
        functions: the functions of a service, `[{"name", "input", "output"}]`.
        pipeline: a pipeline by id.
    """

    dataset: Callable[[str], Document | None]
    service: Callable[[str], Document | None]
    functions: Callable[[Document], list[Document]]
    pipeline: Callable[[str], Document | None] = lambda _id: None


def install_problems(pipeline: Definition, around: Surroundings) -> list[Problem]:
    """What keeps a well-formed definition from running."""
    if not pipeline["nodes"]:
        return [Problem("the pipeline has no nodes", ("nodes",), hint="add one: pipeline.nodes.add(node)")]
    problems: list[Problem] = []
    variables = {each["name"] for each in pipeline["variables"]}
    fed = {each["tgt"]["nodeId"] for each in pipeline["connections"]}
    for index, node in enumerate(pipeline["nodes"]):
        path = ("nodes", index)
        problems += _runnable(node, path, around, pipeline, has_sources=node["id"] in fed)
        problems += _bindings(node, path, variables)
    if not pipeline["startNodes"]:
        problems.append(
            Problem(
                "the pipeline has no start node",
                ("startNodes",),
                hint="say where runs start: pipeline.set_start_node(node)",
            )
        )
    return problems


def _runnable(
    node: Definition, path: tuple[str | int, ...], around: Surroundings, pipeline: Definition, *, has_sources: bool
) -> Iterator[Problem]:
    kind, name = node["type"], label(node)
    if kind == "storage":
        yield from _storage(node, path, around, has_sources=has_sources)
    elif kind in own.TYPES:
        yield from native_problems(node, path, around.pipeline, pipeline)
    elif kind in CODE_TYPES and (code_of(node) is not None or registered.find(node) is not None):
        return
    elif kind == "function" or (kind != "code" and node["namespace"].get("serviceName")):
        yield from _function(node, path, around)
    else:
        yield Problem(
            f"node {name!r} has no code",
            (*path, "config", "package", "code"),
            node=name,
            hint="make the node from a function: dl.CodeNode(name=..., method=run, ...)",
        )


def _storage(
    node: Definition, path: tuple[str | int, ...], around: Surroundings, *, has_sources: bool
) -> Iterator[Problem]:
    name, dataset_id = label(node), node["metadata"].get("datasetId")
    if not isinstance(dataset_id, str) or not dataset_id:
        yield Problem(
            f"storage node {name!r} must have a datasetId",
            (*path, "metadata", "datasetId"),
            node=name,
            hint="make it with dl.DatasetNode(name=..., dataset_id=...)",
        )
    elif around.dataset(dataset_id) is None:
        yield Problem(
            f"storage node {name!r} is for dataset {dataset_id!r}, which does not exist",
            (*path, "metadata", "datasetId"),
            node=name,
        )
    loads = node["metadata"].get(LOADS)
    if has_sources and isinstance(loads, Mapping) and loads.get("active"):
        yield Problem(
            f"storage node {name!r} loads existing data and has an incoming connection; it can have one of the two",
            (*path, "metadata", LOADS),
            node=name,
        )


def _function(node: Definition, path: tuple[str | int, ...], around: Surroundings) -> Iterator[Problem]:
    name = label(node)
    service_name, function_name = node["namespace"].get("serviceName"), node["namespace"].get("functionName")
    if not service_name:
        yield Problem(
            f"function node {name!r} names no service",
            (*path, "namespace", "serviceName"),
            node=name,
            hint="make it with dl.FunctionNode(name=..., service=..., function_name=...)",
        )
        return
    service = around.service(service_name)
    if service is None:
        yield Problem(
            f"node {name!r} runs in service {service_name!r}, which does not exist",
            (*path, "namespace", "serviceName"),
            node=name,
            hint="deploy the service first, or install the pipeline that it belongs to",
        )
        return
    known = [each.get("name") for each in around.functions(service)]
    if known and function_name not in known:
        yield Problem(
            f"service {service_name!r} of node {name!r} has no function {function_name!r}",
            (*path, "namespace", "functionName"),
            node=name,
            hint=f"its functions: {', '.join(map(repr, known))}",
        )


def _bindings(node: Definition, path: tuple[str | int, ...], variables: set[str]) -> Iterator[Problem]:
    names = Counter(port["name"] for port in node["inputs"])
    for index, port in enumerate(node["inputs"]):
        if names[port["name"]] > 1:
            yield Problem(
                f"several inputs of node {label(node)!r} are named {port['name']!r}: values go to parameters by name",
                (*path, "inputs", index, "name"),
                node=label(node),
                port=port["name"],
            )
        variable = port.get("variableName")
        if variable and variable not in variables:
            yield Problem(
                f"input {port['name']!r} of node {label(node)!r} takes its value from variable {variable!r}, "
                "which the pipeline does not have",
                (*path, "inputs", index, "variableName"),
                node=label(node),
                port=port["name"],
                hint=f"its variables: {', '.join(sorted(variables)) or 'none'}",
            )


def warnings(pipeline: Definition) -> list[Problem]:
    """What is allowed and yet likely a mistake."""
    found: list[Problem] = []
    for index, node in enumerate(pipeline["nodes"]):
        for side in ("inputs", "outputs"):
            found += (
                Problem(
                    f"port {port['name']!r} of node {label(node)!r} is of type {port['type']!r}, which is not one of "
                    "the platform's",
                    ("nodes", index, side, number, "type"),
                    node=label(node),
                    port=port["name"],
                )
                for number, port in enumerate(node[side])
                if port["type"] not in PORT_TYPES
            )
    found += _unreached(pipeline)
    found += _never_taken(pipeline)
    found += _never_fired(pipeline)
    return found


def _unreached(pipeline: Definition) -> Iterator[Problem]:
    starts = {start["nodeId"] for start in pipeline["startNodes"]}
    if not starts:
        return
    graph = graph_of(pipeline)
    reached = starts.union(*(graph.descendants(each) for each in starts))
    for index, node in enumerate(pipeline["nodes"]):
        if node["id"] not in reached:
            yield Problem(
                f"no run reaches node {label(node)!r}, unless it starts there",
                ("nodes", index),
                node=label(node),
                hint="connect it to a node that is reached",
            )


def _never_fired(pipeline: Definition) -> Iterator[Problem]:
    nodes = {node["id"]: node for node in pipeline["nodes"]}
    for index, start in enumerate(pipeline["startNodes"]):
        resource = ((start.get("trigger") or {}).get("spec") or {}).get("resource")
        if resource is not None and resource not in HAPPENING:
            node = nodes[start["nodeId"]]
            yield Problem(
                f"the trigger of node {label(node)!r} never fires: nothing happens to a resource {resource!r} here",
                ("startNodes", index, "trigger", "spec", "resource"),
                node=label(node),
                hint=f"events are about {', '.join(HAPPENING)}",
            )


def _never_taken(pipeline: Definition) -> Iterator[Problem]:
    nodes = {node["id"]: node for node in pipeline["nodes"]}
    for index, each in enumerate(pipeline["connections"]):
        source = nodes[each["src"]["nodeId"]]
        port: dict[str, Any] = next(port for port in source["outputs"] if port["portId"] == each["src"]["portId"])
        if port.get("actions") and not each.get("action"):
            yield Problem(
                f"output {port['name']!r} of node {label(source)!r} has actions, and connection {index} names none",
                ("connections", index, "action"),
                node=label(source),
                port=port["name"],
                hint=f"its actions are {', '.join(port['actions'])}",
            )
