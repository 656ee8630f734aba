"""Lists that are spread over runs of nodes: what a plan with such connections means for each node, worked out once.

Law: static data. Who runs when, and with what, is `dtlpipe.graph.fanning`'s.

A connection may *fan*: each element of a list goes on by itself; or *collect*: what such elements came to becomes a
list again. So a node behind a fan runs once for each element, and each of its tasks has a *path*: the indexes of the
elements that it belongs to, the outermost list first. A node's *levels* say what the indexes in its paths count:

| what arrives at a node               | its levels                                                                 |
|--------------------------------------|----------------------------------------------------------------------------|
| from a node of levels L, as it is    | L                                                                          |
| fanned                               | L, and one more                                                            |
| collected                            | L up to the innermost level that stems from a list, without it             |
| by several connections into one port | those that all of them share, and one more, which counts arrivals in order |

A node has the levels of that port of its own which has most. Ports with fewer are filled with the same value for all
paths that begin alike: a value beside a list is there for each of its elements. Two ports whose levels stem from
different lists are filled in pairs, first with first, and these lists have to be of one length: they are *rivals*.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from dtlpipe.graph import order
from dtlpipe.graph.plan import Plan

__all__ = ["Collection", "FanPlan", "Lane", "Layout", "Port", "Turn"]


class Turn(IntEnum):
    """What becomes of a value on a connection."""

    PASS = 0
    FAN = 1
    COLLECT = 2


class Level(NamedTuple):
    """What one index of a path counts.

    Attributes:
        origins: numbers of the edges that fan into it; a negative one stands for arrivals at a port.
        spread: whether elements of lists are among what it counts.
    """

    origins: frozenset[int]
    spread: bool


Levels = tuple[Level, ...]


class Port(NamedTuple):
    """An input that takes part. `shared`: how many indexes arrivals keep where several are told apart, or None."""

    name: str
    slot: int
    depth: int
    shared: int | None


class Lane(NamedTuple):
    """An edge as its sender sees it. `collection`: the number of what is collected on it, or -1."""

    edge: int
    source_socket: str
    turn: Turn
    target: int
    port: Port
    collection: int


class Collection(NamedTuple):
    """What is collected on one edge: a list for each path of `keep` indexes."""

    keep: int
    target: int
    port: Port


@dataclass(frozen=True, slots=True)
class Layout:
    """A plan with fans as the runs from one node use it; sequences go by the numbers of nodes.

    Attributes:
        start: the node that runs first.
        depths: how many indexes the paths of a node have.
        ports: the ports that some node of the run feeds, those of most indexes first; None for a node that cannot run,
            because nothing feeds a port that must be fed.
        lanes: the edges that leave a node.
        collections: what is collected, in topological order.
        feeding: the collections that something is still to come for while a task of the node is open.
        rivals: for an edge that fans, the edges whose lists must be as long, each with the node that pairs them.
    """

    start: int
    depths: Sequence[int]
    ports: Sequence[tuple[Port, ...] | None]
    lanes: Sequence[tuple[Lane, ...]]
    collections: Sequence[Collection]
    feeding: Sequence[tuple[int, ...]]
    rivals: Mapping[int, tuple[tuple[int, int], ...]]


@dataclass(frozen=True, slots=True)
class FanPlan:
    """An acyclic plan, and what happens on its edges, by number; those that are not named pass values as they are."""

    plan: Plan
    turns: Mapping[int, Turn]
    _layouts: dict[str, Layout] = field(default_factory=dict, compare=False, repr=False)

    def starting_at(self, node: str) -> Layout:
        """The layout for runs from that node; it is kept for the next call."""
        if node not in self._layouts:
            self._layouts[node] = _laid_out(self.plan, self.turns, self.plan.number(node))
        return self._layouts[node]


def _laid_out(plan: Plan, turns: Mapping[int, Turn], start: int) -> Layout:
    count = len(plan.names)
    successors: list[dict[int, None]] = [{} for _ in range(count)]
    for edge in plan.edges:
        successors[plan.index[edge.source]][plan.index[edge.target]] = None
    followers = [list(each) for each in successors]
    members = order.reachable(followers, start) | {start}
    arriving: dict[tuple[int, str], list[int]] = {}
    for number, edge in enumerate(plan.edges):
        if plan.index[edge.source] in members and plan.index[edge.target] != start:
            arriving.setdefault((plan.index[edge.target], edge.target_socket), []).append(number)

    slots = itertools.count()
    levels: list[Levels] = [()] * count
    ports: list[tuple[Port, ...] | None] = [() for _ in range(count)]
    rivals: dict[int, list[tuple[int, int]]] = {}
    for node in sorted(members, key=plan.rank.__getitem__):
        if node == start:
            continue
        own: list[tuple[Port, Levels]] = []
        for socket in plan.nodes[node].inputs.values():
            edges = arriving.get((node, socket.name))
            if edges is not None:
                found, shared = _of_port(plan, turns, levels, edges)
                own.append((Port(socket.name, next(slots), len(found), shared), found))
            elif socket.is_mandatory:
                ports[node] = None
        levels[node] = _of_node([found for _, found in own], node, rivals)
        if ports[node] is not None:
            ports[node] = tuple(sorted((port for port, _ in own), key=lambda port: -port.depth))
    lanes, collections, feeding = _lanes(plan, turns, levels, ports, followers, members)
    return Layout(
        start,
        tuple(map(len, levels)),
        tuple(ports),
        lanes,
        collections,
        feeding,
        {edge: tuple(dict.fromkeys(found)) for edge, found in rivals.items()},
    )


def _after(plan: Plan, turns: Mapping[int, Turn], levels: Sequence[Levels], edge: int) -> Levels:
    """The levels of what comes out of an edge."""
    before = levels[plan.index[plan.edges[edge].source]]
    match turns.get(edge, Turn.PASS):
        case Turn.FAN:
            return (*before, Level(frozenset((edge,)), spread=True))
        case Turn.COLLECT:
            return before[: _kept(before)]
        case _:
            return before


def _kept(levels: Levels) -> int:
    """How many levels are outside of the innermost list; all of them, if there is no list."""
    return max((number for number, level in enumerate(levels) if level.spread), default=len(levels))


def _of_port(
    plan: Plan, turns: Mapping[int, Turn], levels: Sequence[Levels], edges: Sequence[int]
) -> tuple[Levels, int | None]:
    coming = [_after(plan, turns, levels, edge) for edge in edges]
    if len(coming) == 1:
        return coming[0], None
    alike = 0
    for beside in zip(*coming, strict=False):
        if not frozenset.intersection(*(level.origins for level in beside)):
            break
        alike += 1
    spread = any(level.spread for found in coming for level in found[alike:])
    arrivals = Level(frozenset((-1 - edges[0],)), spread=spread)
    merged = tuple(
        Level(
            frozenset.union(*(found[number].origins for found in coming)), any(found[number].spread for found in coming)
        )
        for number in range(alike)
    )
    return (*merged, arrivals), alike


def _of_node(found: Sequence[Levels], node: int, rivals: dict[int, list[tuple[int, int]]]) -> Levels:
    """The levels of a node whose ports have these; notes lists that it pairs."""
    levels: list[Level] = []
    for beside in itertools.zip_longest(*found):
        present = [level for level in beside if level is not None]
        for one, other in itertools.combinations(present, 2):
            if not one.origins & other.origins:
                for a, b in itertools.product(_lists(one), _lists(other)):
                    rivals.setdefault(a, []).append((b, node))
                    rivals.setdefault(b, []).append((a, node))
        origins = frozenset.union(*(level.origins for level in present))
        levels.append(Level(origins, any(level.spread for level in present)))
    return tuple(levels)


def _lists(level: Level) -> list[int]:
    return sorted(edge for edge in level.origins if edge >= 0)


def _lanes(
    plan: Plan,
    turns: Mapping[int, Turn],
    levels: Sequence[Levels],
    ports: Sequence[tuple[Port, ...] | None],
    followers: list[list[int]],
    members: set[int],
) -> tuple[list[tuple[Lane, ...]], list[Collection], list[tuple[int, ...]]]:
    lanes: list[tuple[Lane, ...]] = [() for _ in plan.names]
    collections: list[Collection] = []
    feeding: list[list[int]] = [[] for _ in plan.names]
    reached = [order.reachable(followers, node) | {node} for node in range(len(plan.names))]
    for node in sorted(members, key=plan.rank.__getitem__):
        own = []
        for edge in plan.edges_from(plan.names[node]):
            target = plan.index[plan.edges[edge].target]
            port = next((each for each in ports[target] or () if each.name == plan.edges[edge].target_socket), None)
            if port is None:
                continue
            turn, number = turns.get(edge, Turn.PASS), -1
            if turn is Turn.COLLECT:
                number = len(collections)
                collections.append(Collection(_kept(levels[node]), target, port))
                for above in members:
                    if node in reached[above]:
                        feeding[above].append(number)
            own.append(Lane(edge, plan.edges[edge].source_socket, turn, target, port, number))
        lanes[node] = tuple(own)
    return lanes, collections, [tuple(found) for found in feeding]
