"""Runs that somebody watches."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import get_current_span

from dtlpipe.graph import PipelineRuntimeError, plugins, tracing
from tests.unit.graph.running_parts import Add, Answer, Call, chain, loop
from tests.unit.graph.test_run_async import side_by_side


def test_a_recording_tells_what_ran_when_with_what_and_how_it_ended():
    with tracing.recording() as trace:
        loop(threshold=2).run({"merge": {"value": 0}})
    assert [(event.name, event.visit, event.type, event.outcome) for event in trace.events] == [
        ("merge", 0, "Merge", "completed"),
        ("add", 0, "Add", "completed"),
        ("check", 0, "Threshold", "completed"),
        ("merge", 1, "Merge", "completed"),
        ("add", 1, "Add", "completed"),
        ("check", 1, "Threshold", "completed"),
    ]
    assert trace.events[0].input_types == {"value": "list"}
    assert trace.events[1].input_types == {"value": "int"}
    assert [event.started_at for event in trace.events] == sorted(event.started_at for event in trace.events)
    assert {event.run for event in trace.events} == {0}


def test_a_recording_holds_content_only_if_asked():
    for content in (False, True):
        with tracing.recording(content=content) as trace:
            chain(Add()).run({"value": 1})
        tags = trace.spans[0].tags | trace.spans[1].tags
        assert ("haystack.component.input" in tags) is content
        assert ("haystack.pipeline.output_data" in tags) is content
        assert tags["haystack.component.visits"] == 1
    assert tags["haystack.component.input"] == {"value": 1}
    assert tags["haystack.component.output"] == {"value": 2}
    assert tags["haystack.pipeline.output_data"] == {"c0": {"value": 2}}
    assert tags["haystack.pipeline.input_data"] == {"c0": {"value": 1}}


def test_a_recording_tells_of_failures():
    with tracing.recording() as trace, pytest.raises(PipelineRuntimeError):
        chain(Add(), Answer(KeyError("no"))).run({"value": 1})
    assert [(event.name, event.outcome) for event in trace.events] == [("c0", "completed"), ("c1", "failed")]
    assert "'no' (KeyError)" in trace.events[1].error


class Spoiler(tracing.Tracer):
    """Changes what it is shown."""

    @contextlib.contextmanager
    def trace(self, operation_name, tags=None, parent_span=None):
        yield SpoilingSpan()

    def current_span(self):
        return None


class SpoilingSpan(tracing.NullSpan):
    def set_content_tag(self, key, value):
        if key == "haystack.component.input":
            value["value"].append("spoilt")


def test_what_a_tracer_does_to_inputs_reaches_no_component():
    tracing.enable_tracing(Spoiler())
    try:
        pipeline = chain(Call(lambda value: {"value": list(value)}))
        assert pipeline.run({"value": [1]}) == {"c0": {"value": [1]}}
        assert asyncio.run(pipeline.run_async({"value": [1]})) == {"c0": {"value": [1]}}
    finally:
        tracing.disable_tracing()


async def test_a_pipeline_within_a_pipeline_is_a_span_within_a_span():
    async def nested(value):
        return await chain(Add()).run_async({"value": value})

    with tracing.recording() as trace:
        await side_by_side(nested, nested).run_async({})
    inner = [span for span in trace.spans[1:] if span.operation_name == "haystack.pipeline.run"]
    assert sorted(span.parent.tags["haystack.component.name"] for span in inner) == ["c0", "c1"]


async def test_between_the_steps_of_a_generator_its_caller_has_the_span_that_it_had():
    provider = TracerProvider()
    tracing.enable_tracing(plugins.load("opentelemetry").OpenTelemetryTracer(provider.get_tracer("test")))
    try:
        before = get_current_span()
        generator = chain(Add(), Add()).run_async_generator({"value": 0}, {"c0"})
        async for _ in generator:
            assert get_current_span() is before
        generator = side_by_side(*[lambda value: asyncio.sleep(0, {"value": 1})] * 2).run_async_generator({})
        await anext(generator)
        await asyncio.create_task(generator.aclose())
        assert get_current_span() is before
    finally:
        tracing.disable_tracing()
        provider.shutdown()


async def test_cancelled_components_are_recorded_as_such():
    async def wait(value):
        await asyncio.Event().wait()

    async def fail(value):
        raise KeyError("no")

    with tracing.recording() as trace, pytest.raises(PipelineRuntimeError):
        await side_by_side(wait, fail).run_async({})
    assert {event.name: event.outcome for event in trace.events} == {"c0": "cancelled", "c1": "failed"}


async def test_synchronous_components_in_threads_are_within_the_runs_span():
    seen = []
    with tracing.recording() as trace:
        await chain(Call(lambda value: seen.append(trace.current_span()) or {"value": 1})).run_async({})
    assert seen == [trace.spans[1]]
