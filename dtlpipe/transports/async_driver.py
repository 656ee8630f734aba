"""The async driver: operations performed on the running event loop; what blocks runs in threads beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from dtlpipe.sansio.effects import Blocking, Emit, Flow, Gather, HangUp, Hear, Join, Now, Op, Response, Sleep, Told
from dtlpipe.sansio.exchange import Exchange
from dtlpipe.sansio.operation import Async, Session
from dtlpipe.sansio.wire import (
    AsyncTransport,
    BulkTransport,
    Transport,
    WireDownload,
    WireListen,
    WireRequest,
    WireUpload,
)

if TYPE_CHECKING:
    from dtlpipe.transports.async_ends import AsyncEnds

T = TypeVar("T")


class InThreads:
    """A sync transport, for programs with an event loop: each call runs in a thread."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def send(self, request: WireRequest) -> Response:
        return await asyncio.to_thread(self._transport.send, request)

    async def listen(self, request: WireListen) -> Any:
        raise TypeError(f"{type(self._transport).__name__} cannot listen on an event loop; use httpx")

    async def aclose(self) -> None:
        await asyncio.to_thread(self._transport.close)


class AsyncSession(Session[Async]):
    """Performs operations on the running event loop."""

    is_sync = False

    def __init__(self, exchange: Exchange, transport: AsyncTransport, bulk: BulkTransport) -> None:
        self.exchange = exchange
        self.settings = exchange.settings
        self._transport = transport
        self._bulk = bulk
        self._made_ends: AsyncEnds | None = None

    def run(self, op: Op[T]) -> Coroutine[Any, Any, T]:
        return self._run(op)

    async def _run(self, op: Op[T]) -> T:
        conversation = self.exchange.converse(op)
        answer: Any = None
        failure: Exception | None = None
        seats: list[Any] = []
        try:
            while True:
                try:
                    step = conversation.send(answer) if failure is None else conversation.throw(failure)
                except StopIteration as done:
                    result: T = done.value
                    return result
                answer = failure = None
                try:
                    answer = await self._perform(step)
                    if isinstance(step, Join):
                        seats.append(answer)
                except Exception as error:  # noqa: BLE001 - thrown into the conversation, which decides
                    failure = error
        finally:
            failure = None  # its traceback holds this frame, a circle
            conversation.close()
            for each in seats:
                await self._ends.leave(each)

    async def stream(self, flow: Flow[T]) -> AsyncIterator[T]:
        conversation = self.exchange.converse(flow)
        answer: Any = None
        failure: Exception | None = None
        heard: list[Any] = []
        seats: list[Any] = []
        try:
            while True:
                try:
                    step = conversation.send(answer) if failure is None else conversation.throw(failure)
                except StopIteration:
                    return
                answer = failure = None
                if isinstance(step, Emit):
                    yield step.value
                    continue
                try:
                    answer = await self._perform(step)
                    if isinstance(step, WireListen) and not isinstance(answer, Response):
                        heard.append(answer)
                    elif isinstance(step, Join):
                        seats.append(answer)
                except Exception as error:  # noqa: BLE001 - thrown into the conversation, which decides
                    failure = error
        finally:
            failure = None  # its traceback holds this frame, a circle
            conversation.close()
            for each in heard:
                await each.aclose()
            for each in seats:
                await self._ends.leave(each)

    def listed(self, pages: Any) -> Any:
        return pages

    async def aclose(self) -> None:
        """Closes the connections; the next call opens new ones."""
        await self._transport.aclose()
        await asyncio.to_thread(self._bulk.close)

    @property
    def _ends(self) -> AsyncEnds:
        if self._made_ends is None:
            from dtlpipe.transports.async_ends import AsyncEnds

            self._made_ends = AsyncEnds(self)
        return self._made_ends

    async def _perform(self, step: Any) -> Any:  # noqa: PLR0911 - one return for each kind of step
        if isinstance(step, WireRequest):
            return await self._transport.send(step)
        if isinstance(step, Now):
            return asyncio.get_running_loop().time()
        if isinstance(step, Sleep):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, Blocking):
            return await asyncio.to_thread(step.function, *step.args)
        if isinstance(step, WireUpload):
            return await asyncio.to_thread(self._bulk.upload, step)
        if isinstance(step, WireDownload):
            return await asyncio.to_thread(self._bulk.open, step)
        if isinstance(step, WireListen):
            return await self._transport.listen(step)
        if isinstance(step, Hear):
            return await step.stream.read()
        if isinstance(step, HangUp):
            return await step.stream.aclose()
        if isinstance(step, Gather):
            return await self._gather(step)
        if isinstance(step, Join | Told):
            return await self._ends.perform(step)
        raise TypeError(f"an operation asked for {type(step).__name__}, which is no effect")

    async def _gather(self, gather: Gather[Any]) -> list[Any]:
        """Tasks that each take the next operation until there is none."""
        results: list[Any] = []
        waiting = enumerate(gather.operations)

        broken: list[Exception] = []

        async def work() -> None:
            while True:
                try:
                    place, op = next(waiting)
                except StopIteration:
                    return
                except Exception as error:  # noqa: BLE001 - the iterable's own failure is the caller's
                    broken.append(error)
                    return
                results.append(None)
                try:
                    results[place] = await self._run(op)
                except Exception as error:  # noqa: BLE001 - an operation's failure is its result here
                    results[place] = error

        async with asyncio.TaskGroup() as group:
            for _ in range(gather.limit):
                group.create_task(work())
        if broken:
            raise broken[0]
        return results
