"""In which order the boxes of each column stand, so that few connections cross.

Law: vertices are numbers, wires join ports of vertices in neighbouring columns, and equal arguments give equal answers.
A wire is (tail, where it leaves, head, where it enters); where is a number from 0 to 1 down the vertex's side.

The columns are swept from left to right and back. In a sweep each vertex moves to the mean place of what it is wired to
in the column just passed; then neighbours change places as long as that removes crossings. The best order seen is kept.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from typing import TypeAlias

__all__ = ["Wire", "crossings", "order"]

Wire: TypeAlias = tuple[int, float, int, float]

SWEEPS = 16
SWAPS = 20
PATIENCE = 4
"""After so many sweeps without a better order, none is expected."""
LARGE = 2_000
"""With so many wires, each further step costs tenths of a second, and nobody could see the difference that it makes."""


def order(columns: Sequence[Sequence[int]], wires: Sequence[Wire]) -> list[list[int]]:
    """Return the columns, each in its best order."""
    work = _Columns(columns, wires)
    best, fewest = work.copied(), work.crossings()
    waited = 0
    share = min(1.0, LARGE / (len(wires) + 1))
    for sweep in range(max(4, round(SWEEPS * share))):
        if not fewest or waited == PATIENCE:
            break
        work.sweep(forward=sweep % 2 == 0)
        work.swap(round(SWAPS * share))
        found = work.crossings()
        waited += 1
        if found < fewest:
            best, fewest, waited = work.copied(), found, 0
    return best


def crossings(ends: Sequence[tuple[float, float]]) -> int:
    """Return how many of the wires between two columns cross; each is given as its place in both."""
    seen: list[float] = []
    found = 0
    last: list[float] = []
    before = None
    for left, right in sorted(ends):
        if left != before:
            for place in last:
                insort(seen, place)
            last, before = [], left
        found += len(seen) - bisect_right(seen, right)
        last.append(right)
    return found


class _Columns:
    """The columns while they are being ordered."""

    def __init__(self, columns: Sequence[Sequence[int]], wires: Sequence[Wire]) -> None:
        self.columns = [list(column) for column in columns]
        self.place: dict[int, int] = {}
        self.column_of = {vertex: index for index, column in enumerate(self.columns) for vertex in column}
        # By vertex: (its own port, the other vertex, the other's port).
        self.before: dict[int, list[tuple[float, int, float]]] = {vertex: [] for vertex in self.column_of}
        self.after: dict[int, list[tuple[float, int, float]]] = {vertex: [] for vertex in self.column_of}
        for tail, leaves, head, enters in wires:
            self.after[tail].append((leaves, head, enters))
            self.before[head].append((enters, tail, leaves))
        self._begin()

    def _begin(self) -> None:
        """Order each column as a walk along the wires first meets its vertices: trees are then without crossings."""
        met: list[list[int]] = [[] for _ in self.columns]
        seen: set[int] = set()
        for column in self.columns:
            for root in column:
                stack = [root]
                while stack:
                    vertex = stack.pop()
                    if vertex not in seen:
                        seen.add(vertex)
                        met[self.column_of[vertex]].append(vertex)
                        stack.extend(head for _, head, _ in sorted(self.after[vertex], reverse=True))
        self.columns = met
        for index in range(len(met)):
            self._number(index)

    def _number(self, index: int) -> None:
        for place, vertex in enumerate(self.columns[index]):
            self.place[vertex] = place

    def copied(self) -> list[list[int]]:
        return [list(column) for column in self.columns]

    def crossings(self) -> int:
        place, after = self.place, self.after
        return sum(
            crossings(
                [
                    (place[tail] + leaves, place[head] + enters)
                    for tail in column
                    for leaves, head, enters in after[tail]
                ]
            )
            for column in self.columns
        )

    def sweep(self, *, forward: bool) -> None:
        """Move vertices to the mean place of what they are wired to; those without wires stay where they are."""
        passed = self.before if forward else self.after
        indices = range(len(self.columns))
        for index in indices if forward else reversed(indices):
            column = self.columns[index]
            wanted = {
                vertex: sum(self.place[other] + port for _, other, port in passed[vertex]) / len(passed[vertex])
                for vertex in column
                if passed[vertex]
            }
            movable = iter(sorted(wanted, key=lambda vertex: (wanted[vertex], self.place[vertex])))
            self.columns[index] = [next(movable) if vertex in wanted else vertex for vertex in column]
            self._number(index)

    def swap(self, passes: int) -> None:
        """Let neighbours change places as long as that removes crossings, or until each had so many chances."""
        for index, column in enumerate(self.columns):
            sides = {vertex: (self._wired(self.before[vertex]), self._wired(self.after[vertex])) for vertex in column}
            for _ in range(passes):
                better = False
                for place in range(len(column) - 1):
                    upper, lower = column[place], column[place + 1]
                    as_is, swapped = _both_ways(sides[upper], sides[lower])
                    if as_is > swapped:
                        column[place], column[place + 1] = lower, upper
                        better = True
                if not better:
                    break
            self._number(index)

    def _wired(self, wires: list[tuple[float, int, float]]) -> list[float]:
        return sorted([self.place[other] + port for _, other, port in wires])


Sides: TypeAlias = tuple[list[float], list[float]]


def _both_ways(upper: Sides, lower: Sides) -> tuple[int, int]:
    """Return how many wires of two neighbours cross as they stand, and how many if they changed places."""
    as_is = swapped = 0
    for above, below in zip(upper, lower, strict=True):
        if above and below:
            for place in below:
                as_is += len(above) - bisect_right(above, place)
                swapped += bisect_left(above, place)
    return as_is, swapped
