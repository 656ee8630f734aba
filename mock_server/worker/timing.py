"""Time for the core: a bell that rings when it asked to be woken, and an eye on the clock being set.

Law: the bell is told times and rings; what is due then is the core's to say, of what is stored. So one that rings too
early, twice, or not at all since the platform was killed, does no harm: who takes the rows up asks again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dtlpipe.model import times

if TYPE_CHECKING:
    from mock_server.worker.ticker import Clock

log = logging.getLogger(__name__)

#: Seconds by which the clock may run ahead or behind between two looks without having been set.
TOLERANCE = 1.0


def moment() -> datetime:
    """Now, in whole milliseconds, as rows keep it: so who is shown what is in memory sees what is on disk."""
    now = times.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Bell:
    """Rings on a thread of its own, at the earliest time that it was told. The thread begins with the first."""

    def __init__(self, clock: Clock, ring: Callable[[datetime], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._due: datetime | None = None
        self._closing = False
        self._thread: threading.Thread | None = None

    def set(self, at: datetime) -> None:
        """It rings at that time, unless it does earlier."""
        with self._lock:
            if self._closing or (self._due is not None and self._due <= at):
                return
            self._due = at
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
                self._thread.start()
        self._woken.set()

    def close(self) -> None:
        """Returns when it will not ring any more."""
        with self._lock:
            self._closing = True
            thread = self._thread
        self._woken.set()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while not self._closing:
            self._woken.clear()
            now = self._clock.now()
            with self._lock:
                due = self._due
                rings = due is not None and due <= now
                if rings:
                    self._due = None
            if not rings:
                self._clock.wait(self._woken, due)
            elif not self._closing:
                try:
                    self._ring(now)
                except Exception:
                    log.exception("what was due could not be begun; the next change begins it")


class Jumps:
    """How far the clock was set since the last look: a clock that goes on by itself stays with the monotonic one."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._ahead = self._noted = wall() - steady()

    def look(self) -> timedelta | None:
        """The jump, if there was one. It is not told again, unless it is `forgotten`."""
        ahead = self._wall() - self._steady()
        by = ahead - self._ahead
        if abs(by) < TOLERANCE:
            return None
        self._ahead = ahead
        return timedelta(seconds=by)

    def noted(self) -> None:
        """What followed from the jumps so far is on disk."""
        self._noted = self._ahead

    def forgotten(self) -> None:
        """What followed from those that were not noted is lost."""
        self._ahead = self._noted
