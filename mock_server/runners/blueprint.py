"""A pipeline's revision, compiled for running: the engine's plan, and what each node and each connection asks for.

The engine knows nodes by their ids and sockets by port ids. An input port with connections is mandatory (a join waits
for all of them), one that several connections feed takes each arrival as a visit of its own; a port without a
connection takes the run's input, a variable or its default, and is left out if it has none of these.

A connection from `X[]` to `X` spreads the list, one from `X` to `X[]` collects: see `dtlpipe.graph.elements`, which
also tells apart what arrives by several connections at one port. Revisions without either run on the plain machine.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from dtlpipe.errors import BadRequest
from dtlpipe.graph.elements import FanPlan, Turn
from dtlpipe.graph.fanning import FanState
from dtlpipe.graph.graph import Graph
from dtlpipe.graph.plan import Plan, freeze
from dtlpipe.graph.ports import NO_DEFAULT, InputPort, OutputPort, PortKind
from dtlpipe.graph.schedule import RunState
from dtlpipe.model.query import Predicate, compile_query
from mock_server.runners.policies import DEFAULT_ATTEMPTS, PLAIN, Terms

#: Stands for a port that nothing feeds: the engine need not wait for it, and the node does not get it.
ABSENT = object()

#: Types of nodes whose executions end when somebody else says so.
WAITING = frozenset({"task", "pipeline"})


@attrs.frozen
class Port:
    """`default` is ABSENT where the port has none; `variable` names the pipeline's variable that feeds it."""

    id: str
    name: str
    type: str | None
    default: Any = ABSENT
    variable: str | None = None


@attrs.frozen
class NodeSpec:
    """What a run needs to know of a node. `timeout` is in seconds, `memory_limit` bytes; None: the default.

    Attributes:
        waits: whether its executions wait for people or for other runs, and so take no place while they do.
        sets: the pipeline's variable that an execution of it sets, for the rest of its run too.
    """

    id: str
    name: str
    type: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    document: Mapping[str, Any] = attrs.field(repr=False, eq=False)
    timeout: float | None = None
    memory_limit: int | None = None
    max_attempts: int = DEFAULT_ATTEMPTS
    terms: Terms = PLAIN
    service_name: str | None = None
    service_id: str | None = None
    function_name: str = "run"
    waits: bool = False
    sets: str | None = None


@attrs.frozen
class Gate:
    """When a connection is taken: by that action of the port, and by values that satisfy the condition."""

    port: Port
    action: str | None = None
    condition: Predicate | None = None


@attrs.frozen(eq=False)
class Blueprint:
    """`gates` has the connections that are not always taken, by number; `variables` the pipeline's, by name.

    `fans` is set if some connection spreads a list, or collects one, or several of them feed one port.
    """

    revision_id: str
    pipeline_id: str
    plan: Plan
    nodes: Mapping[str, NodeSpec]
    gates: Mapping[int, Gate]
    root: str | None
    variables: Mapping[str, Any]
    fans: FanPlan | None = None

    def begun(self, start: str, given: Mapping[str, Any]) -> RunState | FanState:
        """The engine's state of a new run from that node, which is given these values by port id."""
        if self.fans is not None:
            return FanState(self.fans, {start: given}, start=start)
        return RunState(self.plan, {start: given}, start=start)


def variable_of(node: Mapping[str, Any]) -> str | None:
    """The name of the variable that a node updates: in its config or metadata, else that of its only input."""
    for place in (node.get("config") or {}, node.get("metadata") or {}):
        if isinstance(place.get("variableName"), str):
            return str(place["variableName"])
    inputs = list(node.get("inputs") or ())
    return str(inputs[0].get("name") or inputs[0]["portId"]) if len(inputs) == 1 else None


def service_settings(config: Mapping[str, Any]) -> tuple[float | None, int | None, int]:
    """Timeout in seconds, memory limit in bytes and number of attempts of a `serviceConfig` or a service."""
    timeout = config.get("executionTimeout")
    limit = (config.get("runtime") or {}).get("memoryLimit")
    return float(timeout) if timeout else None, int(limit) if limit else None, Terms.read(config).attempts


