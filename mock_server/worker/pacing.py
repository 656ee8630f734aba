"""When what is open goes on: runs in lanes, executions in places, deadlines, and when the next of them is due.

After each event, what it made room for is used: runs that waited for their pipeline start, then executions that waited
for a place. What has to happen although nothing does is asked for once, as the time at which to be woken.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Any

import attrs

from mock_server.platform import lifecycle
from mock_server.worker.board import Board
from mock_server.worker.messages import (
    Continue,
    Dispatch,
    Keep,
    Pause,
    Record,
    Refill,
    Shift,
    UpdateExecution,
    UpdateRun,
    Wake,
    WakeAt,
)
from mock_server.worker.opened import OpenRun
from mock_server.worker.slots import Bucket

#: Deadlines of runs that are over, beyond the number of those that are not, which may stay in the list.
SLACK = 1000


class Pacing(Board):
    """See the module."""

    def __init__(self, new_id: Callable[[], str], places: int, draw: Callable[[], float]) -> None:
        super().__init__(new_id, places, draw)
        self._alarm: datetime | None = None
        self._deadlines: list[tuple[datetime, str]] = []

    # --- runs ---------------------------------------------------------------------------------------------------------

    def _may_go(self, run: OpenRun) -> bool:
        return not run.row.paused and self.lanes.has_room(run.row.pipeline_id)

    def _line_up(self, run: OpenRun) -> None:
        """Has a run wait until its pipeline has room, unless it is paused."""
        if not run.row.paused:
            self._turn += 1
            self.lanes.wait(run, self._turn)

    def _go(self, run: OpenRun, at: datetime) -> dict[str, Any]:
        """The run is started; the columns that say so."""
        self.lanes.enter(run)
        columns: dict[str, Any] = {"status": lifecycle.RUNNING, "started_at": at}
        if run.terms.timeout is not None:
            run.terms = attrs.evolve(run.terms, deadline_at=at + timedelta(seconds=run.terms.timeout))
            columns["extra"] = run.terms.within(run.row.extra)
        self._watch(run)
        return columns

    def _watch(self, run: OpenRun) -> None:
        if run.terms.deadline_at is not None:
            heappush(self._deadlines, (run.terms.deadline_at, run.row.id))
            if len(self._deadlines) > 2 * len(self.runs) + SLACK:
                self._list_deadlines()

    def _list_deadlines(self) -> None:
        """Those of runs that go; of those that ended in time, the others are left."""
        going = (run for run in self.runs.values() if run.going)
        self._deadlines = [(run.terms.deadline_at, run.row.id) for run in going if run.terms.deadline_at is not None]
        heapify(self._deadlines)

    def _overdue(self, at: datetime) -> OpenRun | None:
        """A run whose deadline has passed."""
        while self._deadlines:
            deadline, id = self._deadlines[0]
            run = self.runs.get(id)
            known = run is not None and run.going and run.terms.deadline_at == deadline
            if known and deadline > at:
                return None
            heappop(self._deadlines)
            if known:
                return run
        return None

    # --- pausing ------------------------------------------------------------------------------------------------------

    def _pause(self, event: Pause) -> None:
        row = self._paused(event.run_id, event.at, paused=True)
        run = self.runs.get(event.run_id)
        if row is not None and run is not None:
            run.ticket = 0
            for each in run.open.values():
                each.ticket = 0

    def _continue(self, event: Continue) -> None:
        row = self._paused(event.run_id, event.at, paused=False)
        run = self.runs.get(event.run_id)
        if row is None or run is None:
            return
        if run.going:
            self._line_up_executions(run, event.at)
        else:
            self._line_up(run)
            self._freed.add(row.pipeline_id)

    def _paused(self, run_id: str, at: datetime, *, paused: bool) -> Any:
        """The row, if that is news to it."""
        run = self.runs.get(run_id)
        row = self.again.get(run_id) if run is None else run.row
        if row is None or row.paused is paused:
            return None
        row.paused, row.updated_at = paused, at
        self._effects.append(UpdateRun(row.id, {"paused": paused, "updated_at": at}))
        self._effects.append(Record(row.id, None, "run.paused" if paused else "run.continued", {}))
        return row

    def _line_up_executions(self, run: OpenRun, at: datetime) -> None:
        for each in run.open.values():
            if each.row.status == lifecycle.CREATED:
                self._wait(each, at)

    # --- places -------------------------------------------------------------------------------------------------------

    def _fill(self, at: datetime) -> None:
        line = self.line
        line.ripen(at)
        while line and self._running < self.places:
            execution = line.take(at)
            if execution is None:
                break
            row = execution.row
            row.fence += 1
            if not execution.waits:
                self._running += 1
            columns: dict[str, Any] = {"started_at": at, "fence": row.fence}
            if row.worker is not None:
                columns |= {"worker": None, "lease_until": None}
            if row.available_at is not None:
                columns["available_at"] = None
            self._move(execution, at, lifecycle.RUNNING, **columns)
            started = {"attempt": row.attempt, "fence": row.fence}
            self._effects.append(Record(row.run_id, row.id, "execution.started", started))
            self._effects.append(Dispatch(row.id, row.fence))
            if execution.limits:
                self._effects += [Keep(key, each.tokens, each.at) for key, each in line.pay(execution, at)]

    # --- time ---------------------------------------------------------------------------------------------------------

    def _ask_to_be_woken(self, at: datetime) -> None:
        if self._alarm is not None and self._alarm <= at:
            self._alarm = None
        due = self.line.due()
        if self._deadlines and (due is None or self._deadlines[0][0] < due):
            due = self._deadlines[0][0]
        if due is not None and (self._alarm is None or due < self._alarm):
            self._alarm = due
            self._effects.append(WakeAt(due))

    def _wake(self, event: Wake) -> None:
        """Whoever wakes the core may have forgotten all later times for this one: they are asked for again."""
        self._alarm = None

    def _shift(self, event: Shift) -> None:
        """What waits for a time, or must be over by one, does so as long as before."""
        for execution in self.executions.values():
            row = execution.row
            if row.available_at is not None:
                row.available_at += event.by
                self._effects.append(UpdateExecution(row.id, {"available_at": row.available_at}))
        for run in self.runs.values():
            if run.terms.deadline_at is not None:
                run.terms = attrs.evolve(run.terms, deadline_at=run.terms.deadline_at + event.by)
                run.row.extra = run.terms.within(run.row.extra)
                self._effects.append(UpdateRun(run.row.id, {"extra": run.row.extra}))
        self._list_deadlines()
        self.line.shift(event.by, event.at)
        self._effects += [Keep(key, each.tokens, each.at) for key, each in self.line.buckets.kept.items()]
        self._alarm = None

    def _refill(self, event: Refill) -> None:
        for key, (tokens, at) in event.buckets.items():
            self.line.buckets.kept[key] = Bucket(tokens, at)
