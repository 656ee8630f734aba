"""The stream of ends of an async client: one task listens, one looks; any number of tasks wait. See `ends`."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

import attrs

from dtlpipe.sansio import ends
from dtlpipe.sansio.effects import Join, Told
from dtlpipe.sansio.ends import Board, Seat
from dtlpipe.sansio.operation import Async, Session
from dtlpipe.transports.ends import out_of_reach

logger = logging.getLogger("dtlpipe")


@attrs.define(eq=False)
class _Watch:
    """The two tasks, from the first who waits by them to the last."""

    board: Board = attrs.field(factory=Board)
    tasks: list[asyncio.Task[None]] = attrs.field(factory=list)
    live: asyncio.Event = attrs.field(factory=asyncio.Event)
    asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    over: bool = False


class AsyncEnds:
    """What `Join` and `Told` ask of an async session, on one event loop at a time."""

    def __init__(self, session: Session[Async]) -> None:
        self._session = session
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0
        self._watch: _Watch | None = None
        self._not_before = 0.0

    async def perform(self, asked: Join | Told) -> Any:
        """What the effect is answered."""
        if isinstance(asked, Join):
            return await self.join(asked)
        return await self.told(asked.seat, asked.timeout)

    async def join(self, asked: Join) -> Seat:
        """A seat; it is to be left."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._waiting, self._watch, self._not_before = loop, 0, None, 0.0
        seat = Seat(asked.what, frozenset(asked.ids), asyncio.Event())
        self._waiting += 1
        alone = self._waiting == 1 and not asked.always
        if not alone and loop.time() >= self._not_before:
            watch = self._watch or self._begin()
            watch.board.join(seat)
            watch.asked.set()
            try:
                with suppress(TimeoutError):
                    await asyncio.wait_for(watch.live.wait(), ends.SOON)
            except BaseException:
                await self.leave(seat)
                raise
            seat.live = watch.live.is_set() and not watch.over
            if not watch.live.is_set():  # somebody on the way keeps it to himself: the next need not find that out
                self._not_before = loop.time() + ends.LATER
        return seat

    async def told(self, seat: Seat, within: float | None) -> dict[str, Any] | None:
        """What is over; {} if nothing is within so many seconds, None if there will be no news."""
        with suppress(TimeoutError):
            await asyncio.wait_for(seat.woken.wait(), within)
        return seat.news()

    async def leave(self, seat: Seat) -> None:
        """Whoever has it waits no more."""
        self._waiting -= 1
        watch = self._watch
        if watch is None:
            return
        watch.board.leave(seat)
        if not len(watch.board):
            self._watch = None
            for each in watch.tasks:
                each.cancel()
            await asyncio.gather(*watch.tasks, return_exceptions=True)

    def _begin(self) -> _Watch:
        watch = self._watch = _Watch()
        watch.tasks = [asyncio.create_task(self._guarded(watch, each(watch))) for each in (self._listen, self._look)]
        return watch

    # --- its tasks ----------------------------------------------------------------------------------------------------

    async def _guarded(self, watch: _Watch, work: Any) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - nobody waits for less because of it
            logger.debug("ends are waited for one by one: %s", error)
            self._not_before = asyncio.get_running_loop().time() + out_of_reach(error)
            watch.over = True
            if self._watch is watch:
                self._watch = None
            for each in watch.tasks:
                if each is not asyncio.current_task():
                    each.cancel()
            watch.board.lose()
            watch.live.set()

    async def _listen(self, watch: _Watch) -> None:
        stream = self._session.stream(ends.told(lambda _: True))
        try:
            async for told in stream:
                if told is None:
                    watch.board.look_again()
                    watch.live.set()
                elif not watch.board.hear(*told):
                    continue
                watch.asked.set()
        finally:
            await stream.aclose()

    async def _look(self, watch: _Watch) -> None:
        await watch.live.wait()
        while True:
            await watch.asked.wait()
            await asyncio.sleep(ends.pause(len(watch.board)))
            taken = watch.board.take()
            if taken is None:
                watch.asked.clear()
            else:
                watch.board.found(*taken, await self._session.run(ends.look(*taken)))
