"""The layout of pictures: columns, order, placement, and the ways of lines."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtlpipe.graph.drawing import ordering, placement, ranking
from dtlpipe.graph.drawing.layout import Curve, Layout, Line, Rect, Shape, lay_out

SMALL = Shape(100, 80, (40.0, 60.0), (40.0, 60.0))


def chain(count: int) -> list[Line]:
    return [Line(index, 0, index + 1, 0) for index in range(count - 1)]


def points(curve: Curve, count: int = 8) -> list[tuple[float, float]]:
    x0, y0, x1, y1, x2, y2, x3, y3 = curve
    found = []
    for step in range(count + 1):
        t = step / count
        a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        found.append((a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3))
    return found


def overlap(one: Rect, other: Rect) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def inside(box: Rect, x: float, y: float) -> bool:
    return box.x + 0.05 < x < box.x + box.width - 0.05 and box.y + 0.05 < y < box.y + box.height - 0.05


def check(shapes: list[Shape], lines: list[Line], found: Layout) -> None:
    for one, other in itertools.combinations(found.boxes, 2):
        assert not overlap(one, other)
    for box, shape in zip(found.boxes, shapes, strict=True):
        assert box.width >= shape.width
        assert box.height == shape.height
        assert box.x - shape.before >= -0.01
        assert box.y >= -0.01
        assert box.x + box.width + shape.after <= found.width + 0.01
        assert box.y + box.height <= found.height + 0.01
    for line, route in zip(lines, found.routes, strict=True):
        sender, receiver = found.boxes[line.sender], found.boxes[line.receiver]
        first, last = route.curves[0], route.curves[-1]
        assert first[:2] == pytest.approx(
            (sender.x + sender.width, sender.y + shapes[line.sender].outputs[line.output]), abs=0.011
        )
        assert last[6:] == pytest.approx((receiver.x, receiver.y + shapes[line.receiver].inputs[line.input]), abs=0.011)
        for one, next_one in itertools.pairwise(route.curves):
            assert one[6:] == next_one[:2]
        for curve in route.curves:
            for x, y in points(curve):
                assert -0.05 <= x <= found.width + 0.05
                assert -0.05 <= y <= found.height + 0.05
                assert not any(inside(box, x, y) for box in found.boxes)


@st.composite
def drawings(draw: st.DrawFn) -> tuple[list[Shape], list[Line]]:
    ports = st.lists(st.floats(5, 200), max_size=4)
    shapes = []
    for _ in range(draw(st.integers(0, 12))):
        inputs, outputs = draw(ports), draw(ports)
        height = max([30.0, *inputs, *outputs]) + 5
        room = st.sampled_from([0.0, 38.0])
        shapes.append(
            Shape(draw(st.floats(20, 300)), height, tuple(inputs), tuple(outputs), before=draw(room), after=draw(room))
        )
    senders = [(index, port) for index, shape in enumerate(shapes) for port in range(len(shape.outputs))]
    receivers = [(index, port) for index, shape in enumerate(shapes) for port in range(len(shape.inputs))]
    pairs = st.tuples(st.sampled_from(senders or [(0, 0)]), st.sampled_from(receivers or [(0, 0)]))
    joined = draw(st.lists(pairs, max_size=24)) if senders and receivers else []
    return shapes, [Line(*sender, *receiver) for sender, receiver in joined]


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(drawings())
def test_boxes_never_touch_and_lines_join_ports_without_passing_through_boxes(drawing):
    shapes, lines = drawing
    found = lay_out(shapes, lines)
    check(shapes, lines, found)
    assert lay_out(shapes, lines) == found


def test_nothing_has_no_size():
    assert lay_out([], []) == Layout((), (), 0.0, 0.0)


def test_a_chain_goes_straight_to_the_right():
    found = lay_out([SMALL] * 5, chain(5))
    assert len({box.y for box in found.boxes}) == 1
    assert [box.x for box in found.boxes] == sorted({box.x for box in found.boxes})
    assert all(curve[1] == curve[7] for route in found.routes for curve in route.curves)


def test_a_line_between_ports_of_different_heights_is_level_too():
    shapes = [Shape(100, 90, (), (70.0,)), Shape(100, 60, (20.0,), ())]
    found = lay_out(shapes, [Line(0, 0, 1, 0)])
    assert found.boxes[0].y + 70 == found.boxes[1].y + 20


def test_the_boxes_of_a_column_are_equally_wide():
    shapes = [SMALL, Shape(220, 80, (40.0,), ()), SMALL]
    found = lay_out(shapes, [Line(0, 0, 1, 0), Line(0, 0, 2, 0)])
    assert found.boxes[1].width == found.boxes[2].width == 220
    assert found.boxes[1].x == found.boxes[2].x


def test_a_sender_stands_in_the_middle_of_its_receivers():
    found = lay_out([SMALL] * 6, [Line(0, 0, index, 0) for index in range(1, 6)])
    middle = sorted(box.y for box in found.boxes[1:])[2]
    assert found.boxes[0].y == middle


def test_a_line_that_skips_columns_is_level_as_it_passes_them():
    lines = [*chain(6), Line(0, 1, 5, 1)]
    found = lay_out([SMALL] * 6, lines)
    assert len({curve[1] for curve in found.routes[-1].curves[2:-2]}) == 1


def test_a_line_that_closes_a_loop_says_so_and_leads_back():
    found = lay_out([SMALL] * 3, [*chain(3), Line(2, 1, 0, 1)])
    assert [route.backward for route in found.routes] == [False, False, True]
    assert any(curve[6] < curve[0] for curve in found.routes[-1].curves)
    check([SMALL] * 3, [*chain(3), Line(2, 1, 0, 1)], found)


def test_a_box_may_be_joined_with_itself():
    found = lay_out([SMALL], [Line(0, 0, 0, 0)])
    assert found.routes[0].backward
    check([SMALL], [Line(0, 0, 0, 0)], found)


def test_parts_that_are_not_connected_share_a_page():
    found = lay_out([SMALL] * 30, [])
    assert len({box.y for box in found.boxes}) > 2
    assert 0.5 < found.width / found.height < 4
    check([SMALL] * 30, [], found)


def test_a_tree_has_no_crossings_whatever_the_order_of_its_lines():
    wires = [(0, 0.5, 3, 0.5), (1, 0.5, 2, 0.5), (0, 0.5, 5, 0.5), (1, 0.5, 4, 0.5)]
    ordered = ordering.order([[0, 1], [2, 3, 4, 5]], wires)
    place = {vertex: index for column in ordered for index, vertex in enumerate(column)}
    assert ordering.crossings([(place[tail], place[head]) for tail, _, head, _ in wires]) == 0


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_crossings_are_counted_as_by_comparing_all_pairs(ends):
    expected = sum((one[0] - other[0]) * (one[1] - other[1]) < 0 for one, other in itertools.combinations(ends, 2))
    assert ordering.crossings(ends) == expected


@given(
    st.integers(1, 6).flatmap(
        lambda size: st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=18).map(
            lambda pairs: (size, pairs)
        )
    )
)
def test_ordering_never_makes_more_crossings_and_loses_nothing(drawn):
    size, pairs = drawn
    columns = [list(range(size)), list(range(size, 2 * size)), list(range(2 * size, 3 * size))]
    wires = [(left, 0.5, size + right, 0.5) for left, right in pairs]
    wires += [(size + right, 0.5, 2 * size + left, 0.5) for left, right in pairs]
    ordered = ordering.order(columns, wires)
    assert [sorted(column) for column in ordered] == columns

    def count(order: list[list[int]]) -> int:
        place = {vertex: index for column in order for index, vertex in enumerate(column)}
        gaps = [[wire for wire in wires if wire[0] in column] for column in columns]
        return sum(ordering.crossings([(place[wire[0]], place[wire[2]]) for wire in gap]) for gap in gaps)

    assert count(ordered) <= count(ordering._Columns(columns, wires).copied())


def test_ports_of_one_box_count_as_places():
    """Two lines from one box cross if they end in the other order than they begin."""
    wires = [(0, 0.2, 1, 0.5), (0, 0.8, 2, 0.5)]
    assert ordering.order([[0], [2, 1]], wires) == [[0], [1, 2]]


@given(
    st.integers(1, 8).flatmap(
        lambda size: st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=24).map(
            lambda arcs: (size, arcs)
        )
    )
)
def test_without_the_arcs_that_close_loops_every_arc_leads_to_a_later_column(drawn):
    size, arcs = drawn
    backward = ranking.backward_arcs(size, arcs)
    forward = [arc for index, arc in enumerate(arcs) if index not in backward]
    column = ranking.columns(size, forward)
    assert all(column[tail] < column[head] for tail, head in forward)
    assert all(column[head] <= column[tail] for tail, head in (arcs[index] for index in backward))
    assert sorted(set(column)) == list(range(len(set(column))))


def test_a_loop_is_opened_where_it_comes_back_to_its_entry():
    assert ranking.backward_arcs(4, [(1, 2), (2, 3), (3, 1), (0, 1)]) == {2}


def test_a_graph_without_loops_has_no_arc_that_leads_back():
    assert ranking.backward_arcs(4, [(0, 1), (0, 2), (1, 3), (2, 3)]) == set()


def test_a_chain_longer_than_the_stack_is_laid_out():
    arcs = [(index, index + 1) for index in range(3000)]
    assert ranking.backward_arcs(3001, [*arcs, (3000, 0)]) == {3000}
    assert ranking.columns(3001, arcs) == list(range(3001))


def test_a_box_that_only_sends_stands_beside_its_receiver():
    """0 -> 1 -> 2 -> 3, and 4 -> 3 only."""
    assert ranking.columns(5, [(0, 1), (1, 2), (2, 3), (4, 3)]) == [0, 1, 2, 3, 2]


def test_boxes_are_drawn_towards_the_stronger_side_until_nothing_moves():
    """5 receives twice and sends once; it stays by its senders. 4 sends twice and receives once; it goes to them."""
    arcs = [(0, 1), (1, 2), (2, 3), (0, 4), (4, 3), (4, 3), (0, 5), (0, 5), (5, 3)]
    assert ranking.columns(6, arcs) == [0, 1, 2, 3, 2, 1]


def test_no_two_neighbours_are_closer_than_their_distance():
    boxes = [placement.Box(30), placement.Box(50), placement.Box(0, passage=True), placement.Box(30)]
    tops = placement.levels(boxes, [[0], [1, 2, 3]], [(0, 15, 1, 10), (0, 15, 3, 15)], lambda _a, _b: 7.0)
    assert tops[2] - tops[1] >= 57
    assert tops[3] - tops[2] >= 7
    assert min(tops) == 0


def test_of_two_crossing_lines_the_long_one_stays_level():
    """Passages 2-3 and boxes 0-1, which cross: only the first are lined up."""
    boxes = [placement.Box(30), placement.Box(30), placement.Box(0, passage=True), placement.Box(0, passage=True)]
    wires = [(0, 15.0, 1, 15.0), (2, 0.0, 3, 0.0)]
    tops = placement.levels(boxes, [[0, 2], [3, 1]], wires, lambda _a, _b: 10.0)
    assert tops[2] == tops[3]


def test_lines_beside_a_long_one_are_level_too():
    boxes = [placement.Box(0, passage=True), placement.Box(0, passage=True), placement.Box(30), placement.Box(50)]
    tops = placement.levels(boxes, [[0, 2], [1, 3]], [(0, 0.0, 1, 0.0), (2, 15.0, 3, 20.0)], lambda _a, _b: 10.0)
    assert tops[0] == tops[1]
    assert tops[2] + 15 == tops[3] + 20


def test_of_two_long_lines_that_cross_one_stays_level():
    boxes = [placement.Box(0, passage=True)] * 4
    tops = placement.levels(boxes, [[0, 1], [2, 3]], [(0, 0.0, 3, 0.0), (1, 0.0, 2, 0.0)], lambda _a, _b: 10.0)
    assert (tops[0] == tops[3]) != (tops[1] == tops[2])


def test_large_drawings_are_ordered_in_fewer_steps():
    count = 90
    wires = [(left, 0.5, count + right, 0.5) for left in range(count) for right in range(count)]
    columns = [list(range(count)), list(range(count, 2 * count))]
    assert len(wires) > 4 * ordering.LARGE
    assert [sorted(column) for column in ordering.order(columns, wires)] == columns


def test_neighbours_change_places_no_more_often_than_they_may():
    columns = [[0, 1, 2, 3], [4, 5, 6, 7]]
    wires = [(left, 0.5, left + 4, 0.5) for left in range(4)]
    work = ordering._Columns(columns, wires)
    work.columns[1].reverse()
    work._number(1)
    assert work.crossings() == 6
    work.swap(1)
    assert 0 < work.crossings() < 6
    work.swap(3)
    assert work.crossings() == 0


def test_boxes_are_drawn_to_the_stronger_side_a_limited_number_of_times(monkeypatch: pytest.MonkeyPatch):
    arcs = [(0, 1), (1, 2), (2, 3), (4, 3), (5, 4)]
    settled = ranking.columns(6, arcs)
    monkeypatch.setattr(ranking, "PULLS", 1)
    once = ranking.columns(6, arcs)
    assert settled == once == [0, 1, 2, 3, 2, 1]
