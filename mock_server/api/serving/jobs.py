"""Jobs: `POST /{name}/jobs`, looking, waiting, following, cancelling and submitting again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from mock_server.api.guard import any_token, caller
from mock_server.api.serving.submitting import Vocabulary, events, submitted
from mock_server.store.base import Document

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.platform.serving.jobs import Jobs


def install(serving: Blueprint, platform: Platform) -> None:
    """Put the routes on the blueprint."""
    jobs = platform.serving.jobs
    longest = platform.settings.max_wait

    @serving.post("/<name>/jobs")
    @any_token
    def submit(name: str) -> Response:
        job, again = submitted(platform, name)
        return JOBS.accepted(name, job, again=again)

    @serving.get("/<name>/jobs")
    @any_token
    def list_jobs(name: str) -> dict[str, Any]:
        return _listed(jobs, name, request.args.get("status"))

    @serving.get("/jobs")
    @any_token
    def list_all() -> dict[str, Any]:
        return _listed(jobs, None, request.args.get("status"))

    @serving.get("/<name>/dead-letters")
    @any_token
    def dead_letters(name: str) -> dict[str, Any]:
        jobs.is_named(name)
        return _listed(jobs, name, "failed")

    @serving.get("/<name>/jobs/<id>")
    @serving.get("/<name>/job/<id>", endpoint="job_of_the_guide")
    @any_token
    def get(name: str, id: str) -> dict[str, Any]:
        return _job(name, jobs.get(name, id, wait=min(max(request.args.get("wait", 0.0, float), 0.0), longest)))

    @serving.post("/<name>/jobs/<id>/cancel")
    @any_token
    def cancel(name: str, id: str) -> dict[str, Any]:
        return _job(name, jobs.cancel(name, id, reason=f"canceled by {caller().email}"))

    @serving.post("/<name>/jobs/<id>/resubmit")
    @any_token
    def resubmit(name: str, id: str) -> Response:
        return JOBS.accepted(name, jobs.resubmit(name, id, creator=caller().email), again=False)

    @serving.get("/<name>/jobs/<id>/stream")
    @any_token
    def stream(name: str, id: str) -> Response:
        return events(platform, name, id, JOBS)


def _listed(jobs: Jobs, name: str | None, status: str | None) -> dict[str, Any]:
    limit = min(max(request.args.get("limit", 50, int), 1), 1000)
    page = min(max(request.args.get("page", 0, int), 0), 1 << 31)
    found, total = jobs.list(name, status=status, limit=limit, page=page)
    return {
        "jobs": [_job(each["pipeline"], each) for each in found],
        "total": total,
        "has_more": (page + 1) * limit < total,
    }


def _job(name: str, job: Document) -> Document:
    """A job with where it is found."""
    here = f"/{name}/jobs/{job['id']}"
    links = {"self": here, "cancel": f"{here}/cancel", "stream": f"{here}/stream", "resubmit": f"{here}/resubmit"}
    return {**job, "links": links}


JOBS = Vocabulary(_job, "jobs")
