"""Hayhooks' durable routes (`/{name}/run-durable`, `/{name}/executions`), over the same jobs as `/{name}/jobs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from mock_server.api.guard import any_token, caller
from mock_server.api.serving.submitting import events, submitted
from mock_server.api.wire import json_response
from mock_server.platform.serving.jobs import is_over
from mock_server.store.base import Document

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def install(serving: Blueprint, platform: Platform) -> None:
    """Put the routes on the blueprint."""
    jobs, deployments = platform.serving.jobs, platform.serving.deployments

    @serving.post("/<name>/run-durable")
    @any_token
    def run_durable(name: str) -> Response:
        job, again = submitted(platform, name)
        headers = {"Location": f"/{name}/executions/{job['id']}"} | ({"Idempotent-Replay": "true"} if again else {})
        return json_response(_execution(name, job), 200 if again and is_over(job) else 202, headers)

    @serving.get("/<name>/executions")
    @any_token
    def executions(name: str) -> dict[str, Any]:
        deployments.find(name)
        limit = min(max(request.args.get("limit", 50, int), 1), 100)
        cursor = request.args.get("cursor", "")
        page = int(cursor) if cursor.isdigit() else 0
        found, total = jobs.list(name, status=request.args.get("status"), limit=limit, page=page)
        more = (page + 1) * limit < total
        return {
            "executions": [_entry(name, each) for each in found],
            "items": [_entry(name, each) for each in found],
            "next_cursor": str(page + 1) if more else None,
            "has_more": more,
            "skipped_controls": 0,
        }

    @serving.get("/<name>/executions/<id>")
    @any_token
    def execution(name: str, id: str) -> dict[str, Any]:
        return _execution(name, jobs.get(name, id))

    @serving.post("/<name>/executions/<id>/cancel")
    @any_token
    def cancel_execution(name: str, id: str) -> dict[str, Any]:
        return _execution(name, jobs.cancel(name, id, reason=f"canceled by {caller().email}"))

    @serving.get("/<name>/executions/<id>/stream")
    @any_token
    def stream_execution(name: str, id: str) -> Response:
        return events(platform, jobs.get(name, id), _execution)


def _execution(name: str, job: Document) -> Document:
    """A job as a durable execution of hayhooks'."""
    here = f"/{name}/executions/{job['id']}"
    error, progress = job["error"], job["progress"]
    return {
        "execution_id": job["id"],
        "status": job["status"],
        "attempt": job["attempt"],
        "sequence": job["attempt"],
        "progress": []
        if progress is None
        else [
            {
                "sequence": 1,
                "kind": "progress",
                "message": progress["message"],
                "timestamp": job["updated_at"],
                "metadata": progress,
            }
        ],
        "result": job["result"],
        "error": None
        if error is None
        else {"type": error["type"], "message": error["message"], "retryable": False, "code": error["cause"]},
        "waiting": None,
        "cancellation_requested_at": job["completed_at"] if job["status"] == "canceled" else None,
        "created_at": job["created_at"],
        "updated_at": job["updated_at"],
        "links": {"self": here, "cancel": f"{here}/cancel", "resume": f"{here}/resume", "stream": f"{here}/stream"},
    }


def _entry(name: str, job: Document) -> Document:
    return {
        "execution_id": job["id"],
        "deployment": name,
        "kind": "run",
        "revision": None,
        "status": job["status"],
        "attempt": job["attempt"],
        "created_at": job["created_at"],
        "updated_at": job["updated_at"],
        "cancellation_pending": False,
        "available_at": None,
    }
