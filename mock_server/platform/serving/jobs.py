"""Jobs: calls of a deployment that nobody waits for, as runs of the platform's own queue.

Law: a job is a run of a pipeline of one node, in the same table as every other run: accepted for good when `submit`
returns, begun again after a kill, ended by a cancel however deep it is in its work. Its node loads the deployment in a
worker's process of its own, so that a job that hangs or crashes takes no request with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from dtlpipe.errors import NotFound, UnprocessableEntity
from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.platform.definitions import completed
from mock_server.platform.documents import now
from mock_server.platform.intents import Submission
from mock_server.platform.paging import idempotency
from mock_server.platform.pipelines import INSTALLED, revise
from mock_server.store.base import Document, ExecutionRow, Kind, RunRow, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

SURFACE: Final = "serving"
PROJECT_ID: Final = "0d9a51c4-6c0e-4a57-93c5-50f6a5a5d3b6"
PROJECT_NAME: Final = "Served pipelines"
_SOURCE: Final = "from dtlpipe.hosting.jobs import perform as run\n"
_HASH: Final = hashlib.sha256(_SOURCE.encode()).hexdigest()

_STATUS: Final = {
    lifecycle.PENDING: "queued",
    lifecycle.CREATED: "queued",
    lifecycle.RERUN: "queued",
    lifecycle.RUNNING: "running",
    lifecycle.SUCCESS: "completed",
    lifecycle.FAILED: "failed",
    lifecycle.TERMINATED: "canceled",
}
_RUN_STATUS: Final = {
    "queued": [lifecycle.PENDING, lifecycle.CREATED, lifecycle.RERUN],
    "running": [lifecycle.RUNNING],
    "completed": [lifecycle.SUCCESS],
    "failed": [lifecycle.FAILED],
    "canceled": [lifecycle.TERMINATED],
}


class Jobs:
    """The verbs. What they return is what the surface shows."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def submit(
        self,
        name: str,
        params: Mapping[str, Any],
        *,
        creator: str,
        kind: str = "run",
        priority: int = 0,
        retry: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Document, bool]:
        """Accept a job; it, and whether it is the one that the same key was given before.

        `retry` is a retry policy: `{"maxAttempts", "initialInterval", "backoffCoefficient", "retryOn", ...}`.
        Raises NotFound, Conflict for a key that was used for another job.
        """
        deployment = self._platform.serving.deployments.find(name)
        config: dict[str, Any] = {}
        if retry:
            config["retryPolicy"] = dict(retry)
        if timeout is not None:
            config["executionTimeout"] = timeout
        pipeline = self._pipeline(name, deployment.document, config, creator)
        at = times.now()
        id = new_id()
        job = {"name": name, "kind": kind, "params": dict(params), "response_id": response_id(id)}
        row = RunRow(
            id=id,
            pipeline_id=pipeline["id"],
            project_id=PROJECT_ID,
            revision_id=pipeline["_revisionId"],
            status=lifecycle.PENDING,
            creator=creator,
            created_at=at,
            updated_at=at,
            inputs={"job": job},
            surface=SURFACE,
            extra={"deployment": name, "kind": kind},
            priority=priority,
        )
        content = ["serving job", name, kind, dict(params)]
        request = idempotency(idempotency_key and f"{name}:{idempotency_key}", creator, content, {"id": row.id})
        earlier = self._platform.submit(Submission(runs=(row,), idempotency=request))
        return self.get(name, (earlier or {"id": row.id})["id"]), earlier is not None

    def get(self, name: str, job_id: str, *, wait: float = 0.0) -> Document:
        """One job, at once or, within `wait` seconds, as soon as it is over. Raises NotFound."""
        row = self._platform.hub.wait(
            job_id, lambda: self._find(name, job_id), lambda found: lifecycle.is_final(found.status), wait
        )
        return _shown(row, self._platform.store.executions_of([row.id])[row.id])

    def changed(self, name: str, job_id: str, before: Document | None, *, wait: float) -> Document:
        """The job, as soon as it is another than before or `wait` seconds are over."""
        return self._platform.hub.wait(
            job_id, lambda: self.get(name, job_id), lambda found: found != before or is_over(found), wait
        )

    def list(
        self, name: str | None = None, *, status: str | None = None, limit: int = 50, page: int = 0
    ) -> tuple[list[Document], int]:
        """Jobs of a deployment or of all, newest first, and how many there are."""
        where: dict[str, Any] = {"surface": SURFACE}
        if name is not None:
            where["pipelineId"] = _pipeline_id(name)
        if status is not None:
            if status not in _RUN_STATUS:
                raise UnprocessableEntity(f"status: {status!r} is none of {', '.join(_RUN_STATUS)}")
            where["status"] = _RUN_STATUS[status]
        rows, total = self._platform.store.find_runs({"pageSize": limit, "page": page}, where=where)
        executions = self._platform.store.executions_of([row.id for row in rows])
        return [_shown(row, executions[row.id]) for row in rows], total

    def cancel(self, name: str, job_id: str, *, reason: str) -> Document:
        """End it, queued or running; nothing happens if it is over. Raises NotFound."""
        self._find(name, job_id)
        self._platform.work.cancel_run(job_id, reason).result()
        return self.get(name, job_id)

    def _find(self, name: str, job_id: str) -> RunRow:
        row = self._platform.store.get_run(job_id)
        if row is None or row.surface != SURFACE or row.pipeline_id != _pipeline_id(name):
            raise NotFound(f"Pipeline '{name}' has no job '{job_id}'")
        return row

    def _pipeline(self, name: str, deployment: Mapping[str, Any], config: Mapping[str, Any], creator: str) -> Document:
        """The pipeline that jobs of the deployment are runs of, on these terms; made when it is first needed."""
        id = _pipeline_id(name)
        terms = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
        known = self._platform.store.get(Kind.PIPELINE, id, True)
        if known is not None and known.get("terms") == terms:
            return known

        def intent(tx: Tx) -> Document:
            before = tx.get(Kind.PIPELINE, id, private=True)
            if before is not None and before.get("terms") == terms:
                return before
            _provide_project(tx, creator)
            at = now()
            made = _definition(id, name, config, creator, at)
            made |= {"terms": terms, "description": f"Jobs of the served pipeline {name}"}
            if before is not None:
                made |= {"createdAt": before["createdAt"], "compositionId": before["compositionId"]}
            made = revise(tx, made)
            tx.put(Kind.PIPELINE, made)
            return made

        made: Document = self._platform.store.write(intent)
        return made


