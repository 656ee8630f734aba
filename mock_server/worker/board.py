"""The board: what is open, in memory, and the moves that runs and executions can make on it.

Law: a move changes memory and says so as effects, in one breath; nothing else changes the status of a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.runners.blueprint import Blueprint
from mock_server.runners.policies import RunTerms
from mock_server.store.base import RunRow
from mock_server.worker.lanes import Lanes
from mock_server.worker.line import Line
from mock_server.worker.messages import (
    Dispatch,
    Effect,
    InsertExecution,
    Notify,
    Record,
    UpdateExecution,
    UpdateRun,
    Withdraw,
)
from mock_server.worker.opened import OpenExecution, OpenRun


class Board:
    """See the module.

    `again` has the runs to come, `batches` how many of each are open, `expected` pipeline and turn of what was left
    open and is still to be resumed, of which `expected_runs` are runs.
    """

    def __init__(self, new_id: Callable[[], str], places: int, draw: Callable[[], float]) -> None:
        self.new_id = new_id
        self.places = places
        self.draw = draw
        self.runs: dict[str, OpenRun] = {}
        self.again: dict[str, RunRow] = {}
        self.executions: dict[str, OpenExecution] = {}
        self.batches: Counter[str] = Counter()
        self.expected: dict[str, tuple[str | None, int]] = {}
        self.expected_runs = 0
        self.children: dict[str, dict[str, str | None]] = {}
        self.line = Line()
        self.lanes = Lanes()
        self._freed: set[str] = set()
        self._turn = 0
        self._running = 0
        self._effects: list[Effect] = []
        self._fresh: set[str] = set()

    # --- runs ---------------------------------------------------------------------------------------------------------

    def _open(self, row: RunRow, blueprint: Blueprint, turn: int = 0) -> OpenRun:
        start = row.start_node or blueprint.root
        if start is None:
            raise ValueError(f"run {row.id} has no node to start from")
        ports = blueprint.nodes[start].inputs
        given = {port.id: row.inputs[port.name] for port in ports if port.name in row.inputs}
        run = OpenRun(
            row, blueprint, blueprint.begun(start, given), turn or self._next_turn(), terms=RunTerms.of(row.extra)
        )
        self.runs[row.id] = run
        if row.batch_id:
            self.batches[row.batch_id] += 1
        if run.terms.parent_run is not None:
            self.children.setdefault(run.terms.parent_run, {})[row.id] = run.terms.parent_execution
        return run

    def _next_turn(self) -> int:
        self._turn += 1
        return self._turn

    def _came(self, id: str) -> int:
        """What was expected is here, or comes no more; its turn, 0 if it was not expected."""
        pipeline_id, turn = self.expected.pop(id, (None, 0))
        if pipeline_id is not None:
            self.expected_runs -= 1
            self.lanes.came(pipeline_id)
            self._freed.add(pipeline_id)
        return turn

    def _move_run(self, row: RunRow, at: datetime, status: str, **columns: Any) -> None:
        columns |= {"status": status, "updated_at": at}
        for name, value in columns.items():
            setattr(row, name, value)
        self._effects.append(UpdateRun(row.id, columns))

    def _end_run(self, run: OpenRun, at: datetime, status: str | None = None) -> None:
        row = run.row
        del self.runs[row.id]
        self._leave(run)
        status = status or (lifecycle.SUCCESS if run.error is None else lifecycle.FAILED)
        more: dict[str, Any] = {}
        if run.fault is not None:
            more["transition_errors"] = [run.fault]
        self._move_run(row, at, status, error=run.error, ended_at=at, **more)
        self._effects.append(Record(row.id, None, "run.ended", {"status": status}))
        self._left(row.id, row.batch_id)
        above = self.executions.get(run.terms.parent_execution or "")
        if above is not None and above.waits and above.row.status == lifecycle.RUNNING:
            self._effects.append(Dispatch(above.row.id, above.row.fence))

    def _leave(self, run: OpenRun) -> None:
        """It goes no more: there is room for another, and who began it need not end it."""
        self.lanes.leave(run)
        self._freed.add(run.row.pipeline_id)
        parent = run.terms.parent_run
        if parent is not None and parent in self.children:
            self.children[parent].pop(run.row.id, None)
            if not self.children[parent]:
                del self.children[parent]

    def _left(self, key: str, batch_id: str | None) -> None:
        self._effects.append(Notify(key))
        if batch_id:
            self.batches[batch_id] -= 1
            if self.batches[batch_id] <= 0:
                del self.batches[batch_id]
                self._effects.append(Notify(batch_id))

    # --- executions ---------------------------------------------------------------------------------------------------

    def _enqueue(self, execution: OpenExecution, at: datetime) -> None:
        row = execution.row
        self.executions[row.id] = execution
        if execution.run is not None:
            execution.run.open[row.id] = execution
        self._fresh.add(row.id)
        self._effects.append(InsertExecution(row))
        self._wait(execution, at)

    def _wait(self, execution: OpenExecution, at: datetime) -> None:
        """Lines an execution up, if its run goes: by its turn, so that a run goes before those that came later."""
        run = execution.run
        if run is None or (run.going and not run.row.paused):
            self._turn += 1
            self.line.join(execution, self._turn, at)

    def _stopped(self, execution: OpenExecution) -> None:
        """It runs no more: its place and its slots are free."""
        if not execution.waits:
            self._running -= 1
        self.line.give_back(execution)

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
        self,
        execution: OpenExecution,
        at: datetime,
        status: str,
        note: str | None = None,
        reported: int | None = None,
        **columns: Any,
    ) -> None:
        """`reported` is the fence of the report that ends it, if one does."""
        row = execution.row
        execution.ticket = 0
        del self.executions[row.id]
        if execution.run is not None:
            del execution.run.open[row.id]
        self._move(execution, at, status, note, ended_at=at, **columns)
        ended = {"status": status} if reported is None else {"status": status, "fence": reported}
        self._effects.append(Record(row.run_id, row.id, "execution.ended", ended, closes=True))
        if execution.run is None:
            self._left(row.id, row.batch_id)
        else:
            self._effects.append(Notify(row.id))

    def _drop(self, execution: OpenExecution, at: datetime, why: str) -> None:
        """Ends an execution that nobody wants any more."""
        if execution.row.status == lifecycle.RUNNING:
            self._stopped(execution)
            self._effects.append(Withdraw(execution.row.id, execution.row.fence))
        error = {"type": "Canceled", "message": why, "traceback": "", "cause": "canceled"}
        self._close(execution, at, lifecycle.TERMINATED, why, error=error, to_terminate=True)
