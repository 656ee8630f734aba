"""The compiled graph: everything about it that does not change from run to run, looked up once and then by integer.

Law: a plan is immutable and shared. Any number of runs, in any number of threads, use one plan; what happens in a run
is in its `RunState`.

Node numbers ascend with the names (`sorted`), because that is the order in which ready nodes run. An input socket's
number is its *slot*. A *link* is a sender node paired with a slot: two edges from one node to one slot are one link,
for readiness asks whether a node has reported, not how often. A node's slots have consecutive numbers, and so have the
links that lead to it. `freeze(graph)` compiles; `Plan.starting_at(name)` compiles the part that a run from a chosen
node uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dtlpipe.graph import order
from dtlpipe.graph.errors import PipelineValidationError
from dtlpipe.graph.graph import Edge, Graph, Node
from dtlpipe.graph.ports import NO_DEFAULT, Mark, PortKind

__all__ = ["GREEDY", "LAZY", "STANDARD", "STREAM", "ByName", "Delivery", "Intake", "Plan", "Reading", "Reset", "freeze"]

STANDARD, GREEDY, LAZY, STREAM = range(4)
"""Socket kinds as the numbers that the scheduler compares; those up to GREEDY hold one value, the others many."""

_NUMBER = {
    PortKind.STANDARD: STANDARD,
    PortKind.GREEDY: GREEDY,
    PortKind.LAZY: LAZY,
    PortKind.STREAM: STREAM,
}


class ByName(Mapping[str, int]):
    """Numbers of nodes, looked up by name; live and read-only."""

    __slots__ = ("_numbers", "_plan")

    def __init__(self, plan: Plan, numbers: list[int]) -> None:
        self._plan = plan
        self._numbers = numbers

    def __getitem__(self, name: str) -> int:
        return self._numbers[self._plan.index[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._plan.names)

    def __len__(self) -> int:
        return len(self._numbers)

    def __repr__(self) -> str:
        return repr(dict(self))


class Delivery(NamedTuple):
    """An edge, seen from its sender. A tuple, because unpacking one is the cheapest way to read many fields.

    `counted`: the receiver's count of unreported senders includes the link.
    """

    edge: int
    source_socket: str
    kind: int
    target: int
    slot: int
    link: int
    mandatory: int
    counted: int


class Intake(NamedTuple):
    """An input socket, seen from its node.

    `default`: `NO_DEFAULT` if mandatory. `links`: those of its senders; `counted` as in `Delivery`. `keeps`: the value
        stays for later visits. `joins`: arriving lists are joined into one.
    """

    slot: int
    name: str
    kind: int
    mandatory: int
    default: Any
    links: tuple[int, ...]
    counted: int
    keeps: bool
    joins: bool


class Reading(NamedTuple):
    """What a visit reads of an input socket; fields as in `Intake`, but `default` as the visit receives it."""

    slot: int
    name: str
    kind: int
    default: Any
    joins: bool


class Reset(NamedTuple):
    """How all sockets of a node are emptied at once.

    `slots` and `links` are an index with one value to put there, or a slice with several.
    """

    slots: Any
    nothing: Any
    links: Any
    silence: Any
    missing_count: int
    unreported_count: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Plan:
    """A compiled graph. Public are the attributes below and the methods; the tables are for the scheduler.

    Attributes:
        names: the nodes' names in plan order, which is sorted.
        index: the number of each name.
        edges: in the order in which they were connected.
        start: the node from which runs of this plan begin, or None for a whole graph.
        is_acyclic: whether no node can reach itself.
    """

    names: tuple[str, ...]
    index: Mapping[str, int]
    edges: tuple[Edge, ...]
    start: str | None
    is_acyclic: bool
    nodes: tuple[Node, ...]
    participants: bytes
    intakes_by_name: tuple[Mapping[str, Intake], ...]
    intakes: tuple[tuple[Intake, ...], ...]
    readings: tuple[tuple[Reading, ...], ...]
    resets: tuple[Reset, ...]
    deliveries: tuple[tuple[Delivery, ...], ...]
    converts: Mapping[int, tuple[tuple[int, str, Callable[[Any], Any]], ...]]
    receivers: tuple[tuple[int, ...], ...]
    consumed: tuple[frozenset[str], ...]
    mandatory_count: tuple[int, ...]
    sender_count: tuple[int, ...]
    slot_senders: tuple[int, ...]
    link_senders: tuple[int, ...]
    unreported_count: tuple[int, ...]
    is_plain: bytes
    is_special: bytes
    is_awkward: bytes
    greedy_slots: tuple[tuple[int, ...], ...]
    awaited_slots: tuple[tuple[int, ...], ...]
    streams: tuple[tuple[Intake, ...], ...]
    roots: tuple[int, ...]
    needs_input: bytes
    rank: tuple[int, ...]
    by_rank: tuple[int, ...]
    _edges_from: tuple[tuple[int, ...], ...]
    _parts: dict[str, Plan] = field(default_factory=dict)
    _fingerprint: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        start = f", start={self.start!r}" if self.start is not None else ""
        return f"<Plan of {len(self.names)} nodes, {len(self.edges)} edges{start}>"

    def edges_from(self, node: str) -> tuple[int, ...]:
        """Return the indexes of the edges that leave `node`, in the order in which they were connected."""
        return self._edges_from[self.number(node)]

    def number(self, node: str) -> int:
        """Return the node's number.

        Raises:
            PipelineValidationError: there is no such node.
        """
        try:
            return self.index[node]
        except KeyError:
            known = ", ".join(map(repr, self.names[:20]))
            raise PipelineValidationError(
                f"There is no node {node!r} in the plan. It has: {known or 'no nodes'}."
            ) from None

    def descendants(self, node: str) -> frozenset[str]:
        """Return the nodes that `node` can reach; `node` itself is among them only if it lies on a cycle."""
        return frozenset(self.names[i] for i in order.reachable(self.receivers, self.number(node)))

    def starting_at(self, node: str) -> Plan:
        """Return the plan of a run that begins at `node`: it and its descendants take part.

        Names, edges and their numbers stay. Edges from other nodes count as absent. The result is kept for the next
        call.
        """
        if node not in self._parts:
            number = self.number(node)
            members = order.reachable(self.receivers, number) | {number}
            self._parts[node] = _compile(self.nodes, self.edges, members, node, self.rank, is_acyclic=self.is_acyclic)
        return self._parts[node]

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that differ, in all likelihood, between plans with different nodes, sockets or edges."""
        if not self._fingerprint:
            import zlib

            nodes = [
                (node.name, [(s.name, s.kind.value, s.is_mandatory) for s in node.inputs.values()], list(node.outputs))
                for node in self.nodes
            ]
            edges = [(e.source, e.source_socket, e.target, e.target_socket, e.key) for e in self.edges]
            self._fingerprint.append(f"{zlib.crc32(repr((nodes, edges, self.start)).encode()):08x}")
        return self._fingerprint[0]


