"""Executions as the wire shows them: whole, or as a part of their run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.store.base import Document, ExecutionRow, Kind, Store


def _output(row: ExecutionRow) -> Any:
    """What the function returned: the one port's value, or the values of all ports by name."""
    if isinstance(row.output, dict) and len(row.output) == 1:
        return next(iter(row.output.values()))
    return row.output


def _latest(row: ExecutionRow) -> Document:
    return {
        "timestamp": times.to_wire(row.updated_at),
        "status": row.status,
        "message": row.message or (row.error or {}).get("message") or "",
        "percentComplete": row.percent or 0,
        "error": row.error,
        "output": _output(row),
    }


def _duration(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start) / timedelta(seconds=1) if start and end else None


def partial_execution(row: ExecutionRow) -> Document:
    """A node's execution as a run shows it."""
    return {
        "_id": row.id,
        "id": row.id,
        "nodeId": row.node_id,
        "serviceId": row.service_id,
        "serviceName": row.service_name,
        "functionName": row.function_name,
        "visit": row.visit,
        "attempts": row.attempt,
        "status": row.status,
        "latestStatus": _latest(row),
        "input": row.input,
        "output": _output(row),
        "createdAt": times.to_wire(row.created_at),
        "updatedAt": times.to_wire(row.updated_at),
        "duration": _duration(row.started_at, row.ended_at),
    }


#: What clients read and this platform has nothing to say of.
_UNSAID = dict.fromkeys(("syncReplyTo", "feedbackQueue", "model", "app", "driverId"))
_VERSIONS = dict.fromkeys(("packageId", "packageName", "packageRevision", "serviceVersion"))


def versions_of(store: Store, service_ids: Iterable[str | None]) -> dict[str, Document]:
    """What an execution says of the package and the version that its service has now, by the service's id."""
    services = store.get_many(Kind.SERVICE, [id for id in service_ids if id])
    packages = store.get_many(Kind.PACKAGE, [each.get("packageId") or "" for each in services.values()])
    return {
        id: {
            "packageId": each.get("packageId"),
            "packageName": packages.get(each.get("packageId") or "", {}).get("name"),
            "packageRevision": each.get("packageRevision"),
            "serviceVersion": each.get("version"),
        }
        for id, each in services.items()
    }


def execution(
    row: ExecutionRow, base: str, trigger_id: str | None = None, versions: Document | None = None
) -> Document:
    """An execution as the wire shows it, with the trigger that began it or its run, and the versions of its service."""
    of_node = {"id": row.pipeline_id, "nodeId": row.node_id, "executionId": row.run_id} if row.run_id else None
    return {
        **_UNSAID,
        **(versions or _VERSIONS),
        **partial_execution(row),
        "creator": row.creator,
        "triggerId": trigger_id,
        "projectId": row.project_id,
        "maxAttempts": row.max_attempts,
        "toTerminate": row.to_terminate,
        "status": [{"timestamp": times.to_wire(row.created_at), "status": lifecycle.CREATED}, *row.log],
        "statusLog": [{"timestamp": times.to_wire(row.created_at), "status": lifecycle.CREATED}, *row.log],
        "startedAt": times.to_wire(row.started_at) if row.started_at else None,
        "endedAt": times.to_wire(row.ended_at) if row.ended_at else None,
        "batchId": row.batch_id,
        "pipeline": of_node,
        "url": f"{base}/executions/{row.id}",
    }
