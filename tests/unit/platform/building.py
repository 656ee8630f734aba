"""Definitions as clients send them, in a line each."""

from __future__ import annotations

import itertools
from typing import Any

SOURCE = "def run(**inputs):\n    return inputs\n"


def port(name: str, type: str = "Item", **more: Any) -> dict[str, Any]:
    return {"portId": more.pop("port_id", name), "name": name, "type": type, **more}


def code_node(id: str, inputs: Any = ("item",), outputs: Any = ("item",), **more: Any) -> dict[str, Any]:
    """Ports are names (of type Item) or whole ports; the node is named `node <id>`."""
    return {
        "id": id,
        "name": more.pop("name", f"node {id}"),
        "type": more.pop("type", "code"),
        "inputs": [port(each) if isinstance(each, str) else each for each in inputs],
        "outputs": [port(each) if isinstance(each, str) else each for each in outputs],
        "namespace": more.pop("namespace", {"functionName": "run", "projectName": "project"}),
        "metadata": more.pop("metadata", {"position": {"x": 1.5, "y": 2, "z": 0}}),
        "config": more.pop("config", {"package": {"code": SOURCE, "name": "run", "type": "code"}}),
        **more,
    }


def edge(source: str, target: str, **more: Any) -> dict[str, Any]:
    """`edge("a.item", "b.item")`."""
    ends = {"src": source.split("."), "tgt": target.split(".")}
    return {**{end: {"nodeId": node, "portId": name} for end, (node, name) in ends.items()}, **more}


def root(id: str, **more: Any) -> dict[str, Any]:
    return {"nodeId": id, "type": "root", **more}


def definition(*nodes: dict[str, Any], edges: Any = (), starts: Any = None, **more: Any) -> dict[str, Any]:
    """A pipeline whose root is its first node, unless `starts` says otherwise."""
    return {
        "name": "pipeline",
        "nodes": list(nodes),
        "connections": [edge(*each) if isinstance(each, tuple) else each for each in edges],
        "startNodes": [root(nodes[0]["id"])] if starts is None and nodes else list(starts or ()),
        "variables": [],
        **more,
    }


def chain(*ids: str, **more: Any) -> dict[str, Any]:
    """Nodes one after the other, joined from `item` to `item`."""
    edges = [(f"{before}.item", f"{after}.item") for before, after in itertools.pairwise(ids)]
    return definition(*(code_node(each) for each in ids), edges=edges, **more)
