"""Whether the platform can do what it is for, and if not, why not.

Alive is a process that answers and whose writer still writes; else it should be started anew. Ready is one that takes
work: its store takes a change, its worker knows what is open, its executor takes jobs.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from dtlpipe.errors import DtlpipeError
from dtlpipe.model import times
from mock_server.store.base import Kind

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.store.base import Tx

#: The setting that is written to see whether one can.
_PROBE = "readiness:probe"
_PATIENCE = 2.0  # seconds
_FRESH = 1.0  # seconds for which an answer holds: who asks often must not keep the writer busy


class Readiness:
    """Asked by those who watch the platform, as often as they like."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.Lock()
        self._asked: float | None = None
        self._found: list[str] = []

    def dead(self) -> list[str]:
        """Why it will not come back by itself; nothing if it lives."""
        return [] if self._platform.store.alive else ["the store's writer has ended"]

    def missing(self) -> list[str]:
        """Why it takes no work; nothing if it does."""
        with self._lock:
            if self._asked is None or time.monotonic() - self._asked >= _FRESH:
                self._found = [*self._lacks()]
                self._asked = time.monotonic()
            return list(self._found)

    def _lacks(self) -> list[str]:
        platform = self._platform
        if platform.stopping:
            return ["the platform is stopping"]
        found = self.dead()
        if not found:
            try:
                platform.store.write(_probe, timeout=_PATIENCE)
            except DtlpipeError as error:
                found.append(f"the store takes no changes: {error.message}")
        if platform.scheduler is None:
            return [*found, "the worker has not been started"]
        vitals = platform.metrics.vitals()
        if vitals is not None and not vitals.rebuilt:
            found.append("the worker has not rebuilt its memory from the store")
        if vitals is not None and not vitals.executing:
            found.append("the executor takes no jobs")
        return found


def _probe(tx: Tx) -> None:
    at = times.to_wire(times.now())
    tx.put(Kind.SETTING, {"id": _PROBE, "createdAt": at, "updatedAt": at})
