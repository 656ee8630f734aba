"""Jobs as they are shown: a run, its last execution and its note as one document.

Law: pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.store.base import Document, ExecutionRow, RunRow

_STATUS: Final = {
    lifecycle.PENDING: "queued",
    lifecycle.CREATED: "queued",
    lifecycle.RERUN: "queued",
    lifecycle.RUNNING: "running",
    lifecycle.SUCCESS: "completed",
    lifecycle.FAILED: "failed",
    lifecycle.TERMINATED: "canceled",
}
RUN_STATUS: Final = {
    "queued": [lifecycle.PENDING, lifecycle.CREATED, lifecycle.RERUN],
    "running": [lifecycle.RUNNING],
    "completed": [lifecycle.SUCCESS],
    "failed": [lifecycle.FAILED],
    "canceled": [lifecycle.TERMINATED],
}


def response_id(job_id: str) -> str:
    """What OpenAI's clients call the response that a job makes."""
    return f"resp_{job_id}"


def is_over(job: Mapping[str, Any]) -> bool:
    """Whether nothing more will come of it."""
    return job["status"] in ("completed", "failed", "canceled")


def shown(row: RunRow, executions: Sequence[ExecutionRow], note: Document | None = None) -> Document:
    """The document of a job."""
    last = executions[-1] if executions else None
    status = _STATUS.get(row.status, row.status)
    output = last.output if last is not None and row.status == lifecycle.SUCCESS else None
    if isinstance(output, dict) and output.keys() == {"result"}:
        output = output["result"]
    error = row.error or (last.error if last is not None and row.status == lifecycle.FAILED else None)
    attempt = last.attempt if last is not None else 0
    waits = status == "running" and last is not None and last.status == lifecycle.CREATED
    noted = note or {}
    durable = noted.get("durable") or {}
    if status in ("queued", "running"):
        status = "waiting" if durable.get("waiting") else "queued" if waits else status
    return {
        "id": row.id,
        "pipeline": (row.extra or {}).get("deployment"),
        "kind": (row.extra or {}).get("kind", "run"),
        "status": status,
        "attempt": attempt,
        "max_attempts": last.max_attempts if last is not None else 1,
        "progress": _progress(last),
        "params": (row.inputs.get("job") or {}).get("params"),
        "result": output,
        "error": _error(error) if status in ("failed", "canceled") and error else None,
        "priority": row.priority,
        "run_at": noted.get("continueAt") if status == "queued" else None,
        "sequence": durable.get("sequence", attempt),
        "reports": durable.get("progress"),
        "waiting": durable.get("waiting") if status == "waiting" else None,
        "cancel_requested_at": noted.get("cancelRequestedAt"),
        "callback": _callback(noted.get("callback")),
        "resubmitted_from": (row.extra or {}).get("resubmittedFrom"),
        "run_id": row.id,
        "pipeline_id": row.pipeline_id,
        "created_at": times.to_wire(row.created_at),
        "started_at": times.to_wire(row.started_at) if row.started_at else None,
        "completed_at": times.to_wire(row.ended_at) if row.ended_at else None,
        "updated_at": times.to_wire(row.updated_at),
    }


def _progress(execution: ExecutionRow | None) -> Document | None:
    if execution is None or (execution.percent is None and execution.message is None):
        return None
    return {"done": execution.percent, "total": 100, "message": execution.message}


def _error(error: Mapping[str, Any]) -> Document:
    return {
        "type": error.get("type"),
        "message": error.get("message"),
        "cause": error.get("cause"),
        "traceback": error.get("traceback"),
    }


def _callback(callback: Mapping[str, Any] | None) -> Document | None:
    if callback is None:
        return None
    said = ("url", "delivery", "attempts", "deliveredAt", "gaveUpAt", "lastError")
    return {_snake(name): callback.get(name) for name in said}


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)
