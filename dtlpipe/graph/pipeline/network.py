"""The graph of a pipeline as data about its components and connections, read as networkx graphs are read.

Law: a plain container. It knows nothing of components, sockets or types; what may be connected is decided elsewhere.

It answers what users of Haystack ask of `pipeline.graph`: `nodes`, `nodes[name]["instance"]`, `nodes(data=True)`,
`edges`, `edges.data()`, `edges[sender, receiver, key]`, `has_node`, `has_edge`, `predecessors`, `in_edges` and so on.
Nodes and edges keep the order in which they were added; the edges of one sender stand together, as in networkx.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["EdgeView", "Network", "NodeView"]

Data = dict[str, Any]
Edge = tuple[str, str, str]


class NodeView:
    """The nodes: a mapping from names to their data, and callable as `nodes(data=...)`."""

    __slots__ = ("_nodes",)

    def __init__(self, nodes: dict[str, Data]) -> None:
        self._nodes = nodes

    def __getitem__(self, name: str) -> Data:
        return self._nodes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def __call__(self, data: bool | str = False, default: Any = None) -> Any:  # noqa: FBT001, FBT002 - networkx's shape
        """Return the names; with `data=True` pairs (name, data); with a key (name, data[key])."""
        return self if data is False else self.data(data, default)

    def data(self, data: bool | str = True, default: Any = None) -> list[Any]:  # noqa: FBT001, FBT002
        """Return pairs of a name and its data, or and one entry of its data."""
        if data is False:
            return list(self._nodes)
        if data is True:
            return list(self._nodes.items())
        return [(name, own.get(data, default)) for name, own in self._nodes.items()]

    def items(self) -> Iterable[tuple[str, Data]]:
        return self._nodes.items()

    def keys(self) -> Iterable[str]:
        return self._nodes.keys()

    def values(self) -> Iterable[Data]:
        return self._nodes.values()

    def get(self, name: str, default: Any = None) -> Any:
        return self._nodes.get(name, default)

    def __repr__(self) -> str:
        return f"NodeView({tuple(self._nodes)})"


class EdgeView:
    """The edges (sender, receiver, key): a mapping to their data, and callable as `edges(nbunch, data=..., keys=...)`.

    `inward`: the edges are grouped by receiver.
    """

    __slots__ = ("_inward", "_network")

    def __init__(self, network: Network, *, inward: bool = False) -> None:
        self._network = network
        self._inward = inward

    def _items(self, names: str | Iterable[str] | None = None) -> Iterator[tuple[Edge, Data]]:
        wanted = self._network.nodes if names is None else [names] if isinstance(names, str) else names
        adjacency = self._network.pred if self._inward else self._network.succ
        for name in wanted:
            for other, edges in adjacency[name].items():
                for key, data in edges.items():
                    yield ((other, name, key) if self._inward else (name, other, key)), data

    def __iter__(self) -> Iterator[Edge]:
        return (edge for edge, _ in self._items())

    def __len__(self) -> int:
        return sum(1 for _ in self._items())

    def __contains__(self, edge: object) -> bool:
        return isinstance(edge, tuple) and self._network.has_edge(*edge)

    def __getitem__(self, edge: Edge) -> Data:
        sender, receiver, key = edge
        return self._network.succ[sender][receiver][key]

    def __call__(
        self,
        nbunch: str | Iterable[str] | None = None,
        data: bool | str = False,  # noqa: FBT001, FBT002 - networkx's shape
        *,
        keys: bool = False,
        default: Any = None,
    ) -> list[tuple[Any, ...]]:
        """Return (sender, receiver), with the key and the data (or one entry of it) if asked for."""
        found = []
        for edge, own in self._items(nbunch):
            head = edge if keys else edge[:2]
            if data is False:
                found.append(head)
            else:
                found.append((*head, own if data is True else own.get(data, default)))
        return found

    def data(self, data: bool | str = True, *, keys: bool = False, default: Any = None) -> list[tuple[Any, ...]]:  # noqa: FBT001, FBT002
        """Return (sender, receiver, data), or one entry of the data."""
        return self(data=data, keys=keys, default=default)

    def items(self) -> Iterator[tuple[Edge, Data]]:
        return self._items()

    def __repr__(self) -> str:
        return f"EdgeView({list(self)})"


class Network:
    """A directed graph with parallel edges, told apart by their keys.

    `version` counts the changes; what was made of one version holds while the number stays.
    """

    __slots__ = ("_nodes", "edges", "in_edges", "nodes", "pred", "succ", "version")

    def __init__(self) -> None:
        self._nodes: dict[str, Data] = {}
        self.succ: dict[str, dict[str, dict[str, Data]]] = {}
        self.pred: dict[str, dict[str, dict[str, Data]]] = {}
        self.nodes = NodeView(self._nodes)
        self.edges = EdgeView(self)
        self.in_edges = EdgeView(self, inward=True)
        self.version = 0

    @property
    def out_edges(self) -> EdgeView:
        return self.edges

    @property
    def adj(self) -> dict[str, dict[str, dict[str, Data]]]:
        return self.succ

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __getitem__(self, name: str) -> dict[str, dict[str, Data]]:
        return self.succ[name]

    def add_node(self, name: str, **data: Any) -> None:
        """Add a node, or add to the data of the one there is."""
        if name not in self._nodes:
            self._nodes[name], self.succ[name], self.pred[name] = {}, {}, {}
        self._nodes[name].update(data)
        self.version += 1

    def add_edge(self, sender: str, receiver: str, key: str, **data: Any) -> None:
        """Add an edge between nodes that are there. One of the same key is replaced."""
        self.succ[sender].setdefault(receiver, {})[key] = data
        self.pred[receiver].setdefault(sender, {})[key] = data
        self.version += 1

    def remove_edge(self, sender: str, receiver: str, key: str) -> None:
        """Remove one edge."""
        for adjacency, at, other in ((self.succ, sender, receiver), (self.pred, receiver, sender)):
            del adjacency[at][other][key]
            if not adjacency[at][other]:
                del adjacency[at][other]
        self.version += 1

    def remove_node(self, name: str) -> None:
        """Remove a node with its edges."""
        for receiver in self.succ.pop(name):
            del self.pred[receiver][name]
        for sender in self.pred.pop(name):
            del self.succ[sender][name]
        del self._nodes[name]
        self.version += 1

    def has_node(self, name: object) -> bool:
        return name in self._nodes

    def has_edge(self, sender: str, receiver: str, key: str | None = None) -> bool:
        between = self.succ.get(sender, {}).get(receiver)
        return between is not None and (key is None or key in between)

    def get_edge_data(self, sender: str, receiver: str, key: str | None = None, default: Any = None) -> Any:
        """Return {key: data} of the edges between two nodes, or one edge's data."""
        between = self.succ.get(sender, {}).get(receiver)
        if between is None:
            return default
        return between if key is None else between.get(key, default)

    def successors(self, name: str) -> Iterator[str]:
        return iter(self.succ[name])

    neighbors = successors

    def predecessors(self, name: str) -> Iterator[str]:
        return iter(self.pred[name])

    def in_degree(self, name: str | None = None) -> Any:
        """Return how many edges enter a node, or an iterator of (node, number) for all of them.

        `out_degree` counts the edges that leave, `degree` both.
        """
        return self._counted(name, self.pred)

    def out_degree(self, name: str | None = None) -> Any:
        return self._counted(name, self.succ)

    def degree(self, name: str | None = None) -> Any:
        return self._counted(name, self.pred, self.succ)

    def _counted(self, name: str | None, *adjacencies: dict[str, dict[str, dict[str, Data]]]) -> Any:
        if name is None:
            return ((each, self._counted(each, *adjacencies)) for each in self._nodes)
        return sum(len(edges) for adjacency in adjacencies for edges in adjacency[name].values())

    def copy(self) -> Network:
        """Return a graph of its own with the same nodes and edges; instances and sockets are shared."""
        other = Network()
        for name, data in self._nodes.items():
            other.add_node(name, **data)
        for (sender, receiver, key), data in self.edges.items():
            other.add_edge(sender, receiver, key, **data)
        return other

    def number_of_nodes(self) -> int:
        return len(self._nodes)

    def number_of_edges(self) -> int:
        return len(self.edges)

    def is_directed(self) -> bool:
        return True

    def is_multigraph(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<Network of {len(self)} nodes, {len(self.edges)} edges>"
