"""Warming up and closing, when something goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dtlpipe.graph import ComponentError, Pipeline, component


@component
class Held:
    """Holds something from `warm_up` to `close`; each raises what it is given, if anything."""

    def __init__(self, warm_up: Exception | None = None, close: Exception | None = None):
        self.errors = {"warm_up": warm_up, "close": close}
        self.closed = False

    def _do(self, what: str) -> None:
        error = self.errors[what]
        if error is not None:
            raise error

    def warm_up(self) -> None:
        self._do("warm_up")

    def close(self) -> None:
        self.closed = True
        self._do("close")

    @component.output_types(value=int)
    def run(self, value: int):
        return {"value": value}


@component
class Waiting:
    """Has only coroutine functions, under the names of the synchronous ones."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def warm_up(self) -> None:
        await asyncio.sleep(0)
        self.done.append("warm_up")

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.done.append("close")

    @component.output_types(value=int)
    def run(self, value: int):
        return {"value": value}


def pipeline(**components: Any) -> Pipeline:
    return Pipeline().add_components(components)


def closing(pipe: Pipeline) -> None:
    asyncio.run(pipe.close_async())


def running(pipe: Pipeline) -> None:
    pipe.run({"value": 1})


def running_async(pipe: Pipeline) -> None:
    asyncio.run(pipe.run_async({"value": 1}))


@pytest.mark.parametrize("run", [running, running_async])
def test_what_fails_to_warm_up_is_named(run: Callable[[Pipeline], None]):
    with pytest.raises(ValueError, match="no model") as caught:
        run(pipeline(fine=Held(), broken=Held(warm_up=ValueError("no model"))))
    assert caught.value.__notes__ == ["Component 'broken' failed to warm up."]


@pytest.mark.parametrize("close", [Pipeline.close, closing])
def test_one_that_fails_to_close_keeps_no_other_one_open(close: Callable[[Pipeline], None]):
    parts = {"a": Held(close=ValueError("stuck")), "b": Held(), "c": Held(close=OSError("gone")), "d": Held()}
    with pytest.raises(ValueError, match="stuck") as caught:
        close(pipeline(**parts))
    assert all(each.closed for each in parts.values())
    assert caught.value.__notes__ == [
        "Component 'a' failed to close.",
        "Component 'c' failed to close. OSError: gone",
    ]


def test_a_coroutine_is_no_way_to_warm_up_without_an_event_loop():
    with pytest.raises(ComponentError, match="'warm_up' of component 'w' is a coroutine function"):
        pipeline(w=Waiting()).run({"value": 1})


def test_in_an_event_loop_coroutines_are_waited_for_under_any_name():
    part = Waiting()

    async def whole_life() -> None:
        pipe = pipeline(w=part)
        await pipe.run_async({"value": 1})
        await pipe.close_async()

    asyncio.run(whole_life())
    assert part.done == ["warm_up", "close"]
