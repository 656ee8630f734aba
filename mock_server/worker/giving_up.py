"""What cannot go on, or begin again: it ends where it stands, and does not keep others from going on."""

from __future__ import annotations

from collections.abc import Iterable

from dtlpipe.model import times
from mock_server.executors.base import ErrorRecord
from mock_server.platform import lifecycle
from mock_server.platform.actions.records import tell_of_its_end
from mock_server.store.base import Tx


def give_up(tx: Tx, run_id: str, execution_ids: Iterable[str], error: Exception) -> None:
    """Ends a run as failed, and those of its executions that are open. The core must have forgotten it."""
    now = times.now()
    record = {
        "type": type(error).__name__,
        "message": f"the run cannot be taken up again: {error}",
        "cause": "platform",
    }
    for each in execution_ids:
        tx.update_execution(each, status=lifecycle.TERMINATED, ended_at=now, updated_at=now, error=record)
        tx.append_event(run_id, each, "execution.ended", {"status": lifecycle.TERMINATED})
        tx.append_event(run_id, each, "execution.ended", {"status": lifecycle.TERMINATED})
    tx.update_run(run_id, status=lifecycle.FAILED, error=record, ended_at=now, updated_at=now)
    tx.append_event(run_id, None, "run.ended", {"status": lifecycle.FAILED})
    tell_of_its_end(tx, run_id)


def refusal(error: BaseException) -> ErrorRecord:
    """Why an execution cannot be started, or its result not be recorded."""
    message = getattr(error, "message", None) or str(error)
    return {"type": type(error).__name__, "message": message, "traceback": "", "cause": "code"}
