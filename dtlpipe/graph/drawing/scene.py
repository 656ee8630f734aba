"""What a picture of a pipeline shows: components with their sockets, connections, and what comes in and goes out.

Law: a pipeline is only read, and only through `graph`, whose nodes and edges carry sockets that are read by attribute.
So a pipeline of Haystack's own can be drawn too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from dtlpipe.graph.types.names import type_name

__all__ = ["Component", "Connection", "Scene", "Socket", "read"]

Address = tuple[str, str]
"""A component's key and a socket's name."""


@attrs.define(slots=True)
class Socket:
    """An input or output as it is shown.

    Attributes:
        name: its name.
        type: its type for people, with `Variadic` or `GreedyVariadic` around it if it takes many values.
        mandatory: of inputs, whether the component cannot run without it.
        variadic: whether it takes values from many senders.
        connected: whether another component feeds it or receives from it.
        outside: whether its value comes from the caller of a run, or goes to it.
    """

    name: str
    type: str
    mandatory: bool = True
    variadic: bool = False
    connected: bool = False
    outside: bool = False


@attrs.define(slots=True)
class Component:
    """A component as it is shown. `group`: the component inside of which it works, or None."""

    key: str
    name: str
    class_name: str
    inputs: dict[str, Socket]
    outputs: dict[str, Socket]
    group: str | None = None


@attrs.frozen(slots=True)
class Connection:
    """A connection as it is shown. `conversion`: what is done to the value on its way, or None."""

    sender: str
    output: str
    receiver: str
    input: str
    type: str
    mandatory: bool
    conversion: str | None


@attrs.define(slots=True)
class Scene:
    """Components by their key and connections, in the order in which they were made."""

    components: dict[str, Component] = attrs.field(factory=dict)
    connections: list[Connection] = attrs.field(factory=list)


def read(pipeline: Any, *, expand: bool = False) -> Scene:
    """Return what a picture of the pipeline shows.

    Args:
        pipeline: anything with a `graph`.
        expand: whether components that have a pipeline inside are replaced by its components.
    """
    scene = Scene()
    top = _Level(scene, pipeline.graph, expand=expand)
    for key in top.own:
        data = pipeline.graph.nodes[key]
        for name, socket in data["input_sockets"].items():
            if socket.is_mandatory and (key, name) not in top.fed:
                for inner, input_name in top.entries(key, name):
                    scene.components[inner].inputs[input_name].outside = True
        for name in data["output_sockets"]:
            if (key, name) not in top.used:
                for inner, output_name in top.exits(key, name):
                    scene.components[inner].outputs[output_name].outside = True
    return scene


class _Level:
    """One graph, put into the scene: that of the pipeline, or that inside of a component."""

    def __init__(self, scene: Scene, graph: Any, *, expand: bool, prefix: str = "", group: str | None = None) -> None:
        self.scene = scene
        self.prefix = prefix
        self.own = list(graph.nodes)
        edges = [(sender, receiver, data) for sender, receiver, data in graph.edges(data=True)]
        self.fed = {(receiver, data["to_socket"].name) for _, receiver, data in edges}
        self.used = {(sender, data["from_socket"].name) for sender, _, data in edges}
        self.inner: dict[str, _Inside] = {}
        for name, data in graph.nodes(data=True):
            inside = _Inside.of(data["instance"]) if expand else None
            if inside is not None and self._replaceable(name, inside):
                inside.level = _Level(
                    scene, inside.graph, expand=True, prefix=f"{prefix}{name}.", group=f"{prefix}{name}"
                )
                self.inner[name] = inside
            else:
                scene.components[prefix + name] = _component(prefix + name, name, data, group)
        for sender, receiver, data in edges:
            self._connect(sender, receiver, data)

    def _replaceable(self, name: str, inside: _Inside) -> bool:
        """Return whether every connection of a component can be drawn to something inside of it."""
        return all(inside.inputs.get(socket) for own, socket in self.fed if own == name) and all(
            inside.outputs.get(socket) for own, socket in self.used if own == name
        )

    def entries(self, name: str, socket: str) -> Iterator[Address]:
        """Yield the inputs that are shown for an input: itself, or those inside that it is handed to."""
        if name not in self.inner:
            yield self.prefix + name, socket
            return
        inside = self.inner[name]
        for inner, inner_socket in inside.inputs.get(socket, ()):
            yield from inside.level.entries(inner, inner_socket)

    def exits(self, name: str, socket: str) -> Iterator[Address]:
        """Yield the outputs that are shown for an output: itself, or those inside where its value comes from."""
        if name not in self.inner:
            yield self.prefix + name, socket
            return
        inside = self.inner[name]
        for inner, inner_socket in inside.outputs.get(socket, ()):
            yield from inside.level.exits(inner, inner_socket)

    def _connect(self, sender: str, receiver: str, data: Any) -> None:
        strategy = data.get("conversion_strategy")
        for sender_key, output_name in self.exits(sender, data["from_socket"].name):
            output = self.scene.components[sender_key].outputs[output_name]
            output.connected = True
            for receiver_key, input_name in self.entries(receiver, data["to_socket"].name):
                target = self.scene.components[receiver_key].inputs[input_name]
                target.connected = True
                self.scene.connections.append(
                    Connection(
                        sender_key,
                        output_name,
                        receiver_key,
                        input_name,
                        type=output.type,
                        mandatory=target.mandatory,
                        conversion=None if strategy is None else str(getattr(strategy, "value", strategy)),
                    )
                )


@attrs.define(slots=True)
class _Inside:
    """The pipeline inside of a component, and what its inputs and outputs are there."""

    graph: Any
    inputs: dict[str, list[Address]]
    outputs: dict[str, list[Address]]
    level: _Level = attrs.field(init=False)

    @classmethod
    def of(cls, instance: Any) -> _Inside | None:
        graph = getattr(getattr(instance, "pipeline", None), "graph", None)
        if graph is None:
            return None
        inputs: dict[str, list[Address]] = {}
        outputs: dict[str, list[Address]] = {}
        for socket, paths in getattr(instance, "input_mapping", {}).items():
            inputs[socket] = [_address(path) for path in paths]
        for path, socket in getattr(instance, "output_mapping", {}).items():
            outputs.setdefault(socket, []).append(_address(path))
        return cls(graph, inputs, outputs)


def _address(path: str) -> Address:
    name, _, socket = path.partition(".")
    return name, socket


def _component(key: str, name: str, data: Any, group: str | None) -> Component:
    return Component(
        key,
        name,
        type(data["instance"]).__name__,
        {own: _input(socket) for own, socket in data["input_sockets"].items()},
        {own: Socket(own, type_name(socket.type)) for own, socket in data["output_sockets"].items()},
        group,
    )


def _input(socket: Any) -> Socket:
    shown = type_name(socket.type)
    if socket.is_greedy:
        shown = f"GreedyVariadic[{shown}]"
    elif socket.is_lazy_variadic and socket.wrap_input_in_list:
        shown = f"Variadic[{shown}]"
    return Socket(socket.name, shown, mandatory=socket.is_mandatory, variadic=socket.is_variadic)
