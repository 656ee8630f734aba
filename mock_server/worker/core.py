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
| Cancel     | a run or an execution shall end                | ends of all that is open in it, jobs withdrawn        |
| Rerun      | runs that are over are to begin again          | their status                                          |
| BeginAgain | one of these does, with what is kept of it     | the executions that the kept ones lead to             |
| CallOff    | some of these do not, after all                | the status that they had                              |
| Resume     | the platform was started on rows left open     | none: rows stay as they are, waiting for a place      |

After each event, `_fill` starts what waits, older runs first, while there are places. A report that carries an old
fence, or comes for something that is over, has no effect: that is the fence. What a run has not started when a node of
it has failed is never started; what runs goes on to its end, and then the run has failed.

A run that begins again is a new engine state to which the kept executions are told once more, in their old order:
what the engine then hands out, and has not been told, are its new executions.

Longer than 400 lines because theory, table and all handlers of events stay together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from heapq import heappop, heappush
from typing import Any

import attrs

from dtlpipe.graph.errors import PipelineMaxComponentRuns
from dtlpipe.graph.schedule import RunState, Task, TaskKey
from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.runners.blueprint import Blueprint, NodeSpec
from mock_server.store.base import ExecutionRow, RunRow
from mock_server.worker.messages import (
    Begin,
    BeginAgain,
    CallOff,
    Cancel,
    Dispatch,
    Effect,
    Event,
    Failed,
    InsertExecution,
    InsertRun,
    Notify,
    Record,
    Rerun,
    Resume,
    Succeeded,
    UpdateExecution,
    UpdateRun,
    Withdraw,
)
from mock_server.worker.values import bound, sockets

# --- state --------------------------------------------------


@attrs.define(eq=False)
class OpenRun:
    """A run that is not over. `turn` is its place in line; `error` is the first failure in it."""

    row: RunRow
    blueprint: Blueprint
    state: RunState
    turn: int
    open: dict[str, OpenExecution] = attrs.field(factory=dict)
    error: dict[str, Any] | None = None


@attrs.define(eq=False)
class OpenExecution:
    """An execution that is not over; `run`, `spec` and `task` are None for a call of a service."""

    row: ExecutionRow
    run: OpenRun | None = None
    spec: NodeSpec | None = None
    task: Task | None = None


