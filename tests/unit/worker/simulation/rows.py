"""The store of the simulation: rows, the log of events and the passes of reruns, in memory.

Law: what is stored is a copy, so that nothing that the core does to its own memory reaches it but by an effect. What no
store could take (a row twice, a change of what is over) is refused here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import attrs

from mock_server.platform import lifecycle, passes
from mock_server.store.base import ExecutionRow, RunRow
from mock_server.worker import messages as m

#: What a record of the log says of the state of what it is about; those that are not here say nothing of it.
SAYS = {
    "run.waiting": lifecycle.PENDING,
    "run.started": lifecycle.RUNNING,
    "run.rerun": lifecycle.RERUN,
    "execution.started": lifecycle.RUNNING,
    "execution.retried": lifecycle.CREATED,
    "execution.requeued": lifecycle.CREATED,
}

R = TypeVar("R", RunRow, ExecutionRow)


def _plain(value: Any) -> Any:
    """A copy that shares nothing which the core changes; of all the rows' values, that is a dict or a list at most."""
    return dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else value


def copied(row: R) -> R:
    """A row of its own."""
    kind = type(row)
    return kind(**{each.name: _plain(getattr(row, each.name)) for each in attrs.fields(kind)})


class Rows:
    """See the module."""

    def __init__(self) -> None:
        self.runs: dict[str, RunRow] = {}
        self.executions: dict[str, ExecutionRow] = {}
        self.passes: dict[str, dict[str, Any]] = {}
        self.buckets: dict[str, tuple[float, datetime]] = {}
        self.limits: dict[str, int | None] = {}
        self.log: list[m.Record] = []
        self.folded: dict[str, str] = {}

    def apply(self, effects: list[m.Effect]) -> None:
        """As one transaction. Raises AssertionError for what is not lawful."""
        for effect in effects:
            match effect:
                case m.InsertRun(row):
                    assert row.id not in self.runs, f"run {row.id} is inserted twice"
                    self.runs[row.id] = copied(row)
                case m.InsertExecution(row):
                    assert row.id not in self.executions, f"execution {row.id} is inserted twice"
                    self.executions[row.id] = copied(row)
                case m.UpdateRun(id, columns):
                    self._update(self.runs[id], columns, again=columns.get("status") == lifecycle.RERUN)
                case m.UpdateExecution(id, columns):
                    self._update(self.executions[id], columns)
                case m.Keep(key, tokens, at):
                    self.buckets[key] = (tokens, at)
                case m.Record():
                    self._record(effect)
                case _:
                    pass

    def _update(self, row: Any, columns: dict[str, Any], *, again: bool = False) -> None:
        assert again or not lifecycle.is_final(row.status), f"{row.id} is {row.status} and gets {columns}"
        for name, value in columns.items():
            setattr(row, name, _plain(value))

    def _record(self, record: m.Record) -> None:
        self.log.append(record)
        about = record.execution_id or record.run_id
        assert about is not None
        if record.kind.endswith(".ended") or record.kind == "run.called_off":
            self.folded[about] = record.body["status"]
        elif record.kind in SAYS:
            self.folded[about] = SAYS[record.kind]
        if record.closes:
            self.executions[about].seq = len(self.log)

    # --- reading, as copies -------------------------------------------------------------------------------------------

    def of(self, run_id: str) -> list[ExecutionRow]:
        """All executions that the run has had, oldest first."""
        return [copied(row) for row in self.executions.values() if row.run_id == run_id]

    def counting(self, run_id: str) -> list[ExecutionRow]:
        """Those that no rerun has replaced."""
        rows = self.of(run_id)
        return passes.current(rows, self.passes.get) if rows else rows

    def open_runs(self) -> list[RunRow]:
        """Oldest first."""
        return [copied(row) for row in self.runs.values() if row.status in lifecycle.OPEN]

    def open_calls(self) -> tuple[ExecutionRow, ...]:
        """Calls that are not over, oldest first."""
        open_ = (row for row in self.executions.values() if row.run_id is None and row.status in lifecycle.OPEN)
        return tuple(copied(row) for row in open_)

    def running(self) -> list[ExecutionRow]:
        """Executions that run. They are the rows themselves."""
        return [row for row in self.executions.values() if row.status == lifecycle.RUNNING]