def _port(data: Mapping[str, Any]) -> Port:
    default = data.get("defaultValue")
    return Port(
        id=data["portId"],
        name=data.get("name") or data["portId"],
        type=data.get("type"),
        default=ABSENT if default is None else default,
        variable=data.get("variableName"),
    )


def _node(data: Mapping[str, Any], services: Mapping[str, str]) -> NodeSpec:
    config = (data.get("metadata") or {}).get("serviceConfig") or {}
    timeout, memory_limit, attempts = service_settings(config)
    namespace = data.get("namespace") or {}
    service_name = namespace.get("serviceName")
    return NodeSpec(
        id=data["id"],
        name=data.get("name") or data["id"],
        type=data.get("type") or "code",
        inputs=tuple(_port(each) for each in data.get("inputs") or ()),
        outputs=tuple(_port(each) for each in data.get("outputs") or ()),
        document=data,
        timeout=timeout,
        memory_limit=memory_limit,
        max_attempts=attempts,
        terms=Terms.read(config, service_name or data["id"]),
        service_name=service_name,
        service_id=services.get(service_name or ""),
        function_name=namespace.get("functionName") or "run",
        waits=data.get("type") in WAITING,
        sets=variable_of(data) if data.get("type") == "updateVariable" else None,
    )


def _condition(text: Any) -> Predicate | None:
    query = json.loads(text) if isinstance(text, str) and text else text
    return compile_query(query, "condition") if query else None


def turn_of(source: str | None, target: str | None) -> Turn:
    """What happens to a value on a connection between ports of these types."""
    if source is not None and target is not None:
        if source == f"{target}[]":
            return Turn.FAN
        if target == f"{source}[]":
            return Turn.COLLECT
    return Turn.PASS


def compile_revision(revision: Mapping[str, Any], services: Mapping[str, str] | None = None) -> Blueprint:
    """The blueprint of a revision; `services` are ids by name. Raises BadRequest for a definition that cannot run."""
    nodes = {each["id"]: _node(each, services or {}) for each in revision.get("nodes") or ()}
    connections = revision.get("connections") or ()
    arrivals = Counter((each["tgt"]["nodeId"], each["tgt"]["portId"]) for each in connections)
    graph = Graph()
    for spec in nodes.values():
        graph.add_node(
            spec.id,
            [
                InputPort(
                    port.id,
                    PortKind.STREAM if arrivals[spec.id, port.id] > 1 else PortKind.STANDARD,
                    default_value=NO_DEFAULT if arrivals[spec.id, port.id] else ABSENT,
                )
                for port in spec.inputs
            ],
            [OutputPort(port.id) for port in spec.outputs],
        )
    gates: dict[int, Gate] = {}
    turns: dict[int, Turn] = {}
    leaving = {(spec.id, port.id): port.type for spec in nodes.values() for port in spec.outputs}
    entering = {(spec.id, port.id): port.type for spec in nodes.values() for port in spec.inputs}
    for number, each in enumerate(connections):
        source, target = each["src"], each["tgt"]
        if source["nodeId"] not in nodes or target["nodeId"] not in nodes:
            raise BadRequest(f"connection {number} joins a node that the pipeline does not have")
        index = graph.connect(source["nodeId"], source["portId"], target["nodeId"], target["portId"], key=str(number))
        turn = turn_of(leaving[source["nodeId"], source["portId"]], entering[target["nodeId"], target["portId"]])
        if turn is not Turn.PASS:
            turns[index] = turn
        condition, action = _condition(each.get("condition")), each.get("action")
        if condition is not None or action:
            port = next(port for port in nodes[source["nodeId"]].outputs if port.id == source["portId"])
            gates[index] = Gate(port, action, condition)
    plan = freeze(graph)
    root = next((each["nodeId"] for each in revision.get("startNodes") or () if each.get("type") == "root"), None)
    return Blueprint(
        revision_id=revision["id"],
        pipeline_id=revision.get("pipelineId", ""),
        plan=plan,
        nodes=nodes,
        gates=gates,
        root=root if root in nodes else None,
        variables={each["name"]: each.get("value") for each in revision.get("variables") or ()},
        fans=FanPlan(plan, turns) if turns or max(arrivals.values(), default=0) > 1 else None,
    )
