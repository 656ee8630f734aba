"""Components that fail, and pipelines of them, for the tests of policies."""

from __future__ import annotations

import asyncio
from typing import Any

from dtlpipe.graph import (
    Pipeline,
    component,
)
from dtlpipe.graph.policies import ComponentFailure, Policy, Retry

AT_ONCE = Retry(attempts=3, delay=0)


@component
class Flaky:
    """Fails at its first visits, as often as it is told, and keeps what it was given."""

    def __init__(self, failures: int = 0, error: type[Exception] = ConnectionError) -> None:
        self.failures = failures
        self.error = error
        self.seen: list[Any] = []

    @component.output_types(value=int)
    def run(self, items: list[int]):
        self.seen.append(list(items))
        items.append(99)
        if len(self.seen) <= self.failures:
            raise self.error(f"failure {len(self.seen)}")
        return {"value": sum(items[:-1])}


@component
class FlakyAsync:
    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.seen: list[Any] = []

    @component.output_types(value=int)
    def run(self, items: list[int]):
        raise NotImplementedError

    @component.output_types(value=int)
    async def run_async(self, items: list[int]):
        self.seen.append(list(items))
        items.append(99)
        if len(self.seen) <= self.failures:
            raise ConnectionError(f"failure {len(self.seen)}")
        return {"value": sum(items[:-1])}


@component
class Fallback:
    @component.output_types(value=int)
    def run(self, error: ComponentFailure):
        return {"value": -error.attempts}


@component
class Counted:
    """Counts its runs; in a class attribute, so that instances made from data count too."""

    runs = 0

    def __init__(self, factor: int = 1) -> None:
        self.factor = factor

    @component.output_types(value=int)
    def run(self, number: Any):
        type(self).runs += 1
        return {"value": self.factor * (number if isinstance(number, int) else 0)}


def one(instance: Any, policy: Policy | None) -> Pipeline:
    return Pipeline().add_component("it", instance, policy=policy)


def run(pipeline: Pipeline, data: dict[str, Any], *, asynchronous: bool = False) -> dict[str, Any]:
    return asyncio.run(pipeline.run_async(data)) if asynchronous else pipeline.run(data)


def with_fallback(instance: Any, policy: Policy) -> Pipeline:
    pipeline = Pipeline().add_component("it", instance, policy=policy).add_component("fallback", Fallback())
    return pipeline.connect("it.error", "fallback.error")
