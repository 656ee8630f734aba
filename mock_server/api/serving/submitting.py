"""Submitting and following jobs, in whichever of the two vocabularies for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson
from flask import Response, request
from pydantic import BaseModel, Field

from dtlpipe.errors import BadRequest, NotFound
from mock_server.api.guard import caller
from mock_server.api.serving.validation import Unfit, fitting, read_json
from mock_server.platform.serving.jobs import is_over
from mock_server.store.base import Document

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

Show = Callable[[str, Document], Document]

_HEARTBEAT = 15.0


class Options(BaseModel):
    """What holds for a job beside its parameters, as the query of a submission."""

    priority: int = Field(default=0, ge=-1000, le=1000)
    attempts: int = Field(default=1, ge=1, le=100)
    backoff: float = Field(default=1.0, ge=0.0, le=3600.0)
    retry_on: str | None = None
    timeout: float | None = Field(default=None, gt=0)

    def policy(self) -> dict[str, Any] | None:
        """The retry policy."""
        if self.attempts == 1:
            return None
        found: dict[str, Any] = {"maxAttempts": self.attempts, "initialInterval": self.backoff}
        found["noRetryOn"] = ["JobRefused"]
        if self.retry_on:
            found["retryOn"] = [each.strip() for each in self.retry_on.split(",") if each.strip()]
        return found


def submitted(platform: Platform, name: str) -> tuple[Document, bool]:
    """The job that the current request asks for, and whether it asked before. Raises Unfit, NotFound, Conflict."""
    deployments = platform.serving.deployments
    try:
        run = deployments.described(name).get("run")
    except NotFound:
        raise NotFound("Not Found") from None
    if run is None:
        raise BadRequest(f"Pipeline '{name}' has no run_api, which jobs call")
    given = read_json() if request.content_length else {}
    if not isinstance(given, dict):
        text = "Input should be a valid dictionary or object to extract fields from"
        raise Unfit([{"type": "model_attributes_type", "loc": ["body"], "msg": text, "input": given}])
    with deployments.call(name, {"call": "check", "headers": {}}, orjson.dumps(given)) as call:
        checked = call.answer()
    if checked is not None and checked.status == 422:
        raise Unfit(orjson.loads(checked.body)["detail"])
    options = fitting(Options, request.args.to_dict())
    return platform.serving.jobs.submit(
        name,
        given,
        creator=caller().email,
        priority=options.priority,
        retry=options.policy(),
        timeout=options.timeout,
        idempotency_key=request.headers.get("Idempotency-Key"),
    )


def events(platform: Platform, first: Document, show: Show) -> Response:
    """The job's states as server-sent events, each with the number that a client comes back with."""
    deployments, jobs, name = platform.serving.deployments, platform.serving.jobs, first["pipeline"]
    release = deployments.streams.take()
    after = request.headers.get("Last-Event-ID")

    def pieces() -> Iterator[bytes]:
        try:
            seen, number = None, 0
            job = first
            while True:
                if job != seen:
                    number += 1
                    mark = f"{job['updated_at']}:{job['status']}:{number}"
                    kind = job["status"] if is_over(job) else "progress"
                    if is_over(job) or mark.rpartition(":")[0] != (after or "").rpartition(":")[0]:
                        data = orjson.dumps(show(name, job))
                        yield b"id: " + mark.encode() + b"\nevent: " + kind.encode() + b"\ndata: " + data + b"\n\n"
                    seen = job
                else:
                    yield b": heartbeat\n\n"
                if is_over(job):
                    return
                job = jobs.changed(name, job["id"], seen, wait=_HEARTBEAT)
        finally:
            release()

    return Response(pieces(), mimetype="text/event-stream", headers={"Cache-Control": "no-cache"})
