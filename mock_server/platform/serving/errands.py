"""What is to be done for jobs at some time: let them go on, end them, call back, delete them, begin scheduled ones.

Law: one thread knows the moments, a few others do what takes long. Nothing is known here alone: what is due follows
from the store, is looked up again when its moment comes, and is looked for when the platform starts.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from dtlpipe.model import times
from mock_server.platform.serving.alone import Alone

log = logging.getLogger("dtlpipe.serving")

_HANDS: Final = 4
_AGAIN: Final = 30.0
"""Seconds until something is looked at again whose errand failed."""

Errand = Callable[[str], datetime | None]
"""Does what is due for the thing of that id; the moment at which to look at it again, or None."""


class Errands:
    """The moments. `do` is called for an id, never twice at the same time."""

    def __init__(self, do: Errand) -> None:
        self._do = do
        self._alone = Alone("dtlpipe-errands", self._take)
        self._changed = self._alone.changed
        self._due: list[tuple[float, int, str]] = []
        self._next: dict[str, float] = {}
        self._doing: set[str] = set()
        self._numbers = itertools.count()
        self._hands: ThreadPoolExecutor | None = None

    def look_at(self, id: str, when: datetime | None = None) -> None:
        """Have it looked at then, or now. From any thread; it never waits."""
        seconds = 0.0 if when is None else max(0.0, (when - times.now()).total_seconds())
        with self._changed:
            if self._alone.closed:
                return
            moment = time.monotonic() + seconds
            if moment < self._next.get(id, float("inf")):
                self._next[id] = moment
                heapq.heappush(self._due, (moment, next(self._numbers), id))
            self._alone.wake()

    def aside(self, work: Callable[[], None]) -> None:
        """Have something short done on another thread than this one, which must not wait."""
        with self._changed:
            if not self._alone.closed:
                self._more_hands().submit(work)

    def _more_hands(self) -> ThreadPoolExecutor:
        if self._hands is None:
            self._hands = ThreadPoolExecutor(_HANDS, thread_name_prefix="dtlpipe-errand")
        return self._hands

    def close(self) -> None:
        """Begin nothing more, and wait for what is being done."""
        self._alone.close()
        if self._hands is not None:
            self._hands.shutdown(wait=True, cancel_futures=True)

    def _take(self) -> Callable[[], None] | float | None:
        while self._due:
            moment, _, id = self._due[0]
            seconds = moment - time.monotonic()
            if seconds > 0:
                return seconds
            heapq.heappop(self._due)
            if self._next.get(id) != moment or id in self._doing:
                continue  # it was put earlier, or is being done and will be looked at after that
            del self._next[id]
            self._doing.add(id)
            return partial(self._begin, self._more_hands(), id)
        return None

    def _begin(self, hands: ThreadPoolExecutor, id: str) -> None:
        hands.submit(self._run, id)

    def _run(self, id: str) -> None:
        try:
            again = self._do(id)
        except Exception:
            log.exception("what was to be done for %s failed; it is looked at again", id)
            again = times.now() + timedelta(seconds=_AGAIN)
        with self._changed:
            self._doing.discard(id)
            waiting = self._next.pop(id, None)
        if waiting is not None:  # somebody had it looked at while it was being done
            self.look_at(id)
        elif again is not None:
            self.look_at(id, again)
