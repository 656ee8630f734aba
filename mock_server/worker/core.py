"""The scheduler's core: a pure machine, `step(event) -> effects`.

Theory: the core holds what is open, in memory: runs with their engine state, executions, and which of them wait for a
place. Something happens (an event, with its time in it); the core changes its state and says what follows (effects, as
data): rows to write, jobs to hand out, who to wake. It does no I/O, reads no clock and makes no id but through the
`new_id` it was given, so equal histories give equal effects: a simulation may order events as it likes.

| event      | says                                           | effects, besides those of `_fill`                     |
| ---------- | ---------------------------------------------- | ----------------------------------------------------- |
| Begin      | runs and calls were accepted                   | their rows, and the executions of the first nodes     |
| Succeeded  | an execution returned, some connections closed | its end, the next nodes' executions, or the run's end |
| Failed     | an execution did not                           | another attempt, or its end and in time the run's     |
| Returned   | who had an execution gives it back             | it waits for a place again                            |
| Cancel     | a run or an execution shall end                | ends of all that is open in it, jobs withdrawn        |
| Rerun      | runs that are over are to begin again          | their status                                          |
| BeginAgain | one of these does, with what is kept of it     | the executions that the kept ones lead to             |
| CallOff    | some of these do not, after all                | the status that they had                              |
| Resume     | the platform was started on rows left open     | rows stay as they are: they wait, or are held         |

After each event, `_fill` starts what waits, older runs first, while there are places.

The core is built in layers, each of which knows those below it:

| layer       | is                                                               |
| ----------- | ---------------------------------------------------------------- |
| `core`      | an event comes in, effects go out; new work begins               |
| `taking_up` | runs that were left open, and runs that run again                |
| `ending`    | what follows from a report or a cancel: going on, trying again, ending |
| `board`     | what is open, and the moves of it                                |
| `opened`, `values` | plain data                                                |
"""

from __future__ import annotations

from datetime import datetime

from mock_server.platform import lifecycle
from mock_server.worker.messages import (
    Begin,
    BeginAgain,
    CallOff,
    Cancel,
    Effect,
    Event,
    Failed,
    InsertRun,
    Record,
    Rerun,
    Returned,
    Succeeded,
)
from mock_server.worker.opened import OpenExecution
from mock_server.worker.taking_up import TakingUp

__all__ = ["Core", "OpenExecution"]


class Core(TakingUp):
    """See the module."""

    def step(self, event: Event) -> list[Effect]:
        """Takes one event, and returns what follows from it, in order."""
        self._effects, self._fresh = [], set()
        if isinstance(event, Succeeded):
            self._succeeded(event)
        elif isinstance(event, Begin):
            self._begin(event)
        elif isinstance(event, Failed):
            self._failed(event)
        elif isinstance(event, Returned):
            self._returned(event)
        elif isinstance(event, Cancel):
            self._cancel(event)
        elif isinstance(event, Rerun):
            self._rerun(event)
        elif isinstance(event, BeginAgain):
            self._begin_again(event)
        elif isinstance(event, CallOff):
            self._call_off(event)
        else:
            self._resume(event)
            return self._effects
        self._fill(event.at)
        return self._effects

    def wake(self, at: datetime) -> list[Effect]:
        """Starts what waits, after all that was left open has been resumed."""
        self._effects, self._fresh = [], set()
        self._fill(at)
        return self._effects

    def forget(self, run_id: str) -> None:
        """Drops a run that could not be resumed or begun again, without effects."""
        self.again.pop(run_id, None)
        run = self.runs.pop(run_id, None)
        if run is not None:
            for each in run.open:
                self.executions.pop(each, None)

    def _begin(self, event: Begin) -> None:
        for row, blueprint in event.runs:
            row.status, row.started_at, row.updated_at = lifecycle.RUNNING, event.at, event.at
            run = self._open(row, blueprint)
            self._effects.append(InsertRun(row))
            self._effects.append(Record(row.id, None, "run.started", {}))
            self._advance(run, event.at)
        for call in event.calls:
            if call.batch_id:
                self.batches[call.batch_id] += 1
            self._enqueue(OpenExecution(call))
