"""Runs that stop, and go on."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dtlpipe.graph import (
    Breakpoint,
    BreakpointException,
    Pipeline,
    PipelineInvalidPipelineSnapshotError,
    PipelineRuntimeError,
    PipelineSnapshot,
    component,
    tracing,
)
from tests.unit.graph.running_parts import Add, Await, Call, Sum, chain, loop


@pytest.fixture(params=["plain", "traced"])
def way(request):
    if request.param == "traced":
        with tracing.recording():
            yield request.param
    else:
        yield request.param


@component
class Once:
    """Fails in its first visit."""

    def __init__(self):
        self.visits = 0

    @component.output_types(value=int)
    def run(self, value: int):
        self.visits += 1
        if self.visits == 1:
            raise KeyError("not yet")
        return {"value": value + 1}


def test_a_run_stops_before_the_component_and_goes_on_from_there(way):
    pipeline = loop()
    data = {"merge": {"value": 0}}
    with pytest.raises(BreakpointException, match="Breaking at component add at visit count 1") as caught:
        pipeline.run(data, include_outputs_from={"merge"}, break_point=Breakpoint("add", 1))
    error = caught.value
    assert error.component == "add"
    assert error.break_point == Breakpoint("add", 1)
    assert error.pipeline_snapshot.pipeline_state.component_visits == {"add": 1, "check": 1, "merge": 2}
    assert pipeline.run({}, pipeline_snapshot=error.pipeline_snapshot) == pipeline.run(data, {"merge"})


def test_a_run_goes_on_from_a_snapshot_that_was_data_meanwhile(way):
    pipeline = chain(Add(), Add(10), Add(100))
    with pytest.raises(BreakpointException) as caught:
        pipeline.run({"value": 0}, break_point=Breakpoint("c2"))
    snapshot = PipelineSnapshot.from_dict(caught.value.pipeline_snapshot.to_dict())
    assert chain(Add(), Add(10), Add(100)).run({}, pipeline_snapshot=snapshot) == {"c2": {"value": 111}}


def test_a_run_goes_step_by_step(way):
    pipeline, snapshot, seen = chain(Add(), Add(), Add()), None, []
    for name in ("c0", "c1", "c2"):
        with pytest.raises(BreakpointException) as caught:
            pipeline.run({"value": 0}, break_point=Breakpoint(name), pipeline_snapshot=snapshot)
        snapshot = caught.value.pipeline_snapshot
        seen.append(snapshot.break_point.component_name)
    assert seen == ["c0", "c1", "c2"]
    assert pipeline.run({}, pipeline_snapshot=snapshot) == {"c2": {"value": 3}}


def test_a_breakpoint_that_cannot_be_reached_is_refused(way):
    pipeline = chain(Add())
    with pytest.raises(ValueError, match="is not a registered component"):
        pipeline.run({"value": 0}, break_point=Breakpoint("nobody"))
    with pytest.raises(BreakpointException) as caught:
        pipeline.run({"value": 0}, break_point=Breakpoint("c0"))
    with pytest.raises(PipelineInvalidPipelineSnapshotError, match="could not make any progress"):
        pipeline.run({}, break_point=Breakpoint("c0"), pipeline_snapshot=caught.value.pipeline_snapshot)


def test_a_breakpoint_that_was_not_reached_is_warned_about(way, caplog):
    assert chain(Add()).run({"value": 0}, break_point=Breakpoint("c0", 1)) == {"c0": {"value": 1}}
    assert "was never triggered" in caplog.text


def test_a_failure_carries_the_snapshot_of_its_run(way):
    pipeline = chain(Add(), Once(), Add())
    with pytest.raises(PipelineRuntimeError) as caught:
        pipeline.run({"value": 0}, {"c0"})
    snapshot = caught.value.pipeline_snapshot
    assert (snapshot.break_point.component_name, snapshot.break_point.visit_count) == ("c1", 0)
    assert caught.value.pipeline_snapshot_file_path is None
    assert pipeline.run({}, pipeline_snapshot=snapshot) == {"c0": {"value": 1}, "c2": {"value": 3}}


def test_a_callback_receives_the_snapshot_instead_of_a_file(way):
    received = []

    def keep(snapshot):
        received.append(snapshot)
        return "kept"

    pipeline = chain(Add(), Once())
    for break_point, kind in ((Breakpoint("c1"), BreakpointException), (None, PipelineRuntimeError)):
        with pytest.raises(kind) as caught:
            pipeline.run({"value": 0}, break_point=break_point, snapshot_callback=keep)
        assert received[-1] is caught.value.pipeline_snapshot
        assert caught.value.pipeline_snapshot_file_path == "kept"


def test_what_a_callback_raises_does_not_hide_the_failure(way, caplog):
    def broken(snapshot):
        raise OSError("full")

    with pytest.raises(PipelineRuntimeError) as caught:
        chain(Once()).run({"value": 0}, snapshot_callback=broken)
    assert caught.value.component_name == "c0"
    with pytest.raises(OSError, match="full"):
        chain(Add()).run({"value": 0}, break_point=Breakpoint("c0"), snapshot_callback=broken)


def test_a_snapshot_that_cannot_be_made_does_not_hide_the_failure(way, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise RuntimeError("no snapshot")

    monkeypatch.setattr("dtlpipe.graph.stopping.create_snapshot", broken)
    with pytest.raises(PipelineRuntimeError, match="not yet") as caught:
        chain(Once()).run({"value": 0})
    assert caught.value.pipeline_snapshot is None
    assert "No snapshot could be made" in caplog.text
    with pytest.raises(RuntimeError, match="no snapshot"):
        chain(Add()).run({"value": 0}, break_point=Breakpoint("c0"))


def test_the_component_does_not_run_before_the_stop(way):
    calls = []
    with pytest.raises(BreakpointException):
        chain(Call(calls.append)).run({}, break_point=Breakpoint("c0"))
    assert calls == []


# ---- on the event loop -----------------------------------------------------------------------------------------------


async def test_an_asynchronous_run_stops_and_goes_on(way):
    pipeline = loop()
    data = {"merge": {"value": 0}}
    with pytest.raises(BreakpointException) as caught:
        await pipeline.run_async(data, {"merge"}, break_point=Breakpoint("add", 1))
    snapshot = caught.value.pipeline_snapshot
    expected = pipeline.run(data, {"merge"})
    assert await pipeline.run_async({}, pipeline_snapshot=snapshot) == expected
    assert pipeline.run({}, pipeline_snapshot=snapshot) == expected
    with pytest.raises(BreakpointException) as caught:
        pipeline.run(data, {"merge"}, break_point=Breakpoint("add", 1))
    assert await pipeline.run_async({}, pipeline_snapshot=caught.value.pipeline_snapshot) == expected


async def test_what_is_running_ends_before_an_asynchronous_run_stops(way):
    calls = []
    gate = asyncio.Event()

    async def slow(value):
        calls.append("slow")
        await gate.wait()
        return {"value": 10}

    async def quick(value):
        calls.append("quick")
        gate.set()
        return {"value": 1}

    def made():
        pipeline = Pipeline()
        pipeline.add_components({"a": Await(slow), "b": Await(quick), "c": Add(), "sum": Sum()})
        return pipeline.connect_many([("b.value", "c.value"), ("a.value", "sum.values"), ("c.value", "sum.values")])

    pipeline = made()
    with pytest.raises(BreakpointException) as caught:
        await pipeline.run_async({}, break_point=Breakpoint("c"))
    assert calls == ["slow", "quick"]
    result = await pipeline.run_async({}, pipeline_snapshot=caught.value.pipeline_snapshot)
    assert result == {"sum": {"total": 12}}
    assert calls == ["slow", "quick"]


async def test_what_waited_for_a_place_runs_after_an_asynchronous_run_has_gone_on(way):
    calls = []

    def note(name):
        async def call(value):
            calls.append(name)
            return {"value": value}

        return call

    pipeline = Pipeline()
    pipeline.add_components({name: Await(note(name)) for name in "abcd"})
    with pytest.raises(BreakpointException) as caught:
        await pipeline.run_async({}, concurrency_limit=1, break_point=Breakpoint("d"))
    assert calls == ["a"]
    result = await pipeline.run_async({}, pipeline_snapshot=caught.value.pipeline_snapshot)
    assert sorted(calls) == ["a", "b", "c", "d"]
    assert result == {name: {"value": 0} for name in "abcd"}


async def test_an_asynchronous_failure_carries_a_snapshot_with_all_that_was_running(way):
    started = asyncio.Event()

    async def wait(value):
        if not started.is_set():
            started.set()
            await asyncio.Event().wait()
        return {"value": 5}

    async def fail(value):
        await started.wait()
        if broken:
            raise KeyError("broken")
        return {"value": 1}

    broken = [True]
    pipeline = Pipeline()
    pipeline.add_components({"a": Await(wait), "b": Await(fail)})
    with pytest.raises(PipelineRuntimeError) as caught:
        await pipeline.run_async({})
    broken.clear()
    result = await pipeline.run_async({}, pipeline_snapshot=caught.value.pipeline_snapshot)
    assert result == {"a": {"value": 5}, "b": {"value": 1}}


async def test_a_generator_stops_and_goes_on_too(way, caplog):
    caplog.set_level(logging.WARNING)
    pipeline, parts = chain(Add(), Add()), []
    with pytest.raises(BreakpointException) as caught:
        async for part in pipeline.run_async_generator({"value": 0}, {"c0"}, break_point=Breakpoint("c1")):
            parts.append(part)
    assert parts == [{"c0": {"value": 1}}]
    rest = [part async for part in pipeline.run_async_generator({}, pipeline_snapshot=caught.value.pipeline_snapshot)]
    assert rest == [{"c1": {"value": 2}}, {"c0": {"value": 1}, "c1": {"value": 2}}]
    missed = [part async for part in pipeline.run_async_generator({"value": 0}, break_point=Breakpoint("c1", 7))]
    assert missed[-1] == {"c1": {"value": 2}}
    assert "was never triggered" in caplog.text
