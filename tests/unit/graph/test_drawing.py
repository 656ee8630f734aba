"""Pictures of pipelines as SVG."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from dtlpipe.graph import Pipeline, component
from dtlpipe.graph.drawing import style, svg, text, to_mermaid, to_svg
from dtlpipe.graph.pipeline.network import Network
from tests.unit.graph.drawing_parts import Add, Flatten, Picture, Silent, Wide, corner, fan, loop

SVG = "{http://www.w3.org/2000/svg}"


def test_a_picture_shows_every_component_with_its_class_and_sockets():
    picture = Picture(to_svg(fan()))
    assert len(picture.of_class("component")) == 6
    assert picture.texts(picture.component("start")) == ["start", "Add", "value int", "result int", "add int"]
    assert picture.texts(picture.component("sum")) == ["sum", "Sum", "values Variadic[int]", "total int"]
    assert picture.title(picture.component("start")).splitlines() == [
        "start (Add)",
        "in value: int",
        "in add: int, optional",
        "out result: int",
    ]


def test_a_picture_shows_every_connection_from_socket_to_socket():
    pipeline = fan()
    picture = Picture(to_svg(pipeline))
    drawn = {(line.get("data-sender"), line.get("data-receiver")) for line in picture.of_class("connection")}
    assert drawn == {
        (f"{sender}.{data['from_socket'].name}", f"{receiver}.{data['to_socket'].name}")
        for sender, receiver, data in pipeline.graph.edges(data=True)
    }
    assert picture.title(picture.connection("start.result", "add_0.value")) == "start.result → add_0.value: int"


def test_lines_begin_and_end_at_the_dots_of_their_sockets():
    picture = Picture(to_svg(loop()))
    dots = set()
    for drawn in picture.of_class("component"):
        left, top = corner(drawn)
        for dot in drawn.iter(f"{SVG}circle"):
            dots.add((round(left + float(dot.get("cx", "")), 1), round(top + float(dot.get("cy", "")), 1)))
    for connection in picture.of_class("connection"):
        way = picture.of_class("line", connection)[0].get("d", "")
        start = re.match(r"M([-\d.]+) ([-\d.]+)", way)
        assert start is not None
        assert (float(start[1]), float(start[2])) in dots
        tip = re.match(r"M([-\d.]+) ([-\d.]+)", picture.of_class("arrow", connection)[0].get("d", ""))
        assert tip is not None
        assert any(0 < x - float(tip[1]) <= 7 and y == float(tip[2]) for x, y in dots)


def test_connections_to_inputs_with_a_default_are_dashed():
    pipeline = Pipeline().add_components({"a": Add(), "b": Add()}).connect("a.result", "b.add")
    picture = Picture(to_svg(pipeline))
    assert picture.connection("a.result", "b.add").get("class") == "connection optional"
    assert "optional" in picture.title(picture.connection("a.result", "b.add"))
    assert re.search(r"\.optional \.line \{ stroke-dasharray", to_svg(pipeline))


def test_connections_that_close_a_loop_are_marked():
    picture = Picture(to_svg(loop()))
    assert [line.get("data-sender") for line in picture.of_class("loop") if line.get("data-sender")] == ["router.again"]


def test_converted_values_are_marked():
    pipeline = Pipeline().add_components({"a": Add(), "b": Flatten()}).connect("a", "b")
    picture = Picture(to_svg(pipeline))
    line = picture.connection("a.result", "b.items")
    assert line.get("class") == "connection converted"
    assert "converted: wrap" in picture.title(line).lower()
    assert len(picture.of_class("arrow", line)) == 2


def test_what_a_run_takes_and_returns_is_tagged():
    picture = Picture(to_svg(fan(2)))
    tagged = {
        (drawn.get("data-name"), kind)
        for drawn in picture.of_class("component")
        for kind in ("into", "out")
        for tag in picture.of_class(kind, drawn)
        if "tag" in tag.get("class", "")
    }
    assert tagged == {("start", "into"), ("sum", "out")}


def test_variadic_inputs_have_a_ring():
    picture = Picture(to_svg(loop()))
    assert len(picture.of_class("many", picture.component("first"))) == 1
    assert not picture.of_class("many", picture.component("add"))
    assert "value GreedyVariadic[int]" in picture.texts(picture.component("first"))


def test_lists_that_take_several_senders_keep_their_type_and_have_a_ring():
    pipeline = Pipeline().add_components({"a": Flatten(), "b": Flatten(), "c": Flatten()})
    pipeline.connect("a", "c").connect("b", "c")
    picture = Picture(to_svg(pipeline))
    assert "items list[int]" in picture.texts(picture.component("c"))
    assert picture.of_class("many", picture.component("c"))


def test_unconnected_inputs_with_a_default_stand_last_and_are_pale():
    picture = Picture(to_svg(Pipeline().add_component("wide", Wide())))
    shown = picture.texts(picture.component("wide"))
    assert [line.split()[0] for line in shown[2:]] == [
        "an_input_with_a_long_name",
        "an_output_with_a_long_name",
        "unused_variadic",
    ]
    assert len(picture.of_class("unused", picture.component("wide"))) == 2


def test_many_unconnected_inputs_are_counted():
    @component
    class Many:
        def __init__(self, count: int) -> None:
            for index in range(count):
                component.set_input_type(self, f"option_{index}", int, 0)

        def run(self, **kwargs: Any) -> dict[str, Any]:
            return {}

    picture = Picture(to_svg(Pipeline().add_component("six", Many(6)).add_component("ten", Many(10))))
    assert picture.texts(picture.component("six"))[-1] == "option_5 int"
    assert picture.texts(picture.component("ten"))[-2:] == ["option_4 int", "and 5 more"]
    assert "option_9: int" in picture.title(picture.component("ten"))


def test_an_output_stands_beside_an_input_where_there_is_room():
    picture = Picture(to_svg(Pipeline().add_components({"add": Add(), "wide": Wide()})))

    def heights(name: str) -> list[str | None]:
        return [line.get("y") for line in picture.of_class("socket", picture.component(name))]

    assert heights("add")[0] == heights("add")[1]
    assert heights("wide")[0] != heights("wide")[1]


def test_a_component_without_sockets_is_a_plain_box():
    picture = Picture(to_svg(Pipeline().add_component("silent", Silent())))
    assert picture.texts(picture.component("silent")) == ["silent", "Silent"]
    assert not picture.of_class("head")
    assert not picture.of_class("legends")


def test_an_empty_pipeline_has_a_picture():
    assert Picture(to_svg(Pipeline())).title(ET.fromstring(to_svg(Pipeline()))) == "Pipeline of 0 components"


def test_the_legend_explains_what_there_is_and_nothing_else():
    picture = Picture(to_svg(fan()))
    explained = ["".join(element.itertext()) for element in picture.of_class("legend")]
    assert explained == ["given to run", "returned by run", "takes many values"]


def test_a_legend_with_much_to_say_has_several_rows():
    written, width, height = svg._legend(list(svg._LEGEND), 420)
    corners = [corner(ET.fromstring(element)) for element in written]
    assert len({y for _, y in corners}) == height / 20 == 3
    assert max(x for x, _ in corners) < width <= 420


def test_pictures_follow_the_surroundings_unless_told_otherwise():
    pipeline = fan(1)
    assert "prefers-color-scheme: dark" in to_svg(pipeline)
    assert "prefers-color-scheme" not in to_svg(pipeline, theme="light")
    assert "prefers-color-scheme" not in to_svg(pipeline, theme="dark")
    assert to_svg(pipeline, theme="light") != to_svg(pipeline, theme="dark")


def test_rules_are_confined_to_drawings():
    rules = [line for line in style.sheet("auto").splitlines() if line != "}" and not line.startswith("@media")]
    assert all(line.startswith(".dtlpipe-drawing ") for line in rules)


def test_a_picture_loads_nothing_and_runs_nothing():
    assert not re.search(r"<script|<image|<use|href|@import|url\(", to_svg(loop()))


@settings(max_examples=settings.default.max_examples, deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=3, unique=True))
def test_any_name_gives_well_formed_text(names):
    network = Network()
    for name in names:
        socket = types.SimpleNamespace(
            name=name, type=name, is_mandatory=True, is_greedy=False, is_lazy_variadic=False, is_variadic=False
        )
        network.add_node(name, instance=object(), input_sockets={name: socket}, output_sockets={name: socket})
    network.add_edge(
        names[0],
        names[-1],
        "x",
        from_socket=network.nodes[names[0]]["output_sockets"][names[0]],
        to_socket=network.nodes[names[-1]]["input_sockets"][names[-1]],
        mandatory=True,
    )
    pipeline = types.SimpleNamespace(graph=network)
    assert len(Picture(to_svg(pipeline)).of_class("component")) == len(names)
    mermaid = to_mermaid(pipeline)
    assert mermaid.count("\n") == to_mermaid(pipeline).count("\n")
    for line in mermaid.splitlines()[4:]:
        assert line.count('"') in {0, 2}


def test_long_texts_are_shortened_in_boxes_and_whole_in_titles():
    name = "a_component_with_a_name_that_goes_on_and_on_for_ever_and_ever"
    picture = Picture(to_svg(Pipeline().add_component(name, Add())))
    shown = picture.texts(picture.component(name))[0]
    assert len(shown) <= 36
    assert "…" in shown
    assert shown.startswith("a_component")
    assert shown.endswith("ever")
    assert name in picture.title(picture.component(name))


@given(st.text(), st.integers(3, 40))
def test_a_shortened_text_takes_no_more_than_its_places(given_text, limit):
    short = text.shorten(given_text, limit)
    assert text.mono_width(short, 10) <= text.mono_width("x" * limit, 10) + 1e-6
    if short != given_text:
        assert "…" in short


def test_wide_characters_take_two_places_and_marks_none():
    assert text.mono_width("日本", 10) == text.mono_width("four", 10)
    assert text.mono_width("e\u0301", 10) == text.mono_width("e", 10)
    assert text.sans_width("日", 10) > text.sans_width("x", 10)
    assert text.sans_width("i", 10) < text.sans_width("x", 10) < text.sans_width("X", 10) < text.sans_width("W", 10)


def test_the_same_pipeline_gives_the_same_picture_in_every_process():
    program = (
        "from tests.unit.graph.drawing_parts import fan, loop\n"
        "from dtlpipe.graph.drawing import to_mermaid, to_svg\n"
        "print(to_svg(fan(7)), to_svg(loop()), to_mermaid(loop()))"
    )
    written = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        written.add(done.stdout)
    assert written == {f"{to_svg(fan(7))} {to_svg(loop())} {to_mermaid(loop())}\n"}


def test_notebooks_show_a_pipeline_as_its_picture():
    assert loop()._repr_svg_() == to_svg(loop())
