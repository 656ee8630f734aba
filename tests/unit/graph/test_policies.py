"""Policies: retries, timeouts and error outputs of components."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import itertools
import json
import random
import threading
from typing import Any

import pytest

from dtlpipe.graph import (
    Breakpoint,
    BreakpointException,
    Pipeline,
    PipelineRuntimeError,
    PipelineSnapshot,
    PipelineValidationError,
    component,
    policies,
)
from dtlpipe.graph.policies import ComponentFailure, ComponentTimeout, Guarded, Policy, Retry
from tests.unit.graph.policy_parts import AT_ONCE, Flaky, FlakyAsync, one, run, with_fallback


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(policies.time, "sleep", found.append)
    return found


both = pytest.mark.parametrize("flaky", [Flaky, FlakyAsync])


def is_async(flaky: type) -> bool:
    return flaky is FlakyAsync


# ---- retries ---------------------------------------------------------------------------------------------------------


@both
def test_a_component_that_fails_is_tried_again_with_inputs_as_they_were(flaky: Any):
    instance = flaky(2)
    given_items = [1, 2]
    pipeline = one(instance, Policy(retry=AT_ONCE))
    assert run(pipeline, {"it": {"items": given_items}}, asynchronous=is_async(flaky)) == {"it": {"value": 3}}
    assert instance.seen == [[1, 2]] * 3
    assert given_items == [1, 2]


@both
def test_after_the_last_attempt_the_error_leaves_and_says_how_often(flaky: Any):
    instance = flaky(5)
    with pytest.raises(PipelineRuntimeError, match="failure 3") as caught:
        run(one(instance, Policy(retry=AT_ONCE)), {"it": {"items": []}}, asynchronous=is_async(flaky))
    assert caught.value.component_name == "it"
    assert caught.value.component_type is flaky
    assert caught.value.__cause__.__notes__ == ["Component 'it' was tried 3 times."]


@both
def test_without_retries_a_component_is_tried_once(flaky: Any):
    instance = flaky(1)
    with pytest.raises(PipelineRuntimeError) as caught:
        run(one(instance, Policy(timeout=60)), {"it": {"items": []}}, asynchronous=is_async(flaky))
    assert len(instance.seen) == 1
    assert not hasattr(caught.value.__cause__, "__notes__")


@both
def test_only_the_errors_that_are_named_are_worth_another_attempt(flaky: Any):
    instance = flaky(1)
    pipeline = one(instance, Policy(retry=Retry(attempts=3, delay=0, on=(KeyError, ZeroDivisionError))))
    with pytest.raises(PipelineRuntimeError, match="failure 1"):
        run(pipeline, {"it": {"items": []}}, asynchronous=is_async(flaky))
    assert len(instance.seen) == 1


@both
def test_breakpoints_are_no_failures(flaky: Any):
    """A component may be a pipeline of its own, which stops at a breakpoint."""

    class Stopping(flaky):  # type: ignore[misc]
        def run(self, items: list[int]):
            self.seen.append(items)
            raise BreakpointException("stop", break_point=Breakpoint("inner"))

        async def run_async(self, items: list[int]):
            return Stopping.run(self, items)

    instance = Stopping()
    guarded = Guarded("it", instance, Policy(retry=AT_ONCE, error_output="error"))
    with pytest.raises(BreakpointException):
        asyncio.run(guarded.run_async(items=[])) if is_async(flaky) else guarded.run(items=[])
    assert len(instance.seen) == 1


def test_each_delay_is_longer_up_to_the_longest(slept: list[float], caplog: pytest.LogCaptureFixture):
    retry = Retry(attempts=5, delay=1, factor=3, max_delay=10, jitter=0)
    one(Flaky(4), Policy(retry=retry)).run({"it": {"items": []}})
    assert slept == [1, 3, 9, 10]
    assert "Component 'it' failed at attempt 1 with ConnectionError: failure 1. It is tried again in 1 " in caplog.text


def test_delays_on_the_event_loop_let_others_run(monkeypatch: pytest.MonkeyPatch):
    slept: list[float] = []
    sleep = asyncio.sleep

    async def note(delay: float) -> None:
        slept.append(delay)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", note)
    pipeline = one(FlakyAsync(1), Policy(retry=Retry(attempts=2, delay=7, jitter=0)))
    assert run(pipeline, {"it": {"items": [1]}}, asynchronous=True) == {"it": {"value": 1}}
    assert slept == [7]


def test_jitter_shortens_delays_by_up_to_its_part():
    retry = Retry(attempts=200, delay=8, factor=1, jitter=0.25)
    delays = list(retry.delays(random.Random(1).random))
    assert len(delays) == 199
    assert min(delays) < 6.2
    assert max(delays) > 7.8
    assert all(6 <= delay <= 8 for delay in delays)
    assert list(Retry(attempts=3, delay=8, jitter=1).delays(lambda: 1.0)) == [0, 0]


def test_delays_of_ever_so_many_attempts_stay_numbers():
    assert set(itertools.islice(Retry(attempts=10_000, delay=1, jitter=0).delays(), 100, None)) == {30.0}


def test_a_sync_component_of_an_async_run_is_retried_in_its_thread():
    instance = Flaky(2)
    pipeline = one(instance, Policy(retry=AT_ONCE))
    assert run(pipeline, {"it": {"items": [1]}}, asynchronous=True) == {"it": {"value": 1}}
    assert len(instance.seen) == 3


# ---- timeouts --------------------------------------------------------------------------------------------------------


@component
class Stuck:
    """Waits until it is let go, at its first visits as often as it is told."""

    def __init__(self, times: int = 1) -> None:
        self.times = times
        self.let_go = threading.Event()
        self.threads: list[threading.Thread] = []

    @component.output_types(value=int)
    def run(self, number: int):
        self.threads.append(threading.current_thread())
        if len(self.threads) <= self.times:
            self.let_go.wait()
        return {"value": number}

    def end(self) -> None:
        self.let_go.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_component_that_takes_too_long_is_left_behind(asynchronous: bool):
    instance = Stuck()
    with pytest.raises(PipelineRuntimeError, match=r"'it'.*\n.*\n.*timeout of 0\.01 seconds") as caught:
        run(one(instance, Policy(timeout=0.01)), {"it": {"number": 1}}, asynchronous=asynchronous)
    assert isinstance(caught.value.__cause__, ComponentTimeout)
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert instance.threads[0].daemon
    instance.end()


def test_a_timeout_is_for_one_attempt():
    instance = Stuck(times=2)
    pipeline = one(instance, Policy(timeout=0.05, retry=Retry(attempts=3, delay=0, on=TimeoutError)))
    assert pipeline.run({"it": {"number": 1}}) == {"it": {"value": 1}}
    instance.end()


def test_a_coroutine_that_takes_too_long_is_cancelled():
    cancelled: list[bool] = []

    @component
    class StuckAsync:
        @component.output_types(value=int)
        def run(self, number: int):
            raise NotImplementedError

        @component.output_types(value=int)
        async def run_async(self, number: int):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

    with pytest.raises(PipelineRuntimeError, match=r"timeout of 0\.01 seconds"):
        run(one(StuckAsync(), Policy(timeout=0.01)), {"it": {"number": 1}}, asynchronous=True)
    assert cancelled == [True]


@component
class OwnTimeout:
    @component.output_types(value=int)
    def run(self, number: int):
        raise TimeoutError("the server's")

    @component.output_types(value=int)
    async def run_async(self, number: int):
        raise TimeoutError("the server's")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_timeout_that_the_component_raises_is_its_own(asynchronous: bool):
    with pytest.raises(PipelineRuntimeError, match="the server's") as caught:
        run(one(OwnTimeout(), Policy(timeout=60)), {"it": {"number": 1}}, asynchronous=asynchronous)
    assert type(caught.value.__cause__) is TimeoutError


def test_a_component_in_time_keeps_its_result_and_its_context():
    place = contextvars.ContextVar("place", default="nowhere")

    @component
    class Reader:
        @component.output_types(place=str)
        def run(self, self_: int = 0):
            return {"place": place.get()}

    place.set("here")
    assert one(Reader(), Policy(timeout=60)).run({}) == {"it": {"place": "here"}}


# ---- error outputs ---------------------------------------------------------------------------------------------------


@both
def test_a_failure_leaves_by_the_error_output_when_all_attempts_have_failed(flaky: Any):
    pipeline = with_fallback(flaky(5), Policy(retry=AT_ONCE, error_output="error"))
    found = run(pipeline, {"it": {"items": [1]}}, asynchronous=is_async(flaky))
    assert found == {"fallback": {"value": -3}}


@both
def test_the_fallback_does_not_run_when_all_went_well(flaky: Any):
    pipeline = with_fallback(flaky(1), Policy(retry=AT_ONCE, error_output="error"))
    assert run(pipeline, {"it": {"items": [1]}}, asynchronous=is_async(flaky)) == {"it": {"value": 1}}


def test_a_failure_that_nobody_receives_is_an_output_of_the_pipeline():
    found = one(Flaky(1, ValueError), Policy(error_output="error")).run({"it": {"items": [1, 2]}})
    failure = found["it"]["error"]
    assert failure == ComponentFailure("it", "ValueError", "failure 1", 1, {"items": [1, 2]})
    assert isinstance(failure.error, ValueError)
    assert ComponentFailure.from_dict(failure.to_dict()) == failure
    assert "error" not in failure.to_dict()


def test_a_run_that_stopped_before_the_fallback_goes_on_with_the_failure():
    pipeline = with_fallback(Flaky(5), Policy(error_output="error"))
    with pytest.raises(BreakpointException) as caught:
        pipeline.run({"it": {"items": [1]}}, break_point=Breakpoint("fallback"))
    written = json.loads(json.dumps(caught.value.pipeline_snapshot.to_dict()))
    snapshot = PipelineSnapshot.from_dict(written)
    assert pipeline.run({}, pipeline_snapshot=snapshot) == {"fallback": {"value": -1}}


def test_copies_of_a_pipeline_keep_its_policies():
    pipeline = copy.deepcopy(with_fallback(Flaky(5), Policy(retry=AT_ONCE, error_output="error")))
    assert pipeline.run({"it": {"items": [1]}}) == {"fallback": {"value": -3}}


def test_the_component_itself_has_no_other_outputs_than_before():
    instance = Flaky()
    pipeline = one(instance, Policy(error_output="error"))
    assert set(instance.__haystack_output__._sockets_dict) == {"value"}
    assert set(pipeline.outputs()["it"]) == {"value", "error"}
    assert pipeline.remove_component("it") is instance
    assert set(Pipeline().add_component("it", instance).outputs()["it"]) == {"value"}


def test_an_error_output_of_the_name_of_another_output_is_refused():
    pipeline = Pipeline()
    with pytest.raises(PipelineValidationError, match=r"'it' has an output 'value' of its own"):
        pipeline.add_component("it", Flaky(), policy=Policy(error_output="value"))
    assert len(pipeline.graph) == 0
    pipeline.add_component("it", Flaky())
    with pytest.raises(PipelineValidationError, match="of its own"):
        pipeline.set_policy("it", Policy(error_output="value"))
    assert set(pipeline.outputs()["it"]) == {"value"}


def test_a_connected_error_output_cannot_go():
    pipeline = with_fallback(Flaky(1), Policy(error_output="error"))
    for policy in (None, Policy(), Policy(error_output="other")):
        with pytest.raises(PipelineValidationError, match=r"'it\.error' is connected with \['fallback'\]"):
            pipeline.set_policy("it", policy)
    pipeline.set_policy("it", Policy(error_output="error", retry=AT_ONCE))
    assert pipeline.run({"it": {"items": [1]}}) == {"it": {"value": 1}}
    pipeline.remove_component("fallback")
    assert set(pipeline.set_policy("it", None).outputs()["it"]) == {"value"}
