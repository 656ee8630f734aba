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

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dtlpipe.graph import order
from dtlpipe.graph.errors import PipelineValidationError
from dtlpipe.graph.graph import Edge, Graph, Node
from dtlpipe.graph.ports import NO_DEFAULT, Mark, PortKind

__all__ = [
    "GREEDY",
    "LAZY",
    "STANDARD",
    "STREAM",
    "ByName",
    "Delivery",
    "Intake",
    "Plan",
    "Reading",
    "Reset",
    "assemble",
    "freeze",
]

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
    return assemble(graph.nodes, graph.edges)


def assemble(in_graph_order: Mapping[str, Node], edges: tuple[Edge, ...]) -> Plan:
    """Compile nodes and edges that are known to be correct, as those of a `Graph` are."""
    nodes = tuple([in_graph_order[name] for name in sorted(in_graph_order)])
    index = {node.name: number for number, node in enumerate(nodes)}
    successors: list[dict[int, None]] = [{} for _ in nodes]
    for edge in edges:
        successors[index[edge.source]][index[edge.target]] = None
    position = order.positions(list(map(list, successors)), [index[name] for name in in_graph_order])
    waiting = sorted(range(len(nodes)), key=lambda i: (position[i], nodes[i].name.lower(), i))
    rank = [0] * len(nodes)
    for place, number in enumerate(waiting):
        rank[number] = place
    acyclic = len(set(position)) == len(nodes)  # the members of a cycle share theirs
    return _compile(nodes, edges, set(index.values()), None, tuple(rank), is_acyclic=acyclic)


def _compile(
    nodes: tuple[Node, ...],
    edges: tuple[Edge, ...],
    members: set[int],
    start: str | None,
    rank: tuple[int, ...],
    *,
    is_acyclic: bool,
) -> Plan:
    index = {node.name: number for number, node in enumerate(nodes)}
    numbers = itertools.count()
    slots = [dict(zip(node.inputs, numbers, strict=False)) for node in nodes]
    kinds = [_NUMBER[socket.kind] for node in nodes for socket in node.inputs.values()]
    links, link_senders = _links(edges, index, members, slots)
    intakes = tuple([_intakes(node, own, links) for node, own in zip(nodes, slots, strict=True)])

    streaming: set[int] = set()
    leaving: list[list[int]] = [[] for _ in nodes]
    deliveries: list[list[Delivery]] = [[] for _ in nodes]
    converts: dict[int, tuple[tuple[int, str, Callable[[Any], Any]], ...]] = {}
    for number, edge in enumerate(edges):
        source, target, socket = index[edge.source], index[edge.target], edge.target_socket
        leaving[source].append(number)
        if source not in members:
            continue
        slot = slots[target][socket]
        kind, own = kinds[slot], links[slot]
        mandatory = int(nodes[target].inputs[socket].is_mandatory)
        counted = _is_counted(kind, own)
        deliveries[source].append(
            Delivery(number, edge.source_socket, kind, target, slot, own[source], mandatory, counted)
        )
        if kind == STREAM:
            streaming.add(source)
        if edge.convert is not None:
            converts[source] = (*converts.get(source, ()), (number, edge.source_socket, edge.convert))

    resets = tuple(map(_reset, intakes))
    sender_count = tuple([reset.unreported_count for reset in resets])
    streams = tuple([tuple([i for i in own if i.kind == STREAM]) for own in intakes])
    greedy_slots = tuple([tuple([i.slot for i in own if i.kind == GREEDY]) for own in intakes])
    return Plan(
        names=tuple(index),
        index=index,
        edges=edges,
        start=start,
        is_acyclic=is_acyclic,
        nodes=nodes,
        participants=bytes([number in members for number in range(len(nodes))]),
        intakes_by_name=tuple([{intake.name: intake for intake in own} for own in intakes]),
        intakes=intakes,
        readings=tuple([tuple(map(_reading, own)) for own in intakes]),
        resets=resets,
        deliveries=tuple(map(tuple, deliveries)),
        converts=converts,
        receivers=tuple([tuple({d.target: None for d in own}) for own in deliveries]),
        consumed=tuple([frozenset([d.source_socket for d in own]) for own in deliveries]),
        mandatory_count=tuple([reset.missing_count for reset in resets]),
        sender_count=sender_count,
        slot_senders=tuple(map(len, links)),
        link_senders=tuple(link_senders),
        unreported_count=tuple(
            [
                count - sum([len(stream.links) for stream in own]) if own else count
                for count, own in zip(sender_count, streams, strict=True)
            ]
        ),
        is_plain=bytes([not own for own in streams]),
        is_special=bytes([bool(greedy or own) for greedy, own in zip(greedy_slots, streams, strict=True)]),
        is_awkward=bytes([number in converts or number in streaming for number in range(len(nodes))]),
        greedy_slots=greedy_slots,
        awaited_slots=tuple([tuple([i.slot for i in own if i.mandatory or i.links]) for own in intakes]),
        streams=streams,
        roots=tuple([i for i in sorted(members) if not sender_count[i]]),
        needs_input=bytes(
            [
                number in members and any(intake.mandatory and not intake.links for intake in own)
                for number, own in enumerate(intakes)
            ]
        ),
        rank=rank,
        by_rank=tuple(sorted(range(len(rank)), key=rank.__getitem__)),
        _edges_from=tuple(map(tuple, leaving)),
    )


