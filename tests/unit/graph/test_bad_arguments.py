"""Arguments that are something else than what they should be: refused before anything runs, by their name."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from dtlpipe.graph import (
    Breakpoint,
    BreakpointException,
    JsonMarshaller,
    Pipeline,
    PipelineInvalidPipelineSnapshotError,
    PipelineRuntimeError,
    PipelineSnapshot,
    PipelineValidationError,
    Policy,
    SerializationError,
    YamlMarshaller,
    component,
    enable_tracing,
    load_pipeline_snapshot,
)
from tests.unit.graph.running_parts import Add, Answer, Await, chain


def two() -> Pipeline:
    return chain(Add(), Add())


def data() -> dict[str, Any]:
    return {"c0": {"value": 1}}


def stopped() -> dict[str, Any]:
    with pytest.raises(BreakpointException) as caught:
        two().run(data(), break_point=Breakpoint("c1"))
    assert caught.value.pipeline_snapshot is not None
    return caught.value.pipeline_snapshot.to_dict()


# ---- of runs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["c0", ["c0"], {"c0"}, iter(["c0"]), {"c0": 1}])
def test_the_components_whose_outputs_are_wanted_come_in_any_collection_and_one_by_its_name(wanted: Any):
    assert two().run(data(), include_outputs_from=wanted) == {"c0": {"value": 2}, "c1": {"value": 3}}


@pytest.mark.parametrize("wanted", [1, True, [["c0"]]])
def test_what_names_no_components_is_refused(wanted: Any):
    with pytest.raises(PipelineValidationError, match=r"include_outputs_from is .*give a set of names"):
        two().run(data(), include_outputs_from=wanted)


@pytest.mark.parametrize("limit", [0, -1, "3", None, float("nan")])
def test_a_limit_that_is_no_number_of_places_is_refused(limit: Any):
    with pytest.raises(PipelineValidationError, match="concurrency_limit must be greater than or equal to 1"):
        asyncio.run(two().run_async(data(), concurrency_limit=limit))
    with pytest.raises(PipelineValidationError, match="parallel must be greater than or equal to 1"):
        two().run(data(), parallel=limit)


@pytest.mark.parametrize(
    "break_point", ["c1", ("c1", 0), Breakpoint, Breakpoint(1), Breakpoint("c1", -1), Breakpoint("c1", "0")]
)
def test_what_is_no_breakpoint_is_refused(break_point: Any):
    with pytest.raises(PipelineValidationError, match=r"break_point is .*give a Breakpoint"):
        two().run(data(), break_point=break_point)
    with pytest.raises(PipelineValidationError, match=r"break_point is .*give a Breakpoint"):
        asyncio.run(two().run_async(data(), break_point=break_point))


@pytest.mark.parametrize("snapshot", [{}, "snapshot.json", Breakpoint("c1")])
def test_what_is_no_snapshot_is_refused_with_the_way_to_one(snapshot: Any):
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match=r"no snapshot.*PipelineSnapshot\.from_dict"):
        two().run({}, pipeline_snapshot=snapshot)


def test_a_run_in_a_thread_that_stops_an_iteration_fails_and_does_not_hang():
    pipeline = Pipeline().add_component("drained", Answer(StopIteration("nothing left")))
    with pytest.raises(PipelineRuntimeError, match=r"Component name: 'drained'(.|\n)*nothing left") as caught:
        asyncio.run(asyncio.wait_for(pipeline.run_async({}), 30))
    assert isinstance(caught.value.__cause__, StopIteration)


def test_one_streaming_component_may_be_given_by_its_name():
    @component
    class Speaker:
        @component.output_types(value=int)
        def run(self, value: int, streaming_callback: Any = None):
            raise AssertionError

        @component.output_types(value=int)
        async def run_async(self, value: int, streaming_callback: Any = None):
            await streaming_callback("chunk")
            return {"value": value}

    async def chunks() -> list[str]:
        pipeline = Pipeline().add_component("speaker", Speaker())
        return [chunk async for chunk in pipeline.stream({"value": 1}, streaming_components="speaker")]

    assert asyncio.run(chunks()) == ["chunk"]


def test_a_stream_without_an_event_loop_says_where_it_belongs():
    async def at_once(value: int) -> dict[str, int]:
        raise AssertionError

    with pytest.raises(RuntimeError, match=r"no running event loop.*async def"):
        Pipeline().add_component("c", Await(at_once)).stream({"value": 1})


@component
class Coroutine:
    @component.output_types(value=int)
    async def run(self, value: int):
        return {"value": value}


@pytest.mark.parametrize("how", ["run", "run_async", "parallel"])
def test_a_run_that_is_a_coroutine_function_says_how_to_name_it(how: str):
    pipeline = Pipeline().add_component("c", Coroutine())
    with pytest.raises(PipelineRuntimeError, match=r"got coroutine instead. Name the coroutine function 'run_async'"):
        if how == "run_async":
            asyncio.run(pipeline.run_async({"value": 1}))
        else:
            pipeline.run({"value": 1}, parallel=2 if how == "parallel" else 1)


# ---- of pipelines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["3", None, [3]])
def test_a_limit_of_runs_is_a_number(limit: Any):
    with pytest.raises(PipelineValidationError, match=r"max_runs_per_component is .*give a number"):
        Pipeline(max_runs_per_component=limit)


@pytest.mark.parametrize("metadata", ["x", 3, [1]])
def test_metadata_is_a_dict(metadata: Any):
    with pytest.raises(PipelineValidationError, match=r"metadata is .*give a dict"):
        Pipeline(metadata=metadata)


@pytest.mark.parametrize("components", [None, "ab", [("a", Add())]])
def test_components_come_in_a_dict(components: Any):
    with pytest.raises(PipelineValidationError, match=r"give a dict \{name: component\}"):
        Pipeline().add_components(components)


@pytest.mark.parametrize("policy", [3, "retry", {"timeout": 1.0}, Policy])
def test_what_is_no_policy_is_refused_and_changes_nothing(policy: Any):
    pipeline = Pipeline()
    with pytest.raises(PipelineValidationError, match=r"policy of component 'c' is .*give a Policy"):
        pipeline.add_component("c", Add(), policy=policy)
    assert not list(pipeline.graph.nodes)
    pipeline.add_component("c", Add(), policy=Policy(timeout=30.0))
    with pytest.raises(PipelineValidationError, match=r"policy of component 'c' is .*give a Policy"):
        pipeline.set_policy("c", policy)
    assert pipeline.graph.nodes["c"]["policy"] == Policy(timeout=30.0)


@pytest.mark.parametrize("cache", [True, 3, {}, object()])
def test_what_keeps_nothing_is_no_cache(cache: Any):
    with pytest.raises(PipelineValidationError, match="cache must be a MemoryCache, a DiskCache or alike"):
        Policy(cache=cache)


@pytest.mark.parametrize("tracer", [3, None, "opentelemetry", type("Tracer", (), {"trace": None})])
def test_what_cannot_trace_is_no_tracer(tracer: Any):
    with pytest.raises(PipelineValidationError, match="is no tracer: give an object with a method 'trace'"):
        enable_tracing(tracer)


# ---- of values -------------------------------------------------------------------------------------------------------


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_a_value_too_deep_to_be_copied_is_refused_by_the_name_of_its_input():
    with pytest.raises(PipelineValidationError, match="The value of 'value' is nested too deeply"):
        two().run({"c0": {"value": nested(100_000)}})


def test_an_object_that_cannot_even_be_asked_is_shared():
    class Absent:
        """Like a proxy of something that is not there now."""

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(f"there is no {name} now")

    @component
    class Same:
        @component.output_types(value=object)
        def run(self, value: object):
            return {"value": value}

    absent = Absent()
    for run in (lambda p: p.run({"value": absent}), lambda p: asyncio.run(p.run_async({"value": absent}))):
        assert run(Pipeline().add_component("same", Same()))["same"]["value"] is absent


@pytest.mark.parametrize("marshaller", [JsonMarshaller(), YamlMarshaller()])
def test_numbers_of_too_many_digits_cannot_be_written(marshaller: Any):
    with pytest.raises(SerializationError, match=r"a value that cannot be written: .*digits"):
        chain(Add(10**5000)).dumps(marshaller)


def test_half_a_character_cannot_be_yaml():
    with pytest.raises(SerializationError, match=r"a value that cannot be written: .*surrogates"):
        Pipeline(metadata={"text": "\ud800"}).dumps()


# ---- of snapshots ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("visits", ["1", -1, None, [1]])
def test_visits_that_cannot_be_are_damage(visits: Any):
    damaged = stopped()
    damaged["pipeline_state"]["component_visits"]["c1"] = visits
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match="damaged: component 'c1' has run"):
        two().run({}, pipeline_snapshot=PipelineSnapshot.from_dict(damaged))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("run",), 3),
        (("run", "pipeline"), {}),
        (("run", "pipeline", "components", "c0"), "x"),
        (("run", "batch"), 3),
        (("break_point", "component_name"), ["c1"]),
    ],
)
def test_a_damaged_snapshot_is_refused_before_anything_runs(path: tuple[str, ...], value: Any):
    damaged = inner = stopped()
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    before = json.dumps(damaged)
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match="Invalid pipeline snapshot: it is damaged"):
        two().run({}, pipeline_snapshot=PipelineSnapshot.from_dict(damaged))
    assert json.dumps(damaged) == before


def test_a_snapshot_of_no_time_is_refused():
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match="no pipeline snapshot: ValueError"):
        PipelineSnapshot.from_dict({**stopped(), "timestamp": "yesterday"})


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_holds_no_json_is_named(tmp_path: Path, content: bytes):
    path = tmp_path / "snapshot.json"
    path.write_bytes(content)
    with pytest.raises(json.JSONDecodeError, match=r"Invalid JSON file .*snapshot\.json"):
        load_pipeline_snapshot(path)


def test_data_with_the_visits_of_other_components_is_refused_as_such():
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match=r"^Inconsistent state: .*\['c0', 'c1'\]"):
        PipelineSnapshot.from_dict({**stopped(), "ordered_component_names": ["c0"]})