def freeze(graph: Graph) -> Plan:
    """Compile `graph` as it is now; later changes to it do not reach the plan."""
    in_graph_order = graph.nodes
    nodes = tuple(in_graph_order[name] for name in sorted(in_graph_order))
    index = {node.name: number for number, node in enumerate(nodes)}
    edges = graph.edges
    successors: list[dict[int, None]] = [{} for _ in nodes]
    for edge in edges:
        successors[index[edge.source]][index[edge.target]] = None
    adjacency = [list(receivers) for receivers in successors]
    sources = [index[name] for name in in_graph_order]
    position = order.positions(adjacency, sources)
    waiting = sorted(range(len(nodes)), key=lambda i: (position[i], nodes[i].name.lower(), i))
    rank = [0] * len(nodes)
    for place, number in enumerate(waiting):
        rank[number] = place
    acyclic = len(order.components(adjacency, sources)) == len(nodes)
    return _compile(nodes, edges, set(index.values()), None, tuple(rank), is_acyclic=acyclic)


@dataclass(slots=True, eq=False, repr=False)
class _Slot:
    """What the compiler learns of one input socket before it can write it down."""

    number: int
    kind: int
    senders: dict[int, int] = field(default_factory=dict)  # sender node -> link, once links are numbered


def _compile(  # noqa: C901 - one table after the other
    nodes: tuple[Node, ...],
    edges: tuple[Edge, ...],
    members: set[int],
    start: str | None,
    rank: tuple[int, ...],
    *,
    is_acyclic: bool,
) -> Plan:
    index = {node.name: number for number, node in enumerate(nodes)}
    slots: list[dict[str, _Slot]] = []
    slot_count = 0
    for node in nodes:
        own = {}
        for name, socket in node.inputs.items():
            own[name] = _Slot(slot_count, _NUMBER[socket.kind])
            slot_count += 1
        slots.append(own)

    leaving: list[list[int]] = [[] for _ in nodes]
    for number, edge in enumerate(edges):
        source = index[edge.source]
        leaving[source].append(number)
        if source in members:
            slots[index[edge.target]][edge.target_socket].senders[source] = -1

    link_senders: list[int] = []
    for own in slots:
        for slot in own.values():
            for source in slot.senders:
                slot.senders[source] = len(link_senders)
                link_senders.append(source)

    intakes = tuple(tuple(_intake(node, name, slot) for name, slot in slots[i].items()) for i, node in enumerate(nodes))
    deliveries: list[list[Delivery]] = [[] for _ in nodes]
    for source in sorted(members):
        for number in leaving[source]:
            edge = edges[number]
            target = index[edge.target]
            slot = slots[target][edge.target_socket]
            mandatory = int(nodes[target].inputs[edge.target_socket].is_mandatory)
            link, counted = slot.senders[source], int(_is_counted(slot))
            deliveries[source].append(
                Delivery(number, edge.source_socket, slot.kind, target, slot.number, link, mandatory, counted)
            )

    converts: dict[int, tuple[tuple[int, str, Callable[[Any], Any]], ...]] = {}
    for source, leave in enumerate(deliveries):
        for delivery in leave:
            convert = edges[delivery.edge].convert
            if convert is not None:
                converts[source] = (*converts.get(source, ()), (delivery.edge, delivery.source_socket, convert))

    return Plan(
        names=tuple(index),
        index=index,
        edges=edges,
        start=start,
        is_acyclic=is_acyclic,
        nodes=nodes,
        participants=bytes(number in members for number in range(len(nodes))),
        intakes_by_name=tuple({intake.name: intake for intake in own} for own in intakes),
        intakes=intakes,
        readings=tuple(tuple(map(_reading, own)) for own in intakes),
        resets=tuple(map(_reset, intakes)),
        deliveries=tuple(map(tuple, deliveries)),
        converts=converts,
        receivers=tuple(tuple({d.target: None for d in own}) for own in deliveries),
        consumed=tuple(frozenset(d.source_socket for d in own) for own in deliveries),
        mandatory_count=tuple(sum(intake.mandatory for intake in own) for own in intakes),
        sender_count=tuple(sum(len(slot.senders) for slot in own.values()) for own in slots),
        slot_senders=tuple(len(slot.senders) for own in slots for slot in own.values()),
        link_senders=tuple(link_senders),
        unreported_count=tuple(sum(len(slot.senders) for slot in own.values() if slot.kind != STREAM) for own in slots),
        is_plain=bytes(all(slot.kind != STREAM for slot in own.values()) for own in slots),
        is_special=bytes(any(slot.kind in (GREEDY, STREAM) for slot in own.values()) for own in slots),
        is_awkward=bytes(i in converts or any(d.kind == STREAM for d in own) for i, own in enumerate(deliveries)),
        greedy_slots=tuple(tuple(i.slot for i in own if i.kind == GREEDY) for own in intakes),
        awaited_slots=tuple(tuple(i.slot for i in own if i.mandatory or i.links) for own in intakes),
        streams=tuple(tuple(i for i in own if i.kind == STREAM) for own in intakes),
        roots=tuple(i for i in sorted(members) if not any(slot.senders for slot in slots[i].values())),
        needs_input=bytes(
            number in members and any(intake.mandatory and not intake.links for intake in own)
            for number, own in enumerate(intakes)
        ),
        rank=rank,
        by_rank=tuple(sorted(range(len(rank)), key=rank.__getitem__)),
        _edges_from=tuple(map(tuple, leaving)),
    )


