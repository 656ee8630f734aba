"""Jobs that wait in the pipe of a busy worker, so that it goes from one to the next without falling asleep.

Law: only code that has been quick lately waits so, and never behind a job that is not: what is stuck is taken back and
given to somebody else. Who takes it back says so on the board, and the worker, having noted there which job it takes
up, looks whether it still may. One of the two sees the other; what both believe to be the other's, the worker hands
back (`Skipped`). So a job that was taken back is begun once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from mock_server.executors.worker import Entry, State, Worker

if TYPE_CHECKING:
    from mock_server.executors.ward import Ward

DEPTH: Final = 8
"""Jobs that may wait in one pipe."""
QUICK: Final = 0.003
"""Seconds that the jobs of a code take at most on average, by their workers' clocks, for it to be quick."""
STUCK: Final = 0.05
"""Seconds after which nobody waits behind a job any more."""
_WEIGHT: Final = 0.3
_KNOWN: Final = 1000


class Ahead:
    """Who may wait where."""

    def __init__(self, ward: Ward) -> None:
        self._ward = ward
        self._pace: dict[str, float] = {}
        self._latest = 1.0
        self._crowd = os.cpu_count() or 1

    @property
    def appetite(self) -> int:
        """Jobs beyond the number of workers that are of use here: none, unless jobs are quick."""
        return self._crowd * DEPTH if self._latest < QUICK else 0

    def note(self, entry: Entry, seconds: float) -> None:
        """A job took so long."""
        code = entry.job.code.hash
        if len(self._pace) >= _KNOWN:
            self._pace.clear()
        before = self._pace.get(code)
        self._pace[code] = seconds if before is None else before + _WEIGHT * (seconds - before)
        self._latest += _WEIGHT * (seconds - self._latest)

    def is_quick(self, entry: Entry) -> bool:
        """Whether the job may wait, and others behind it."""
        return entry.job.memory_limit is None and self._pace.get(entry.job.code.hash, 1.0) < QUICK

    def crowded(self, busy: int) -> bool:
        """Whether there are as many busy workers as processors: one more would not make quick jobs any faster."""
        return busy >= self._crowd

    def place(self, entry: Entry, workers: Iterable[Worker], limit: int) -> Worker | None:
        """The busy worker in whose pipe the job waits least, if there is one; `limit` is of jobs in a worker's life."""
        now, found, least = time.monotonic(), None, DEPTH
        for worker in workers:
            if (
                worker.state is State.BUSY
                and len(worker.ahead) < least
                and worker.cause is None
                and not worker.closed
                and now - worker.since < STUCK
                and entry.job.code.hash in worker.known
                and worker.jobs + len(worker.ahead) < limit
                and worker.entry is not None
                and self.is_quick(worker.entry)
            ):
                found, least = worker, len(worker.ahead)
        return found

    def take_back(self, worker: Worker) -> list[Entry]:
        """What waits in the worker's pipe and is not begun, in order; it will not begin it."""
        if not worker.ahead:
            return []
        taken = self._ward.withdraw(worker, worker.ahead[-1].number)
        back = [entry for entry in worker.ahead if entry.number > taken]
        for entry in back:
            worker.ahead.remove(entry)
            entry.worker = None
        return back
