"""Pictures of pipelines inside pipelines, in files and in notebooks."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from dtlpipe.graph import Pipeline, PipelineDrawingError, component
from dtlpipe.graph.drawing import draw, show, style, to_mermaid, to_svg
from tests.unit.graph.drawing_parts import Add, Picture, fan, loop

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
    with pytest.raises(PipelineDrawingError, match="only supported in Jupyter notebooks"):
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
