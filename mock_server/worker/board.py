"""The board: what is open, in memory, and the moves that runs and executions can make on it.

Law: a move changes memory and says so as effects, in one breath; nothing else changes the status of a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush
from typing import Any

from dtlpipe.graph.schedule import RunState
from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.runners.blueprint import Blueprint
from mock_server.store.base import RunRow
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

    # --- runs ---------------------------------------------------------------------------------------------------------

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

    def _move_run(self, row: RunRow, at: datetime, status: str, **columns: Any) -> None:
        columns |= {"status": status, "updated_at": at}
        for name, value in columns.items():
            setattr(row, name, value)
        self._effects.append(UpdateRun(row.id, columns))

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

    # --- executions ---------------------------------------------------------------------------------------------------

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
            nobodys = {} if row.worker is None else {"worker": None, "lease_until": None}
            self._move(execution, at, lifecycle.RUNNING, started_at=at, fence=row.fence, **nobodys)
            started = {"attempt": row.attempt, "fence": row.fence}
            self._effects.append(Record(row.run_id, row.id, "execution.started", started))
            self._effects.append(Dispatch(row.id, row.fence))

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
            self._running -= 1
            self._effects.append(Withdraw(execution.row.id, execution.row.fence))
        error = {"type": "Canceled", "message": why, "traceback": "", "cause": "canceled"}
        self._close(execution, at, lifecycle.TERMINATED, why, error=error, to_terminate=True)