def _pipeline_id(name: str) -> str:
    return f"serving-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _definition(id: str, name: str, config: Mapping[str, Any], creator: str, at: str) -> Document:
    node = {
        "id": "job",
        "name": name[:64],
        "type": "code",
        "projectId": PROJECT_ID,
        "inputs": [{"portId": "job-in", "name": "job", "type": "Json", "io": "input"}],
        "outputs": [{"portId": "job-out", "name": "result", "type": "Json", "io": "output"}],
        "namespace": {"functionName": "run", "packageName": name, "serviceName": f"serving-{name}"},
        "metadata": {"serviceConfig": dict(config)} if config else {},
        "config": {"package": {"code": _SOURCE, "hash": _HASH, "name": name}},
    }
    return completed(
        {
            "id": id,
            "name": f"jobs of {name}",
            "surface": SURFACE,
            "nodes": [node],
            "connections": [],
            "startNodes": [{"nodeId": "job", "type": "root"}],
            "variables": [],
            "projectId": PROJECT_ID,
            "orgId": "local",
            "compositionId": new_id(),
            "status": INSTALLED,
            "creator": creator,
            "createdAt": at,
            "updatedAt": at,
        }
    )


def _provide_project(tx: Tx, creator: str) -> None:
    if tx.get(Kind.PROJECT, PROJECT_ID) is not None:
        return
    at = now()
    org = {"id": "local", "name": "local"}
    project = {
        "id": PROJECT_ID,
        "name": PROJECT_NAME,
        "creator": creator,
        "org": org,
        "contributors": [],
        "account": org,
    }
    tx.insert(Kind.PROJECT, {**project, "createdAt": at, "updatedAt": at, "role": "owner", "systemProject": False})


def response_id(job_id: str) -> str:
    """What OpenAI's clients call the response that a job makes."""
    return f"resp_{job_id}"


def is_over(job: Mapping[str, Any]) -> bool:
    """Whether nothing more will come of it."""
    return job["status"] in ("completed", "failed", "canceled")


def _shown(row: RunRow, executions: list[ExecutionRow]) -> Document:
    last = executions[-1] if executions else None
    status = _STATUS.get(row.status, row.status)
    output = last.output if last is not None and row.status == lifecycle.SUCCESS else None
    if isinstance(output, dict) and output.keys() == {"result"}:
        output = output["result"]
    error = row.error or (last.error if last is not None and row.status == lifecycle.FAILED else None)
    attempt = last.attempt if last is not None else 0
    waits = status == "running" and last is not None and last.status == lifecycle.CREATED
    return {
        "id": row.id,
        "pipeline": (row.extra or {}).get("deployment"),
        "status": "queued" if waits else status,
        "attempt": attempt,
        "max_attempts": last.max_attempts if last is not None else 1,
        "progress": _progress(last),
        "params": (row.inputs.get("job") or {}).get("params"),
        "result": output,
        "error": _error(error) if status in ("failed", "canceled") and error else None,
        "priority": row.priority,
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
