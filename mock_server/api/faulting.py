"""Faults on purpose, carried out: a request that a rule strikes is late, refused, cut short or dropped.

Only a platform that was started with `faults` has this. Its answers are errors like any other, in the shape of the
vocabulary that was asked; a status that clients take for a reason to send a POST again is sent as it was asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request

from dtlpipe.errors import PlatformException, from_status
from mock_server.api.wire import request_id

if TYPE_CHECKING:
    from mock_server.platform.faults import FaultRule
    from mock_server.platform.platform import Platform

log = logging.getLogger("dtlpipe.platform.http")

_DROPPED = "dtlpipe.dropped"
#: Who sets faults is not struck by them.
OWN = "/api/v1/platform/"


def injected() -> bool:
    """Whether the error that is being answered is a fault on purpose."""
    return bool(g.get("injected"))


def awaits_strike() -> bool:
    """Whether the answer to the current request will be struck, and so has to be given by it."""
    return "struck" in g


def install(app: Flask, platform: Platform) -> None:
    """Strike requests, if the platform was started so. To be installed after the guard."""
    if not platform.settings.faults:
        return
    app.wsgi_app = _dropping(app.wsgi_app)  # type: ignore[method-assign]
    faults = platform.faults

    @app.before_request
    def strike() -> Response | None:
        operation = (request.endpoint or "").rpartition(".")[2] or None
        own = request.path.startswith(OWN)
        rule = None if own else faults.of_request(request.method, request.path, operation)
        if rule is None:
            return None
        log.info("request %s is struck by %s", request_id(), rule.id)
        if rule.latency:
            faults.wait(rule.latency)
        if rule.after or rule.truncate is not None:
            g.struck = rule
            return None
        return _struck(rule)

    @app.after_request
    def strike_answer(response: Response) -> Response:
        rule: FaultRule | None = g.pop("struck", None)
        if rule is None:
            return response
        if rule.truncate is not None:
            return _truncated(response, rule.truncate)
        try:
            found = _struck(rule)
        except PlatformException as error:
            found = app.make_response(app.handle_user_exception(error))
        return response if found is None else found


def _dropping(answer: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """The application, which has a server drop the connection of a request that is to have no answer."""

    def answer_or_drop(environ: Any, start_response: Any) -> Iterable[bytes]:
        found = answer(environ, start_response)
        if environ.get(_DROPPED):
            raise ConnectionResetError("a fault on purpose")
        return found

    return answer_or_drop


def _struck(rule: FaultRule) -> Response | None:
    """Raises the error that is to be answered; None for a rule that only makes late."""
    if not rule.ends:
        return None
    if rule.reset:
        request.environ[_DROPPED] = True
        return Response(status=503)  # nobody will see it
    g.injected = True
    status, message = rule.answer()
    error = from_status(status, message)
    error.retry_after = rule.retry_after
    raise error


def _truncated(response: Response, size: int) -> Response:
    """The answer, whose header says how long it would have been."""
    response.direct_passthrough = False
    body = response.get_data()
    response.set_data(body)  # which says how long
    response.response = [body[:size]]
    return response