def _links(
    edges: tuple[Edge, ...], index: Mapping[str, int], members: set[int], slots: list[dict[str, int]]
) -> tuple[list[dict[int, int]], list[int]]:
    """Number the links by slot: return each slot's, by sender node, and each link's sender."""
    links: list[dict[int, int]] = [{} for own in slots for _ in own]
    for edge in edges:
        source = index[edge.source]
        if source in members:
            links[slots[index[edge.target]][edge.target_socket]][source] = -1
    link_senders: list[int] = []
    for own in links:
        for source in own:
            own[source] = len(link_senders)
            link_senders.append(source)
    return links, link_senders


def _intakes(node: Node, slots: Mapping[str, int], links: list[dict[int, int]]) -> tuple[Intake, ...]:
    kinds = [_NUMBER[socket.kind] for socket in node.inputs.values()]
    broadcasts = STREAM in kinds
    found = []
    for (name, slot), kind, socket in zip(slots.items(), kinds, node.inputs.values(), strict=True):
        own, default = links[slot], socket.default_value
        keeps, joins = broadcasts and kind == STANDARD, not socket.wrap_input_in_list
        counted = _is_counted(kind, own)
        found.append(
            Intake(slot, name, kind, int(socket.is_mandatory), default, tuple(own.values()), counted, keeps, joins)
        )
    return tuple(found)


def _reading(intake: Intake) -> Reading:
    is_list = intake.kind in (LAZY, GREEDY) and intake.default is not NO_DEFAULT
    default = (intake.default,) if is_list else intake.default
    return Reading(intake.slot, intake.name, intake.kind, default, intake.joins)


def _reset(intakes: tuple[Intake, ...]) -> Reset:
    links = [link for intake in intakes for link in intake.links]
    slots = [intake.slot for intake in intakes]
    one_slot, one_link = len(slots) == 1, len(links) == 1
    return Reset(
        slots[0] if one_slot else _range_of(slots),
        Mark.EMPTY if one_slot else (Mark.EMPTY,) * len(slots),
        links[0] if one_link else _range_of(links),
        0 if one_link else bytes(len(links)),
        sum([intake.mandatory for intake in intakes]),
        len(links),
    )


def _range_of(numbers: list[int]) -> slice:
    """Return the slice of consecutive, ascending numbers."""
    return slice(numbers[0], numbers[-1] + 1) if numbers else slice(0, 0)


def _is_counted(kind: int, links: Mapping[int, int]) -> int:
    """Whether a report over a slot's links lowers the receiver's count of unreported senders.

    A greedy socket holds one entry, so with several senders it never knows of all of them: such a node waits until
    nothing else runs, or until its senders can never run again. A stream is asked for its own state, since any value in
    it suffices.
    """
    return int(len(links) == 1 if kind == GREEDY else kind != STREAM)
