"""Waiting without polling: who waits for a key is woken when something about it has been committed.

The hub holds no state of its own: a waiter looks at the store, and if that is not what it waits for, sleeps until the
key is notified. `notify` is called after COMMIT only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import attrs

T = TypeVar("T")


class Woken(Protocol):
    """Who is told; like an event of the threads'."""

    def set(self) -> None: ...


@attrs.frozen(eq=False)
class _Call:
    set: Callable[[], None]


class Hub:
    """Keys are ids (of a run, an execution, a command); `limit` bounds how many threads may wait at once."""

    def __init__(self, limit: int = 48) -> None:
        self._lock = threading.Lock()
        self._waiters: dict[str, set[Woken]] = {}
        self._places = threading.BoundedSemaphore(limit)
        self._closed = False

    def wait(self, key: str, look: Callable[[], T], done: Callable[[T], bool], timeout: float) -> T:
        """What `look` sees, as soon as `done` holds for it or `timeout` seconds are over.

        With no place left to wait, it answers with what is there: a caller then falls back to polling.
        """
        if timeout <= 0 or not self._places.acquire(blocking=False):
            return look()
        try:
            deadline = time.monotonic() + timeout
            woken = threading.Event()
            with self._lock:
                self._waiters.setdefault(key, set()).add(woken)
            try:
                while True:
                    seen = look()  # after registering, so that no notice falls between look and wait
                    remaining = deadline - time.monotonic()
                    if done(seen) or remaining <= 0 or self._closed:
                        return seen
                    woken.wait(remaining)
                    woken.clear()
            finally:
                with self._lock:
                    waiters = self._waiters[key]
                    waiters.discard(woken)
                    if not waiters:
                        del self._waiters[key]
        finally:
            self._places.release()

    def watch(self, key: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call it for each notice of the key, on the thread that gives it, until what is returned is called."""
        woken = _Call(callback)
        with self._lock:
            self._waiters.setdefault(key, set()).add(woken)

        def leave() -> None:
            with self._lock:
                waiters = self._waiters.get(key, set())
                waiters.discard(woken)
                if not waiters:
                    self._waiters.pop(key, None)

        return leave

    def notify(self, key: str) -> None:
        if key in self._waiters:  # most keys have nobody waiting: no lock for those
            with self._lock:
                for woken in self._waiters.get(key, ()):
                    woken.set()

    @property
    def closed(self) -> bool:
        """Whether nobody is to wait any more."""
        return self._closed

    def close(self) -> None:
        """Lets every waiter go at once, with what there is."""
        with self._lock:
            self._closed = True
            for waiters in self._waiters.values():
                for woken in waiters:
                    woken.set()
