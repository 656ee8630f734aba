"""Answers that wait without a thread: one thread looks again, for all of them, when there is news or time is over.

Law: a request that waits here costs what is kept of it and nothing else, so that as many may wait as there are
connections. What is looked at is what has been committed; nobody looks on the thread that commits. One whose other end
has gone is forgotten. The thread is there as long as somebody waits.

Thousands who came together would be told together that there is nothing yet, and come again together, with everybody
else behind them. So where many wait, each waits a little less than it might, and another little than the one before.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import attrs
from flask import Flask

if TYPE_CHECKING:
    from mock_server.api.relay import Deferred
    from mock_server.platform.hub import Hub

log = logging.getLogger("dtlpipe.platform.http")

_CROWD = 100  # who wait: with more, ends are spread
_SPREAD = 0.25  # of the time that one waits
_STEP = (5**0.5 - 1) / 2  # its multiples, without their whole parts, fill what is between 0 and 1 evenly


@attrs.frozen
class Found:
    """What is answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


#: Looks, and gives the answer, or None for as long as there is none yet; told True, it has to give one.
Look = Callable[[bool], Found | None]


@attrs.define(eq=False)
class _Waiting:
    look: Look
    deferred: Deferred
    answered: Callable[[int], None]
    leave: Callable[[], None] | None = None
    told: bool = False
    over: bool = False


class Later:
    """All who wait so at one platform."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._changed = threading.Condition()
        self._news: deque[_Waiting] = deque()
        self._ends: list[tuple[float, int, _Waiting]] = []
        self._numbers = count()
        self._open = 0
        self._running = False

    def answer(self, key: str, look: Look, timeout: float, deferred: Deferred, answered: Callable[[int], None]) -> None:
        """Has `look` asked at once, at each notice of the key, and for the last time in `timeout` seconds.

        Args:
            key: what the hub is notified of.
            look: what finds the answer; it raises nothing, and needs no request.
            timeout: seconds; up to a quarter less where many wait.
            deferred: who is given it.
            answered: is told its status.
        """
        waiting = _Waiting(look, deferred, answered)
        with self._changed:
            self._open += 1
            number = next(self._numbers)
            if self._open > _CROWD:
                timeout *= 1 - _SPREAD * (number * _STEP % 1)
            heapq.heappush(self._ends, (time.monotonic() + timeout, number, waiting))
            if not self._running:
                self._running = True
                threading.Thread(target=self._loop, name="dtlpipe-later", daemon=True).start()
        waiting.leave = self._hub.watch(key, partial(self._tell, waiting))
        self._tell(waiting)  # something may have happened before it watched
        deferred.on_gone(partial(self._forget, waiting))

    def _tell(self, waiting: _Waiting) -> None:
        with self._changed:
            if not waiting.told and not waiting.over:
                waiting.told = True
                self._news.append(waiting)
                self._changed.notify()

    def _forget(self, waiting: _Waiting) -> None:
        self._end(waiting)

    def _end(self, waiting: _Waiting) -> bool:
        """Whether it waited until now."""
        with self._changed:
            if waiting.over:
                return False
            waiting.over = True
            self._open -= 1
            if not self._open:
                self._changed.notify()
            leave = waiting.leave
        if leave is not None:
            leave()
        return True

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        while (found := self._next()) is not None:
            waiting, last = found
            if waiting.over:
                continue
            try:
                answer = waiting.look(last or self._hub.closed)
                if answer is not None and self._end(waiting):
                    waiting.answered(answer.status)
                    waiting.deferred.answer(answer.status, answer.headers, answer.body)
            except Exception:  # the others wait on
                log.exception("an answer that came later could not be given")
                self._end(waiting)

    def _next(self) -> tuple[_Waiting, bool] | None:
        """Who is looked for next, and whether it is the last time; None as soon as nobody waits."""
        with self._changed:
            while True:
                while self._ends and self._ends[0][2].over:
                    heapq.heappop(self._ends)
                if not self._open:
                    self._running = False
                    self._news.clear()
                    self._ends.clear()
                    return None
                if self._news:
                    waiting = self._news.popleft()
                    waiting.told = False
                    return waiting, False
                left = self._ends[0][0] - time.monotonic()
                if left <= 0:
                    return heapq.heappop(self._ends)[2], True
                self._changed.wait(left)


def later(app: Flask, hub: Hub) -> Later:
    """Those who wait at this application."""
    found: Later | None = app.extensions.get("dtlpipe.later")
    return app.extensions.setdefault("dtlpipe.later", Later(hub)) if found is None else found
