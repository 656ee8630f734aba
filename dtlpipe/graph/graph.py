"""The graph while it is being built: nodes, their sockets, and connections between sockets.

Law: a graph is only ever correct. Whatever cannot be connected is refused at once, with the node, the socket and the
way out named.
`dtlpipe.graph.plan.freeze` turns it into what runs use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from dtlpipe.graph import order
from dtlpipe.graph.errors import PipelineConnectError, PipelineValidationError
from dtlpipe.graph.ports import InputPort, OutputPort

__all__ = ["Edge", "Graph", "Node"]


class Node(NamedTuple):
    """A node's name and its sockets by name, in the order of declaration."""

    name: str
    inputs: dict[str, InputPort]
    outputs: dict[str, OutputPort]


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection from an output socket to an input socket.

    Attributes:
        key: tells parallel edges apart; "output/input" unless given.
        convert: applied to each value on its way, or None.
    """

    source: str
    source_socket: str
    target: str
    target_socket: str
    key: str
    convert: Callable[[Any], Any] | None = field(default=None, compare=False)


class Graph:
    """A directed graph of nodes; cycles are allowed, a connection from a node to itself is not."""

    __slots__ = ("_edges", "_feeders", "_identities", "_nodes")

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._edges: list[Edge] = []
        self._identities: dict[tuple[str, str, str, str, str], int] = {}
        self._feeders: dict[tuple[str, str], tuple[str, str]] = {}

    @property
    def nodes(self) -> dict[str, Node]:
        """The nodes by name, in the order in which they were added (a copy)."""
        return dict(self._nodes)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges, in the order in which they were connected; their indexes are those of the plan."""
        return tuple(self._edges)

    def add_node(
        self,
        name: str,
        inputs: Iterable[InputPort | str] = (),
        outputs: Iterable[OutputPort | str] = (),
    ) -> Self:
        """Add a node. A plain string stands for a mandatory standard input, or for an output.

        Raises:
            PipelineValidationError: the name is taken or empty, or two inputs or two outputs share a name.
        """
        if not name:
            raise PipelineValidationError("A node needs a name; got an empty one. Give each node a unique name.")
        if name in self._nodes:
            raise PipelineValidationError(f"Node {name!r} exists already. Choose another name for the new node.")
        taken = Node(name, {}, {})
        for entry in inputs:
            socket = InputPort(entry) if isinstance(entry, str) else entry
            if socket.name in taken.inputs:
                raise PipelineValidationError(
                    f"Node {name!r} declares the input {socket.name!r} twice. Rename one of them."
                )
            taken.inputs[socket.name] = socket
        for exit_ in outputs:
            out = OutputPort(exit_) if isinstance(exit_, str) else exit_
            if out.name in taken.outputs:
                raise PipelineValidationError(
                    f"Node {name!r} declares the output {out.name!r} twice. Rename one of them."
                )
            taken.outputs[out.name] = out
        self._nodes[name] = taken
        return self

    def connect(
        self,
        sender: str,
        sender_socket: str,
        receiver: str,
        receiver_socket: str,
        *,
        key: str | None = None,
        convert: Callable[[Any], Any] | None = None,
    ) -> int:
        """Connect an output to an input and return the edge's index, which is also its index in the plan.

        The same connection twice is one edge. Another `key` makes it a parallel edge, which a driver may close on its
        own (two conditions on one pair of ports).

        Raises:
            PipelineConnectError: a node or socket is unknown, sender and receiver are the same node, or the input takes
                one sender and has another already.
        """
        source, target = self._node(sender), self._node(receiver)
        if sender_socket not in source.outputs:
            raise PipelineConnectError(_unknown("output", sender_socket, sender, source.outputs))
        if receiver_socket not in target.inputs:
            raise PipelineConnectError(_unknown("input", receiver_socket, receiver, target.inputs))
        if sender == receiver:
            raise PipelineConnectError(
                f"Node {sender!r} cannot be connected to itself ({sender_socket!r} to {receiver_socket!r}). "
                "Put a node between the two ends of the loop."
            )
        key = key if key is not None else f"{sender_socket}/{receiver_socket}"
        identity = (sender, sender_socket, receiver, receiver_socket, key)
        if identity in self._identities:
            return self._identities[identity]
        feeder = self._feeders.get((receiver, receiver_socket))
        if feeder not in (None, (sender, sender_socket)) and not target.inputs[receiver_socket].takes_many_senders:
            raise PipelineConnectError(
                f"Input {receiver_socket!r} of node {receiver!r} is already fed by {feeder[0]!r} ({feeder[1]!r}), so "
                f"{sender!r} ({sender_socket!r}) cannot feed it too. Declare the input as stream (a visit per value), "
                "lazy (one visit with all values) or greedy (a visit at once), or connect to another input."
            )
        self._feeders[receiver, receiver_socket] = (sender, sender_socket)
        index = self._identities[identity] = len(self._edges)
        self._edges.append(Edge(sender, sender_socket, receiver, receiver_socket, key, convert))
        return index

    def descendants(self, name: str) -> frozenset[str]:
        """Return the nodes that `name` can reach; `name` itself is among them only if it lies on a cycle."""
        self._node(name)
        names, successors = self._adjacency()
        return frozenset(names[index] for index in order.reachable(successors, names.index(name)))

    def find_cycle(self) -> tuple[str, ...] | None:
        """Return the names along one cycle, or None if the graph is acyclic."""
        names, successors = self._adjacency()
        found = order.cycle(successors, range(len(names)))
        return None if found is None else tuple(names[index] for index in found)

    def _adjacency(self) -> tuple[list[str], list[list[int]]]:
        names = list(self._nodes)
        index = {name: number for number, name in enumerate(names)}
        receivers: list[dict[int, None]] = [{} for _ in names]
        for edge in self._edges:
            receivers[index[edge.source]][index[edge.target]] = None
        return names, [list(targets) for targets in receivers]

    def _node(self, name: str) -> Node:
        try:
            return self._nodes[name]
        except KeyError:
            import difflib

            near = difflib.get_close_matches(name, self._nodes, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else " Add it with add_node() first."
            raise PipelineConnectError(f"There is no node {name!r}.{hint}") from None


def _unknown(what: str, socket: str, node: str, known: Iterable[str]) -> str:
    names = sorted(known)
    choice = f"It has {', '.join(map(repr, names))}." if names else f"It has no {what}s: declare them in add_node()."
    return f"Node {node!r} has no {what} {socket!r}. {choice}"
