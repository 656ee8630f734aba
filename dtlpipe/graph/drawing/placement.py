"""How far down each box stands: wires as straight as the order of boxes allows, long ones straight all the way.

Law: no two vertices of a column come closer than their distance; equal arguments give equal answers.

The method is Brandes and Koepf's (Fast and Simple Horizontal Coordinate Assignment, 2001), widened to ports: vertices
are lined up in blocks so that a wire from port to port is level, blocks are pushed together, and this is done four
times, from each corner. The levels of one of the four, or their mean, are taken: those with the shortest wires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

import attrs

__all__ = ["Box", "Level", "levels"]

Level: TypeAlias = tuple[int, float, int, float]
"""A wire between neighbouring columns: tail, its port's distance from the tail's top, head, its port's distance."""

STRAIGHTNESS = {0: 1, 1: 2, 2: 8}
"""What a bend costs, by how many ends of the wire are only places that a long connection passes."""


@attrs.frozen(slots=True)
class Box:
    """A vertex as placement sees it. `passage`: a place that a long connection passes, without height."""

    height: float
    passage: bool = False


Distance: TypeAlias = Callable[[Box, Box], float]
Ends: TypeAlias = tuple[tuple[int, float], tuple[int, float]]
"""A wire by the places of what it joins in their columns, each with the port's distance."""

Neighbours: TypeAlias = list[list[tuple[int, float, float, int]]]
"""By vertex: (the other vertex, the own port, the other's port, which wire)."""


def levels(
    boxes: Sequence[Box], columns: Sequence[Sequence[int]], wires: Sequence[Level], distance: Distance
) -> list[float]:
    """Return the top of each vertex, the smallest of which is 0.

    Args:
        boxes: the vertices, by number.
        columns: the vertices of each column from top to bottom.
        wires: joined ports in neighbouring columns.
        distance: the room between two neighbours, upper and lower.
    """
    place = {vertex: index for column in columns for index, vertex in enumerate(column)}
    barred = _conflicts(boxes, columns, wires, place)
    found = []
    for upward in (False, True):
        # Seen from below, everything is the same with the order of boxes and the ports of each turned over.
        rows = [list(reversed(column)) for column in columns] if upward else [list(column) for column in columns]
        for backward in (False, True):
            around = _neighbours(boxes, wires, upward=upward, backward=backward)
            tops = _Corner(boxes, rows, around, barred).tops(distance, backward=backward, upward=upward)
            found.append([-top - box.height for top, box in zip(tops, boxes, strict=True)] if upward else tops)
    return _best(boxes, wires, found)


def _best(boxes: Sequence[Box], wires: Sequence[Level], found: list[list[float]]) -> list[float]:
    """Return the candidate with the shortest wires; the mean of all four is one of them, and comes first."""

    def extent(tops: list[float]) -> tuple[float, float]:
        return min(tops), max(top + box.height for top, box in zip(tops, boxes, strict=True))

    def bends(tops: list[float]) -> float:
        return sum(
            STRAIGHTNESS[boxes[tail].passage + boxes[head].passage] * abs(tops[tail] + leaves - tops[head] - enters)
            for tail, leaves, head, enters in wires
        )

    smallest = min((extent(tops) for tops in found), key=lambda ends: ends[1] - ends[0])
    for index, tops in enumerate(found):
        low, high = extent(tops)
        shift = smallest[1] - high if index >= 2 else smallest[0] - low
        found[index] = [top + shift for top in tops]
    mean = []
    for four in zip(*found, strict=True):
        _, low, high, _ = sorted(four)
        mean.append((low + high) / 2)
    best = min([mean, *found], key=lambda tops: round(bends(tops), 3))
    first = min(best)
    return [round(top - first, 2) for top in best]


