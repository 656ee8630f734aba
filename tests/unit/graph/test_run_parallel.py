"""Runs on the caller's thread whose components run in threads."""

from __future__ import annotations

import contextvars
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dtlpipe.graph import (
    Breakpoint,
    BreakpointException,
    Pipeline,
    PipelineMaxComponentRuns,
    PipelineRuntimeError,
    tracing,
)
from tests.unit.graph.running_parts import Add, Answer, Call, Sum, Threshold, chain, loop

PATIENCE = 30


@pytest.fixture(params=["plain", "logged", "traced"])
def way(request, caplog):
    if request.param == "logged":
        caplog.set_level(logging.INFO, logger="dtlpipe.graph.pipeline")
    if request.param == "traced":
        with tracing.recording():
            yield request.param
    else:
        yield request.param


def side_by_side(*functions) -> Pipeline:
    pipeline = Pipeline()
    for number, function in enumerate(functions):
        pipeline.add_component(f"c{number}", Call(function))
    return pipeline


def test_the_result_is_that_of_a_run_one_at_a_time(way):
    for pipeline, data in ((chain(Add(), Add()), {"value": 0}), (loop(), {"merge": {"value": 0}}), (Pipeline(), {})):
        assert pipeline.run(data, parallel=3) == pipeline.run(data)


def test_components_run_at_the_same_time(way):
    barrier = threading.Barrier(3)

    def meet(value):
        barrier.wait(PATIENCE)
        return {"value": threading.current_thread().name}

    names = {outputs["value"] for outputs in side_by_side(meet, meet, meet).run({}, parallel=3).values()}
    assert len(names) == 3
    assert all(name.startswith("dtlpipe") for name in names)


def test_no_more_run_at_the_same_time_than_allowed(way):
    outputs = side_by_side(*[lambda value: {"value": threading.get_ident()}] * 20).run({}, parallel=2)
    assert 1 <= len({own["value"] for own in outputs.values()}) <= 2
    assert len(outputs) == 20


def test_branches_do_not_wait_for_each_other(way):
    second = threading.Event()

    def wait(value):
        assert second.wait(PATIENCE)
        return {"value": 1}

    pipeline = Pipeline()
    pipeline.add_components({"slow": Call(wait), "a": Add(), "b": Call(lambda value: second.set() or {"value": 1})})
    pipeline.connect("a.value", "b.value")
    assert pipeline.run({"a": {"value": 1}}, parallel=2) == {"slow": {"value": 1}, "b": {"value": 1}}


def test_nobody_waits_for_a_branch_that_was_not_taken(way):
    gate = threading.Event()
    pipeline = Pipeline()
    pipeline.add_components(
        {
            "check": Threshold(),
            "idle": Add(),
            "sum": Sum(),
            "last": Call(lambda value: gate.set() or {"value": value}),
            "slow": Call(lambda value: {"value": gate.wait(PATIENCE)}),
        }
    )
    pipeline.connect_many(
        [("check.above", "idle.value"), ("check.below", "sum.values"), ("idle.value", "sum.values"), ("sum", "last")]
    )
    assert pipeline.run({"check": {"value": 1}}, parallel=2) == {"slow": {"value": True}, "last": {"value": 1}}


@pytest.mark.parametrize("parallel", [0, -3])
def test_there_must_be_a_thread_to_run_in(parallel):
    with pytest.raises(ValueError, match="parallel must be greater than or equal to 1"):
        chain(Add()).run({"value": 1}, parallel=parallel)


def test_components_see_the_callers_context(way):
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("the caller's")
    assert side_by_side(lambda value: {"value": variable.get()}).run({}, parallel=2) == {
        "c0": {"value": "the caller's"}
    }


def test_a_failure_ends_the_run_when_what_is_running_has_ended(way, monkeypatch):
    begun, cancelled, ended, calls = threading.Event(), threading.Event(), [], []
    shutdown = ThreadPoolExecutor.shutdown

    def noted(pool, wait=True, *, cancel_futures=False):
        shutdown(pool, wait, cancel_futures=cancel_futures)
        if cancel_futures:
            cancelled.set()

    def slow(value):
        begun.set()
        assert cancelled.wait(PATIENCE)
        ended.append("slow")
        return {}

    def fail(value):
        assert begun.wait(PATIENCE)
        raise KeyError("broken")

    def other(value):
        calls.append(value)
        assert cancelled.wait(PATIENCE)
        return {}

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", noted)
    with pytest.raises(PipelineRuntimeError) as caught:
        side_by_side(slow, fail, *[other] * 20).run({}, parallel=2)
    assert caught.value.component_name == "c1"
    assert ended == ["slow"]
    assert len(calls) <= 1


def test_errors_are_those_of_a_run_one_at_a_time(way):
    with pytest.raises(PipelineMaxComponentRuns, match="Maximum run count 2"):
        loop(limit=2, threshold=1000).run({"merge": {"value": 0}}, parallel=2)
    with pytest.raises(PipelineRuntimeError, match="got list instead"):
        chain(Answer([])).run({}, parallel=2)
    with pytest.raises(ValueError, match="Missing mandatory input"):
        chain(Add()).run({}, parallel=2)


def test_a_run_stops_at_a_breakpoint_and_goes_on(way):
    pipeline = loop()
    with pytest.raises(BreakpointException) as caught:
        pipeline.run({"merge": {"value": 0}}, break_point=Breakpoint("add", 1), parallel=2)
    for parallel in (1, 2):
        result = pipeline.run({}, pipeline_snapshot=caught.value.pipeline_snapshot, parallel=parallel)
        assert result == {"check": {"above": 3}}


def test_a_failure_after_a_branch_was_given_up_carries_a_snapshot(way):
    fails = [True]

    def fail(value):
        if fails:
            raise KeyError("not yet")
        return {"value": value}

    pipeline = Pipeline()
    pipeline.add_components({"check": Threshold(), "idle": Add(), "sum": Sum(), "last": Call(fail)})
    pipeline.connect_many(
        [("check.above", "idle.value"), ("check.below", "sum.values"), ("idle.value", "sum.values"), ("sum", "last")]
    )
    with pytest.raises(PipelineRuntimeError) as caught:
        pipeline.run({"check": {"value": 1}}, parallel=2)
    fails.clear()
    for parallel in (1, 2):
        assert pipeline.run({}, pipeline_snapshot=caught.value.pipeline_snapshot, parallel=parallel) == {
            "last": {"value": 1}
        }


def test_what_a_run_within_threads_does_is_recorded_within_its_span():
    with tracing.recording() as trace:
        side_by_side(*[lambda value: chain(Add()).run({"value": 1})["c0"]] * 3).run({}, parallel=3)
    inner = [span for span in trace.spans[1:] if span.operation_name == "haystack.pipeline.run"]
    assert sorted(span.parent.tags["haystack.component.name"] for span in inner) == ["c0", "c1", "c2"]
