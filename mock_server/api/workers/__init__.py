"""The vocabulary of remote workers, under /api/v1/workers: who comes, claims, tells, lives on and leaves.

Law: every body is checked by the models of executors.remote_wire before any of it is believed, and is no larger than
the server takes. Tokens are asked for as everywhere: where the platform can be reached from other machines.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from flask import Blueprint, Response, request
from pydantic import ValidationError

from dtlpipe.errors import BadRequest
from mock_server.api.wire import json_response
from mock_server.executors.remote_leases import Claimed, Enrolment
from mock_server.executors.remote_wire import (
    LARGEST,
    PROTOCOL,
    REPORTS,
    Claim,
    Greeting,
    Heartbeat,
    News,
    Refused,
    Register,
    Reports,
    Said,
    Welcome,
    held,
    job_out,
    report_in,
)
from mock_server.platform import json_text

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

S = TypeVar("S", bound=Said)


def blueprints(platform: Platform) -> tuple[Blueprint, ...]:
    """One, for all of it."""
    api = Blueprint("workers", __name__, url_prefix="/api/v1/workers")
    workers = platform.workers

    @api.get("")
    def list_workers() -> Response:
        return json_response({"workers": workers.list(), "waiting": workers.waiting, "refused": workers.refused})

    @api.post("")
    def register() -> Response:
        raw = _json()
        greeting = _checked(Greeting, raw)  # the rest is read only if it is of our protocol
        workers.must_speak(PROTOCOL, greeting.protocol, greeting.version)
        said = _checked(Register, raw)
        enrolment = Enrolment(said.id, said.name, said.slots, said.python, frozenset(said.labels))
        told = workers.register(enrolment, [each.ref for each in said.held])
        return _said(
            Welcome(
                protocol=PROTOCOL,
                lease=workers.lease,
                url=platform.url,
                token=workers.node_token(),
                stale=held(told.stale),
                canceled=held(told.canceled),
            )
        )

    @api.post("/<worker_id>/claim")
    def claim(worker_id: str) -> Response:
        said = _checked(Claim, _json())
        found = workers.claim(worker_id, said.number, said.limit, [each.ref for each in said.held], said.wait)
        return json_response(_news(found).json_body() | {"jobs": [job_out(job) for job in found.jobs]})

    @api.post("/<worker_id>/reports")
    def reports(worker_id: str) -> Response:
        if request.mimetype == REPORTS:
            request.max_content_length = LARGEST
        _json()
        said = _checked(Reports, json.loads(request.get_data()))  # not orjson's: it makes floats of large integers
        stale = workers.report(worker_id, said.number, [report_in(each) for each in said.reports])
        return _said(Refused(stale=held(stale)))

    @api.post("/<worker_id>/heartbeat")
    def heartbeat(worker_id: str) -> Response:
        said = _checked(Heartbeat, _json())
        return _said(_news(workers.renew(worker_id, [each.ref for each in said.held], draining=said.draining)))

    @api.post("/<worker_id>/leave")
    def leave(worker_id: str) -> Response:
        workers.leave(worker_id)
        return json_response({})

    @api.get("/code/<hash>")
    def code(hash: str) -> Response:
        found = workers.code(hash)
        return json_response({"source": found.source, "pickle": found.pickle})

    return (api,)


def _news(found: Claimed) -> News:
    return News(stale=held(found.stale), canceled=held(found.canceled))


def _said(answer: Said) -> Response:
    return json_response(answer.json_body())


def _json() -> Any:
    raw = request.get_data()
    try:
        return json_text.parse(raw)
    except json_text.TooDeep as error:
        raise BadRequest(f"the body is JSON that cannot be taken: {error}") from None
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error.msg}") from None


def _checked(kind: type[S], data: Any) -> S:
    """The data as that model. Raises BadRequest that names every fault."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        errors = [{"path": list(each["loc"]), "message": each["msg"]} for each in error.errors(include_url=False)[:20]]
        raise BadRequest("", errors=errors) from None
