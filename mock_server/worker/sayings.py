"""What node code says while it runs, lines and progress: written down if it still has the execution."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dtlpipe.model import times
from mock_server.executors.base import Logged, Progressed
from mock_server.store.base import ExecutionRow, LogLine, Tx

if TYPE_CHECKING:
    from mock_server.platform.actions.witness import Witness
    from mock_server.worker.core import Core


class Sayings:
    """`core` gives the core of the moment; `notify` wakes those who wait for a key; `witness` knows actions."""

    def __init__(self, core: Callable[[], Core], notify: Callable[[str], None], witness: Witness) -> None:
        self._core = core
        self._notify = notify
        self._witness = witness

    def _row(self, report: Logged | Progressed) -> ExecutionRow | None:
        execution = self._core().executions.get(report.execution_id)
        return None if execution is None or execution.row.fence != report.fence else execution.row

    def logged(self, report: Logged, tx: Tx) -> None:
        row = self._row(report)
        if row is None:
            return
        tx.append_logs(
            LogLine(
                execution_id=row.id,
                run_id=row.run_id,
                service_id=row.service_id,
                at=times.from_wire(each["timestamp"]),
                level=each["level"],
                message=each["message"],
                stream=each["stream"],
            )
            for each in report.records
        )
        for key in {row.id, row.run_id, row.service_id} - {None}:
            tx.after_commit(partial(self._notify, f"logs:{key}"))

    def progressed(self, report: Progressed, tx: Tx) -> None:
        row = self._row(report)
        if row is None:
            return
        row.percent = row.percent if report.progress is None else report.progress
        row.message = row.message if report.message is None else report.message
        tx.set_execution(row.id, percent=row.percent, message=row.message, updated_at=times.now())
        self._witness.progressed(tx, row, report.output)
        if row.run_id is not None:
            tx.after_commit(partial(self._notify, row.run_id))
