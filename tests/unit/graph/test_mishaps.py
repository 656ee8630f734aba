"""What goes wrong around a pipeline, and how it is said: tracers, files, caches, pipelines within pipelines."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import sys
from typing import Any

import pytest

from dtlpipe.graph import (
    MemoryCache,
    Pipeline,
    PipelineConnectError,
    PipelineDrawingError,
    PipelineRuntimeError,
    PipelineValidationError,
    Policy,
    SerializationError,
    SuperComponent,
    YamlMarshaller,
    component,
    tracing,
)
from dtlpipe.graph.caching import DiskCache
from tests.unit.graph.running_parts import Add, chain


@component
class Fails:
    @component.output_types(value=int)
    def run(self, value: int) -> dict[str, Any]:
        raise ValueError("no")

    def to_dict(self) -> dict[str, Any]:
        raise KeyError("no")


class Swallows:
    """A tracer whose spans keep errors for themselves."""

    @contextlib.contextmanager
    def trace(self, operation_name: str, tags: Any = None, parent_span: Any = None):
        with contextlib.suppress(ValueError, PipelineRuntimeError):
            yield tracing.NullSpan()

    def current_span(self) -> None:
        return None


def test_a_run_that_failed_fails_also_if_its_tracer_swallows_errors():
    tracing.enable_tracing(Swallows())
    try:
        pipeline = chain(Fails())
        with pytest.raises(PipelineRuntimeError, match="ValueError"):
            pipeline.run({"value": 1})
        with pytest.raises(PipelineRuntimeError, match="ValueError"):
            asyncio.run(pipeline.run_async({"value": 1}))
        assert chain(Add()).run({"value": 1}) == {"c0": {"value": 2}}
    finally:
        tracing.disable_tracing()


def test_a_path_where_an_open_file_is_wanted_is_refused_with_the_way_to_open_it():
    with pytest.raises(PipelineValidationError, match=r"open file, not 'p\.yaml'.*with open\(path\) as file"):
        Pipeline.load("p.yaml")
    with pytest.raises(PipelineValidationError, match=r"open\(path, 'w'\)"):
        Pipeline().dump("p.yaml")
    file = io.StringIO()
    Pipeline(metadata={"a": 1}).dump(file)
    file.seek(0)
    assert Pipeline.load(file).metadata == {"a": 1}


def test_a_component_that_fails_to_write_itself_is_named():
    pipeline = Pipeline().add_component("mine", Fails())
    with pytest.raises(KeyError) as caught:
        pipeline.to_dict()
    assert caught.value.__notes__ == ["Component 'mine' of type 'Fails' failed to write itself (to_dict)."]


@component
class Gives:
    def __init__(self, value: Any) -> None:
        self.value = value

    @component.output_types(value=object)
    def run(self, given: Any = None) -> dict[str, Any]:
        return {"value": self.value}


@pytest.mark.parametrize(
    ("instance", "given", "reason"),
    [
        (Gives(1), object(), "object"),
        (Gives(object()), 1, "Gives"),
        (Gives({1}), 1, "DiskCache did not keep what it returned"),
    ],
    ids=["the input", "the component", "the output"],
)
def test_a_cache_that_cannot_apply_is_warned_about_once(instance, given, reason, caplog, tmp_path):
    cache = DiskCache(tmp_path) if "Disk" in reason else MemoryCache()
    pipeline = Pipeline().add_component("a", instance, policy=Policy(cache=cache))
    for _ in range(3):
        pipeline.run({"a": {"given": given}})
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "Component 'a' runs uncached" in record.getMessage()
    assert reason in record.getMessage()


def nested(depth: int) -> Pipeline:
    inner = Pipeline().add_component("a", Add())
    for _ in range(depth):
        inner = Pipeline().add_component("a", SuperComponent(inner))
    return inner


def test_pipelines_nested_too_deeply_say_so():
    too_deep = nested(150)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 300)
    try:
        with pytest.raises(PipelineRuntimeError, match=r"cannot be warmed up.*more deeply than Python can follow"):
            too_deep.run({"a": {"value": 1}})
        with pytest.raises(PipelineRuntimeError, match="more deeply than Python can follow"):
            asyncio.run(too_deep.run_async({"a": {"value": 1}}))
        with pytest.raises(SerializationError, match="more deeply than Python can follow"):
            too_deep.to_dict()
    finally:
        sys.setrecursionlimit(limit)
    assert nested(10).run({"a": {"value": 1}}) == {"a": {"value": 2}}


def test_data_nested_too_deeply_are_no_yaml():
    deep: Any = 1
    for _ in range(sys.getrecursionlimit() * 2):
        deep = [deep]
    pipeline = Pipeline(metadata={"deep": deep})
    with pytest.raises(SerializationError, match="metadata contain themselves, or are nested too deeply"):
        pipeline.dumps()
    with pytest.raises(SerializationError, match="nested too deeply to be YAML"):
        YamlMarshaller().marshal({"metadata": deep})


@pytest.mark.parametrize("connections", [None, 3, "a.value"])
def test_connections_are_pairs_in_a_list(connections):
    with pytest.raises(PipelineConnectError, match="give a list of"):
        Pipeline().connect_many(connections)


def test_pictures_take_their_parameters_as_a_dict(tmp_path):
    with pytest.raises(PipelineDrawingError, match="params is 'dark'"):
        chain(Add()).draw(tmp_path / "p.svg", params="dark")


@component
class Options:
    def __init__(self) -> None:
        component.set_input_type(self, "first", int, 1)
        component.set_input_type(self, "second", int)
        component.set_input_type(self, "third", int, 3)

    @component.output_types(names=list)
    def run(self, **inputs: int) -> dict[str, Any]:
        return {"names": list(inputs)}


def test_keyword_arguments_that_were_given_come_before_defaults():
    pipeline = Pipeline().add_component("a", Options())
    for _ in range(3):
        assert pipeline.run({"a": {"third": 0, "second": 0}}) == {"a": {"names": ["second", "third", "first"]}}
    assert asyncio.run(pipeline.run_async({"a": {"second": 0}})) == {"a": {"names": ["second", "first", "third"]}}
