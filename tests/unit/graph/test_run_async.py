"""Runs on the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from typing import Any

import pytest

from dtlpipe.graph import (
    GreedyVariadic,
    Pipeline,
    PipelineComponentsBlockedError,
    PipelineMaxComponentRuns,
    PipelineRuntimeError,
    component,
    tracing,
)
from tests.unit.graph.running_parts import (
    Add,
    Answer,
    Await,
    Call,
    Rendezvous,
    Sum,
    Threshold,
    chain,
    loop,
)

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


def side_by_side(*functions: Any) -> Pipeline:
    pipeline = Pipeline()
    for number, function in enumerate(functions):
        pipeline.add_component(f"c{number}", Await(function))
    return pipeline


async def forever(value: int) -> dict[str, int]:
    await asyncio.Event().wait()
    raise AssertionError


async def at_once(value: int) -> dict[str, int]:
    return {"value": value + 1}


async def broken(value: int) -> dict[str, int]:
    raise KeyError("broken")


# ---- results ---------------------------------------------------------------------------------------------------------


async def test_an_asynchronous_run_returns_what_a_synchronous_one_does(way):
    for pipeline, data in ((chain(Add(), Add()), {"value": 0}), (loop(), {"merge": {"value": 0}}), (Pipeline(), {})):
        assert await pipeline.run_async(data) == pipeline.run(data)


async def test_all_outputs_of_wanted_components_are_returned(way):
    result = await chain(Add(), Add()).run_async({"value": 0}, include_outputs_from={"c0"})
    assert result == {"c0": {"value": 1}, "c1": {"value": 2}}


async def test_components_run_at_the_same_time(way):
    meeting = Rendezvous(3)
    result = await asyncio.wait_for(side_by_side(meeting, meeting, meeting).run_async({}), PATIENCE)
    assert result == {f"c{number}": {"value": 0} for number in range(3)}


async def test_no_more_run_at_the_same_time_than_allowed(way):
    now, most = 0, 0

    async def count(value):
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(3):
            await asyncio.sleep(0)
        now -= 1
        return {"value": value}

    pipeline = side_by_side(*[count] * 7)
    assert len(await pipeline.run_async({}, concurrency_limit=3)) == 7
    assert most == 3


async def test_with_one_place_components_run_by_name(way):
    order = []

    def note(name):
        async def call(value):
            order.append(name)
            await asyncio.sleep(0)
            return {"value": value}

        return call

    pipeline = Pipeline()
    pipeline.add_components({name: Await(note(name)) for name in "dbca"})
    pipeline.connect("a", "d")
    await pipeline.run_async({}, concurrency_limit=1)
    assert order == ["a", "b", "c", "d"]

    order.clear()
    pipeline = Pipeline()
    pipeline.add_components({name: Await(note(name)) for name in ("a", "z", "m", "n", "c")})
    pipeline.connect_many([("a", "m"), ("a", "n"), ("z", "c")])
    await pipeline.run_async({}, concurrency_limit=1)
    assert order == ["a", "z", "m", "c", "n"]  # while no place was free, only one of m and n was chosen


@pytest.mark.parametrize("limit", [0, -1])
async def test_there_must_be_a_place_to_run(limit):
    with pytest.raises(ValueError, match="concurrency_limit must be greater than or equal to 1"):
        await chain(Add()).run_async({"value": 1}, concurrency_limit=limit)


async def test_a_component_with_a_filled_greedy_input_runs_alone(way):
    running = set()

    def note(name):
        async def call(value):
            assert "merge" not in running
            running.add(name)
            await asyncio.sleep(0)
            running.discard(name)
            return {"value": value}

        return call

    @component
    class Alone:
        @component.output_types(value=int)
        def run(self, value: GreedyVariadic[int]):
            raise AssertionError

        @component.output_types(value=int)
        async def run_async(self, value: GreedyVariadic[int]):
            assert not running
            running.add("merge")
            await asyncio.sleep(0)
            running.discard("merge")
            return {"value": value[0]}

    pipeline = Pipeline()
    pipeline.add_components({"a": Await(note("a")), "b": Await(note("b")), "c": Await(note("c")), "merge": Alone()})
    pipeline.connect("a.value", "merge.value")
    assert await pipeline.run_async({}) == {"b": {"value": 0}, "c": {"value": 0}, "merge": {"value": 0}}


async def test_synchronous_components_run_in_threads_with_the_callers_context(way):
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("the caller's")
    seen = []

    def look(value):
        seen.append((variable.get(), threading.current_thread() is threading.main_thread()))
        return {"value": value}

    await chain(Call(look)).run_async({})
    assert seen == [("the caller's", False)]


async def test_components_warm_up_on_the_event_loop(way):
    calls = []

    @component
    class Warm:
        def warm_up(self):
            calls.append(("warm_up", threading.current_thread() is threading.main_thread()))

        @component.output_types(value=int)
        def run(self):
            return {"value": 1}

    @component
    class WarmAsync(Warm):
        async def warm_up_async(self):
            calls.append("warm_up_async")

        @component.output_types(value=int)
        def run(self):
            return {"value": 1}

    pipeline = Pipeline()
    pipeline.add_components({"b": WarmAsync(), "a": Warm()})
    await pipeline.run_async({})
    assert calls == ["warm_up_async", ("warm_up", True)]


async def test_one_pipeline_runs_in_many_tasks_at_once(way):
    pipeline = loop(threshold=20)
    starts = range(10)
    results = await asyncio.gather(*[pipeline.run_async({"merge": {"value": start}}) for start in starts])
    assert results == [{"check": {"above": 20}}] * 10


# ---- partial results -------------------------------------------------------------------------------------------------


async def test_the_generator_yields_outputs_as_components_end_and_the_result_last(way):
    gate = asyncio.Event()

    async def slow(value):
        await gate.wait()
        return {"value": 10}

    pipeline = side_by_side(slow, at_once)
    pipeline.add_component("quiet", Answer({}))
    seen = []
    async for part in pipeline.run_async_generator({}):
        seen.append(part)
        gate.set()
    assert seen == [{"c1": {"value": 1}}, {"c0": {"value": 10}}, {"c1": {"value": 1}, "c0": {"value": 10}}]


async def test_partial_results_hold_all_outputs_of_wanted_components_and_are_copies(way):
    items = [1]
    pipeline = chain(Answer({"value": items}), Call(lambda value: {"value": value}))
    parts = [part async for part in pipeline.run_async_generator({}, include_outputs_from={"c0"})]
    assert parts == [{"c0": {"value": [1]}}, {"c1": {"value": [1]}}, {"c0": {"value": [1]}, "c1": {"value": [1]}}]
    assert parts[0]["c0"]["value"] is not items
    assert parts[-1]["c0"]["value"] is items


async def test_a_run_without_outputs_yields_an_empty_result(way, caplog):
    assert [part async for part in chain(Answer({})).run_async_generator({})] == [{}]
    assert "all components ran" in caplog.text


async def test_a_generator_that_is_closed_leaves_nothing_running(way):
    cancelled = asyncio.Event()

    async def wait(value):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    before = asyncio.all_tasks()
    generator = side_by_side(at_once, wait).run_async_generator({})
    assert await anext(generator) == {"c0": {"value": 1}}
    await generator.aclose()
    assert cancelled.is_set()
    assert asyncio.all_tasks() == before


async def test_nothing_runs_before_the_generator_is_asked():
    calls = []
    generator = chain(Call(lambda value: calls.append(value) or {})).run_async_generator({})
    await asyncio.sleep(0)
    await generator.aclose()
    assert calls == []


# ---- failures --------------------------------------------------------------------------------------------------------


async def test_a_failure_names_its_component_and_cancels_the_others(way):
    cancelled = asyncio.Event()

    async def wait(value):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cancelled.set()

    before = asyncio.all_tasks()
    with pytest.raises(PipelineRuntimeError) as caught:
        await side_by_side(wait, broken, wait).run_async({})
    assert caught.value.component_name == "c1"
    assert isinstance(caught.value.__cause__, KeyError)
    assert cancelled.is_set()
    assert asyncio.all_tasks() == before


async def test_what_waits_for_a_place_never_starts_after_a_failure(way):
    calls = []

    async def note(value):
        calls.append(value)
        return {}

    with pytest.raises(PipelineRuntimeError):
        await side_by_side(broken, forever, note, note).run_async({}, concurrency_limit=2)
    assert len(calls) <= 1


async def test_errors_are_those_of_a_synchronous_run(way):
    with pytest.raises(PipelineMaxComponentRuns, match="Maximum run count 2 reached for component 'merge'"):
        await loop(limit=2, threshold=1000).run_async({"merge": {"value": 0}})
    with pytest.raises(PipelineRuntimeError, match="got list instead"):
        await chain(Answer([])).run_async({})
    with pytest.raises(ValueError, match="Missing mandatory input"):
        await chain(Add()).run_async({})
    own = PipelineRuntimeError("inner", None, "from within")
    with pytest.raises(PipelineRuntimeError) as caught:
        await chain(Answer(own)).run_async({})
    assert caught.value is own
    pipeline = Pipeline()
    pipeline.add_components({"a": Add(), "b": Add()})
    pipeline.connect_many([("a", "b"), ("b", "a")])
    with pytest.raises(PipelineComponentsBlockedError):
        await pipeline.run_async({})


async def test_cancelling_a_run_cancels_its_components(way):
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(value):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    before = asyncio.all_tasks()
    task = asyncio.create_task(side_by_side(wait).run_async({}))
    await asyncio.wait_for(started.wait(), PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()
    assert asyncio.all_tasks() == before


async def test_a_blocked_run_says_where_it_got_stuck(way, caplog):
    pipeline = Pipeline()
    pipeline.add_components({"check": Threshold(), "add": Add(), "sum": Sum()})
    pipeline.connect_many([("check.above", "add.value"), ("check.below", "sum.values"), ("add.value", "sum.values")])
    assert await pipeline.run_async({"check": {"value": 1}}) == {"sum": {"total": 1}}
    assert await chain(Answer({}), Add()).run_async({}) == {}
    assert "  - 'c1' (Add): waits for 'value' ('c0.value' ran and did not return it)" in caplog.text
