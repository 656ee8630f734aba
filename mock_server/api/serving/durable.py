"""Hayhooks' durable routes (`/{name}/run-durable`, `/{name}/executions`), over the same jobs as `/{name}/jobs`.

A wrapper's `run_durable` is what they call; one that has none is called by its `run_api`, as a job is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request
from pydantic import BaseModel, Field

from dtlpipe.errors import Conflict
from mock_server.api.guard import any_token, caller
from mock_server.api.serving.submitting import Vocabulary, check, events, submitted
from mock_server.api.serving.validation import query, read_json
from mock_server.platform.serving.job_pipelines import DURABLE
from mock_server.platform.serving.shown import is_over
from mock_server.store.base import Document

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_GRACE = 5.0
"""Seconds that an execution has to notice that it was cancelled."""


class Page(BaseModel, defer_build=True):
    """Which of them are listed; `cursor` is what the page before told as its next."""

    limit: int = Field(default=50, ge=1, le=100)
    cursor: int = Field(default=0, ge=0, le=10**9)


def install(serving: Blueprint, platform: Platform) -> None:
    """Put the routes on the blueprint."""
    jobs, deployments, executing = platform.serving.jobs, platform.serving.deployments, platform.serving.executions

    def revision(name: str) -> Any:
        return None if jobs.is_named(name) else (deployments.find(name).description or {}).get("revision")

    @serving.post("/<name>/run-durable")
    @any_token
    def run_durable(name: str) -> Response:
        durable = not jobs.is_named(name) and deployments.described(name).get("durable") is not None
        kind = DURABLE if durable else "run"
        job, again = submitted(platform, name, kind)
        return EXECUTIONS.accepted(name, job, again=again)

    @serving.get("/<name>/executions")
    @any_token
    def executions(name: str) -> dict[str, Any]:
        wished = query(Page)
        limit, page = wished.limit, wished.cursor
        known, wanted = revision(name), request.args.get("revision")
        found, total = jobs.list(name, status=request.args.get("status"), limit=limit, page=page, oldest_first=True)
        search = request.args.get("search", "")
        shown = [_entry(name, each, known) for each in found if search in each["id"] and wanted in (None, known)]
        more = (page + 1) * limit < total
        return {
            "executions": shown,
            "items": shown,
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
        return _execution(name, jobs.cancel(name, id, reason=f"canceled by {caller().email}", grace=_GRACE))

    @serving.post("/<name>/executions/<id>/resume")
    @any_token
    def resume_execution(name: str, id: str) -> dict[str, Any]:
        if jobs.get(name, id)["status"] != "waiting":
            raise Conflict(f"execution {id!r} does not wait to be resumed")
        given = read_json() if request.content_length else {}
        check(platform, name, "resume", given)
        return _execution(name, executing.resume(name, id, given))

    @serving.get("/<name>/executions/<id>/stream")
    @any_token
    def stream_execution(name: str, id: str) -> Response:
        return events(platform, name, id, EXECUTIONS)

    @serving.post("/deployments/<name>/executions/<id>/<verb>")
    @any_token
    def say(name: str, id: str, verb: str) -> dict[str, Any]:
        """What the process of an execution says of it."""
        said = read_json()
        return executing.say(name, id, verb, said if isinstance(said, dict) else {})


def _execution(name: str, job: Document) -> Document:
    """A job as a durable execution of hayhooks'."""
    here = f"/{name}/executions/{job['id']}"
    error = job["error"]
    canceled_at = job["completed_at"] if job["status"] == "canceled" else None
    return {
        "execution_id": job["id"],
        "status": job["status"],
        "attempt": job["attempt"],
        "sequence": job["sequence"],
        "progress": job["reports"] or _reported(job),
        "result": job["result"],
        "error": None if error is None or job["status"] == "canceled" else _error(error),
        "waiting": job["waiting"],
        "cancellation_requested_at": job["cancel_requested_at"] or canceled_at,
        "created_at": job["created_at"],
        "updated_at": job["updated_at"],
        "links": {"self": here, "cancel": f"{here}/cancel", "resume": f"{here}/resume", "stream": f"{here}/stream"},
    }


def _reported(job: Document) -> list[Document]:
    """The progress of a job that is no durable one, as a report."""
    progress = job["progress"]
    if progress is None:
        return []
    report = {"sequence": 1, "kind": "progress", "message": progress["message"] or ""}
    return [{**report, "timestamp": job["updated_at"], "metadata": progress}]


def _error(error: Document) -> Document:
    code = "application_retries_exhausted" if error["type"] == "RetriesExhausted" else error["cause"]
    return {"type": error["type"], "message": error["message"], "retryable": False, "code": code}


def _entry(name: str, job: Document, revision: Any) -> Document:
    return {
        "execution_id": job["id"],
        "deployment": name,
        "kind": "pipeline",
        "revision": revision,
        "status": job["status"],
        "attempt": job["attempt"],
        "created_at": job["created_at"],
        "updated_at": job["updated_at"],
        "cancellation_pending": job["cancel_requested_at"] is not None and not is_over(job),
        "available_at": job["run_at"],
    }


EXECUTIONS = Vocabulary(_execution, "executions")
