"""How executions and runs go on and end: what returned, what failed, what is not wanted any more.

A run goes on while its engine hands out tasks. What it has not started when a node of it has failed is never started;
what runs goes on to its end, and then the run has failed. A report that carries an old fence, or comes for something
that is over, has no effect: that is the fence.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dtlpipe.graph.errors import PipelineMaxComponentRuns
from dtlpipe.graph.schedule import Task
from mock_server.platform import lifecycle
from mock_server.store.base import ExecutionRow
from mock_server.worker.board import Board
from mock_server.worker.messages import Cancel, Failed, Notify, Record, Returned, Succeeded
from mock_server.worker.opened import OpenExecution, OpenRun
from mock_server.worker.values import bound, sockets


class Ending(Board):
    """See the module."""

    # --- going on -----------------------------------------------------------------------------------------------------

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

    # --- reports ------------------------------------------------------------------------------------------------------

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
        status, fence, output = lifecycle.SUCCESS, event.fence, dict(event.outputs)
        self._close(execution, event.at, status, reported=fence, output=output, closed=closed, percent=100.0)
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
        self._close(execution, event.at, status, reported=event.fence, error=error)
        if run is not None:
            self._fail_run(execution, run, error)
            self._wind_up(run, event.at)

    def _returned(self, event: Returned) -> None:
        execution = self._current(event.execution_id, event.fence)
        if execution is None:
            return
        self._running -= 1
        self._move(execution, event.at, lifecycle.CREATED, "its worker gave it back; it runs again")
        self._wait(execution)
        if execution.run is not None and execution.run.error is not None:
            self._wind_up(execution.run, event.at)

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

    # --- what is not wanted any more ----------------------------------------------------------------------------------

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
