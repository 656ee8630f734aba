"""Runs that are taken up: left open by a platform that was stopped, or over and to run again.

Both are a new engine state to which the executions that count as done are told once more, in their old order: what the
engine then hands out, and has not been told, is what the run goes on with.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dtlpipe.graph.errors import PipelineTransitionError
from dtlpipe.graph.schedule import Task, TaskKey
from mock_server.platform import lifecycle
from mock_server.runners.policies import PLAIN
from mock_server.store.base import ExecutionRow, RunRow
from mock_server.worker.ending import Ending, cannot_pass, opened
from mock_server.worker.messages import BeginAgain, CallOff, Expect, Hold, Notify, Record, Rerun, Resume
from mock_server.worker.opened import OpenExecution, OpenRun
from mock_server.worker.values import sockets


class TakingUp(Ending):
    """See the module."""

    def _rerun(self, event: Rerun) -> None:
        for row in event.runs:
            self._came(row.id)
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
        run = self._open(row, event.blueprint)
        tasks = _handed_out(run)
        for kept in event.kept:
            _replay(run, kept, tasks)
        begun: dict[str, Any] = {"error": None, "ended_at": None}
        if row.transition_errors:
            begun["transition_errors"] = None
        if self._may_go(run):
            self._move_run(row, event.at, **self._go(run, event.at), **begun)
            self._effects.append(Record(row.id, None, "run.started", {"kept": len(event.kept)}))
        else:
            self._move_run(row, event.at, lifecycle.PENDING, started_at=None, **begun)
            self._effects.append(Record(row.id, None, "run.waiting", {"kept": len(event.kept)}))
            self._line_up(run)
        for task in tasks.values():
            self._enqueue(self._execution(run, task, event.at), event.at)
        self._advance(run, event.at)

    def _call_off(self, event: CallOff) -> None:
        for id in event.run_ids:
            row = self.again.pop(id, None)
            if row is not None:
                status = _status_before(row)
                self._move_run(row, event.at, status)
                self._effects.append(Record(id, None, "run.called_off", {"status": status}))
                self._effects.append(Notify(id))

    def _expect(self, event: Expect) -> None:
        for id, pipeline_id in event.left:
            self.expected[id] = pipeline_id, self._next_turn()
            if pipeline_id is not None:
                self.expected_runs += 1
                self.lanes.coming[pipeline_id] += 1

    def _resume(self, event: Resume) -> None:
        if event.run is None or event.blueprint is None:
            self._resume_calls(event)
        else:
            turn = self._came(event.run.id)
            self._resume_run(event, self._open(event.run, event.blueprint, turn))

    def _resume_calls(self, event: Resume) -> None:
        for row in event.waiting:
            if row.batch_id:
                self.batches[row.batch_id] += 1
            terms = event.terms.get(row.service_id or "", PLAIN)
            limits = terms.limits_of(row.input)
            self._put_back(OpenExecution(row, terms=terms, limits=limits, turn=self._came(row.id)), event.at)

    def _resume_run(self, event: Resume, run: OpenRun) -> None:
        if run.row.status == lifecycle.PENDING:
            self._line_up(run)
        else:
            self.lanes.enter(run)
            self._watch(run)
        tasks = _handed_out(run)
        for row in event.done:
            if row.node_id is None:
                continue
            if row.status == lifecycle.SUCCESS:
                _replay(run, row, tasks)
            else:
                task = tasks.pop((row.node_id, row.visit))
                execution = opened(row, run, task)
                self._fail_run(execution, run, row.error or {"message": "it did not end well"})
        for row in event.waiting:
            if row.node_id is not None:
                task = tasks.pop((row.node_id, row.visit))
                execution = opened(row, run, task)
                run.open[row.id] = execution
                self._put_back(execution, event.at)
        if not run.going:
            run.tasks = tuple(tasks.values())
        elif run.error is not None:
            self._wind_up(run, event.at)
        elif not run.open:
            self._end_run(run, event.at)

    def _put_back(self, execution: OpenExecution, at: datetime) -> None:
        row = execution.row
        self.executions[row.id] = execution
        if row.status == lifecycle.RUNNING and row.worker is not None:  # on a machine that was not stopped
            self._running += 1
            self.line.hold(execution)
            self._effects.append(Hold(row.id, row.fence, row.worker))
            return
        if row.status == lifecycle.RUNNING and not (execution.terms.survives or execution.waits):
            self._reset(execution, at)
            return
        if row.status == lifecycle.RUNNING:
            self._move(execution, at, lifecycle.CREATED, "the platform was stopped while this ran; it runs again")
            self._effects.append(Record(execution.row.run_id, execution.row.id, "execution.requeued", {}))
        self._wait(execution, at)

    def _reset(self, execution: OpenExecution, at: datetime) -> None:
        """Ends an execution that the platform's end cut short, and that is not to run again."""
        said = "the platform was stopped while this ran, and by its onReset of 'failed' it does not run again"
        error = {"type": "PlatformStopped", "message": said, "traceback": "", "cause": "lost"}
        self._close(execution, at, lifecycle.FAILED, said, error=error)
        if execution.run is not None:
            self._fail_run(execution, execution.run, error)


def _handed_out(run: OpenRun) -> dict[TaskKey, Task]:
    found = {}
    try:
        while (task := run.state.next()) is not None:
            found[task.key] = task
    except PipelineTransitionError as error:
        cannot_pass(run, error)
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
    spec = run.blueprint.nodes[row.node_id]
    run.state.complete(task, sockets(spec, row.output or {}), row.closed or ())
    if spec.sets is not None:
        run.learn(spec, row.input)
    tasks |= _handed_out(run)


def _status_before(row: RunRow) -> str:
    """How a run ended that is to begin again: until it does, its row keeps the error that it ended with."""
    if row.error is None:
        return lifecycle.SUCCESS
    ended_by_hand = row.error.get("cause") == "canceled" and "nodeId" not in row.error
    return lifecycle.TERMINATED if ended_by_hand else lifecycle.FAILED
