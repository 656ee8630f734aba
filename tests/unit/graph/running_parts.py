"""Components and pipelines that the tests of running share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from dtlpipe.graph import GreedyVariadic, Pipeline, Variadic, component


@component
class Add:
    """Adds a number."""

    def __init__(self, number: int = 1):
        self.number = number

    @component.output_types(value=int)
    def run(self, value: int):
        return {"value": value + self.number}


@component
class Sum:
    @component.output_types(total=int)
    def run(self, values: Variadic[int]):
        return {"total": sum(values)}


@component
class Merge:
    """Passes on what arrives, from outside or from a loop."""

    @component.output_types(value=int)
    def run(self, value: GreedyVariadic[int]):
        return {"value": value[0]}


@component
class Threshold:
    """Sends a number to `above` or back to `below`."""

    def __init__(self, threshold: int = 3):
        self.threshold = threshold

    @component.output_types(above=int, below=int)
    def run(self, value: int):
        return {"above" if value >= self.threshold else "below": value}


@component
class Answer:
    """Returns or raises what it was made with."""

    def __init__(self, answer: Any):
        self.answer = answer

    @component.output_types(value=int)
    def run(self, value: int = 0):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@component
class Call:
    """Calls a function, synchronously or asynchronously."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    @component.output_types(value=int)
    def run(self, value: int = 0):
        return self.function(value)


@component
class Await:
    """Awaits a coroutine function."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    @component.output_types(value=int)
    def run(self, value: int = 0):
        raise AssertionError("run() of an asynchronous component in an asynchronous run")

    @component.output_types(value=int)
    async def run_async(self, value: int = 0):
        return await self.function(value)


def chain(*instances: Any) -> Pipeline:
    """Connect components c0, c1, ... by their `value`."""
    pipeline = Pipeline()
    for number, instance in enumerate(instances):
        pipeline.add_component(f"c{number}", instance)
        if number:
            pipeline.connect(f"c{number - 1}.value", f"c{number}.value")
    return pipeline


def loop(limit: int = 100, threshold: int = 3) -> Pipeline:
    """A number goes round and grows until it reaches the threshold."""
    pipeline = Pipeline(max_runs_per_component=limit)
    pipeline.add_components({"merge": Merge(), "add": Add(), "check": Threshold(threshold)})
    pipeline.connect_many([("merge", "add"), ("add", "check"), ("check.below", "merge")])
    return pipeline


class Rendezvous:
    """Lets each of a number of visitors go on only when all of them are there."""

    def __init__(self, count: int):
        self.count = count
        self.here = 0
        self.all_here = asyncio.Event()

    async def __call__(self, value: int) -> dict[str, int]:
        self.here += 1
        if self.here == self.count:
            self.all_here.set()
        await self.all_here.wait()
        return {"value": value}
