"""A pipeline's definition as JSON: types checked, what it leaves out filled in, what is the server's kept apart.

Law: whatever a client says beyond that is kept as it came. Types come from the nouns, so each field is declared once;
`shape_errors` never changes what it looks at.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dtlpipe.errors import BadRequest
from dtlpipe.graph import order
from dtlpipe.model.ids import any_uuid
from dtlpipe.model.pipeline import Pipeline
from dtlpipe.model.struct import partial
from mock_server.platform.policy_rules import settings_errors
from mock_server.store.base import Document

#: Keys that a client may send and that change nothing: they are the platform's.
SERVER_KEYS = frozenset(
    {
        "id",
        "status",
        "creator",
        "createdAt",
        "updatedAt",
        "updatedBy",
        "projectId",
        "orgId",
        "compositionId",
        "url",
        "revisions",
        "surface",
    }
)
#: Keys that every definition has, with the list that stands for none.
LISTS = ("nodes", "connections", "startNodes", "variables")

FieldError = dict[str, Any]

#: Keys of a node's metadata that no run reads.
_NOT_RUN = frozenset({"position", "triggerToPipeline"})

# The grid that the field's own editor lays nodes out on.
_COLUMN, _ROW = 340.0, 130.5
_LEFT, _TOP = 100.0, 87.0


@cache
def _adapter(noun: Any) -> TypeAdapter[Any]:
    return TypeAdapter(partial(noun))


def type_errors(noun: Any, body: Any) -> list[FieldError]:
    """What in the body has the wrong JSON type for the noun, a class: `[{"path": ["nodes", 0], "message": ...}]`."""
    if not isinstance(body, Mapping):
        return [{"path": [], "message": f"a JSON object is wanted here, not {type(body).__name__}"}]
    try:
        _adapter(noun).validate_python(copy.deepcopy(dict(body)))
    except ValidationError as error:
        found: dict[tuple[Any, ...], str] = {}
        for each in error.errors(include_url=False, include_context=False):
            found.setdefault(_path(body, each["loc"], missing=each["type"] == "missing"), each["msg"])
        return [{"path": list(path), "message": message} for path, message in found.items()]
    return []


def refuse_types(what: str, errors: list[FieldError]) -> None:
    """Raises BadRequest with the paths, if there are any errors."""
    if errors:
        said = "; ".join(f"{_dotted(each)}: {each['message']}" for each in errors[:3])
        raise BadRequest(f"{what}: {said}", errors=errors)


def _dotted(error: FieldError) -> str:
    return ".".join(str(step) for step in error["path"]) or "the body"


def _path(body: Any, location: tuple[int | str, ...], *, missing: bool) -> tuple[Any, ...]:
    """The part of pydantic's location that is a place in the body: it also names the arms of unions."""
    path: list[int | str] = []
    for step in location:
        inside = step in body if isinstance(body, Mapping) else isinstance(body, list) and step in range(len(body))
        if inside:
            body = body[step]
            path.append(step)
        elif missing and isinstance(body, Mapping):
            return (*path, step)
        else:
            break
    return tuple(path)


def shape_errors(body: Any) -> list[FieldError]:
    """As `type_errors` for a pipeline, which has a few places that nouns leave open."""
    errors: list[FieldError] = []
    if isinstance(body, Mapping):
        body = {key: value for key, value in body.items() if key not in SERVER_KEYS}  # nobody reads what they say
        nodes, starts = body.get("nodes"), body.get("startNodes")
        errors += _misplaced(nodes) if isinstance(nodes, list) else ()
        errors += _misnamed(starts) if isinstance(starts, list) else ()
        errors += settings_errors(body)
    return errors or type_errors(Pipeline, body)


def _misnamed(starts: Iterable[Any]) -> Iterable[FieldError]:
    for index, start in enumerate(starts):
        if isinstance(start, Mapping):
            for key in ("id", "nodeId", "type"):
                if not isinstance(start.get(key), str | None):
                    yield {"path": ["startNodes", index, key], "message": "Input should be a valid string"}


def _misplaced(nodes: Iterable[Any]) -> Iterable[FieldError]:
    """Positions are arithmetic to some clients: one that is not numbers makes the whole pipeline unreadable to them."""
    for index, node in enumerate(nodes):
        metadata = node.get("metadata") if isinstance(node, Mapping) else None
        position = metadata.get("position") if isinstance(metadata, Mapping) else None
        if position is None:
            continue
        path = ["nodes", index, "metadata", "position"]
        if not isinstance(position, Mapping):
            yield {"path": path, "message": "a position is an object {'x', 'y', 'z'} of numbers"}
            continue
        for axis in ("x", "y", "z"):
            place = position.get(axis)
            if place is not None and not _is_number(place):
                yield {"path": [*path, axis], "message": "Input should be a valid number"}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def edited(current: Mapping[str, Any], body: Mapping[str, Any]) -> Document:
    """The definition after an edit. Keys of the server's are passed over, null clears, what is not named stays."""
    result = copy.deepcopy({key: value for key, value in current.items() if not key.startswith("_")})
    for key, value in body.items():
        if key in SERVER_KEYS or key.startswith("_"):
            continue
        if value is not None:
            result[key] = copy.deepcopy(value)
        elif key not in LISTS and key != "name":  # null lists mean none was said
            result.pop(key, None)
    return result


