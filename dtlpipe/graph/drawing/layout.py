"""Where boxes stand and which way lines between them take: from sizes to coordinates.

Law: boxes never touch, a line starts and ends at its ports, and no line passes through a box. Equal arguments give
equal answers, byte by byte. What the boxes mean is not known here.

Boxes stand in columns, left to right, and all boxes of a column are equally wide. A line that passes a column has a
passage there, as though it were a flat box, and is level in it; between columns it is curved. A line that leads back
(it closes a loop) turns round behind its sender, passes all columns to that of its receiver through passages, and turns
round again. While the order in columns is sought, a turn is a vertex of the column behind it; it takes no room.

Parts of a drawing that are not connected stand beside each other in rows, as words do in a text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import attrs

from dtlpipe.graph.drawing import ordering, placement, ranking

__all__ = ["Curve", "Layout", "Line", "Rect", "Route", "Shape", "lay_out"]

Curve: TypeAlias = tuple[float, float, float, float, float, float, float, float]
"""A cubic Bezier curve: x and y of its start, of both control points, and of its end."""

BOX_DISTANCE = 24.0
PASSAGE_DISTANCE = 18.0
LINE_DISTANCE = 14.0
PART_DISTANCE = 56.0
NARROW_GAP, WIDE_GAP = 52.0, 180.0
GAP_PER_HEIGHT = 0.22
NARROW_TURN, TURN_PER_HEIGHT = 26.0, 0.16
PAGE_RATIO = 1.6


@attrs.frozen(slots=True)
class Shape:
    """A box that is to be placed. Lengths in pixels.

    Attributes:
        width: its least width.
        height: its height.
        inputs: how far below its top each port on its left side is.
        outputs: the same for those on its right.
        before: room that is kept on its left, for what is drawn there.
        after: the same on its right.
    """

    width: float
    height: float
    inputs: tuple[float, ...] = ()
    outputs: tuple[float, ...] = ()
    before: float = 0.0
    after: float = 0.0


@attrs.frozen(slots=True)
class Line:
    """A line that is to be drawn, from an output of a shape to an input of one: indices all."""

    sender: int
    output: int
    receiver: int
    input: int


@attrs.frozen(slots=True)
class Rect:
    """Where a box stands: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


@attrs.frozen(slots=True)
class Route:
    """The way of a line, in curves each of which starts where the one before it ends. `backward`: it closes a loop."""

    curves: tuple[Curve, ...]
    backward: bool


@attrs.frozen(slots=True)
class Layout:
    """Boxes and routes, in the order of the shapes and lines that were given; all of it lies within the size."""

    boxes: tuple[Rect, ...]
    routes: tuple[Route, ...]
    width: float
    height: float


def lay_out(shapes: Sequence[Shape], lines: Sequence[Line]) -> Layout:
    """Return a layout. The indices in the lines must exist."""
    parts = [_Part(shapes, lines, *part).layout() for part in _parts(len(shapes), lines)]
    boxes: dict[int, Rect] = {}
    routes: dict[int, Route] = {}
    corners, width, height = _pages([(part.width, part.height) for part in parts])
    for part, (x, y) in zip(parts, corners, strict=True):
        for index, box in part.boxes.items():
            boxes[index] = attrs.evolve(box, x=box.x + x, y=box.y + y)
        for index, route in part.routes.items():
            routes[index] = attrs.evolve(route, curves=tuple(_moved(curve, x, y) for curve in route.curves))
    return Layout(
        tuple(boxes[index] for index in range(len(shapes))),
        tuple(routes[index] for index in range(len(lines))),
        width,
        height,
    )


def _moved(curve: Curve, x: float, y: float) -> Curve:
    x0, y0, x1, y1, x2, y2, x3, y3 = curve
    return (x0 + x, y0 + y, x1 + x, y1 + y, x2 + x, y2 + y, x3 + x, y3 + y)


def _parts(count: int, lines: Sequence[Line]) -> list[tuple[list[int], list[int]]]:
    """Return the shapes and lines of each connected part, as indices, by the first shape."""
    leader = list(range(count))

    def lead(shape: int) -> int:
        while leader[shape] != shape:
            leader[shape] = shape = leader[leader[shape]]
        return shape

    for line in lines:
        one, other = sorted((lead(line.sender), lead(line.receiver)))
        leader[other] = one
    parts: dict[int, tuple[list[int], list[int]]] = {}
    for shape in range(count):
        parts.setdefault(lead(shape), ([], []))[0].append(shape)
    for index, line in enumerate(lines):
        parts[lead(line.sender)][1].append(index)
    return list(parts.values())