def _conflicts(
    boxes: Sequence[Box], columns: Sequence[Sequence[int]], wires: Sequence[Level], place: dict[int, int]
) -> set[int]:
    """Return the wires that are not made level, since they cross a part of a long connection, which is."""
    column_of = {vertex: index for index, column in enumerate(columns) for vertex in column}
    gaps: list[list[int]] = [[] for _ in columns]
    for index, wire in enumerate(wires):
        gaps[column_of[wire[0]]].append(index)
    barred: set[int] = set()
    for gap in gaps:
        inner: list[tuple[Ends, int]] = []
        other: list[tuple[Ends, int]] = []
        for index in gap:
            tail, leaves, head, enters = wires[index]
            ends = ((place[tail], leaves), (place[head], enters))
            (inner if boxes[tail].passage and boxes[head].passage else other).append((ends, index))
        level: list[Ends] = []
        for ends, index in sorted(inner):
            if level and level[-1][1] > ends[1]:
                barred.add(index)
            else:
                level.append(ends)
        barred.update(_crossing(level, sorted(other)))
    return barred


def _crossing(level: list[Ends], other: list[tuple[Ends, int]]) -> list[int]:
    """Return those of the other wires that cross a level one. Both are sorted, and no two of the level ones cross."""
    found = []
    passed = 0
    for (left, right), index in other:
        while passed < len(level) and level[passed][0] < left:
            passed += 1
        over = passed > 0 and level[passed - 1][1] > right
        under = passed < len(level) and level[passed][1] < right
        if over or under:
            found.append(index)
    return found


def _neighbours(boxes: Sequence[Box], wires: Sequence[Level], *, upward: bool, backward: bool) -> Neighbours:
    """Return for each vertex those in the column that is passed before its own."""
    around: Neighbours = [[] for _ in boxes]
    for index, (tail, leaves, head, enters) in enumerate(wires):
        own, at, other, far = (tail, leaves, head, enters) if backward else (head, enters, tail, leaves)
        if upward:
            at, far = boxes[own].height - at, boxes[other].height - far
        around[own].append((other, at, far, index))
    return around


class _Corner:
    """One of the four layouts: vertices lined up with the column before, and pushed towards the top."""

    def __init__(self, boxes: Sequence[Box], columns: list[list[int]], around: Neighbours, barred: set[int]) -> None:
        self.boxes = boxes
        self.columns = columns
        self.around = around
        self.barred = barred
        self.root = list(range(len(boxes)))
        self.below_root = [0.0] * len(boxes)  # how far a vertex stands below the first of its block

    def tops(self, distance: Distance, *, backward: bool, upward: bool) -> list[float]:
        self._line_up(reversed(self.columns) if backward else self.columns)
        return self._compact(distance, upward=upward)

    def _line_up(self, columns: Iterable[list[int]]) -> None:
        place = {vertex: index for column in self.columns for index, vertex in enumerate(column)}
        for column in columns:
            reached = -1
            for vertex in column:
                wires = sorted((place[other], far, at, other, index) for other, at, far, index in self.around[vertex])
                middle = len(wires) // 2
                for where, far, at, other, index in wires[(len(wires) - 1) // 2 : middle + 1]:
                    if where > reached and index not in self.barred:
                        self.root[vertex] = self.root[other]
                        self.below_root[vertex] = self.below_root[other] + far - at
                        reached = where
                        break

    def _compact(self, distance: Distance, *, upward: bool) -> list[float]:
        """Return each vertex's top: blocks as high as they can stand, then lowered towards the block below."""
        root, shift = self.root, self.below_root
        below: dict[int, dict[int, float]] = {block: {} for block in set(root)}
        waiting = dict.fromkeys(below, 0)
        for column in self.columns:
            for upper, lower in pairwise(column):
                ends = (self.boxes[lower], self.boxes[upper]) if upward else (self.boxes[upper], self.boxes[lower])
                room = self.boxes[upper].height + distance(*ends) + shift[upper] - shift[lower]
                known = below[root[upper]].get(root[lower])
                waiting[root[lower]] += known is None
                below[root[upper]][root[lower]] = room if known is None else max(known, room)
        order = [block for block in sorted(below) if not waiting[block]]
        top = dict.fromkeys(below, 0.0)
        for block in order:  # grows while it is walked
            for lower_block, room in below[block].items():
                top[lower_block] = max(top[lower_block], top[block] + room)
                waiting[lower_block] -= 1
                if not waiting[lower_block]:
                    order.append(lower_block)
        for block in reversed(order):
            if below[block]:
                top[block] = max(top[block], min(top[other] - room for other, room in below[block].items()))
        return [top[root[vertex]] + shift[vertex] for vertex in range(len(self.boxes))]
