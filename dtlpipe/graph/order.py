"""Orders of a directed graph: reachability, cycles, and the position that decides between nodes that are all waiting.

Law: plain functions over adjacency lists of integers; they know nothing of sockets or runs.
The positions equal those of networkx (lexicographical topological sort; topological sort of the condensation), because
Haystack decides by them which of several waiting nodes runs first.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

__all__ = ["components", "cycle", "positions", "reachable"]

Adjacency = Sequence[Sequence[int]]


def reachable(successors: Adjacency, start: int) -> set[int]:
    """Return what can be reached from `start` by at least one edge; contains `start` only if it lies on a cycle."""
    seen: set[int] = set()
    stack = list(successors[start])
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(successors[node])
    return seen


def components(successors: Adjacency, sources: Sequence[int]) -> list[list[int]]:
    """Return the strongly connected components in the order in which a depth-first walk closes them (Tarjan).

    Args:
        successors: distinct receivers of each node, in graph order.
        sources: the nodes in graph order; the walk starts from each in turn.
    """
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    open_nodes: list[int] = []
    is_open: set[int] = set()
    found: list[list[int]] = []
    for source in sources:
        if source in order:
            continue
        order[source] = low[source] = len(order)
        open_nodes.append(source)
        is_open.add(source)
        walk = [(source, iter(successors[source]))]
        while walk:
            node, rest = walk[-1]
            for receiver in rest:
                if receiver not in order:
                    order[receiver] = low[receiver] = len(order)
                    open_nodes.append(receiver)
                    is_open.add(receiver)
                    walk.append((receiver, iter(successors[receiver])))
                    break
                if receiver in is_open:
                    low[node] = min(low[node], order[receiver])
            else:
                walk.pop()
                if walk:
                    parent = walk[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == order[node]:
                    cut = len(open_nodes) - 1
                    while open_nodes[cut] != node:
                        cut -= 1
                    found.append(open_nodes[cut:])
                    is_open.difference_update(open_nodes[cut:])
                    del open_nodes[cut:]
    return found


def cycle(successors: Adjacency, sources: Sequence[int]) -> list[int] | None:
    """Return the nodes of one cycle in walking order, or None if there is none."""
    for component in components(successors, sources):
        members = set(component)
        start = min(component)
        if len(component) == 1 and start not in successors[start]:
            continue
        came_from: dict[int, int] = {}
        queue = [start]
        for node in queue:
            for receiver in successors[node]:
                if receiver in members and receiver not in came_from:
                    came_from[receiver] = node
                    queue.append(receiver)
        path = [came_from[start]]
        while path[-1] != start:
            path.append(came_from[path[-1]])
        return path[::-1]
    return None


def positions(successors: Adjacency, sources: Sequence[int]) -> list[int]:
    """Return each node's position; the members of one cycle share theirs.

    Args:
        successors: distinct receivers of each node, in graph order.
        sources: the nodes in graph order.

    Node numbers must ascend with the nodes' names: an acyclic graph is sorted topologically with the smallest number
    first.
    """
    result = [0] * len(successors)
    in_order = _smallest_first(successors)
    if len(in_order) == len(successors):  # otherwise there is a cycle
        for position, node in enumerate(in_order):
            result[node] = position
        return result
    found = components(successors, sources)
    member_of = {node: number for number, component in enumerate(found) for node in component}
    between: list[dict[int, None]] = [{} for _ in found]
    for node in sources:
        for receiver in successors[node]:
            if member_of[node] != member_of[receiver]:
                between[member_of[node]][member_of[receiver]] = None
    for position, number in enumerate(_first_come([list(receivers) for receivers in between])):
        for node in found[number]:
            result[node] = position
    return result


def _in_degrees(successors: Adjacency) -> list[int]:
    degrees = [0] * len(successors)
    for receivers in successors:
        for receiver in receivers:
            degrees[receiver] += 1
    return degrees


def _smallest_first(successors: Adjacency) -> list[int]:
    degrees = _in_degrees(successors)
    ready = [node for node, degree in enumerate(degrees) if not degree]
    result = []
    while ready:
        node = heapq.heappop(ready)
        result.append(node)
        for receiver in successors[node]:
            degrees[receiver] -= 1
            if not degrees[receiver]:
                heapq.heappush(ready, receiver)
    return result


def _first_come(successors: Adjacency) -> list[int]:
    degrees = _in_degrees(successors)
    result = [node for node, degree in enumerate(degrees) if not degree]
    for node in result:
        for receiver in successors[node]:
            degrees[receiver] -= 1
            if not degrees[receiver]:
                result.append(receiver)
    return result
