"""The scheduler's core: a pure machine, `step(event) -> effects`.

Theory: the core holds what is open, in memory: runs with their engine state, executions, and which of them wait for a
place. Something happens (an event, with its time in it); the core changes its state and says what follows (effects, as
data): rows to write, jobs to hand out, who to wake. It does no I/O, reads no clock and makes no id but through the
`new_id` it was given, so equal histories give equal effects: a simulation may order events as it likes.

| event      | says                                           | effects, besides those of `_flow`                     |
| ---------- | ---------------------------------------------- | ----------------------------------------------------- |
| Begin      | runs and calls were accepted                   | their rows, and the executions of the first nodes     |
| Succeeded  | an execution returned, some connections closed | its end, the next nodes' executions, or the run's end |
| Failed     | an execution did not                           | another attempt, or its end and in time the run's     |
| Returned   | who had an execution gives it back             | it waits for a place again                            |
| Cancel     | a run or an execution shall end                | ends of all that is open in it, jobs withdrawn        |
| Pause      | nothing of a run is to be started any more     | that it is paused                                     |
| Continue   | it is to go on                                 | that it is not                                        |
| Rerun      | runs that are over are to begin again          | their status                                          |
| BeginAgain | one of these does, with what is kept of it     | the executions that the kept ones lead to             |
| CallOff    | some of these do not, after all                | the status that they had                              |
| Regulate   | so many runs of a pipeline may go at once      |                                                       |
| Shift      | the clock was set                              | times that are waited for move with it                |
| Wake       | it is late enough                              |                                                       |
| Refill     | what was left in buckets, before all else      | none                                                  |
| Expect     | what was left open, and is resumed by and by   | none                                                  |
| Resume     | the platform was started on rows left open     | rows stay as they are: they wait, or are held         |

Before each event but Rerun and the last three, runs whose deadlines have passed are ended. After it, `_flow` starts
what waits, the most urgent and then the oldest first, while there is room, and asks to be woken when there may be some.

The core is built in layers, each of which knows those below it:

| layer                       | is                                                                     |
| --------------------------- | ---------------------------------------------------------------------- |
| `core`                      | an event comes in, effects go out; new work begins                     |
| `taking_up`                 | runs that were left open, and runs that run again                      |
| `ending`                    | what follows from a report or a cancel: going on, trying again, ending |
| `pacing`                    | when what is open goes on: room, pauses, deadlines, alarms             |
| `board`                     | what is open, and the moves of it                                      |
| `line`, `lanes`, `slots`    | who waits for what: executions, runs, limits by key                    |
| `opened`, `values`          | plain data                                                             |
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from mock_server.platform import lifecycle
from mock_server.runners.policies import PLAIN
from mock_server.worker.messages import (
    Begin,
    BeginAgain,
    CallOff,
    Cancel,
    Continue,
    Effect,
    Event,
    Expect,
    Failed,
    InsertRun,
    Pause,
    Record,
    Refill,
    Regulate,
    Rerun,
    Resume,
    Returned,
    Shift,
    Succeeded,
    Wake,
)
from mock_server.worker.opened import OpenExecution
from mock_server.worker.taking_up import TakingUp

__all__ = ["Core", "OpenExecution"]


class Core(TakingUp):
    """See the module.

    Args:
        new_id: makes ids that were never made before.
        places: how many executions may be handed out at a time.
        draw: draws from [0, 1); what waits before another attempt waits longer or shorter by it.
    """

    def __init__(self, new_id: Callable[[], str], places: int, draw: Callable[[], float]) -> None:
        super().__init__(new_id, places, draw)
        self._steps: dict[type, Callable[[Any], None]] = {
            Begin: self._begin,
            Succeeded: self._succeeded,
            Failed: self._failed,
            Returned: self._returned,
            Cancel: self._cancel,
            Pause: self._pause,
            Continue: self._continue,
            BeginAgain: self._begin_again,
            CallOff: self._call_off,
            Regulate: self._regulate,
            Shift: self._shift,
            Wake: self._wake,
        }

    def step(self, event: Event) -> list[Effect]:
        """Takes one event, and returns what follows from it, in order."""
        self._effects, self._fresh = [], set()
        if isinstance(event, Resume):
            self._resume(event)
        elif isinstance(event, Refill):
            self._refill(event)
        elif isinstance(event, Expect):
            self._expect(event)
        elif isinstance(event, Rerun):  # makes no room; and when rows are taken up, others are still to come
            self._rerun(event)
        else:
            at = event.at
            if self._deadlines and not isinstance(event, Shift):  # which moves them first
                self._expire(at)
            self._steps[type(event)](event)
            self._flow(at)
        return self._effects

    def wake(self, at: datetime) -> list[Effect]:
        """Starts what waits, after all that was left open has been resumed."""
        return self.step(Wake(at))

    def forget(self, run_id: str) -> None:
        """Drops a run, or a call, that could not be resumed or begun again, or is over; without effects."""
        self._came(run_id)
        self.again.pop(run_id, None)
        run = self.runs.pop(run_id, None)
        if run is not None:
            self._leave(run)
            for each in run.open.values():
                each.ticket = 0
                if self.executions.pop(each.row.id, None) is not None and each.row.status == lifecycle.RUNNING:
                    self._stopped(each)

    def _begin(self, event: Begin) -> None:
        for row, blueprint in event.runs:
            run = self._open(row, blueprint)
            row.updated_at = event.at
            goes = self._may_go(run)
            if goes:
                for name, value in self._go(run, event.at).items():
                    setattr(row, name, value)
            self._effects.append(InsertRun(row))
            self._effects.append(Record(row.id, None, "run.started" if goes else "run.waiting", {}))
            if goes:
                self._advance(run, event.at)
            else:
                self._line_up(run)
        for call in event.calls:
            if call.batch_id:
                self.batches[call.batch_id] += 1
            terms = event.terms.get(call.service_id or "", PLAIN)
            self._enqueue(OpenExecution(call, terms=terms, limits=terms.limits_of(call.input)), event.at)

    def _regulate(self, event: Regulate) -> None:
        if event.limit is None:
            self.lanes.limits.pop(event.pipeline_id, None)
        else:
            self.lanes.limits[event.pipeline_id] = event.limit
        self._freed.add(event.pipeline_id)
