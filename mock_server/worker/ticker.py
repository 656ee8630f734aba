"""The ticker: sees to it that cron triggers fire at their hours, once each, whatever happens in between.

Law: up to when a trigger's hours were seen to stands beside the trigger (`_until`) and is moved by the transaction that
begins what the hour asks for. So an hour that was struck is never struck again, not even after a kill; and all that
were missed, while the platform was down or busy, are made up for by one. What is due follows from the schedule and the
clock's time, not from how long somebody slept.

A trigger without `_until` is new, was edited, or was at rest: its hours count from the moment at which it is seen here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from dtlpipe.model import times
from mock_server.platform.schedules import Schedule
from mock_server.store.base import Document, Kind, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

log = logging.getLogger(__name__)

#: Seconds after which the time is looked at again in any case, as clocks are set and machines sleep.
LOOK = 60.0
#: Seconds until what could not be stored is tried again.
RETRY = 1.0


class Clock(Protocol):
    """What time it is, and waiting."""

    def now(self) -> datetime:
        """Aware."""

    def wait(self, woken: threading.Event, until: datetime | None) -> None:
        """Returns when the event is set, when it is `until`, or sooner."""


class SystemClock:
    """The machine's own."""

    def now(self) -> datetime:
        return times.now()

    def wait(self, woken: threading.Event, until: datetime | None) -> None:
        seconds = LOOK if until is None else (until - self.now()).total_seconds()
        woken.wait(min(max(seconds, 0.0), LOOK))


class Ticker:
    """A thread that calls `turn` whenever something is due, or may have become so."""

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self._platform = platform
        self._clock = clock
        self._woken = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        self._platform.schedules_changed = self._woken.set
        self._thread.start()

    def close(self) -> None:
        """Returns when nothing will be struck any more. May be called before `start`."""
        self._closing = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            self._woken.clear()
            try:
                due = self.turn()
            except Exception:
                log.exception("the triggers could not be read; they are looked at again in a moment")
                due = self._clock.now() + timedelta(seconds=RETRY)
            if not self._closing:
                self._clock.wait(self._woken, due)

    def turn(self) -> datetime | None:
        """Strikes what is due, and says when the next hour comes; None if there is none to come."""
        now = self._clock.now().replace(microsecond=0)
        wanted = {"filter": {"$and": [{"type": "Cron"}, {"active": True}]}}
        coming = []
        for trigger in self._platform.store.iterate(Kind.TRIGGER, wanted, private=True):
            try:
                due = self._seen_to(trigger, now)
            except Exception:  # the others' hours come, too
                log.exception("trigger %s could not be fired; it is tried again in a moment", trigger["id"])
                due = now + timedelta(seconds=RETRY)
            if due is not None:
                coming.append(due)
        return min(coming, default=None)

    def _seen_to(self, trigger: Document, now: datetime) -> datetime | None:
        """When its next hour comes, after all that have come were seen to."""
        schedule = Schedule.read(trigger["spec"])
        until = times.from_wire(trigger["_until"]) if trigger.get("_until") else None
        due = schedule.next(until) if until is not None else None
        if until is not None and (due is None or due > now):
            return due
        self._platform.write(self._moving(trigger, now, strike=until is not None))
        return schedule.next(now)

    def _moving(self, seen: Document, now: datetime, *, strike: bool) -> Callable[[Tx], None]:
        def intent(tx: Tx) -> None:
            trigger = tx.get(Kind.TRIGGER, seen["id"], private=True)
            if trigger != seen:  # it was edited meanwhile, which has woken this thread
                return
            tx.put(Kind.TRIGGER, {**trigger, "_until": times.to_wire(now)})
            if strike:
                self._platform.firing.strike(tx, trigger)

        return intent