def _intake(node: Node, name: str, slot: _Slot) -> Intake:
    socket = node.inputs[name]
    broadcasts = slot.kind == STANDARD and any(other.kind is PortKind.STREAM for other in node.inputs.values())
    return Intake(
        slot=slot.number,
        name=name,
        kind=slot.kind,
        mandatory=int(socket.is_mandatory),
        default=socket.default_value,
        links=tuple(slot.senders.values()),
        counted=int(_is_counted(slot)),
        keeps=broadcasts,
        joins=not socket.wrap_input_in_list,
    )


def _reading(intake: Intake) -> Reading:
    is_list = intake.kind in (LAZY, GREEDY) and intake.default is not NO_DEFAULT
    default = (intake.default,) if is_list else intake.default
    return Reading(intake.slot, intake.name, intake.kind, default, intake.joins)


def _reset(intakes: tuple[Intake, ...]) -> Reset:
    links = [link for intake in intakes for link in intake.links]
    slots = [intake.slot for intake in intakes]
    one_slot, one_link = len(slots) == 1, len(links) == 1
    return Reset(
        slots=slots[0] if one_slot else slice(min(slots, default=0), max(slots, default=-1) + 1),
        nothing=Mark.EMPTY if one_slot else (Mark.EMPTY,) * len(slots),
        links=links[0] if one_link else slice(min(links, default=0), max(links, default=-1) + 1),
        silence=0 if one_link else bytes(len(links)),
        missing_count=sum(intake.mandatory for intake in intakes),
        unreported_count=len(links),
    )


def _is_counted(slot: _Slot) -> bool:
    """Whether a report over this slot's links lowers the receiver's count of unreported senders.

    A greedy socket holds one entry, so with several senders it never knows of all of them: such a node waits until
    nothing else runs, or until its senders can never run again. A stream is asked for its own state, since any value in
    it suffices.
    """
    if slot.kind == GREEDY:
        return len(slot.senders) == 1
    return slot.kind != STREAM
