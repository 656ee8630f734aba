"""Which column a box stands in: loops are opened, then every connection leads from a column to a later one.

Law: vertices are numbers from 0, arcs are pairs of them, and equal arguments give equal answers. Recursion is avoided,
since a chain may be longer than Python's stack is deep.

A loop is opened where a walk from the entries, in the order in which vertices were added, comes back to a vertex that
it is still inside of: this is the connection that people call the way back. Columns come from the longest path to each
vertex; vertices are then drawn towards those of their neighbours that pull harder, which shortens connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

__all__ = ["backward_arcs", "columns"]

Arc: TypeAlias = tuple[int, int]

PULLS = 8
"""How often every vertex may be drawn to its neighbours. Each time shortens connections; more is hardly ever needed."""


def backward_arcs(count: int, arcs: Sequence[Arc]) -> set[int]:
    """Return the indices of the arcs that close loops. Without them, there is no loop."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    entered = [False] * count
    for index, (tail, head) in enumerate(arcs):
        leaving[tail].append(index)
        entered[head] = True
    state = [0] * count  # 0: not seen, 1: the walk is inside of it, 2: left
    backward: set[int] = set()
    for root in sorted(range(count), key=lambda vertex: entered[vertex]):
        if state[root]:
            continue
        state[root] = 1
        walk = [(root, iter(leaving[root]))]
        while walk:
            vertex, rest = walk[-1]
            for index in rest:
                head = arcs[index][1]
                if state[head] == 1:
                    backward.add(index)
                elif state[head] == 0:
                    state[head] = 1
                    walk.append((head, iter(leaving[head])))
                    break
            else:
                state[vertex] = 2
                walk.pop()
    return backward


def columns(count: int, arcs: Sequence[Arc]) -> list[int]:
    """Return the column of each vertex, from 0. The arcs have no loops; each leads to a later column."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for tail, head in arcs:
        after[tail].append(head)
        before[head].append(tail)
    order = [vertex for vertex in range(count) if not before[vertex]]
    waiting = [len(tails) for tails in before]
    for vertex in order:  # grows while it is walked
        for head in after[vertex]:
            waiting[head] -= 1
            if not waiting[head]:
                order.append(head)
    column = [0] * count
    for vertex in order:
        column[vertex] = max((column[tail] + 1 for tail in before[vertex]), default=0)
    for _ in range(PULLS):
        moved = _pull(order, before, after, column)
        if not moved:
            break
    used = {old: new for new, old in enumerate(sorted(set(column)))}
    return [used[own] for own in column]


def _pull(order: list[int], before: list[list[int]], after: list[list[int]], column: list[int]) -> bool:
    """Move each vertex as far as its stronger side allows; return whether one moved."""
    moved = False
    for vertex in reversed(order):
        if after[vertex] and len(after[vertex]) >= len(before[vertex]):
            wanted = min(column[head] for head in after[vertex]) - 1
        elif len(after[vertex]) < len(before[vertex]):
            wanted = max(column[tail] for tail in before[vertex]) + 1
        else:
            continue
        moved = moved or wanted != column[vertex]
        column[vertex] = wanted
    return moved
