"""What can never be right in a pipeline's definition, however unfinished it is.

Law: rules look and say, in `Problem`s that name node and port; they change nothing and ask nobody. Whatever a draft may
still lack (code, a dataset, a start node) is no problem here: `install_rules` asks for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from dtlpipe.errors import BadRequest
from dtlpipe.graph.graph import Graph
from dtlpipe.graph.ports import InputPort, PortKind
from dtlpipe.model.enums import (
    PackageInputType,
    PipelineNodeType,
    TriggerExecutionMode,
    TriggerResource,
)
from dtlpipe.model.query import compile_query
from mock_server.platform import json_text
from mock_server.platform.existing_data import LOADS
from mock_server.platform.passing import collecting_nothing, fits
from mock_server.platform.schedules import Schedule
from mock_server.platform.service_config import config_errors
from mock_server.store.base import Document

LONGEST_NAME = 255
#: Nodes, or start nodes, of one pipeline: an install makes a service for each in one transaction.
MOST_NODES = 1000

NODE_TYPES = frozenset(each.value for each in PipelineNodeType)
PORT_TYPES = frozenset(each.value for each in PackageInputType)
START_TYPES = ("root", "trigger")
TRIGGER_TYPES = ("Event", "Cron")
TRIGGER_RESOURCES = tuple(each.value for each in TriggerResource)
TRIGGER_MODES = tuple(each.value for each in TriggerExecutionMode)

Definition = Mapping[str, Any]


@attrs.frozen
class Problem:
    """`node` and `port` are names; `path` leads to the place in the definition."""

    message: str
    path: tuple[str | int, ...] = ()
    node: str | None = None
    port: str | None = None
    hint: str | None = None

    def to_wire(self) -> Document:
        return {
            "path": list(self.path),
            **attrs.asdict(self, filter=lambda field, value: field.name != "path" and bool(value)),
        }


def refuse(problems: Iterable[Problem], doing: str) -> None:
    """Raises BadRequest with all the problems, if there are any. `doing`: what failed, `Failed to update pipeline`."""
    found = list(problems)
    if not found:
        return
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    raise BadRequest(
        f"Invalid input specified, {doing}: {first.message}{more}",
        node=first.node,
        port=first.port,
        hint=first.hint,
        errors=[each.to_wire() for each in found],
    )


def draft_problems(pipeline: Definition, python: str) -> list[Problem]:
    """All that is wrong with a complete definition of right types. `python` is the version that runs its code."""
    nodes: list[Definition] = pipeline["nodes"]
    problems = [*_name(pipeline.get("name"), ("name",), "the pipeline")]
    problems += (
        Problem(f"the pipeline has {len(pipeline[key])} {key}; {MOST_NODES} at most are allowed", (key,))
        for key in ("nodes", "startNodes")
        if len(pipeline[key]) > MOST_NODES
    )
    if problems:
        return problems
    for index, node in enumerate(nodes):
        problems += _node(node, ("nodes", index), python)
    ids = Counter(node["id"] for node in nodes)
    problems += (
        Problem(f"several nodes have the id {node['id']!r}", ("nodes", index, "id"), node=label(node))
        for index, node in enumerate(nodes)
        if ids[node["id"]] > 1
    )
    if not problems:  # connections are looked up by ids, which have to be told apart first
        known = {node["id"]: node for node in nodes}
        for index, connection in enumerate(pipeline["connections"]):
            problems += _connection(connection, known, ("connections", index))
        problems += _starts(pipeline["startNodes"], known)
        problems += _variables(pipeline["variables"])
        if not problems:
            problems += _order(pipeline, known)
    return problems


def label(node: Definition) -> str:
    """The node's name, or its id if it has none."""
    return str(node.get("name") or node["id"])


def _name(name: Any, path: tuple[str | int, ...], whose: str) -> Iterator[Problem]:
    node = None if len(path) == 1 else str(name or "")
    if not isinstance(name, str) or not name.strip():
        yield Problem(f"{whose} needs a name", path, node=node)
    elif len(name) > LONGEST_NAME:
        yield Problem(
            f"the name of {whose} has {len(name)} characters, {LONGEST_NAME} at most are allowed", path, node=node
        )


def _node(node: Definition, path: tuple[str | int, ...], python: str) -> Iterator[Problem]:
    yield from _name(node.get("name"), (*path, "name"), f"node {node['id']!r}")
    if node["type"] not in NODE_TYPES:
        yield Problem(
            f"node {label(node)!r} is of an unknown type, {node['type']!r}",
            (*path, "type"),
            node=label(node),
            hint=f"there are {', '.join(sorted(NODE_TYPES))}",
        )
    for side in ("inputs", "outputs"):
        ids = Counter(port["portId"] for port in node[side])
        for index, port in enumerate(node[side]):
            if ids[port["portId"]] > 1:
                yield Problem(
                    f"several {side} of node {label(node)!r} have the port id {port['portId']!r}",
                    (*path, side, index, "portId"),
                    node=label(node),
                    port=port["name"],
                )
    yield from _service_config(node, path)
    loads = node["metadata"].get(LOADS)
    wrong = _query_fault(loads.get("filter")) if isinstance(loads, Mapping) else None
    if wrong:
        place = (*path, "metadata", LOADS, "filter")
        yield Problem(
            f"the filter of the data that node {label(node)!r} loads is wrong: {wrong}", place, node=label(node)
        )
    yield from _code(node, path, python)