def _pages(sizes: list[tuple[float, float]]) -> tuple[list[tuple[float, float]], float, float]:
    """Return the corner of each part, and the size of all: rows, as long as the whole becomes a fair page."""
    area = sum((width + PART_DISTANCE) * (height + PART_DISTANCE) for width, height in sizes)
    limit = max(math.sqrt(area * PAGE_RATIO), max((width for width, _ in sizes), default=0.0))
    corners: list[tuple[float, float]] = []
    x = y = row = full = 0.0
    for width, height in sizes:
        if x and x + width > limit:
            x, y, row = 0.0, y + row + PART_DISTANCE, 0.0
        corners.append((round(x, 2), round(y, 2)))
        full = max(full, x + width)
        x, row = x + width + PART_DISTANCE, max(row, height)
    return corners, round(full, 2), round(y + row, 2)


@attrs.define(slots=True)
class _Placed:
    """A connected part that has been laid out, at the origin. By index of shape and of line."""

    boxes: dict[int, Rect]
    routes: dict[int, Route]
    width: float
    height: float


class _Part:
    """One connected part while it is being laid out. Its vertices: shapes first, then passages, then turns."""

    def __init__(self, shapes: Sequence[Shape], lines: Sequence[Line], own: list[int], drawn: list[int]) -> None:
        self.own = own
        self.drawn = drawn
        self.shapes = [shapes[index] for index in own]
        number = {index: vertex for vertex, index in enumerate(own)}
        self.lines = [
            attrs.evolve(lines[index], sender=number[lines[index].sender], receiver=number[lines[index].receiver])
            for index in drawn
        ]
        arcs = [(line.sender, line.receiver) for line in self.lines]
        self.backward = ranking.backward_arcs(len(own), arcs)
        self.column = ranking.columns(len(own), [arc for index, arc in enumerate(arcs) if index not in self.backward])
        self.boxes = [placement.Box(shape.height) for shape in self.shapes]
        self.wires: list[placement.Level] = []
        self.chains = [self._chain(index, line) for index, line in enumerate(self.lines)]
        self.columns = self._ordered()

    def _port(self, vertex: int, ports: str, index: int) -> float:
        found: float = getattr(self.shapes[vertex], ports)[index]
        return found

    def _passages(self, first: int, last: int) -> list[int]:
        start = len(self.boxes)
        self.boxes.extend(placement.Box(0.0, passage=True) for _ in range(first, last + 1))
        self.column.extend(range(first, last + 1))
        return list(range(start, len(self.boxes)))

    def _chain(self, index: int, line: Line) -> list[int]:
        """Return the passages of a line from left to right, and note the wires between what it joins."""
        leaves = self._port(line.sender, "outputs", line.output)
        enters = self._port(line.receiver, "inputs", line.input)
        if index in self.backward:
            chain = self._passages(self.column[line.receiver], self.column[line.sender])
            ends = [(vertex, 0.0) for vertex in chain]
        else:
            chain = self._passages(self.column[line.sender] + 1, self.column[line.receiver] - 1)
            ends = [(line.sender, leaves), *((vertex, 0.0) for vertex in chain), (line.receiver, enters)]
        self.wires.extend((*left, *right) for left, right in pairwise(ends))
        return chain

    def _ordered(self) -> list[list[int]]:
        """Return the columns in order. Turns are vertices here, so that they count where they cross others."""
        count = max(self.column) + 1
        columns: list[list[int]] = [[] for _ in range(count + 2)]  # one more on each side, for turns
        for vertex, column in enumerate(self.column):
            columns[column + 1].append(vertex)
        wires = [
            (tail, self._fraction(tail, leaves), head, self._fraction(head, enters))
            for tail, leaves, head, enters in self.wires
        ]
        turn = len(self.boxes)
        for index in sorted(self.backward):
            line, chain = self.lines[index], self.chains[index]
            sent = self._fraction(line.sender, self._port(line.sender, "outputs", line.output))
            received = self._fraction(line.receiver, self._port(line.receiver, "inputs", line.input))
            columns[self.column[line.sender] + 2].append(turn)
            wires += [(line.sender, sent, turn, 0.0), (chain[-1], 0.0, turn, 0.0)]
            columns[self.column[line.receiver]].append(turn + 1)
            wires += [(turn + 1, 0.0, line.receiver, received), (turn + 1, 0.0, chain[0], 0.0)]
            turn += 2
        ordered = ordering.order(columns, wires)
        return [[vertex for vertex in column if vertex < len(self.boxes)] for column in ordered[1:-1]]

    def _fraction(self, vertex: int, distance: float) -> float:
        height = self.boxes[vertex].height
        return distance / (height + 1)

    def layout(self) -> _Placed:
        tops = placement.levels(self.boxes, self.columns, self.wires, _distance)
        gaps = self._gaps(tops)
        lefts, rights, boxes = [], [], {}
        x = gaps[0]
        for column, gap in zip(self.columns, gaps[1:], strict=True):
            members = [vertex for vertex in column if vertex < len(self.shapes)]
            before = max((self.shapes[vertex].before for vertex in members), default=0.0)
            after = max((self.shapes[vertex].after for vertex in members), default=0.0)
            width = max((self.shapes[vertex].width for vertex in members), default=0.0)
            for vertex in members:
                boxes[self.own[vertex]] = Rect(x + before, tops[vertex], width, self.shapes[vertex].height)
            lefts.append(x)
            x = round(x + before + width + after, 2)
            rights.append(x)
            x = round(x + gap, 2)
        routes = {
            index: Route(self._curves(number, tops, lefts, rights, boxes), number in self.backward)
            for number, index in enumerate(self.drawn)
        }
        height = max(top + box.height for top, box in zip(tops, self.boxes, strict=True))
        return _Placed(boxes, routes, x, height)

    def _turns(self, number: int, tops: list[float]) -> tuple[float, float]:
        """Return how far a backward line's turns reach out behind its sender and before its receiver."""
        line, chain = self.lines[number], self.chains[number]
        sent = tops[line.sender] + self._port(line.sender, "outputs", line.output) - tops[chain[-1]]
        received = tops[line.receiver] + self._port(line.receiver, "inputs", line.input) - tops[chain[0]]
        behind, before = (min(NARROW_TURN + TURN_PER_HEIGHT * abs(height), WIDE_GAP / 2) for height in (sent, received))
        return round(behind, 2), round(before, 2)

    def _gaps(self, tops: list[float]) -> list[float]:
        """Return the room before the first column, between columns, and after the last: more for steep lines."""
        steepest = [0.0] * (len(self.columns) - 1)
        for tail, leaves, head, enters in self.wires:
            gap = self.column[tail]
            steepest[gap] = max(steepest[gap], abs(tops[tail] + leaves - tops[head] - enters))
        gaps = [0.0, *(min(NARROW_GAP + GAP_PER_HEIGHT * height, WIDE_GAP) for height in steepest), 0.0]
        for number in sorted(self.backward):
            line = self.lines[number]
            behind, before = self._turns(number, tops)
            for gap, turn in ((self.column[line.sender] + 1, behind), (self.column[line.receiver], before)):
                inside = 0 < gap < len(self.columns)
                gaps[gap] = max(gaps[gap], turn * 1.5 if inside else turn)
        return [round(gap, 2) for gap in gaps]

    def _curves(
        self, number: int, tops: list[float], lefts: list[float], rights: list[float], boxes: dict[int, Rect]
    ) -> tuple[Curve, ...]:
        line, chain = self.lines[number], self.chains[number]
        sender, receiver = boxes[self.own[line.sender]], boxes[self.own[line.receiver]]
        start = sender.y + self._port(line.sender, "outputs", line.output)
        end = receiver.y + self._port(line.receiver, "inputs", line.input)
        out, back = self.column[line.sender], self.column[line.receiver]
        way = _Way(sender.x + sender.width, start)
        way.level(rights[out])
        if number in self.backward:
            behind, before = self._turns(number, tops)
            way.turn(tops[chain[-1]], behind)
            for vertex in reversed(chain):
                way.bend(rights[self.column[vertex]], tops[vertex])
                way.level(lefts[self.column[vertex]])
            way.turn(end, -before)
        else:
            for vertex in chain:
                way.bend(lefts[self.column[vertex]], tops[vertex])
                way.level(rights[self.column[vertex]])
            way.bend(lefts[back], end)
        way.level(receiver.x)
        return tuple(way.curves)


def _distance(upper: placement.Box, lower: placement.Box) -> float:
    if upper.passage and lower.passage:
        return LINE_DISTANCE
    return PASSAGE_DISTANCE if upper.passage or lower.passage else BOX_DISTANCE


class _Way:
    """A route while it is being walked."""

    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = x, y
        self.curves: list[Curve] = []

    def _to(self, x: float, y: float, reach_out: float, reach_in: float) -> None:
        ends = (self.x, self.y, reach_out, self.y, reach_in, y, x, y)
        self.curves.append(tuple(round(value, 2) for value in ends))  # type: ignore[arg-type]
        self.x, self.y = x, y

    def level(self, x: float) -> None:
        if x != self.x:
            self._to(x, self.y, self.x, x)

    def bend(self, x: float, y: float) -> None:
        """Go on to another column, whose side is at x. At the side already, there is nothing to go."""
        if x != self.x:
            middle = (self.x + x) / 2
            self._to(x, y, middle, middle)

    def turn(self, y: float, reach: float) -> None:
        self._to(self.x, y, self.x + reach, self.x + reach)