class Core:
    """See the module. `places` is how many executions may be handed out at a time; `again` has the runs to come."""

    def __init__(self, new_id: Callable[[], str], places: int) -> None:
        self.new_id = new_id
        self.places = places
        self.runs: dict[str, OpenRun] = {}
        self.again: dict[str, RunRow] = {}
        self.executions: dict[str, OpenExecution] = {}
        self.batches: Counter[str] = Counter()
        self._ready: list[tuple[int, int, str]] = []
        self._turn = 0
        self._running = 0
        self._effects: list[Effect] = []
        self._fresh: set[str] = set()

    def step(self, event: Event) -> list[Effect]:
        """Takes one event, and returns what follows from it, in order."""
        self._effects, self._fresh = [], set()
        if isinstance(event, Succeeded):
            self._succeeded(event)
        elif isinstance(event, Begin):
            self._begin(event)
        elif isinstance(event, Failed):
            self._failed(event)
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

    # --- beginning ----------------------------------------------------------------------------------------------------

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

    def _open(self, row: RunRow, blueprint: Blueprint) -> OpenRun:
        start = row.start_node or blueprint.root
        if start is None:
            raise ValueError(f"run {row.id} has no node to start from")
        ports = blueprint.nodes[start].inputs
        given = {port.id: row.inputs[port.name] for port in ports if port.name in row.inputs}
        self._turn += 1
        run = OpenRun(row, blueprint, RunState(blueprint.plan, {start: given}, start=start), self._turn)
        self.runs[row.id] = run
        if row.batch_id:
            self.batches[row.batch_id] += 1
        return run

    def _advance(self, run: OpenRun, at: datetime) -> None:
        """Makes executions of all nodes that can run now, and ends the run if there is nothing left to do."""
        try:
            while (task := run.state.next()) is not None:
                self._enqueue(self._execution(run, task, at))
        except PipelineMaxComponentRuns as error:
            run.error = run.error or {"type": type(error).__name__, "message": str(error), "cause": "loop"}
        if not run.open:
            self._end_run(run, at)
        elif run.error is not None:
            self._wind_up(run, at)

    # --- beginning again ----------------------------------------------------------------------------------------------

    def _rerun(self, event: Rerun) -> None:
        for row in event.runs:
            self.again[row.id] = row
            if row.status != lifecycle.RERUN:  # it is after a restart
                if not lifecycle.may_rerun(row.status):
                    raise ValueError(f"run {row.id} is {row.status}; it can be run again when it is over")
                self._move_run(row, event.at, lifecycle.RERUN)
                self._effects.append(Record(row.id, None, "run.rerun", {}))

    def _begin_again(self, event: BeginAgain) -> None:
        row = self.again.pop(event.run_id, None)
        if row is None:
            return
        columns = {"error": None, "started_at": event.at, "ended_at": None}
        self._move_run(row, event.at, lifecycle.RUNNING, **columns)
        run = self._open(row, event.blueprint)
        tasks = _handed_out(run)
        for kept in event.kept:
            _replay(run, kept, tasks)
        self._effects.append(Record(row.id, None, "run.started", {"kept": len(event.kept)}))
        for task in tasks.values():
            self._enqueue(self._execution(run, task, event.at))
        self._advance(run, event.at)

    def _call_off(self, event: CallOff) -> None:
        for id in event.run_ids:
            row = self.again.pop(id, None)
            if row is not None:
                self._move_run(row, event.at, _status_before(row))
                self._effects.append(Notify(id))

    def _move_run(self, row: RunRow, at: datetime, status: str, **columns: Any) -> None:
        columns |= {"status": status, "updated_at": at}
        for name, value in columns.items():
            setattr(row, name, value)
        self._effects.append(UpdateRun(row.id, columns))

    # --- executions ---------------------------------------------------------------------------------------------------

    def _execution(self, run: OpenRun, task: Task, at: datetime) -> OpenExecution:
        spec, row = run.blueprint.nodes[task.node], run.row
        is_start = task.node == (row.start_node or run.blueprint.root) and task.visit == 0
        made = ExecutionRow(
            id=self.new_id(),
            run_id=row.id,
            node_id=spec.id,
            visit=task.visit,
            pipeline_id=row.pipeline_id,
            project_id=row.project_id,
            service_id=spec.service_id,
            service_name=spec.service_name,
            function_name=spec.function_name,
            status=lifecycle.CREATED,
            max_attempts=spec.max_attempts,
            input=bound(spec, task, run.blueprint.variables, row.inputs if is_start else {}),
            creator=row.creator,
            created_at=at,
            updated_at=at,
        )
        return OpenExecution(made, run, spec, task)

    def _enqueue(self, execution: OpenExecution) -> None:
        row = execution.row
        self.executions[row.id] = execution
        if execution.run is not None:
            execution.run.open[row.id] = execution
        self._fresh.add(row.id)
        self._effects.append(InsertExecution(row))
        self._wait(execution)

    def _wait(self, execution: OpenExecution) -> None:
        """Lines an execution up: by the turn of its run, so that a run under way goes before those that came later."""
        self._turn += 1
        turn = self._turn if execution.run is None else execution.run.turn
        heappush(self._ready, (turn, self._turn, execution.row.id))

    def _fill(self, at: datetime) -> None:
        while self._ready and self._running < self.places:
            execution = self.executions.get(heappop(self._ready)[2])
            if execution is None:
                continue
            row = execution.row
            row.fence += 1
            self._running += 1
            self._move(execution, at, lifecycle.RUNNING, started_at=at, fence=row.fence)
            self._effects.append(Record(row.run_id, row.id, "execution.started", {"attempt": row.attempt}))
            self._effects.append(Dispatch(row.id, row.fence))

    # --- ending -------------------------------------------------------------------------------------------------------

    def _current(self, execution_id: str, fence: int) -> OpenExecution | None:
        """The execution that a report is about, unless the report is stale."""
        execution = self.executions.get(execution_id)
        if execution is None or execution.row.fence != fence or execution.row.status != lifecycle.RUNNING:
            return None
        return execution

    def _succeeded(self, event: Succeeded) -> None:
        execution = self._current(event.execution_id, event.fence)
        if execution is None:
            return
        self._running -= 1
        closed = list(event.closed) or None
        self._close(execution, event.at, lifecycle.SUCCESS, output=dict(event.outputs), closed=closed, percent=100.0)
        run = execution.run
        if run is not None and execution.task is not None and execution.spec is not None:
            run.state.complete(execution.task, sockets(execution.spec, event.outputs), event.closed)
            self._advance(run, event.at)

    def _failed(self, event: Failed) -> None:
        execution = self._current(event.execution_id, event.fence)
        if execution is None:
            return
        self._running -= 1
        row, run, error = execution.row, execution.run, dict(event.error)
        if row.attempt < row.max_attempts and error.get("cause") not in ("canceled", "code"):
            row.attempt += 1
            note = f"attempt {row.attempt - 1} failed: {error.get('message')}"
            self._move(execution, event.at, lifecycle.CREATED, note, attempt=row.attempt)
            self._effects.append(Record(row.run_id, row.id, "execution.retried", {"error": error}))
            self._wait(execution)
            return
        status = lifecycle.TERMINATED if error.get("cause") == "canceled" else lifecycle.FAILED
        self._close(execution, event.at, status, error=error)
        if run is not None:
            self._fail_run(execution, run, error)
            self._wind_up(run, event.at)

    def _wind_up(self, run: OpenRun, at: datetime) -> None:
        """A run that has failed starts nothing more; it is over when what runs is."""
        for each in list(run.open.values()):
            if each.row.status == lifecycle.CREATED:
                self._drop(each, at, "another node of the run failed before this one was started")
        if not run.open:
            self._end_run(run, at)

    def _fail_run(self, execution: OpenExecution, run: OpenRun, error: Mapping[str, Any]) -> None:
        if execution.task is not None:
            run.state.fail(execution.task, RuntimeError(error.get("message")))
        if run.error is None and execution.spec is not None:
            run.error = {
                **error,
                "node": execution.spec.name,
                "nodeId": execution.spec.id,
                "executionId": execution.row.id,
            }

    def _end_run(self, run: OpenRun, at: datetime, status: str | None = None) -> None:
        row = run.row
        del self.runs[row.id]
        status = status or (lifecycle.SUCCESS if run.error is None else lifecycle.FAILED)
        self._move_run(row, at, status, error=run.error, ended_at=at)
        self._effects.append(Record(row.id, None, "run.ended", {"status": status}))
        self._left(row.id, row.batch_id)

    def _left(self, key: str, batch_id: str | None) -> None:
        self._effects.append(Notify(key))
        if batch_id:
            self.batches[batch_id] -= 1
            if self.batches[batch_id] <= 0:
                del self.batches[batch_id]
                self._effects.append(Notify(batch_id))

    def _move(
        self, execution: OpenExecution, at: datetime, status: str, note: str | None = None, **columns: Any
    ) -> None:
        """Changes an execution's state, in memory and in its row (which may be a new one of this step)."""
        row = execution.row
        if not lifecycle.may_move(row.status, status):
            raise ValueError(f"execution {row.id} cannot go from {row.status} to {status}")
        entry: dict[str, Any] = {"timestamp": times.to_wire(at), "status": status}
        if note:
            entry["message"] = note
        columns |= {"status": status, "updated_at": at, "log": [*row.log, entry]}
        for name, value in columns.items():
            setattr(row, name, value)
        if row.id not in self._fresh:
            self._effects.append(UpdateExecution(row.id, columns))

    def _close(
        self, execution: OpenExecution, at: datetime, status: str, note: str | None = None, **columns: Any
    ) -> None:
        row = execution.row
        del self.executions[row.id]
        if execution.run is not None:
            del execution.run.open[row.id]
        self._move(execution, at, status, note, ended_at=at, **columns)
        self._effects.append(Record(row.run_id, row.id, "execution.ended", {"status": status}, closes=True))
        if execution.run is None:
            self._left(row.id, row.batch_id)
        else:
            self._effects.append(Notify(row.id))

    def _drop(self, execution: OpenExecution, at: datetime, why: str) -> None:
        """Ends an execution that nobody wants any more."""
        if execution.row.status == lifecycle.RUNNING:
            self._running -= 1
            self._effects.append(Withdraw(execution.row.id, execution.row.fence))
        error = {"type": "Canceled", "message": why, "traceback": "", "cause": "canceled"}
        self._close(execution, at, lifecycle.TERMINATED, why, error=error, to_terminate=True)

    def _cancel(self, event: Cancel) -> None:
        if event.run_id is not None and (run := self.runs.get(event.run_id)) is not None:
            for each in list(run.open.values()):
                self._drop(each, event.at, event.reason)
            run.error = {"type": "Canceled", "message": event.reason, "cause": "canceled"}
            self._end_run(run, event.at, lifecycle.TERMINATED)
        elif event.run_id is not None and (row := self.again.pop(event.run_id, None)) is not None:
            error = {"type": "Canceled", "message": event.reason, "cause": "canceled"}
            self._move_run(row, event.at, lifecycle.TERMINATED, error=error, ended_at=event.at)
            self._effects.append(Record(row.id, None, "run.ended", {"status": lifecycle.TERMINATED}))
            self._effects.append(Notify(row.id))
        elif event.execution_id is not None and (execution := self.executions.get(event.execution_id)) is not None:
            self._drop(execution, event.at, event.reason)
            if (of := execution.run) is not None:
                self._fail_run(execution, of, {"type": "Canceled", "message": event.reason, "cause": "canceled"})
                self._wind_up(of, event.at)

    # --- taking up what was left open ---------------------------------------------------------------------------------

    def _resume(self, event: Resume) -> None:
        if event.run is None or event.blueprint is None:
            for row in event.waiting:
                if row.batch_id:
                    self.batches[row.batch_id] += 1
                self._put_back(OpenExecution(row), event.at)
            return
        run = self._open(event.run, event.blueprint)
        tasks = _handed_out(run)
        for row in event.done:
            if row.node_id is None:
                continue
            if row.status == lifecycle.SUCCESS:
                _replay(run, row, tasks)
            else:
                task = tasks.pop((row.node_id, row.visit))
                execution = OpenExecution(row, run, run.blueprint.nodes[row.node_id], task)
                self._fail_run(execution, run, row.error or {"message": "it did not end well"})
        for row in event.waiting:
            if row.node_id is not None:
                task = tasks.pop((row.node_id, row.visit))
                execution = OpenExecution(row, run, run.blueprint.nodes[row.node_id], task)
                run.open[row.id] = execution
                self._put_back(execution, event.at)
        if not run.open:
            self._end_run(run, event.at)

    def _put_back(self, execution: OpenExecution, at: datetime) -> None:
        self.executions[execution.row.id] = execution
        if execution.row.status == lifecycle.RUNNING:
            self._move(execution, at, lifecycle.CREATED, "the platform was stopped while this ran; it runs again")
        self._wait(execution)


def _handed_out(run: OpenRun) -> dict[TaskKey, Task]:
    found = {}
    while (task := run.state.next()) is not None:
        found[task.key] = task
    return found


def _replay(run: OpenRun, row: ExecutionRow, tasks: dict[TaskKey, Task]) -> None:
    """Tells the engine once more what it was told, and adds to the tasks what it hands out upon that.

    A deferred node may not be among them: it is handed out when nothing else runs, and in a run that begins again
    there is always something that does, which was not told yet.
    """
    if row.node_id is None:
        raise ValueError(f"execution {row.id} belongs to no node")
    key = (row.node_id, row.visit)
    task = tasks.pop(key, None) or run.state.take(*key)
    run.state.complete(task, sockets(run.blueprint.nodes[row.node_id], row.output or {}), row.closed or ())
    tasks |= _handed_out(run)


def _status_before(row: RunRow) -> str:
    """How a run ended that is to begin again: until it does, its row keeps the error that it ended with."""
    if row.error is None:
        return lifecycle.SUCCESS
    ended_by_hand = row.error.get("cause") == "canceled" and "nodeId" not in row.error
    return lifecycle.TERMINATED if ended_by_hand else lifecycle.FAILED