def completed(pipeline: Document) -> Document:
    """The definition with what it left out: lists, ids of nodes, ports and start nodes, positions. In place."""
    for key in LISTS:
        if not isinstance(pipeline.get(key), list):
            pipeline[key] = []
    for node in pipeline["nodes"]:
        _complete_node(node)
    for start in pipeline["startNodes"]:
        start.setdefault("id", any_uuid())
    _lay_out(pipeline)
    return pipeline


def _complete_node(node: Document) -> None:
    if not node.get("id"):
        node["id"] = any_uuid()
    if node.get("type") is None:
        node["type"] = "code"
    for key in ("inputs", "outputs"):
        node[key] = node.get(key) or []
        for port in node[key]:
            _complete_port(port)
    for key in ("namespace", "metadata"):
        node[key] = node.get(key) or {}


def _complete_port(port: Document) -> None:
    if not port.get("portId"):
        port["portId"] = any_uuid()
    if not port.get("name"):
        port["name"] = "item"
    if port.get("type") is None:
        port["type"] = "Json"


def completed_variables(variables: list[Any], pipeline_id: str, creator: str, now: str) -> list[Document]:
    """Variables as they were sent, with what the platform adds: id, reference, creator, times."""
    return [
        {
            **each,
            "id": each.get("id") or any_uuid(),
            "reference": each.get("reference") or pipeline_id,
            "creator": each.get("creator") or creator,
            "createdAt": each.get("createdAt") or now,
            "updatedAt": each.get("updatedAt") or now,
        }
        for each in variables
    ]


def _lay_out(pipeline: Document) -> None:
    """A place for each node that has none: columns follow the connections, rows the order in a column."""
    nodes = pipeline["nodes"]
    unplaced = {node["id"] for node in nodes if not _is_placed(node)}
    if not unplaced:
        return
    columns = _columns(pipeline)
    rows: dict[int, int] = {}
    for node in nodes:
        column = columns[node["id"]]
        row = rows[column] = rows.get(column, -1) + 1
        if node["id"] in unplaced:
            given = node["metadata"].get("position") or {}
            place = {"x": _LEFT + column * _COLUMN, "y": _TOP + row * _ROW, "z": 0}
            node["metadata"]["position"] = {
                **given,
                **{axis: place[axis] if given.get(axis) is None else given[axis] for axis in place},
            }


def _is_placed(node: Mapping[str, Any]) -> bool:
    position = node["metadata"].get("position")
    return isinstance(position, Mapping) and all(_is_number(position.get(axis)) for axis in ("x", "y"))


def _columns(pipeline: Mapping[str, Any]) -> dict[str, int]:
    """For each node the length of the longest way to it; nodes of a cycle share a column."""
    index = {node["id"]: number for number, node in enumerate(pipeline["nodes"])}
    successors: list[list[int]] = [[] for _ in pipeline["nodes"]]  # of one id there may be several, as yet
    for each in pipeline["connections"]:
        ends = [index.get((each.get(end) or {}).get("nodeId")) for end in ("src", "tgt")]
        if ends[0] is not None and ends[1] is not None:
            successors[ends[0]].append(ends[1])
    columns = [0] * len(successors)
    for component in reversed(order.components(successors, range(len(successors)))):
        column = max(columns[node] for node in component)
        for node in component:
            columns[node] = column
            for receiver in successors[node]:
                if receiver not in component:
                    columns[receiver] = max(columns[receiver], column + 1)
    return {node_id: columns[number] for node_id, number in index.items()}


def running_part(pipeline: Mapping[str, Any]) -> Document:
    """What a run depends on: nodes but for their places and what they loaded, connections, start nodes, variables."""
    return {
        "nodes": [
            {**node, "metadata": {key: value for key, value in node["metadata"].items() if key not in _NOT_RUN}}
            for node in pipeline["nodes"]
        ],
        **{key: pipeline[key] for key in LISTS[1:]},
    }


def structure(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """What an installed pipeline must keep: types and ports of its nodes, the connections, the root.

    A node that nothing is connected to is no part of it, unless runs start there. Triggers are not structure either.
    """
    roots = {start.get("nodeId") for start in pipeline["startNodes"] if start.get("type") == "root"}
    ends = {each[end]["nodeId"] for each in pipeline["connections"] for end in ("src", "tgt")}
    return {
        "root": roots,
        "nodes": {
            node["id"]: (node["type"], _ports(node["inputs"]), _ports(node["outputs"]))
            for node in pipeline["nodes"]
            if node["id"] in roots | ends
        },
        "connections": {
            (
                *((each[end]["nodeId"], each[end]["portId"]) for end in ("src", "tgt")),
                each.get("action") or None,
                _condition(each),
            )
            for each in pipeline["connections"]
        },
    }


def _ports(ports: list[Document]) -> set[tuple[Any, ...]]:
    return {(port["portId"], port["type"], port["name"], *(port.get("actions") or ())) for port in ports}


def _condition(connection: Mapping[str, Any]) -> str | None:
    condition = connection.get("condition")
    return None if condition in (None, "", "{}") else str(condition)
