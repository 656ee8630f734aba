"""Submitting and following jobs, in whichever of the two vocabularies for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import orjson
from flask import Response, request
from pydantic import AwareDatetime, BaseModel, Field

from dtlpipe.errors import BadRequest
from dtlpipe.model import times
from mock_server.api.guard import caller
from mock_server.api.held import held
from mock_server.api.serving.validation import Unfit, query, read_json
from mock_server.api.wire import json_response
from mock_server.platform.serving.following import Followed, mark_of
from mock_server.platform.serving.job_pipelines import DURABLE
from mock_server.platform.serving.jobs import Order
from mock_server.platform.serving.shown import is_over
from mock_server.store.base import Document

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: The header that has the secret with which a callback is signed; a query would be in logs.
SIGNED_WITH = "X-Dtlpipe-Callback-Secret"
_YEAR = 366 * 86400.0


class Options(BaseModel, defer_build=True):
    """What holds for a job beside its parameters, as the query of a submission. Times are seconds."""

    priority: int = Field(default=0, ge=-1000, le=1000)
    attempts: int = Field(default=1, ge=1, le=100)
    backoff: float = Field(default=1.0, ge=0.0, le=3600.0)
    retry_on: str | None = None
    timeout: float | None = Field(default=None, gt=0, le=_YEAR)
    delay: float | None = Field(default=None, ge=0, le=_YEAR)
    run_at: AwareDatetime | None = None
    callback: str | None = Field(default=None, max_length=2000)
    ttl: float | None = Field(default=None, ge=0, le=_YEAR)
    keep_last: int | None = Field(default=None, ge=0, le=1_000_000)

    def policy(self) -> dict[str, Any] | None:
        """The retry policy."""
        if self.attempts == 1:
            return None
        found: dict[str, Any] = {"maxAttempts": self.attempts, "initialInterval": self.backoff}
        found["noRetryOn"] = ["JobRefused"]
        if self.retry_on:
            found["retryOn"] = [each.strip() for each in self.retry_on.split(",") if each.strip()]
        return found

    def begins_at(self) -> datetime | None:
        """When the job may begin."""
        return times.now() + timedelta(seconds=self.delay) if self.delay is not None else self.run_at

    def order(self, kind: str = "run") -> Order:
        """As the platform takes it."""
        return Order(
            kind=kind,
            priority=self.priority,
            retry=self.policy(),
            timeout=self.timeout,
            run_at=self.begins_at(),
            callback=self.callback,
            secret=request.headers.get(SIGNED_WITH),
            ttl=self.ttl,
            keep_last=self.keep_last,
        )


@attrs.frozen
class Vocabulary:
    """How jobs are told of: as what, and below which path."""

    show: Callable[[str, Document], Document]
    path: str

    def accepted(self, name: str, job: Document, *, again: bool) -> Response:
        """The answer to a submission."""
        headers = {"Location": f"/{name}/{self.path}/{job['id']}"}
        headers |= {"Idempotent-Replay": "true"} if again else {}
        return json_response(self.show(name, job), 200 if again and is_over(job) else 202, headers)


def read_params(platform: Platform, name: str, kind: str) -> dict[str, Any]:
    """The parameters that the current request gives a job, which fit. Raises Unfit, NotFound, BadRequest."""
    named = platform.serving.jobs.is_named(name)
    described = {} if named else platform.serving.deployments.described(name)
    if kind == DURABLE and described.get("durable") is None:
        kind = "run"
    if not named and kind != DURABLE and described.get("run") is None:
        raise BadRequest(f"Pipeline '{name}' has no run_api, which jobs call")
    given = read_json() if request.content_length else {}
    if not isinstance(given, dict):
        text = "Input should be a valid dictionary or object to extract fields from"
        raise Unfit([{"type": "model_attributes_type", "loc": ["body"], "msg": text, "input": given}])
    if not named:
        check(platform, name, kind, given)
    return given


def check(platform: Platform, name: str, what: str, given: Any) -> None:
    """Ask the deployment whether this would do. Raises Unfit."""
    header = {"call": "check", "for": what, "headers": {}}
    with platform.serving.deployments.call(name, header, orjson.dumps(given)) as call:
        checked = call.answer()
    if checked is not None and checked.status == 422:
        raise Unfit(orjson.loads(checked.body)["detail"])


def submitted(platform: Platform, name: str, kind: str = "run") -> tuple[Document, bool]:
    """The job that the current request asks for, and whether it asked before. Raises Unfit, NotFound, Conflict."""
    given = read_params(platform, name, kind)
    options = query(Options)
    return platform.serving.jobs.submit(
        name,
        given,
        creator=caller().email,
        order=options.order(kind),
        idempotency_key=request.headers.get("Idempotency-Key"),
    )


def events(platform: Platform, name: str, job_id: str, vocabulary: Vocabulary) -> Response:
    """The job's states as server-sent events, each with the id that a client comes back with.

    Whoever has seen its end is answered 204, which tells clients of such streams to come back no more.
    """
    serving, after = platform.serving, request.headers.get("Last-Event-ID") or ""
    job = serving.jobs.get(name, job_id)
    if is_over(job) and mark_of(job) == after:
        return Response(status=204)
    source = Followed(
        serving.following,
        job_id,
        look=lambda: serving.jobs.get(name, job_id),
        render=lambda job: vocabulary.show(name, job),
        release=serving.deployments.streams.take(),
        after=after,
    )
    return held(source)
