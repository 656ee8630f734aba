"""Which values may pass between two ports: as they are, spread element by element, or collected into a list.

Law: of types alone; what is done with the values is the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dtlpipe.graph.elements import Turn
from dtlpipe.graph.graph import Graph
from dtlpipe.model.enums import ENTITY_TYPES
from mock_server.runners.blueprint import turn_of
from mock_server.store.base import ExecutionRow

Definition = Mapping[str, Any]


def fits(source: str | None, target: str | None) -> bool:
    """Whether a value of the source's type may enter the target.

    One of the same type may, and any plain value into Json; a list into a port of its elements, which gets one of them
    at a time; and a value into a port of lists of such, which gets all that elements of one list came to.
    """
    if source == target or None in (source, target):
        return True
    if turn_of(source, target) is not Turn.PASS:
        return True
    return target == "Json" and source is not None and source.removesuffix("[]") not in ENTITY_TYPES


def collecting_nothing(pipeline: Definition, graph: Graph) -> Iterator[tuple[int, Definition, Definition]]:
    """Connections of single values into a port of lists, though no list was spread before: number and both ports."""
    outputs = {(node["id"], port["portId"]): port for node in pipeline["nodes"] for port in node["outputs"]}
    inputs = {(node["id"], port["portId"]): port for node in pipeline["nodes"] for port in node["inputs"]}
    behind: set[str] = set()
    collecting = []
    for number, each in enumerate(pipeline["connections"]):
        source = outputs[each["src"]["nodeId"], each["src"]["portId"]]
        target = inputs[each["tgt"]["nodeId"], each["tgt"]["portId"]]
        turn = turn_of(source["type"], target["type"])
        if turn is Turn.FAN and each["tgt"]["nodeId"] not in behind:
            behind |= {each["tgt"]["nodeId"], *graph.descendants(each["tgt"]["nodeId"])}
        elif turn is Turn.COLLECT:
            collecting.append((number, each["src"]["nodeId"], source, target))
    for number, node_id, source, target in collecting:
        if node_id not in behind:
            yield number, source, target


def merge_counts(pipeline: Definition, executions: Mapping[str, Sequence[ExecutionRow]]) -> dict[str, int]:
    """How many elements were collected for nodes that collect any, by the ids of nodes."""
    names = {
        (node["id"], port["portId"]): (port.get("name") or port["portId"], port.get("type"))
        for node in pipeline.get("nodes") or ()
        for port in node.get("inputs") or ()
        if str(port.get("type")).endswith("[]")
    }
    if not names:
        return {}
    leaving = {
        (node["id"], port["portId"]): port.get("type")
        for node in pipeline.get("nodes") or ()
        for port in node.get("outputs") or ()
    }
    found: dict[str, int] = {}
    for each in pipeline.get("connections") or ():
        name, type = names.get((each["tgt"]["nodeId"], each["tgt"]["portId"]), (None, None))
        source = leaving.get((each["src"]["nodeId"], each["src"]["portId"]))
        if name is not None and turn_of(source, type) is Turn.COLLECT:
            rows = executions.get(each["tgt"]["nodeId"], ())
            found[each["tgt"]["nodeId"]] = sum(len(row.input.get(name) or ()) for row in rows)
    return found
