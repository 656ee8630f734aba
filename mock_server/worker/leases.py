"""Leases on disk: which worker has an execution, and until when, beside the execution's row.

Law: times are the platform's own, never a worker's. A lease is of one start of an execution: of its fence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dtlpipe.model import times
from mock_server.executors.remote_leases import Ref
from mock_server.platform import lifecycle
from mock_server.store.base import ExecutionRow, StoreError, Tx

if TYPE_CHECKING:
    from mock_server.worker.core import Core

#: Seconds to wait for a commit.
_PATIENCE = 30.0


class Leases:
    """The executor's `LeaseBook`; `change` is the worker's."""

    def __init__(self, change: Callable[[Callable[[Tx, Core], Any]], Future[Any]]) -> None:
        self._change = change

    def grant(self, worker_id: str, refs: Sequence[Ref], seconds: float) -> set[Ref]:
        """See `LeaseBook`. Raises StoreError."""

        def intent(tx: Tx, core: Core) -> set[Ref]:
            until, given = times.now() + timedelta(seconds=seconds), set()
            for ref in refs:
                row = _running(core, ref)
                if row is not None:
                    row.worker, row.lease_until = worker_id, until
                    tx.set_execution(row.id, worker=worker_id, lease_until=until)
                    given.add(ref)
            return given

        found: set[Ref] = self._done(intent)
        return found

    def renew(self, worker_id: str, refs: Sequence[Ref], seconds: float) -> None:
        """See `LeaseBook`. Raises StoreError."""

        def intent(tx: Tx, core: Core) -> None:
            until = times.now() + timedelta(seconds=seconds)
            for ref in refs:
                row = _running(core, ref)
                if row is not None and row.worker == worker_id:
                    row.lease_until = until
                    tx.set_execution(row.id, lease_until=until)

        self._done(intent)

    def recorded(self, refs: Sequence[Ref]) -> bool:
        """See `LeaseBook`. Raises StoreError."""

        def intent(_tx: Tx, core: Core) -> bool:
            return all(_running(core, ref) is None for ref in refs)

        return bool(self._done(intent))

    def _done(self, intent: Callable[[Tx, Core], Any]) -> Any:
        future = self._change(intent)
        try:
            return future.result(_PATIENCE)
        except TimeoutError as error:
            future.cancel()
            raise StoreError(f"the store did not answer within {_PATIENCE:g} s", retry_after=1.0) from error


def _running(core: Core, ref: Ref) -> ExecutionRow | None:
    """The row that the ref is about, while it runs."""
    execution = core.executions.get(ref[0])
    if execution is None or execution.row.fence != ref[1] or execution.row.status != lifecycle.RUNNING:
        return None
    return execution.row
