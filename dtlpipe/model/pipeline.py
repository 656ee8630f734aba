"""Pipelines: nodes, their ports, the connections between them, and where a run starts.

A pipeline is edited in memory (`pipeline.nodes.add`, `node.connect`, ...) and sent whole. Every node has
`metadata.position`, which some clients insist on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, SupportsIndex, overload

import attrs

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.model.enums import CompositionStatus, PackageInputType, PipelineNodeType
from dtlpipe.model.filters import Filters
from dtlpipe.model.ids import any_uuid
from dtlpipe.model.struct import Struct, encode, field, local


def new_id() -> str:
    """A random id, as platforms give them to nodes and ports."""
    return any_uuid()


@attrs.define(slots=False)
class PipelineNodeIO(Struct):
    """A port of a node.

    `default_value` is used when nothing arrives; falsy ones count. `variable_name` binds the port to a variable of the
    pipeline. An output port with `actions` sends only along connections of the chosen action.
    """

    input_type: PackageInputType | str = field(PackageInputType.JSON, wire="type")
    name: str = field("item")
    display_name: str | None = field(None)
    port_id: str = field(factory=new_id)
    color: Any = field(None)
    port_percentage: float | None = field(None)
    default_value: Any = field(None)
    variable_name: str | None = field(None)
    actions: list[str] | None = field(None)
    description: str | None = field(None)

    def __attrs_post_init__(self) -> None:
        self.display_name = self.display_name or self.name


@attrs.define(slots=False)
class PipelineConnectionPort(Struct):
    """One end of a connection."""

    node_id: str = field("")
    port_id: str = field("")


@attrs.define(slots=False)
class PipelineConnection(Struct):
    """From an output port to an input port.

    `condition` is a query as JSON text: the connection is taken only by values that match it; `action` names the source
    port's action that it carries.
    """

    source: PipelineConnectionPort = field(wire="src")
    target: PipelineConnectionPort = field(wire="tgt")
    condition: str | None = field(None)
    action: str | None = field(None)

    @property
    def filters(self) -> dict[str, Any] | None:
        """The condition as a query, or None. Raises ValueError if it is not JSON."""
        return (json.loads(self.condition) or None) if self.condition else None


@attrs.define(slots=False)
class PipelineNameSpace(Struct):
    """Which function a node runs, and of which service (named by the platform at install)."""

    function_name: str | None = field(None)
    project_name: str | None = field(None)
    module_name: str | None = field(None)
    service_name: str | None = field(None)
    package_name: str | None = field(None)


@attrs.define(slots=False)
class Variable(Struct):
    """A value of the pipeline, which ports may be bound to by name."""

    name: str = field()
    type: PackageInputType | str = field(PackageInputType.STRING)
    value: Any = field(None, null=True)
    id: str | None = field(None)
    reference: str | None = field(None)
    description: str | None = field(None)
    creator: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)


@attrs.define(slots=False)
class PipelineNode(Struct):
    """A vertex: `inputs` and `outputs` are its ports, in order; `config` and `metadata` belong to its type."""

    name: str = field("")
    node_type: PipelineNodeType | str = field(PipelineNodeType.CODE, wire="type")
    inputs: list[PipelineNodeIO] = field(factory=list)
    outputs: list[PipelineNodeIO] = field(factory=list)
    namespace: PipelineNameSpace = field(factory=PipelineNameSpace)
    node_id: str = field(factory=new_id, wire="id")
    project_id: str | None = field(None)
    metadata: dict[str, Any] = field(factory=dict)
    config: dict[str, Any] | None = field(None)
    app_id: str | None = field(None)
    app_name: str | None = field(None)
    dpk_name: str | None = field(None)
    pipeline: Pipeline | None = local()

    def __attrs_post_init__(self) -> None:
        place = self.metadata.get("position")
        if not isinstance(place, dict):  # some clients send null
            place = self.metadata["position"] = {}
        for axis in ("x", "y", "z"):
            place.setdefault(axis, 0)

    @property
    def id(self) -> str:
        return self.node_id

    @property
    def position(self) -> tuple[float, float]:
        place = self.metadata["position"]
        return place["x"], place["y"]

    @position.setter
    def position(self, place: tuple[float, float]) -> None:
        self.metadata["position"] = {"x": place[0], "y": place[1], "z": 0}

    def _port(self, port: PipelineNodeIO | str | None, ports: list[PipelineNodeIO], direction: str) -> PipelineNodeIO:
        if not ports:
            raise BadRequest(f"node {self.name!r} has no {direction} port to connect", node=self.name)
        if port is None:
            return ports[0]
        for each in ports:
            if each is port or (isinstance(port, str) and port in (each.name, each.port_id)):
                return each
            if isinstance(port, PipelineNodeIO) and each.port_id == port.port_id:
                return each
        wanted = port if isinstance(port, str) else port.name
        known = ", ".join(repr(each.name) for each in ports)
        raise BadRequest(
            f"node {self.name!r} has no {direction} port {wanted!r}",
            node=self.name,
            port=wanted,
            hint=f"it has {known}",
        )

    def input(self, port: PipelineNodeIO | str | None = None) -> PipelineNodeIO:
        """An input port by name, id or itself; the first by default. Raises BadRequest naming node and ports."""
        return self._port(port, self.inputs, "input")

    def output(self, port: PipelineNodeIO | str | None = None) -> PipelineNodeIO:
        """An output port by name, id or itself; the first by default. Raises BadRequest naming node and ports."""
        return self._port(port, self.outputs, "output")

    def _attached(self) -> Pipeline:
        if self.pipeline is None:
            raise BadRequest(
                f"node {self.name!r} belongs to no pipeline yet",
                node=self.name,
                hint="add it first: pipeline.nodes.add(node)",
            )
        return self.pipeline

    def connect(
        self,
        node: PipelineNode,
        source_port: PipelineNodeIO | str | None = None,
        target_port: PipelineNodeIO | str | None = None,
        filters: Filters | Mapping[str, Any] | None = None,
        action: str | None = None,
    ) -> PipelineNode:
        """Sends this node's output to another's input; the target joins the pipeline if it is not in it yet.

        Ports are given as ports or by name, and default to the first. Without an action, the source port's first one.
        Raises BadRequest, naming node and port, for a port that does not exist or an action that the port lacks.
        """
        pipeline = self._attached()
        source, target = self.output(source_port), node.input(target_port)
        if action is None and source.actions:
            action = source.actions[0]
        if action is not None and action not in (source.actions or ()):
            raise BadRequest(
                f"port {source.name!r} of node {self.name!r} has no action {action!r}",
                node=self.name,
                port=source.name,
                hint=f"its actions are {source.actions or 'none'}",
            )
        pipeline.nodes.add(node)
        pipeline.connections.append(
            PipelineConnection(
                source=PipelineConnectionPort(node_id=self.node_id, port_id=source.port_id),
                target=PipelineConnectionPort(node_id=node.node_id, port_id=target.port_id),
                condition=_condition(filters),
                action=action,
            )
        )
        if pipeline.is_start(node) and not pipeline.is_start(self) and not pipeline.sources_of(self):
            pipeline.set_start_node(self)
        return node

    def disconnect(
        self,
        node: PipelineNode,
        source_port: PipelineNodeIO | str | None = None,
        target_port: PipelineNodeIO | str | None = None,
    ) -> bool:
        """Removes the connection between two ports; False if there was none."""
        pipeline = self._attached()
        ends = (self.node_id, self.output(source_port).port_id, node.node_id, node.input(target_port).port_id)
        kept = [
            each
            for each in pipeline.connections
            if (each.source.node_id, each.source.port_id, each.target.node_id, each.target.port_id) != ends
        ]
        found = len(kept) < len(pipeline.connections)
        pipeline.connections = kept
        return found

    def is_root(self) -> bool:
        return self.pipeline is not None and self.pipeline.is_start(self)

    def add_trigger(
        self,
        trigger_type: str = "Event",
        filters: Filters | Mapping[str, Any] | None = None,
        resource: str = "Item",
        actions: str | Iterable[str] = "Created",
        execution_mode: str = "Once",
        cron: str | None = None,
    ) -> None:
        """Lets an event or a schedule start the pipeline at this node, from its next install on."""
        if trigger_type == "Cron":
            spec: dict[str, Any] = {"cron": cron}
        else:
            spec = {
                "filter": _condition(filters) or {},
                "resource": resource,
                "executionMode": execution_mode,
                "actions": [actions] if isinstance(actions, str) else list(actions),
            }
        trigger = {"type": trigger_type, "spec": spec}
        pipeline = self._attached()
        for start in pipeline.start_nodes:
            if start.get("nodeId") == self.node_id and start.get("type") == "root":
                start["trigger"] = trigger
                return
        pipeline.start_nodes.append({"nodeId": self.node_id, "type": "trigger", "trigger": trigger})


def _condition(filters: Filters | Mapping[str, Any] | None) -> str | None:
    if filters is None:
        return None
    return json.dumps(filters.query() if isinstance(filters, Filters) else encode(dict(filters)))


class Nodes(list[PipelineNode]):
    """The nodes of a pipeline, in order; the first one added is where runs start."""

    def __init__(self, nodes: Iterable[PipelineNode], pipeline: Pipeline) -> None:
        super().__init__(nodes)
        self._pipeline = pipeline
        for node in self:
            node.pipeline = pipeline

    def add(self, node: PipelineNode) -> PipelineNode:
        """Adds a node, once. Raises BadRequest if it belongs to another pipeline."""
        if node.pipeline is not None and node.pipeline is not self._pipeline:
            raise BadRequest(f"node {node.name!r} belongs to another pipeline, {node.pipeline.name!r}", node=node.name)
        if all(each.node_id != node.node_id for each in self):
            first = not self
            self.append(node)
            if first:
                self._pipeline.set_start_node(node)
        node.pipeline = self._pipeline
        return node

    def get(self, node_name: str | None = None, node_id: str | None = None) -> PipelineNode:
        """The node of that name or id. Raises NotFound, listing the names there are."""
        for each in self:
            if (node_name is not None and each.name == node_name) or (node_id is not None and each.node_id == node_id):
                return each
        known = ", ".join(repr(each.name) for each in self) or "none"
        raise NotFound(
            f"pipeline {self._pipeline.name!r} has no node {node_name or node_id!r}", hint=f"its nodes: {known}"
        )

    def remove(self, node: PipelineNode | str) -> bool:  # type: ignore[override]
        """Removes a node (or the one of that name) and its connections; False if there is none."""
        found = next((each for each in self if each is node or each.name == node), None)
        if found is None:
            return False
        super().remove(found)
        pipeline, found.pipeline = self._pipeline, None
        pipeline.connections = [
            each for each in pipeline.connections if found.node_id not in (each.source.node_id, each.target.node_id)
        ]
        pipeline.start_nodes = [each for each in pipeline.start_nodes if each.get("nodeId") != found.node_id]
        if self and not any(each.get("type") == "root" for each in pipeline.start_nodes):
            pipeline.set_start_node(self[0])
        return True

    @overload
    def __getitem__(self, index: SupportsIndex) -> PipelineNode: ...
    @overload
    def __getitem__(self, index: slice) -> list[PipelineNode]: ...
    @overload
    def __getitem__(self, index: str) -> PipelineNode: ...
    def __getitem__(self, index: SupportsIndex | slice | str) -> Any:
        """By place, or by name: `pipeline.nodes['resize']`."""
        return self.get(node_name=index) if isinstance(index, str) else super().__getitem__(index)


@attrs.define(slots=False, kw_only=True)
class Pipeline(Struct):
    """A definition. `start_nodes` are `{"nodeId", "type": "root" | "trigger", "trigger"?}`."""

    id: str = field("")
    name: str = field("")
    project_id: str | None = field(None)
    status: CompositionStatus = field(CompositionStatus.CREATED)
    composition_id: str | None = field(None)
    org_id: str | None = field(None)
    nodes: Nodes = field(factory=list)
    connections: list[PipelineConnection] = field(factory=list)
    start_nodes: list[dict[str, Any]] = field(factory=list)
    variables: list[Variable] = field(factory=list)
    settings: dict[str, Any] | None = field(None)
    description: str | None = field(None)
    preview: Any = field(None)
    creator: str | None = field(None)
    updated_by: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    url: str | None = field(None)

    def __attrs_post_init__(self) -> None:
        self.nodes = Nodes(self.nodes, self)

    @property
    def installed(self) -> bool:
        return self.status == CompositionStatus.INSTALLED

    def is_start(self, node: PipelineNode) -> bool:
        return any(each.get("nodeId") == node.node_id and each.get("type") == "root" for each in self.start_nodes)

    def sources_of(self, node: PipelineNode) -> list[PipelineNode]:
        """The nodes that feed a node."""
        senders = {each.source.node_id for each in self.connections if each.target.node_id == node.node_id}
        return [each for each in self.nodes if each.node_id in senders]

    def set_start_node(self, node: PipelineNode) -> None:
        """Makes a node the one where runs start. A trigger of the previous root stays with that node."""
        starts: list[dict[str, Any]] = []
        for each in self.start_nodes:
            if each.get("type") != "root":
                starts.append(each)
            elif each.get("trigger") and each.get("nodeId") != node.node_id:
                starts.append({**each, "type": "trigger"})
        self.start_nodes = [{"nodeId": node.node_id, "type": "root"}, *starts]

    @classmethod
    def _arguments(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return super()._arguments(
            {key: value for key, value in data.items() if value is not None}
        )  # null lists mean none