def _service_config(node: Definition, path: tuple[str | int, ...]) -> Iterator[Problem]:
    config = node["metadata"].get("serviceConfig")
    for error in config_errors(config) if config is not None else ():
        place = ".".join(["serviceConfig", *map(str, error["path"])])
        yield Problem(
            f"the {place} of node {label(node)!r} is wrong: {error['message']}",
            (*path, "metadata", "serviceConfig", *error["path"]),
            node=label(node),
        )


def code_of(node: Definition) -> Definition | None:
    """The code that travels with the node, if any does."""
    package = (node.get("config") or {}).get("package")
    return package if isinstance(package, Mapping) and (package.get("code") or package.get("pickle")) else None


def _code(node: Definition, path: tuple[str | int, ...], python: str) -> Iterator[Problem]:
    from dtlpipe.model import shipping

    package = code_of(node)
    if package is None:
        return
    try:
        shipping.check(package, python)
    except BadRequest as error:
        yield Problem(
            f"the code of node {label(node)!r} cannot run on this platform: {error.message}",
            (*path, "config", "package"),
            node=label(node),
            hint=error.hint,
        )


def _port(node: Definition, port_id: str, side: str) -> Definition | None:
    return next((port for port in node[side] if port["portId"] == port_id), None)


def _connection(
    connection: Definition, nodes: Mapping[str, Definition], path: tuple[str | int, ...]
) -> Iterator[Problem]:
    ends: list[tuple[Definition, Definition]] = []
    for end, side, other in (("src", "outputs", "inputs"), ("tgt", "inputs", "outputs")):
        node_id, port_id = connection[end].get("nodeId"), connection[end].get("portId")
        node = nodes.get(node_id)
        port = None if node is None else _port(node, port_id, side)
        if node is None:
            yield Problem(
                f"connection {path[1]} {'leaves' if end == 'src' else 'enters'} node {node_id!r}, which the pipeline "
                "does not have",
                (*path, end, "nodeId"),
                node=node_id,
                hint="add the node, or drop the connection",
            )
        elif port is None:
            wrong_side = _port(node, port_id, other) is not None
            known = ", ".join(f"{each['name']!r} ({each['portId']})" for each in node[side]) or "none"
            yield Problem(
                f"node {label(node)!r} has no {side[:-1]} port {port_id!r}"
                + (f"; that is an {other[:-1]}" if wrong_side else ""),
                (*path, end, "portId"),
                node=label(node),
                port=port_id,
                hint=f"its {side} are {known}",
            )
        else:
            ends.append((node, port))
    if len(ends) == 2:
        yield from _joined(connection, ends[0], ends[1], path)


def _joined(
    connection: Definition,
    leaving: tuple[Definition, Definition],
    entering: tuple[Definition, Definition],
    path: tuple[str | int, ...],
) -> Iterator[Problem]:
    (source, output), (target, entry) = leaving, entering
    ends = f"output {output['name']!r} of node {label(source)!r} and input {entry['name']!r} of node {label(target)!r}"
    if source["id"] == target["id"]:
        yield Problem(
            f"node {label(source)!r} is connected to itself ({output['name']!r} to {entry['name']!r})",
            path,
            node=label(source),
            port=entry["name"],
        )
    if not fits(output["type"], entry["type"]):
        yield Problem(
            "connection source and target ports must be of the same type: "
            f"{ends} are {output['type']} and {entry['type']}",
            path,
            node=label(target),
            port=entry["name"],
            hint=f"make the input {output['type']}, or the output {entry['type']}",
        )
    action = connection.get("action")
    if action and action not in (output.get("actions") or ()):
        yield Problem(
            f"output {output['name']!r} of node {label(source)!r} has no action {action!r}",
            (*path, "action"),
            node=label(source),
            port=output["name"],
            hint=f"its actions are {', '.join(output.get('actions') or ()) or 'none'}",
        )
    wrong = _query_fault(connection.get("condition"))
    if wrong:
        yield Problem(
            f"the condition between {ends} is wrong: {wrong}",
            (*path, "condition"),
            node=label(source),
            port=output["name"],
            hint='a condition is the JSON text of a query: \'{"$and": [{"metadata.user.ok": true}]}\'',
        )


def _query_fault(condition: Any) -> str | None:
    """What is wrong with a query that is given as JSON text or as an object; None if nothing is."""
    try:
        query = json_text.parse(condition) if isinstance(condition, str) and condition else condition
    except json_text.TooDeep as error:
        return str(error)
    except ValueError as error:
        return f"it is not JSON ({error})"
    if not query:
        return None
    try:
        compile_query(query, "condition")
    except BadRequest as error:
        return error.message
    return None


