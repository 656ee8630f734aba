"""What type checkers must say about verbs: T on sync handles, an awaitable of T on async ones, wrong arguments refused.

Read by mypy, never run. An expected refusal is a `type: ignore` with its code; strict mode complains of those without
cause.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import assert_type

from dtlpipe.sansio.effects import Emit, Flow, Op, Request, Response
from dtlpipe.sansio.operation import Async, Bound, Colour, Sync, fetched, operation, streaming


class Counter(Bound[Colour]):
    """A resource as resources are written."""

    @operation
    def add(self, number: int, *, twice: bool = False) -> Op[int]:
        """Adds."""
        response: Response = yield Request("POST", "/add", json={"number": number, "twice": twice})
        return int(response.json())

    @streaming
    def watch(self) -> Flow[str]:
        """Watches."""
        yield Emit("one")

    @fetched
    def total(self) -> Op[float]:
        """Totals."""
        response: Response = yield Request("GET", "/total")
        return float(response.json())


def a_sync_handle_gives_results(counter: Counter[Sync]) -> None:
    assert_type(counter.add(1, twice=True), int)
    assert_type(counter.watch(), Iterator[str])
    assert_type(counter.total, float)


def a_handle_is_sync_unless_said_otherwise(counter: Counter) -> None:
    assert_type(counter.add(1), int)


def an_async_handle_gives_awaitables(counter: Counter[Async]) -> None:
    _ = assert_type(counter.add(1, twice=True), Awaitable[int])
    assert_type(counter.watch(), AsyncIterator[str])
    _ = assert_type(counter.total, Awaitable[float])


async def what_is_awaited_is_the_result(counter: Counter[Async]) -> None:
    assert_type(await counter.add(1), int)
    async for word in counter.watch():
        assert_type(word, str)


async def forgetting_to_await_is_noticed(counter: Counter[Async]) -> None:
    counter.add(1)  # type: ignore[unused-awaitable]


def wrong_arguments_are_refused(sync: Counter[Sync], other: Counter[Async]) -> None:
    sync.add("1")  # type: ignore[arg-type]
    sync.add(1, True)  # type: ignore[call-arg]
    sync.add()  # type: ignore[call-arg]
    _ = other.add(1, thrice=True)  # type: ignore[call-arg]


def a_generator_that_returns_something_else_is_refused() -> None:
    class Wrong(Bound[Colour]):
        @operation
        def add(self) -> Op[int]:
            """Adds."""
            yield Request("GET", "/")
            return "1"  # type: ignore[return-value]
