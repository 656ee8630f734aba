"""Pictures of pipelines as SVG, in files and in notebooks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtlpipe.graph import GreedyVariadic, Pipeline, PipelineDrawingError, Variadic, component
from dtlpipe.graph.drawing import draw, show, style, svg, text, to_mermaid, to_svg
from dtlpipe.graph.pipeline.network import Network

SVG = "{http://www.w3.org/2000/svg}"


@component
class Add:
    @component.output_types(result=int)
    def run(self, value: int, add: int = 1):
        return {"result": value + add}


@component
class Sum:
    @component.output_types(total=int)
    def run(self, values: Variadic[int]):
        return {"total": sum(values)}


@component
class First:
    @component.output_types(value=int)
    def run(self, value: GreedyVariadic[int]):
        return {"value": value[0]}


@component
class Flatten:
    @component.output_types(items=list[int])
    def run(self, items: list[int]):
        return {"items": items}


@component
class Router:
    @component.output_types(again=int, done=int)
    def run(self, number: int):
        return {"done": number}


@component
class Silent:
    def run(self):
        return {}


@component
class Wide:
    @component.output_types(an_output_with_a_long_name=dict[str, list[int]])
    def run(self, an_input_with_a_long_name: dict[str, list[int]], unused_variadic: Variadic[int] = ()):
        return {}


class Picture:
    """An SVG text, taken apart."""

    def __init__(self, written: str) -> None:
        self.root = ET.fromstring(written)

    def of_class(self, name: str, within: ET.Element | None = None) -> list[ET.Element]:
        start = self.root if within is None else within
        return [element for element in start.iter() if name in element.get("class", "").split()]

    def component(self, name: str) -> ET.Element:
        return next(element for element in self.of_class("component") if element.get("data-name") == name)

    def connection(self, sender: str, receiver: str) -> ET.Element:
        return next(
            element
            for element in self.of_class("connection")
            if (element.get("data-sender"), element.get("data-receiver")) == (sender, receiver)
        )

    def texts(self, within: ET.Element) -> list[str]:
        return ["".join(element.itertext()) for element in within.iter(f"{SVG}text")]

    def title(self, within: ET.Element) -> str:
        return within.findtext(f"{SVG}title") or ""


def loop() -> Pipeline:
    pipeline = Pipeline()
    pipeline.add_components({"first": First(), "add": Add(), "router": Router()})
    pipeline.connect("first", "add.value")
    pipeline.connect("add", "router")
    pipeline.connect("router.again", "first")
    return pipeline


def fan(count: int = 4) -> Pipeline:
    pipeline = Pipeline().add_component("start", Add()).add_component("sum", Sum())
    for index in range(count):
        pipeline.add_component(f"add_{index}", Add())
        pipeline.connect("start.result", f"add_{index}.value")
        pipeline.connect(f"add_{index}.result", "sum.values")
    return pipeline


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


def corner(element: ET.Element) -> tuple[float, float]:
    x, y = re.findall(r"[-\d.]+", element.get("transform", ""))
    return float(x), float(y)


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


@settings(max_examples=50, deadline=None)
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
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_drawing import fan, loop\n"
        "from dtlpipe.graph.drawing import to_mermaid, to_svg\n"
        "print(to_svg(fan(7)), to_svg(loop()), to_mermaid(loop()))"
    )
    written = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        written.add(done.stdout)
    assert written == {f"{to_svg(fan(7))} {to_svg(loop())} {to_mermaid(loop())}\n"}


def test_notebooks_show_a_pipeline_as_its_picture():
    assert loop()._repr_svg_() == to_svg(loop())


# ---- components with a pipeline inside -------------------------------------------------------------------------------


@component
class Wrapper:
    """A component around a pipeline, by mappings as those of SuperComponent."""

    def __init__(self, pipeline: Any, inputs: dict[str, list[str]] | None, outputs: dict[str, str] | None) -> None:
        self.pipeline = pipeline
        if inputs is not None:
            self.input_mapping = inputs
        if outputs is not None:
            self.output_mapping = outputs
        component.set_input_type(self, "number", int)
        component.set_output_types(self, answer=int)

    def run(self, **kwargs: Any) -> dict[str, Any]:
        return {}


def wrapped(inner: Any, *, receivers: tuple[str, ...] = ("start.value",), answer: str = "sum.total") -> Pipeline:
    pipeline = Pipeline().add_components(
        {"before": Add(), "inside": Wrapper(inner, {"number": list(receivers)}, {answer: "answer"}), "after": Add()}
    )
    return pipeline.connect("before.result", "inside.number").connect("inside.answer", "after.value")


def senders_and_receivers(picture: Picture) -> set[tuple[str | None, str | None]]:
    return {(line.get("data-sender"), line.get("data-receiver")) for line in picture.of_class("connection")}


def test_a_pipeline_inside_is_one_box_unless_expanded():
    picture = Picture(to_svg(wrapped(fan(1))))
    assert {box.get("data-name") for box in picture.of_class("component")} == {"before", "inside", "after"}


def test_an_expanded_pipeline_is_connected_where_its_mappings_say():
    picture = Picture(to_svg(wrapped(fan(1), receivers=("start.value", "add_0.add")), super_component_expansion=True))
    assert senders_and_receivers(picture) == {
        ("before.result", "inside.start.value"),
        ("before.result", "inside.add_0.add"),
        ("inside.start.result", "inside.add_0.value"),
        ("inside.add_0.result", "inside.sum.values"),
        ("inside.sum.total", "after.value"),
    }
    assert picture.texts(picture.component("inside.start"))[:2] == ["start", "Add in inside"]
    assert len(picture.of_class("group")) == 3


def test_equal_names_inside_and_outside_stay_apart():
    inner = Pipeline().add_component("before", Add())
    pipeline = wrapped(inner, receivers=("before.value",), answer="before.result")
    picture = Picture(to_svg(pipeline, super_component_expansion=True))
    assert {box.get("data-name") for box in picture.of_class("component")} == {"before", "inside.before", "after"}


def test_pipelines_inside_pipelines_inside_pipelines_are_expanded():
    deep = wrapped(fan(1))
    outer = wrapped(deep, receivers=("before.value",), answer="after.result")
    picture = Picture(to_svg(outer, super_component_expansion=True))
    assert ("before.result", "inside.before.value") in senders_and_receivers(picture)
    assert ("inside.before.result", "inside.inside.start.value") in senders_and_receivers(picture)
    assert ("inside.after.result", "after.value") in senders_and_receivers(picture)


def test_what_a_run_gives_to_an_expanded_pipeline_is_tagged_inside():
    pipeline = Pipeline().add_component("inside", Wrapper(fan(1), {"number": ["start.value"]}, {"sum.total": "answer"}))
    picture = Picture(to_svg(pipeline, super_component_expansion=True))
    assert len(picture.of_class("tag", picture.component("inside.start"))) == 1
    assert len(picture.of_class("tag", picture.component("inside.sum"))) == 1


@pytest.mark.parametrize(("inputs", "outputs"), [(None, {"sum.total": "answer"}), ({"number": ["start.value"]}, None)])
def test_a_pipeline_whose_connections_lead_nowhere_known_stays_a_box(inputs, outputs):
    pipeline = Pipeline().add_components({"before": Add(), "inside": Wrapper(fan(1), inputs, outputs), "after": Add()})
    pipeline.connect("before.result", "inside.number").connect("inside.answer", "after.value")
    picture = Picture(to_svg(pipeline, super_component_expansion=True))
    assert {box.get("data-name") for box in picture.of_class("component")} == {"before", "inside", "after"}


# ---- files and notebooks ---------------------------------------------------------------------------------------------


def test_the_suffix_says_what_is_drawn(tmp_path: Path):
    pipeline = loop()
    for suffix in ("svg", "mmd", "mermaid", "md"):
        draw(pipeline, tmp_path / f"picture.{suffix}")
    assert (tmp_path / "picture.svg").read_text(encoding="utf-8") == to_svg(pipeline)
    assert (tmp_path / "picture.mmd").read_text(encoding="utf-8") == to_mermaid(pipeline)
    assert (tmp_path / "picture.mermaid").read_text(encoding="utf-8") == to_mermaid(pipeline)
    assert (tmp_path / "picture.md").read_text(encoding="utf-8") == f"```mermaid\n{to_mermaid(pipeline)}```\n"


def test_haystacks_arguments_are_accepted(tmp_path: Path):
    pipeline = loop()
    pipeline.draw(
        path=str(tmp_path / "dark.svg"), server_url="http://nobody.invalid", params={"theme": "dark"}, timeout=1
    )
    assert (tmp_path / "dark.svg").read_text(encoding="utf-8") == to_svg(pipeline, theme="dark")
    pipeline.draw(path=tmp_path / "forest.mmd", params={"theme": "forest"}, super_component_expansion=True)
    assert '"theme": "forest"' in (tmp_path / "forest.mmd").read_text(encoding="utf-8")


def test_an_unknown_suffix_is_refused_with_those_that_are_known(tmp_path: Path):
    with pytest.raises(PipelineDrawingError, match=r"'\.gif'.*\.svg, \.png"):
        draw(loop(), tmp_path / "picture.gif")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path):
    with pytest.raises(PipelineDrawingError, match=r"missing/picture\.svg"):
        draw(loop(), tmp_path / "missing" / "picture.svg")


class FakeCairo(types.ModuleType):
    """Stands for the package cairosvg, which the tests do without."""

    def __init__(self) -> None:
        super().__init__("cairosvg")
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def svg2png(self, *, bytestring: bytes, **options: Any) -> bytes:
        self.asked.append(("png", bytestring.decode(), options))
        return b"a PNG"

    def svg2pdf(self, *, bytestring: bytes, **options: Any) -> bytes:
        self.asked.append(("pdf", bytestring.decode(), options))
        return b"a PDF"


def test_png_and_pdf_are_made_by_cairosvg_when_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cairo = FakeCairo()
    monkeypatch.setitem(sys.modules, "cairosvg", cairo)
    draw(loop(), tmp_path / "picture.png")
    draw(loop(), tmp_path / "picture.pdf", params={"theme": "dark"})
    assert (tmp_path / "picture.png").read_bytes() == b"a PNG"
    assert (tmp_path / "picture.pdf").read_bytes() == b"a PDF"
    light, dark = (to_svg(loop(), theme=theme).replace(style.FIXED_WIDTH, "monospace") for theme in ("light", "dark"))
    assert cairo.asked == [("png", light, {"scale": 2}), ("pdf", dark, {})]


def test_png_without_cairosvg_names_the_package_and_the_way_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(PipelineDrawingError, match=r"cairosvg.*picture\.svg"):
        draw(loop(), tmp_path / "picture.png")
    assert not list(tmp_path.iterdir())


def test_show_outside_of_a_notebook_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    with pytest.raises(PipelineDrawingError, match="not a Jupyter notebook"):
        show(loop())
    terminal = types.SimpleNamespace(get_ipython=lambda: object())
    monkeypatch.setitem(sys.modules, "IPython", terminal)  # type: ignore[arg-type]
    with pytest.raises(PipelineDrawingError, match="draw"):
        show(loop())


@pytest.mark.parametrize(("params", "theme"), [(None, "auto"), ({"theme": "dark"}, "dark")])
def test_show_hands_the_picture_to_the_notebook(monkeypatch: pytest.MonkeyPatch, params: Any, theme: style.Theme):
    shown: list[Any] = []
    notebook = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", notebook)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=shown.append))  # type: ignore[arg-type]
    loop().show(params=params)
    assert [each._repr_svg_() for each in shown] == [to_svg(loop(), theme=theme)]
