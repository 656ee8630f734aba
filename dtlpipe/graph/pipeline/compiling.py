"""Compiling: a pipeline as it is now, in the form that runs use.

Law: a `Compiled` never changes and never looks back at the pipeline. Runs that have begun go on with theirs, whatever
becomes of the pipeline meanwhile.

Sockets are read by attribute only, so that components of Haystack's own classes compile too. The plan has the order of
the names; what a user sees in the order of the pipeline (warming up, missing inputs) is kept in that order here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from dtlpipe.graph.graph import Edge, Node
from dtlpipe.graph.pipeline.connecting import gathers
from dtlpipe.graph.pipeline.guarding import runnable
from dtlpipe.graph.pipeline.network import Network
from dtlpipe.graph.plan import Plan, assemble
from dtlpipe.graph.ports import NO_DEFAULT, InputPort, OutputPort, PortKind
from dtlpipe.graph.rehearsal import Rehearsal, rehearse
from dtlpipe.graph.types.conversion import converter

__all__ = ["Compiled", "Given", "compile_network"]

_VARIANTS = 64
_REHEARSALS = 8

Names = tuple[tuple[str, ...], ...]
"""The names of a run's inputs: of each component given any, its name and those of its inputs."""


class Given(NamedTuple):
    """An input, as the inputs of a run see it.

    `sender`: the first component that feeds it, or None. `type`: that of a value; of interest only if there is one.
    """

    sender: str | None
    type: Any

    @property
    def gathers(self) -> bool:
        """Whether it may join what is sent with what a run gives it beside."""
        return self.sender is not None and gathers(self.type)


_UNFED = Given(None, None)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Compiled:
    """A pipeline for runs.

    Attributes:
        plan: for `RunState`.
        instances: the components, or what guards them by their policy, in plan order. Look `run` up at each call:
            people replace it.
        types: their classes, in plan order.
        supports_async: whether they have a usable `run_async`, in plan order.
        declared: the names of their outputs, in plan order.
        warm_ups: (name, instance) of those with `warm_up`, in the pipeline's order.
        warm_ups_async: (name, instance) of those with `warm_up_async` or `warm_up`, in the pipeline's order.
        required: (component, inputs) that a run must give, in the pipeline's order.
        givens: all inputs by component, in the pipeline's order.
        free: those of them that a run may give without further ado: nobody feeds them, or they are variadic.
        flat: the components that an input's bare name stands for.
        flat_names: all names of inputs, also of those that only other components feed.
        leaves: the components with an output that nobody receives; a run that ends without any of theirs is suspicious.
    """

    plan: Plan
    instances: tuple[Any, ...]
    types: tuple[type, ...]
    supports_async: tuple[bool, ...]
    declared: tuple[frozenset[str], ...]
    warm_ups: tuple[tuple[str, Any], ...]
    warm_ups_async: tuple[tuple[str, Any], ...]
    required: tuple[tuple[str, tuple[str, ...]], ...]
    givens: dict[str, dict[str, Given]]
    free: dict[str, frozenset[str]]
    flat: dict[str, tuple[str, ...]]
    flat_names: frozenset[str]
    leaves: frozenset[str]
    _version: int
    _sockets: tuple[dict[str, Any], ...]
    _socket_count: int
    _variants: dict[frozenset[tuple[str, str]], Compiled] = field(default_factory=dict)
    _rehearsals: dict[Names, Rehearsal | None] = field(default_factory=dict)
    _rehearsed: set[Names] = field(default_factory=set)

    def holds_for(self, network: Network) -> bool:
        """Whether the network is still the one that was compiled, and no component has got another input meanwhile."""
        return self._version == network.version and self._socket_count == sum(map(len, self._sockets))

    def gathering(self, sockets: Collection[tuple[str, str]]) -> Compiled:
        """Return the same, with standard inputs that join the lists of several senders, for one run's inputs."""
        wanted = frozenset(sockets)
        found = self._variants.get(wanted)  # once, since other threads may clear them at any time
        if found is not None:
            return found
        nodes = {node.name: _gathering(node, wanted) for node in self.plan.nodes}
        nodes = {name: nodes[name] for name in self.givens}
        if len(self._variants) >= _VARIANTS:  # the inputs of runs, not the pipeline, decide how many there are
            self._variants.clear()
        plan = assemble(nodes, self.plan.edges)
        made = self._variants[wanted] = replace(self, plan=plan, _rehearsals={}, _rehearsed=set())
        return made

    def rehearsal(self, inputs: Mapping[str, Mapping[str, Any]]) -> Rehearsal | None:
        """Return the course that runs with inputs of these names take, if it is known and worth following."""
        found = self._rehearsals.get(_named(inputs))
        return found if found is not None and found.credit >= 0 else None

    def note(self, inputs: Mapping[str, Mapping[str, Any]]) -> None:
        """Note that a run has such inputs, which fit. At the second one its course is rehearsed for those to come.

        Not at the first, since it may be the only one.
        """
        names = _named(inputs)
        if names not in self._rehearsals:
            if len(self._rehearsals) >= _REHEARSALS:  # what runs are given may differ each time
                self._rehearsals.clear()
            self._rehearsals[names] = None
        elif names not in self._rehearsed:
            self._rehearsed.add(names)
            self._rehearsals[names] = rehearse(self.plan, inputs, self.instances, self.leaves)