def _starts(starts: list[Definition], nodes: Mapping[str, Definition]) -> Iterator[Problem]:
    roots = []
    for index, start in enumerate(starts):
        path = ("startNodes", index)
        node = nodes.get(start.get("nodeId") or "")
        if node is None:
            yield Problem(
                f"start node {start.get('nodeId')!r} is not a node of the pipeline",
                (*path, "nodeId"),
                node=start.get("nodeId"),
            )
            continue
        if start.get("type") == "root":
            roots.append(label(node))
        elif start.get("type") != "trigger":
            yield Problem(
                f"start node {label(node)!r} is of an unknown type, {start.get('type')!r}",
                (*path, "type"),
                node=label(node),
                hint=f"there are {' and '.join(START_TYPES)}",
            )
        if start.get("trigger") is not None:
            yield from _trigger(start["trigger"], node, (*path, "trigger"))
    if len(roots) > 1:
        yield Problem(
            f"Pipeline may only include 1 root node, and this one has {len(roots)}: {', '.join(map(repr, roots))}",
            ("startNodes",),
            node=roots[1],
            hint="make the others start nodes of type trigger, or connect them",
        )


def _trigger(trigger: Any, node: Definition, path: tuple[str | int, ...]) -> Iterator[Problem]:
    said = trigger_fault(trigger)
    if said:
        yield Problem(f"the trigger of node {label(node)!r} is wrong: {said}", path, node=label(node))


def trigger_fault(trigger: Any) -> str | None:  # noqa: PLR0911 - one line a fault
    """What is wrong with `{"type": "Event" | "Cron", "spec": {...}}`; None if nothing is."""
    if not isinstance(trigger, Mapping):
        return "a trigger is an object {'type', 'spec'}"
    spec = trigger.get("spec") or {}
    if trigger.get("type") not in TRIGGER_TYPES:
        return f"its type is {trigger.get('type')!r}; there are {' and '.join(TRIGGER_TYPES)}"
    if not isinstance(spec, Mapping):
        return "its spec is not an object"
    if not isinstance(spec.get("input"), Mapping | None):
        return f"its input is {spec['input']!r:.80}; an object of inputs by name is wanted"
    if trigger["type"] == "Cron":
        try:
            Schedule.read(spec)
        except ValueError as error:
            return str(error)
        return None
    for key, known in (("resource", TRIGGER_RESOURCES), ("executionMode", TRIGGER_MODES)):
        if spec.get(key) is not None and spec[key] not in known:
            return f"its {key} is {spec[key]!r}; there are {', '.join(known)}"
    actions = spec.get("actions")
    if actions is not None and not (isinstance(actions, list) and all(isinstance(each, str) for each in actions)):
        return f"its actions are {actions!r}; a list of names is wanted"
    fault = _query_fault(spec.get("filter"))
    return None if fault is None else f"its filter is wrong: {fault}"


def _variables(variables: list[Definition]) -> Iterator[Problem]:
    names = Counter(each.get("name") for each in variables)
    for index, each in enumerate(variables):
        name = each.get("name")
        if not isinstance(name, str) or not name.strip():
            yield Problem("a variable needs a name", ("variables", index, "name"))
        elif names[name] > 1:
            yield Problem(f"there are several variables {name!r}", ("variables", index, "name"))


def _order(pipeline: Definition, nodes: Mapping[str, Definition]) -> Iterator[Problem]:
    """What shows only when connections are followed."""
    graph = graph_of(pipeline)
    cycle = graph.find_cycle()
    if cycle is not None:
        names = [label(nodes[each]) for each in cycle]
        yield Problem(
            f"the nodes {' -> '.join(repr(each) for each in [*names, names[0]])} form a cycle",
            ("connections",),
            node=names[0],
            hint="a pipeline runs forward only: drop one of these connections",
        )
        return
    for number, output, entry in collecting_nothing(pipeline, graph):
        target = nodes[pipeline["connections"][number]["tgt"]["nodeId"]]
        yield Problem(
            "connection source and target ports must be of the same type: output "
            f"{output['name']!r} is {output['type']} and input {entry['name']!r} of node {label(target)!r} is "
            f"{entry['type']}, and there is no list before it whose elements could be collected",
            ("connections", number),
            node=label(target),
            port=entry["name"],
            hint=f"make the input {output['type']}, or the output {entry['type']}",
        )


def graph_of(pipeline: Definition) -> Graph:
    """The engine's graph of a definition whose connections are right: nodes by id, sockets by port id."""
    graph = Graph()
    for node in pipeline["nodes"]:
        graph.add_node(
            node["id"],
            [InputPort(port["portId"], PortKind.STREAM) for port in node["inputs"]],
            [port["portId"] for port in node["outputs"]],
        )
    for index, each in enumerate(pipeline["connections"]):
        source, target = each["src"], each["tgt"]
        graph.connect(source["nodeId"], source["portId"], target["nodeId"], target["portId"], key=str(index))
    return graph
