"""Each request is counted and timed, and what is logged while it is answered bears its name.

The log of requests (logger `dtlpipe.platform.http`, level info) tells method, path and status; never a header, a body
or a query, as these may hold secrets.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from contextvars import Token
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request

from dtlpipe.integrations import trace_context
from mock_server.api.wire import request_id
from mock_server.platform import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mock_server.platform.metrics import Metrics
    from mock_server.platform.platform import Platform

log = logging.getLogger("dtlpipe.platform.http")

_NO_ROUTE = "(none)"
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
#: Names of what a route's path has, as they are called in the log.
_IDS = {"run_id": "runId", "execution_id": "executionId", "pipeline_id": "pipelineId", "service_id": "serviceId"}


def install(app: Flask, platform: Platform) -> None:
    """Watch before anybody else has a say, so that what is refused is counted, too."""
    metrics = platform.metrics

    @app.before_request
    def begin() -> None:
        g.began = perf_counter()
        known = {"requestId": request_id()}
        for name, value in (request.view_args or {}).items():
            if name in _IDS:
                known[_IDS[name]] = str(value)
        g.log_fields = logs.fields.set(known)
        g.span = _span()

    @app.after_request
    def end(response: Response) -> Response:
        began: float | None = g.pop("began", None)
        if began is not None:
            _count(metrics, began, response.status_code)
            span = g.get("span_of_request")
            if span is not None:
                span.set_attribute("http.response.status_code", response.status_code)
        return response

    @app.teardown_request
    def forget(_error: BaseException | None) -> None:
        token: Token[Mapping[str, Any]] | None = g.pop("log_fields", None)
        if token is not None:
            logs.fields.reset(token)
        leave: ExitStack | None = g.pop("span", None)
        if leave is not None:
            leave.close()


def _count(metrics: Metrics, began: float, status: int) -> None:
    route = request.url_rule.rule if request.url_rule is not None else _NO_ROUTE
    method = request.method if request.method in _METHODS else "OTHER"  # names are made up as one likes
    count(metrics, began, method, route, request.path, status)


def count(metrics: Metrics, began: float, method: str, route: str, path: str, status: int) -> None:
    """A request that began then (`perf_counter`) has been answered."""
    seconds = perf_counter() - began
    metrics.answered(method, route, status, seconds)
    if log.isEnabledFor(logging.INFO):
        extra = {"method": method, "route": route, "status": status, "seconds": round(seconds, 6)}
        log.info("%s %s %d", method, path, status, extra=extra)


def counted_later(platform: Platform) -> Callable[[int], None]:
    """Have the current request counted by calling what is returned with its status, once that is known."""
    began = g.pop("began", None)
    if began is None or request.url_rule is None:
        return lambda _: None
    return partial(count, platform.metrics, began, request.method, request.url_rule.rule, request.path)


def _span() -> ExitStack | None:
    """The request's span, current until the stack is closed, for those who trace."""
    route = request.url_rule.rule if request.url_rule is not None else _NO_ROUTE
    known = {"http.request.method": request.method, "http.route": route, "dtlpipe.request_id": request_id()}
    span = trace_context.begin(f"{request.method} {route}", "SERVER", known, request.headers.get(trace_context.HEADER))
    if span is None:
        return None
    stack = ExitStack()
    stack.enter_context(trace_context.api().use_span(span, end_on_exit=True))
    g.span_of_request = span
    return stack