def _named(inputs: Mapping[str, Mapping[str, Any]]) -> Names:
    return tuple([(name, *values) for name, values in inputs.items()])


def compile_network(network: Network) -> Compiled:
    """Compile a pipeline's graph as it is now."""
    version = network.version
    ports: dict[str, Node] = {}
    required: list[tuple[str, tuple[str, ...]]] = []
    free: dict[str, frozenset[str]] = {}
    givens: dict[str, dict[str, Given]] = {}
    flat: dict[str, list[str]] = {}
    leaves: list[str] = []
    nodes = dict(network.nodes.items())
    made: dict[tuple[Any, ...], InputPort] = {}
    for name, data in nodes.items():
        inputs: dict[str, InputPort] = {}
        fed: dict[str, Given] = {}
        unfed, missing = [], []
        for socket in data["input_sockets"].values():
            own, senders = socket.name, socket.senders
            inputs[own] = port = _port(socket, made)
            fed[own] = Given(senders[0], socket.type) if senders else _UNFED
            if not senders or port.is_variadic:
                unfed.append(own)
                flat.setdefault(own, []).append(name)
                if not senders and port.is_mandatory:
                    missing.append(own)
        outputs = data["output_sockets"].values()
        ports[name] = Node(name, inputs, {output.name: OutputPort(output.name, output.type) for output in outputs})
        givens[name] = fed
        free[name] = frozenset(unfed)
        if missing:
            required.append((name, tuple(missing)))
        if not all(output.receivers for output in outputs):
            leaves.append(name)
    edges = [
        Edge(sender, data["from_socket"].name, receiver, data["to_socket"].name, key, _converter(data))
        for (sender, receiver, key), data in network.edges.items()
    ]
    plan = assemble(ports, tuple(edges))
    instances = tuple(nodes[name]["instance"] for name in plan.names)
    in_order = [(name, data["instance"]) for name, data in nodes.items()]
    input_dicts = tuple(data["input_sockets"] for data in nodes.values())
    return Compiled(
        plan=plan,
        instances=tuple(runnable(name, nodes[name]) for name in plan.names),
        types=tuple(map(type, instances)),
        supports_async=tuple(bool(getattr(i, "__haystack_supports_async__", False)) for i in instances),
        declared=tuple(frozenset(nodes[name]["output_sockets"]) for name in plan.names),
        warm_ups=tuple((name, i) for name, i in in_order if hasattr(i, "warm_up")),
        warm_ups_async=tuple((name, i) for name, i in in_order if hasattr(i, "warm_up_async") or hasattr(i, "warm_up")),
        required=tuple(required),
        givens=givens,
        free=free,
        flat={name: tuple(components) for name, components in flat.items()},
        flat_names=frozenset(name for own in givens.values() for name in own),
        leaves=frozenset(leaves),
        _version=version,
        _sockets=input_dicts,
        _socket_count=sum(map(len, input_dicts)),
    )


def _gathering(node: Node, wanted: frozenset[tuple[str, str]]) -> Node:
    inputs = {
        name: replace(port, kind=PortKind.LAZY, wrap_input_in_list=False) if (node.name, name) in wanted else port
        for name, port in node.inputs.items()
    }
    return node._replace(inputs=inputs)


def _converter(edge: dict[str, Any]) -> Callable[[Any], Any] | None:
    strategy = edge["conversion_strategy"]
    return None if strategy is None else converter(strategy)


def _port(socket: Any, made: dict[tuple[Any, ...], InputPort]) -> InputPort:
    """Return the port of a socket; equal sockets, as those of one component's class, share one."""
    default = NO_DEFAULT if socket.is_mandatory else socket.default_value
    greedy, lazy, wraps = socket.is_greedy, socket.is_lazy_variadic, socket.wrap_input_in_list
    key = (socket.name, greedy, lazy, id(socket.type), id(default), wraps)  # what has the ids is held by the ports
    port = made.get(key)
    if port is None:
        kind = PortKind.GREEDY if greedy else PortKind.LAZY if lazy else PortKind.STANDARD
        port = made[key] = InputPort(socket.name, kind, socket.type, default, wraps)
    return port
