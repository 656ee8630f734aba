"""A pipeline's own ways to be data and pictures; what they do in detail is tested with those layers."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree as ET

import pytest

from dtlpipe.graph import DeserializationError, JsonMarshaller, Pipeline, PipelineDrawingError, component
from dtlpipe.graph.pipeline.base import PipelineBase


@component
class Scale:
    def __init__(self, factor: int = 2) -> None:
        self.factor = factor

    @component.output_types(out=int)
    def run(self, x: int):
        return {"out": x * self.factor}


def two(cls: type[PipelineBase] = PipelineBase) -> PipelineBase:
    pipeline = cls(metadata={"for": "tests"}, max_runs_per_component=5)
    return pipeline.add_components({"a": Scale(), "b": Scale(3)}).connect("a.out", "b.x")


def test_it_comes_back_from_data_as_the_class_that_was_asked():
    class Own(PipelineBase):
        pass

    name = f"{Scale.__module__}*"
    again = Own.from_dict(two().to_dict(), allowed_modules=[name])
    assert type(again) is Own
    assert again == two(Own)
    assert again.get_component("b").factor == 3


def test_instances_may_be_given_for_names():
    mine = Scale(9)
    again = PipelineBase.from_dict(two().to_dict(), unsafe=True, components={"b": mine})
    assert again.get_component("b") is mine


@pytest.mark.parametrize("marshaller", [None, JsonMarshaller()])
def test_it_comes_back_from_text_and_from_files(marshaller):
    text = two().dumps(marshaller)
    assert PipelineBase.loads(text, marshaller, unsafe=True) == two()
    assert PipelineBase.loads(text.encode(), marshaller, unsafe=True) == two()
    file = io.StringIO()
    two().dump(file, marshaller)
    assert file.getvalue() == text
    file.seek(0)
    assert PipelineBase.load(file, marshaller, unsafe=True) == two()


def test_text_is_yaml_unless_another_marshaller_is_given():
    assert two().dumps().startswith("components:")
    assert json.loads(two().dumps(JsonMarshaller()))["max_runs_per_component"] == 5


def test_text_that_cannot_be_read_is_refused():
    with pytest.raises(
        DeserializationError, match=r"Error while unmarshalling serialized pipeline data.*JsonMarshaller"
    ):
        PipelineBase.loads("{", JsonMarshaller())


def test_it_is_drawn_to_a_file_and_in_notebooks(tmp_path):
    pipeline = two(Pipeline)
    pipeline.draw(tmp_path / "it.svg")
    drawn = (tmp_path / "it.svg").read_text()
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert ET.fromstring(pipeline._repr_svg_()).tag.endswith("svg")
    pipeline.draw(path=tmp_path / "it.mmd")
    assert "-->" in (tmp_path / "it.mmd").read_text()


def test_it_is_shown_in_notebooks_only():
    with pytest.raises(PipelineDrawingError, match="notebook"):
        two().show()
