"""How executions and runs go on and end: what returned, what failed, what is not wanted any more.

A run goes on while its engine hands out tasks. What it has not started when a node of it has failed is never started;
what runs goes on to its end, and then the run has failed. A report that carries an old fence, or comes for something
that is over, has no effect: that is the fence.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dtlpipe.graph.errors import PipelineMaxComponentRuns, PipelineTransitionError
from dtlpipe.graph.schedule import Task
from mock_server.platform import lifecycle
from mock_server.store.base import ExecutionRow
from mock_server.worker.messages import Cancel, Failed, Notify, Record, Returned, Succeeded
from mock_server.worker.opened import OpenExecution, OpenRun
from mock_server.worker.pacing import Pacing
from mock_server.worker.values import bound, sockets


class Ending(Pacing):
    """See the module."""

    # --- going on -----------------------------------------------------------------------------------------------------

    def _advance(self, run: OpenRun, at: datetime) -> None:
        """Makes executions of all nodes that can run now, and ends the run if there is nothing left to do."""
        try:
            while (task := run.state.next()) is not None:
                self._enqueue(self._execution(run, task, at), at)
        except PipelineMaxComponentRuns as error:
            run.error = run.error or {"type": type(error).__name__, "message": str(error), "cause": "loop"}
        except PipelineTransitionError as error:
            cannot_pass(run, error)
        if not run.open:
            self._end_run(run, at)
        elif run.error is not None:
            self._wind_up(run, at)

    def _set_going(self, run: OpenRun, at: datetime) -> None:
        """Starts a run that waited for its pipeline to have room."""
        self._move_run(run.row, at, **self._go(run, at))
        self._effects.append(Record(run.row.id, None, "run.started", {}))
        self._line_up_executions(run, at)
        tasks, run.tasks = run.tasks, ()
        for task in tasks:
            self._enqueue(self._execution(run, task, at), at)
        self._advance(run, at)

    def _flow(self, at: datetime) -> None:
        """Uses the room that there is."""
        while self._freed:
            pipeline_id = self._freed.pop()
            while (run := self.lanes.next(pipeline_id)) is not None:
                self._set_going(run, at)
        self._fill(at)
        self._ask_to_be_woken(at)

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
            max_attempts=run.terms.over(spec.terms).attempts if run.terms.retry else spec.max_attempts,
            input=bound(spec, task, run.variables, row.inputs if is_start else {}),
            creator=row.creator,
            created_at=at,
            updated_at=at,
            priority=row.priority,
        )
        return opened(made, run, task)

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
        self._stopped(execution)
        closed = list(event.closed) or None
        status, fence, output = lifecycle.SUCCESS, event.fence, dict(event.outputs)
        self._close(execution, event.at, status, reported=fence, output=output, closed=closed, percent=100.0)
        run = execution.run
        if run is not None and execution.task is not None and execution.spec is not None:
            run.state.complete(execution.task, sockets(execution.spec, event.outputs), event.closed)
            if execution.spec.sets is not None:
                run.learn(execution.spec, execution.row.input)
            self._advance(run, event.at)

    def _failed(self, event: Failed) -> None:
        execution = self._current(event.execution_id, event.fence)
        if execution is None:
            return
        self._stopped(execution)
        row, run, error = execution.row, execution.run, dict(event.error)
        failing = run is not None and run.error is not None
        if not failing and execution.terms.may_retry(row.attempt, row.max_attempts, error):
            self._try_again(execution, event.at, error)
            return
        status = lifecycle.TERMINATED if error.get("cause") == "canceled" else lifecycle.FAILED
        self._close(execution, event.at, status, reported=event.fence, error=error)
        if run is not None:
            self._fail_run(execution, run, error)
            self._wind_up(run, event.at)

    def _try_again(self, execution: OpenExecution, at: datetime, error: dict[str, Any]) -> None:
        row, policy = execution.row, execution.terms.retry
        seconds = 0.0 if policy is None else policy.interval(row.attempt, self.draw())
        columns: dict[str, Any] = {"attempt": row.attempt + 1}
        if seconds > 0:
            columns["available_at"] = at + timedelta(seconds=seconds)
        note = f"attempt {row.attempt} failed: {error.get('message')}"
        self._move(execution, at, lifecycle.CREATED, note, **columns)
        said = {"error": error} | ({"interval": round(seconds, 3)} if seconds > 0 else {})
        self._effects.append(Record(row.run_id, row.id, "execution.retried", said))
        self._wait(execution, at)

    def _returned(self, event: Returned) -> None:
        execution = self._current(event.execution_id, event.fence)
        if execution is None:
            return
        self._stopped(execution)
        self._move(execution, event.at, lifecycle.CREATED, "its worker gave it back; it runs again")
        self._effects.append(Record(execution.row.run_id, execution.row.id, "execution.requeued", {}))
        self._wait(execution, event.at)
        if execution.run is not None and execution.run.error is not None:
            self._wind_up(execution.run, event.at)

    def _wind_up(self, run: OpenRun, at: datetime) -> None:
        """A run that has failed starts nothing more; it is over when what runs is."""
        for each in list(run.open.values()):
            if each.row.status == lifecycle.CREATED:
                self._drop(each, at, "another node of the run failed before this one was started")
            elif each.waits:
                self._drop(each, at, "another node of the run failed while this one waited")
                self._cancel_children(run.row.id, at, each.row.id)
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
        error = {"type": "Canceled", "message": event.reason, "cause": "canceled"}
        if event.run_id is not None:
            self._cancel_run(event.run_id, event.at, error)
        elif event.execution_id is not None and (execution := self.executions.get(event.execution_id)) is not None:
            self._drop(execution, event.at, event.reason)
            if (run := execution.run) is not None:
                self._cancel_children(run.row.id, event.at, execution.row.id)
                self._fail_run(execution, run, error)
                self._wind_up(run, event.at)

    def _cancel_run(self, run_id: str, at: datetime, error: dict[str, Any]) -> None:
        """Ends a run, and those that its nodes began, whatever they are at."""
        if (run := self.runs.get(run_id)) is not None:
            self._stop_run(run, at, error, lifecycle.TERMINATED)
        elif (row := self.again.pop(run_id, None)) is not None:
            self._move_run(row, at, lifecycle.TERMINATED, error=error, ended_at=at)
            self._effects.append(Record(row.id, None, "run.ended", {"status": lifecycle.TERMINATED}))
            self._effects.append(Notify(row.id))
            self._cancel_children(run_id, at)

    def _stop_run(self, run: OpenRun, at: datetime, error: dict[str, Any], status: str) -> None:
        for each in list(run.open.values()):
            self._drop(each, at, error["message"])
        run.error = error
        self._end_run(run, at, status)
        self._cancel_children(run.row.id, at)

    def _cancel_children(self, run_id: str, at: datetime, execution_id: str | None = None) -> None:
        """Ends the runs that a run's nodes began, or that one execution did."""
        message = f"execution {run_id}, whose node began this one, was ended"
        for id, parent in list(self.children.get(run_id, {}).items()):
            if execution_id is None or parent == execution_id:
                self._cancel_run(id, at, {"type": "Canceled", "message": message, "cause": "canceled"})

    def _expire(self, at: datetime) -> None:
        """Ends the runs whose deadlines have passed."""
        while (run := self._overdue(at)) is not None:
            message = f"the run took longer than its timeout of {run.terms.timeout or 0:g} s and was ended"
            self._stop_run(run, at, {"type": "TimeoutError", "message": message, "cause": "timeout"}, lifecycle.FAILED)


def cannot_pass(run: OpenRun, error: PipelineTransitionError) -> None:
    """A run whose node produced what its next one cannot receive fails; the values are those of the engine, by ids."""
    if run.error is None:
        source, target = (run.blueprint.nodes[each] for each in (error.source, error.target))
        said = f"from node {source.name!r} to node {target.name!r}: {error}"
        run.error = {
            "type": "TransitionError",
            "message": said,
            "cause": "transition",
            "node": source.name,
            "nodeId": source.id,
        }
        run.fault = {
            "sourceNodeName": source.name,
            "sourceNodeId": source.id,
            "targetNodeName": target.name,
            "targetNodeId": target.id,
            "error": str(error),
            "displayMessage": said,
            "message": said,
        }


def opened(row: ExecutionRow, run: OpenRun, task: Task) -> OpenExecution:
    """An execution of a node, on the terms of its node and of its run."""
    spec = run.blueprint.nodes[task.node]
    return OpenExecution(row, run, spec, task, run.terms.over(spec.terms), spec.terms.limits_of(row.input))
