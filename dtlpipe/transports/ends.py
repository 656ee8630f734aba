"""The stream of ends of a sync client: one thread listens, one looks; any number of threads wait.

Law: both threads are there as long as somebody waits by them, and their connection with them. What goes wrong in them
ends no wait: those who waited are told, and wait by other means.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import Any

import attrs

from dtlpipe.errors import ConnectionFailed, PlatformException, Unavailable
from dtlpipe.sansio import ends
from dtlpipe.sansio.effects import Join, Told
from dtlpipe.sansio.ends import Board, Seat
from dtlpipe.sansio.operation import Session, Sync

logger = logging.getLogger("dtlpipe")


@attrs.define(eq=False)
class _Watch:
    """The two threads, from the first who waits by them to the last."""

    board: Board = attrs.field(factory=Board)
    threads: list[threading.Thread] = attrs.field(factory=list)
    stream: Any = None
    live: bool = False
    wanted: bool = True
    over: bool = False


class Ends:
    """What `Join` and `Told` ask of a sync session."""

    def __init__(self, session: Session[Sync]) -> None:
        self._session = session
        self._changed = threading.Condition()
        self._waiting = 0
        self._watch: _Watch | None = None
        self._not_before = 0.0

    def perform(self, asked: Join | Told) -> Any:
        """What the effect is answered."""
        return self.join(asked) if isinstance(asked, Join) else self.told(asked.seat, asked.timeout)

    def join(self, asked: Join) -> Seat:
        """A seat; it is to be left."""
        seat = Seat(asked.what, frozenset(asked.ids), threading.Event())
        with self._changed:
            self._waiting += 1
            alone = self._waiting == 1 and not asked.always
            if not alone and time.monotonic() >= self._not_before:
                watch = self._watch or self._begin()
                watch.board.join(seat)
                self._changed.notify_all()
                self._changed.wait_for(lambda: watch.live or watch.over, ends.SOON)
                seat.live = watch.live and not watch.over
                if not watch.live and not watch.over:  # somebody on the way keeps it: the next need not find that out
                    self._not_before = time.monotonic() + ends.LATER
        return seat

    def told(self, seat: Seat, timeout: float | None) -> dict[str, Any] | None:
        """What is over; {} if nothing is within so many seconds, None if there will be no news."""
        seat.woken.wait(timeout)
        with self._changed:
            return seat.news()

    def leave(self, seat: Seat) -> None:
        """Whoever has it waits no more."""
        last = None
        with self._changed:
            self._waiting -= 1
            watch = self._watch
            if watch is not None:
                watch.board.leave(seat)
                if not len(watch.board):
                    last, self._watch = watch, None
                    watch.wanted = False
                    self._changed.notify_all()
        if last is not None:
            stream = last.stream
            if stream is not None:
                stream.abort()
            for each in last.threads:
                each.join(ends.SOON)  # for the order of things: they end by themselves

    def _begin(self) -> _Watch:
        watch = self._watch = _Watch()
        for target in (self._listen, self._look):
            watch.threads.append(threading.Thread(target=target, args=(watch,), name="dtlpipe-ends", daemon=True))
        for each in watch.threads:
            each.start()
        return watch

    # --- its threads --------------------------------------------------------------------------------------------------

    def _listen(self, watch: _Watch) -> None:
        def opened(stream: Any) -> bool:
            with self._changed:
                watch.stream = stream
                return watch.wanted

        try:
            for told in self._session.stream(ends.told(opened)):
                with self._changed:
                    if told is None:
                        watch.live = True
                        watch.board.look_again()
                    elif not watch.board.hear(*told):
                        continue
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - nobody waits for less because of it
            self._lost(watch, error)
        else:
            self._lost(watch, None)

    def _look(self, watch: _Watch) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: not watch.wanted or watch.over or (watch.live and watch.board.asked))
                    if not watch.wanted or watch.over:
                        return
                    waiting = len(watch.board)
                time.sleep(ends.pause(waiting))
                with self._changed:
                    taken = watch.board.take()
                if taken is not None:
                    found = self._session.run(ends.look(*taken))
                    with self._changed:
                        watch.board.found(*taken, found)
        except Exception as error:  # noqa: BLE001 - as above
            self._lost(watch, error)
            with suppress(Exception):
                watch.stream.abort()

    def _lost(self, watch: _Watch, error: Exception | None) -> None:
        with self._changed:
            watch.over = True
            if watch.wanted and error is not None:
                logger.debug("ends are waited for one by one: %s", error)
                self._not_before = time.monotonic() + out_of_reach(error)
                watch.wanted = False
            if self._watch is watch:
                self._watch = None
            watch.board.lose()
            self._changed.notify_all()


def out_of_reach(error: Exception) -> float:
    """Seconds for which a platform is not asked again for a stream that could not be had, or was lost."""
    passing = isinstance(error, ConnectionFailed | Unavailable) or (
        isinstance(error, PlatformException) and error.status >= 500
    )
    return ends.LATER if passing else float("inf")
