"""The time of a platform in this process, which a test can move: over waits, retries, deadlines and hours of schedules.

Law: time is moved from one thing that is due to the next, and only when nothing runs: so all that falls due on the way
comes in its order, and sees the time that it asked for. Node code runs for real, and on real time.

The time is the process's: all platforms in it, and `dtlpipe.model.times.now`, have the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dtlpipe.errors import BadRequest, WaitTimeout
from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.worker.ticker import SystemClock

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.worker import Worker

#: Seconds of real time between two looks at whether something still runs.
_LOOK = 0.002
#: Seconds of real time that node code may take while the time is being moved.
PATIENCE = 60.0


class Clock(SystemClock):
    """Goes on by itself, as any clock; `advance` it to be later at once.

    It is also what the platform's own threads wait by, so it knows who waits, and until when.
    """

    def __init__(self) -> None:
        self._changed = threading.RLock()
        self._ahead = timedelta()
        self._stopped_at: datetime | None = None
        self._sleepers: dict[int, tuple[threading.Event, datetime | None]] = {}
        self._driven: list[tuple[Platform, Worker]] = []
        self._is_moved = False
        self._jumper: threading.Thread | None = None
        self._jumping = threading.Event()
        self._moving = threading.RLock()

    # --- for tests ----------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """What time it is."""
        if not self._is_moved:
            return times.now()
        return self._stopped_at or times.machine_time() + self._ahead

    def advance(self, seconds: float, *, timeout: float = PATIENCE) -> datetime:
        """Moves it, and returns the time that it is then, once all that fell due has been done.

        Raises WaitTimeout if node code, which runs on real time, takes more than `timeout` seconds in between.
        """
        if seconds < 0:
            raise BadRequest(f"time goes forward, not by {seconds} seconds", hint="reset() takes it back to real time")
        return self.advance_to(self.now() + timedelta(seconds=seconds), timeout=timeout)

    def advance_to(self, moment: datetime, *, timeout: float = PATIENCE) -> datetime:
        """As `advance`, to a moment (aware)."""
        with self._moving, self._held():
            while True:
                self.settle(timeout)
                due = self._next(lambda _name: True)
                if due is None or due >= moment:
                    break
                self._set(max(due, self.now()))
            self._set(max(moment, self.now()))
            self.settle(timeout)
            return self.now()

    @contextmanager
    def stopped(self, at: datetime | None = None) -> Iterator[None]:
        """Within it the time stands still, at a moment (default: now), but for `advance`."""
        with self._held():
            if at is not None:
                self._set(at)
            yield

    @contextmanager
    def jumping(self, *, schedules: bool = False) -> Iterator[None]:
        """Within it nobody waits: when nothing runs, it is at once as late as the next wait, retry or deadline asks.

        With `schedules` also as late as the next hour of a cron trigger; these come for ever, as fast as they can.
        """
        if self._jumper is not None:
            raise BadRequest("the clock is jumping already")
        self._jumping.clear()
        self._jumper = threading.Thread(target=self._jump, args=(schedules,), name="jumps", daemon=True)
        self._jumper.start()
        try:
            yield
        finally:
            self._jumping.set()
            self._jumper.join()
            self._jumper = None

    def settle(self, timeout: float = PATIENCE) -> None:
        """Returns when nothing runs, and all that is left waits for a later time. Raises WaitTimeout."""
        until = threading.Event()
        timer = threading.Timer(timeout, until.set)
        timer.daemon = True
        timer.start()
        try:
            while not self._is_settled():
                if until.wait(_LOOK):
                    still = ", ".join(self._running()) or "the platform"
                    raise WaitTimeout(
                        f"after {timeout:g} seconds something still runs: {still}",
                        hint="node code runs on real time; give the clock more (timeout=...), or let the code do less",
                    )
        finally:
            timer.cancel()

    def reset(self) -> None:
        """Takes it back to real time. What waits for a time waits for it still."""
        with self._moving, self._changed:
            self._ahead, self._stopped_at, self._is_moved = timedelta(), None, False
            times.told_by(None)
            self._wake()

    # --- for the platform ---------------------------------------------------------------------------------------------

    def drive(self, platform: Platform, worker: Worker) -> None:
        """From now on it is this worker's, too."""
        self._driven.append((platform, worker))

    def leave(self, platform: Platform) -> None:
        """The platform is gone. With the last one, the time is the machine's again."""
        self._driven = [each for each in self._driven if each[0] is not platform]
        if not self._driven and self._is_moved:
            self.reset()

    def wait(self, woken: threading.Event, until: datetime | None) -> None:
        """See `mock_server.worker.ticker.Clock`."""
        thread = threading.get_ident()
        with self._changed:
            if until is not None and until <= self.now():
                return
            self._sleepers[thread] = (woken, until)
        try:
            super().wait(woken, until)
        finally:
            with self._changed:
                del self._sleepers[thread]

    # --- moving -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The time stands still; afterwards it goes on from where it is."""
        with self._changed:
            outer, self._stopped_at = self._stopped_at, self.now()
            if not self._is_moved:
                self._is_moved = True
                times.told_by(self.now)
        try:
            yield
        finally:
            with self._changed:
                if outer is None and self._stopped_at is not None:
                    self._ahead = self._stopped_at - times.machine_time()
                    self._stopped_at = None
                self._wake()

    def _set(self, moment: datetime) -> None:
        with self._changed:
            self._stopped_at = moment
            self._wake()

    def _wake(self) -> None:
        """Lets all look at the time anew. Their thread is told, too: it may be about to sleep on the old time."""
        for woken, _ in self._sleepers.values():
            woken.set()

    def _threads(self) -> dict[int, str]:
        """The platforms' threads that wait by this clock, by what they do."""
        found = {}
        for _, worker in self._driven:
            for name, each in (("ticker", worker._ticker), ("bell", worker._bell)):  # noqa: SLF001 - halves of one thing
                thread = each._thread  # noqa: SLF001
                if thread is not None and thread.is_alive() and thread.ident is not None:
                    found[thread.ident] = name
        return found

    def _next(self, wanted: Callable[[str], bool]) -> datetime | None:
        """When the next of the wanted threads has something to do."""
        with self._changed:
            sleepers = {id: until for id, (_, until) in self._sleepers.items()}
        due = [
            until for id, name in self._threads().items() if wanted(name) and (until := sleepers.get(id)) is not None
        ]
        return min(due, default=None)

    def _asleep(self) -> bool:
        now = self.now()
        with self._changed:
            sleepers = dict(self._sleepers)
        for id in self._threads():
            found = sleepers.get(id)
            if found is None or found[0].is_set() or (found[1] is not None and found[1] <= now):
                return False
        return True

    def _running(self) -> list[str]:
        open_ = [each for _, worker in self._driven for each in list(worker._core.executions.values())]  # noqa: SLF001
        rows = [each.row for each in open_ if not each.waits]  # people, and other runs, take their time
        return [f"{row.function_name} ({row.id})" for row in rows if row.status == lifecycle.RUNNING]

    def _is_settled(self) -> bool:
        if self._running() or not self._asleep():
            return False
        for platform, _ in self._driven:
            platform.store.write(_nothing)  # all that was on its way is done before this is
        return not self._running() and self._asleep()

    def _jump(self, schedules: bool) -> None:  # noqa: FBT001
        """On a thread of its own, until it is told to stop."""

        def wanted(name: str) -> bool:
            return schedules or name == "bell"

        while not self._jumping.wait(_LOOK):
            if self._next(wanted) is None:
                continue
            with self._moving:
                if self._stopped_at is None and self._is_settled() and (due := self._next(wanted)) is not None:
                    with self._held():
                        self._set(max(due, self.now()))


#: The one of this process.
CLOCK = Clock()


def _nothing(_tx: object) -> None:
    """A change of nothing."""
