"""A thread that has something to do now and then, and is there from the first time on until it is told to end.

Law: what it is to do is decided under the lock that those hold who give it something; it is done without.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

Take = Callable[[], Callable[[], None] | float | None]
"""Under the lock: what is to be done now; else the seconds until there may be something, or None: until it is woken."""


class Alone:
    """The thread. Hold `changed` to give it something, and `wake` it."""

    def __init__(self, name: str, take: Take) -> None:
        self.changed = threading.Condition()
        self.closed = False
        self._name, self._take = name, take
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Have it look what there is to do. `changed` is held."""
        if self._thread is None and not self.closed:
            self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
            self._thread.start()
        self.changed.notify()

    def close(self) -> None:
        """Have it end with what it is doing, and wait for that."""
        with self.changed:
            self.closed = True
            self.changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _loop(self) -> None:
        while (work := self._next()) is not None:
            work()

    def _next(self) -> Callable[[], None] | None:
        with self.changed:
            while not self.closed:
                found = self._take()
                if callable(found):
                    return found
                self.changed.wait(found)
        return None
