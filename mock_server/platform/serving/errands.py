"""What is to be done for jobs at some time: let them go on, end them, call back, delete them, begin scheduled ones.

Law: one thread knows the moments, a few others do what takes long. Nothing is known here alone: what is due follows
from the store, is looked up again when its moment comes, and is looked for when the platform starts.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from dtlpipe.model import times

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
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, str]] = []
        self._next: dict[str, float] = {}
        self._doing: set[str] = set()
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._hands: ThreadPoolExecutor | None = None
        self._closed = False

    def look_at(self, id: str, when: datetime | None = None) -> None:
        """Have it looked at then, or now. From any thread; it never waits."""
        seconds = 0.0 if when is None else max(0.0, (when - times.now()).total_seconds())
        with self._changed:
            if self._closed:
                return
            moment = time.monotonic() + seconds
            if moment < self._next.get(id, float("inf")):
                self._next[id] = moment
                heapq.heappush(self._due, (moment, next(self._numbers), id))
            self._start()
            self._changed.notify()

    def aside(self, work: Callable[[], None]) -> None:
        """Have something short done on another thread than this one, which must not wait."""
        with self._changed:
            if self._closed:
                return
            self._start()
            hands = self._hands
        if hands is not None:
            hands.submit(work)

    def _start(self) -> None:
        if self._thread is None:
            self._hands = ThreadPoolExecutor(_HANDS, thread_name_prefix="dtlpipe-errand")
            self._thread = threading.Thread(target=self._loop, name="dtlpipe-errands", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Begin nothing more, and wait for what is being done."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        if self._hands is not None:
            self._hands.shutdown(wait=True, cancel_futures=True)

    def _loop(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (not self._due or self._due[0][0] > time.monotonic()):
                    self._changed.wait(None if not self._due else self._due[0][0] - time.monotonic())
                if self._closed:
                    return
                moment, _, id = heapq.heappop(self._due)
                if self._next.get(id) != moment or id in self._doing:
                    continue  # it was put earlier, or is being done and will be looked at after that
                del self._next[id]
                self._doing.add(id)
                hands = self._hands
            if hands is not None:
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
