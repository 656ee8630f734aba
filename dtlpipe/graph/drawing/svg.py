"""SVG: a pipeline as a picture that needs nothing but a browser.

Law: one pipeline, one text, byte by byte; well-formed whatever the names are; no script, no link, nothing to load.

Components are boxes with their inputs on the left and their outputs on the right. Connections run from socket to
socket; dashed ones feed inputs that have a default. Tags mark what comes from the caller of a run and what goes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from dtlpipe.graph.drawing import layout, scene
from dtlpipe.graph.drawing.style import GROUP_COLOURS, Theme, sheet
from dtlpipe.graph.drawing.text import clean, escape, mono_width, sans_width, shorten

__all__ = ["to_svg"]

MARGIN = 28.0
HEAD = 42.0
ROW = 19.0
ROWS_BEGIN = HEAD + 7.0
ROWS_END = 8.0
SIDE = 14.0
BETWEEN = 26.0
TAG = 38.0
NAME_CELLS, SOCKET_CELLS, TYPE_CELLS = 36, 28, 26
SHARED_WIDTH = 240.0
"""An output stands beside an input, so that what flows on flows straight, unless a box becomes wider by that."""
UNUSED_SHOWN = 6
"""So many unconnected optional inputs are listed; the others are counted."""


def to_svg(pipeline: Any, *, theme: Theme = "auto", super_component_expansion: bool = False) -> str:
    """Return a picture of a pipeline, as the text of an SVG file.

    Args:
        pipeline: a pipeline, ours or Haystack's.
        theme: "light", "dark", or "auto", which follows the surroundings.
        super_component_expansion: whether components that have a pipeline inside are replaced by its components.
    """
    return "\n".join(_Picture(scene.read(pipeline, expand=super_component_expansion), theme).lines()) + "\n"


@attrs.frozen(slots=True)
class _Row:
    """A line of text in a box, and its socket."""

    name: str
    type: str
    socket: scene.Socket

    @property
    def width(self) -> float:
        return mono_width(f"{self.name} {self.type}", 11)


class _Card:
    """A component with what is written in its box."""

    def __init__(self, component: scene.Component) -> None:
        self.component = component
        self.name = shorten(clean(component.name), NAME_CELLS)
        inside = "" if component.group is None else f" in {component.group}"
        self.class_name = shorten(clean(component.class_name + inside), NAME_CELLS + 10)
        used = [own for own in component.inputs.values() if own.connected or own.outside]
        unused = [own for own in component.inputs.values() if not (own.connected or own.outside)]
        self.inputs = [_row(own) for own in used]
        self.outputs = [_row(own) for own in component.outputs.values()]
        pairs = [own.width + other.width + BETWEEN for own, other in zip(self.inputs, self.outputs, strict=False)]
        self.first_output = len(used) if max(pairs, default=0.0) > SHARED_WIDTH else 0
        self.first_unused = max(len(used), self.first_output + len(self.outputs))
        hidden = 0 if len(unused) <= UNUSED_SHOWN else len(unused) - UNUSED_SHOWN + 1
        self.unused = [_row(own) for own in unused[: len(unused) - hidden]]
        self.hidden = f"and {hidden} more" if hidden else ""
        self.rows = self.first_unused + len(self.unused) + bool(hidden)
        self.widths = [sans_width(self.name, 13), sans_width(self.class_name, 11)]
        self.widths += [row.width for row in (*self.inputs, *self.outputs, *self.unused)]
        if not self.first_output:
            self.widths += pairs
        self.input_of = {own.name: index for index, own in enumerate(used)}
        self.output_of = {name: index for index, name in enumerate(component.outputs)}

    def shape(self) -> layout.Shape:
        return layout.Shape(
            width=round(max(self.widths) + 2 * SIDE),
            height=ROWS_BEGIN + self.rows * ROW + ROWS_END if self.rows else HEAD,
            inputs=tuple(_level(index) for index in range(len(self.inputs))),
            outputs=tuple(_level(self.first_output + index) for index in range(len(self.outputs))),
            before=TAG if any(own.outside for own in self.component.inputs.values()) else 0.0,
            after=TAG if any(own.outside for own in self.component.outputs.values()) else 0.0,
        )


def _row(socket: scene.Socket) -> _Row:
    return _Row(shorten(clean(socket.name), SOCKET_CELLS), shorten(clean(socket.type), TYPE_CELLS), socket)


def _level(index: int) -> float:
    return ROWS_BEGIN + ROW * index + ROW / 2


class _Picture:
    """A scene while it is being written."""

    def __init__(self, shown: scene.Scene, theme: Theme) -> None:
        self.scene = shown
        self.theme = theme
        self.cards = [_Card(component) for component in shown.components.values()]
        number = {key: index for index, key in enumerate(shown.components)}
        self.lines_drawn = [
            layout.Line(
                number[one.sender],
                self.cards[number[one.sender]].output_of[one.output],
                number[one.receiver],
                self.cards[number[one.receiver]].input_of[one.input],
            )
            for one in shown.connections
        ]
        self.layout = layout.lay_out([card.shape() for card in self.cards], self.lines_drawn)
        groups = dict.fromkeys(card.component.group for card in self.cards if card.component.group is not None)
        self.colour_of = {group: index % GROUP_COLOURS for index, group in enumerate(groups)}

    def lines(self) -> Iterator[str]:
        legend, legend_width, legend_height = _legend(self._kinds(), max(self.layout.width, 420.0))
        width = max(self.layout.width, legend_width) + 2 * MARGIN
        height = self.layout.height + 2 * MARGIN + legend_height
        size = f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}"'
        count = len(self.cards)
        title = f"Pipeline of {count} component{'' if count == 1 else 's'}"
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="dtlpipe-drawing" role="img" aria-label="{title}" {size}>'
        )
        yield f"<title>{title}</title>"
        yield f"<style>\n{sheet(self.theme)}\n</style>"
        yield f'<rect class="paper" width="{_n(width)}" height="{_n(height)}" rx="10"/>'
        yield f'<g transform="translate({_n(MARGIN)} {_n(MARGIN)})">'
        for connection, route in zip(self.scene.connections, self.layout.routes, strict=True):
            yield from self._connection(connection, route)
        for card, box in zip(self.cards, self.layout.boxes, strict=True):
            yield from self._box(card, box)
        yield "</g>"
        if legend:
            yield f'<g class="legends" transform="translate({_n(MARGIN)} {_n(self.layout.height + 2 * MARGIN)})">'
            yield from legend
            yield "</g>"
        yield "</svg>"

    def _connection(self, connection: scene.Connection, route: layout.Route) -> Iterator[str]:
        kinds = ["connection"]
        notes = [connection.type]
        if not connection.mandatory:
            kinds.append("optional")
            notes.append("optional")
        if route.backward:
            kinds.append("loop")
            notes.append("closes a loop")
        if connection.conversion is not None:
            kinds.append("converted")
            notes.append(f"converted: {connection.conversion}")
        sender, receiver = f"{connection.sender}.{connection.output}", f"{connection.receiver}.{connection.input}"
        title = _t(f"{sender} → {receiver}: {', '.join(notes)}")
        yield f'<g class="{" ".join(kinds)}" data-sender="{_t(sender)}" data-receiver="{_t(receiver)}">'
        yield f"<title>{title}</title>"
        first, last = route.curves[0], route.curves[-1]
        way = [f"M{_n(first[0])} {_n(first[1])}", *(_curve(curve) for curve in route.curves)]
        yield f'<path class="line" d="{" ".join(way)}"/>'
        variadic = self.scene.components[connection.receiver].inputs[connection.input].variadic
        x, y = last[6] - (7 if variadic else 5), last[7]
        yield f'<path class="arrow" d="M{_n(x)} {_n(y)}l-9 -4.5v9z"/>'
        if connection.conversion is not None:
            yield f'<path class="arrow" d="M{_n(x - 11)} {_n(y)}l-5 -5l-5 5l5 5z"/>'
        yield "</g>"

    def _box(self, card: _Card, box: layout.Rect) -> Iterator[str]:
        component = card.component
        yield (f'<g class="component" data-name="{_t(component.key)}" transform="translate({_n(box.x)} {_n(box.y)})">')
        yield f"<title>{_describe(component)}</title>"
        yield f'<rect class="box" width="{_n(box.width)}" height="{_n(box.height)}" rx="7"/>'
        if card.rows:
            corner = f"V7a6.5 6.5 0 0 1 6.5 -6.5H{_n(box.width - 7)}a6.5 6.5 0 0 1 6.5 6.5V{_n(HEAD)}z"
            yield f'<path class="head" d="M.5 {_n(HEAD)}{corner}"/>'
            yield f'<path class="rule" d="M.5 {_n(HEAD)}H{_n(box.width - 0.5)}"/>'
        if component.group is not None:
            colour = self.colour_of[component.group]
            size = f'width="{_n(box.width - 2 * SIDE)}" height="4"'
            yield f'<rect class="group group-{colour}" x="{_n(SIDE)}" y="-2" {size} rx="2"/>'
        yield f'<text class="name" x="{_n(SIDE)}" y="18">{escape(card.name)}</text>'
        yield f'<text class="class" x="{_n(SIDE)}" y="34">{escape(card.class_name)}</text>'
        for index, row in enumerate(card.inputs):
            yield from _input(row, _level(index))
        for index, row in enumerate(card.outputs):
            yield from _output(row, _level(card.first_output + index), box.width)
        for index, row in enumerate(card.unused):
            yield from _unused(row, _level(card.first_unused + index))
        if card.hidden:
            yield f'<text class="socket unused" x="{_n(SIDE)}" y="{_n(_level(card.rows - 1) + 4)}">{card.hidden}</text>'
        yield "</g>"

    def _kinds(self) -> list[str]:
        """Return what there is in the picture that the legend explains."""
        inputs = [own for card in self.cards for own in card.component.inputs.values()]
        outputs = [own for card in self.cards for own in card.component.outputs.values()]
        there = {
            "into": any(own.outside for own in inputs),
            "out": any(own.outside for own in outputs),
            "optional": any(not one.mandatory for one in self.scene.connections),
            "loop": any(route.backward for route in self.layout.routes),
            "converted": any(one.conversion is not None for one in self.scene.connections),
            "many": any(own.variadic for own in inputs),
        }
        return [kind for kind, is_there in there.items() if is_there]


def _input(row: _Row, y: float) -> Iterator[str]:
    yield _label(row, SIDE, y)
    if row.socket.outside:
        yield f'<path class="into tag" d="M-36 {_n(y - 5.5)}h8l6 5.5l-6 5.5h-8z"/>'
        yield f'<path class="into line" d="M-22 {_n(y)}H-4"/>'
    if row.socket.variadic:
        yield from _many(y, "")
    else:
        yield _port(0, y, "into" if row.socket.outside else "")


def _output(row: _Row, y: float, width: float) -> Iterator[str]:
    yield _label(row, width - SIDE - row.width, y)
    if row.socket.outside:
        yield f'<path class="out line" d="M{_n(width + 4)} {_n(y)}h16"/>'
        yield f'<path class="out tag" d="M{_n(width + 20)} {_n(y - 5.5)}h8l6 5.5l-6 5.5h-8z"/>'
    yield _port(width, y, "out" if row.socket.outside else "")


def _unused(row: _Row, y: float) -> Iterator[str]:
    yield _label(row, SIDE, y, " unused")
    if row.socket.variadic:
        yield from _many(y, " open")
    else:
        yield _port(0, y, "open")


def _port(x: float, y: float, kind: str) -> str:
    return f'<circle class="port{" " if kind else ""}{kind}" cx="{_n(x)}" cy="{_n(y)}" r="4"/>'


def _many(y: float, kind: str) -> Iterator[str]:
    yield f'<circle class="port many{kind}" cx="0" cy="{_n(y)}" r="6"/>'
    yield f'<circle class="port{kind}" cx="0" cy="{_n(y)}" r="2"/>'


def _label(row: _Row, x: float, y: float, kind: str = "") -> str:
    shown = f'<tspan class="type{kind}"> {escape(row.type)}</tspan>'
    return f'<text class="socket{kind}" x="{_n(x)}" y="{_n(y + 4)}">{escape(row.name)}{shown}</text>'


def _describe(component: scene.Component) -> str:
    """Return all that is known of a component, with nothing shortened."""
    lines = [f"{component.key} ({component.class_name})"]
    for way, sockets in (("in", component.inputs), ("out", component.outputs)):
        lines += [f"{way} {own.name}: {own.type}{'' if own.mandatory else ', optional'}" for own in sockets.values()]
    return "\n".join(_t(line) for line in lines)


_LEGEND = {
    "into": ("given to run", '<path class="into tag" d="M5 -5.5h8l6 5.5l-6 5.5h-8z"/>'),
    "out": ("returned by run", '<path class="out tag" d="M5 -5.5h8l6 5.5l-6 5.5h-8z"/>'),
    "optional": ("to an optional input", '<g class="optional"><path class="line" d="M0 0H24"/></g>'),
    "loop": ("closes a loop", '<g class="loop"><path class="line" d="M0 0H24"/></g>'),
    "converted": (
        "value is converted",
        '<path class="line" d="M0 0H24"/><path class="arrow" d="M17 0l-5 -5l-5 5l5 5z"/>',
    ),
    "many": (
        "takes many values",
        '<circle class="port many" cx="12" cy="0" r="6"/><circle class="port" cx="12" cy="0" r="2"/>',
    ),
}


def _legend(kinds: list[str], limit: float) -> tuple[list[str], float, float]:
    """Return the legend's elements, in rows no wider than the limit, with its width and height."""
    written: list[str] = []
    x = y = widest = 0.0
    for kind in kinds:
        label, sign = _LEGEND[kind]
        width = 32 + sans_width(label, 11) + 18
        if x and x + width > limit:
            x, y = 0.0, y + 20
        written.append(
            f'<g transform="translate({_n(x)} {_n(y)})">{sign}<text class="legend" x="32" y="4">{label}</text></g>'
        )
        x += width
        widest = max(widest, x)
    return written, widest, y + 20 if written else 0.0


def _curve(curve: layout.Curve) -> str:
    _, y0, x1, y1, x2, y2, x3, y3 = curve
    if y0 == y1 == y2 == y3:
        return f"H{_n(x3)}"
    return f"C{_n(x1)} {_n(y1)} {_n(x2)} {_n(y2)} {_n(x3)} {_n(y3)}"


def _t(text: str) -> str:
    return escape(clean(text))


def _n(value: float) -> str:
    """Return a number of pixels with as many places as can be seen."""
    return f"{value:.1f}".removesuffix(".0")
