"""Spans of calls, and the context that crosses to the platform and on into node code (W3C `traceparent`).

Law: costs nothing where OpenTelemetry is not used. Whoever uses it has imported its API: it is looked for among the
modules that are loaded, and never imported for its own sake.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind

HEADER = "traceparent"
_FLUSH = 2000  # milliseconds that an exporter is given
_TRACER = "dtlpipe"


def api() -> Any:
    """The module opentelemetry.trace, if somebody here uses it; None otherwise."""
    return sys.modules.get("opentelemetry.trace")


def carried(traceparent: str | None) -> Context | None:
    """The context that a header names, for a span to begin in; None (the current one) without a header."""
    if traceparent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({HEADER: traceparent})


def header_of(span: Span) -> str | None:
    """The header by which others know the span; None for one that is not traced."""
    found = span.get_span_context()
    if not found.is_valid:
        return None
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"


def begin(
    name: str, kind: str, attributes: Mapping[str, Any], traceparent: str | None = None, *, at: int | None = None
) -> Span | None:
    """A span, which the caller ends; None where OpenTelemetry is not used.

    Args:
        name: what it is of.
        kind: a name of SpanKind: "CLIENT", "SERVER", "INTERNAL", "CONSUMER".
        attributes: without those that are None.
        traceparent: what it belongs to, if not to the current span.
        at: when it began, in nanoseconds of Unix time.
    """
    trace = api()
    if trace is None:
        return None
    kinds: type[SpanKind] = trace.SpanKind
    known = {key: value for key, value in attributes.items() if value is not None}
    span: Span = trace.get_tracer(_TRACER).start_span(
        name, context=carried(traceparent), kind=kinds[kind], attributes=known, start_time=at
    )
    return span


def fail(span: Span, reason: str) -> None:
    """What the span is of did not go well."""
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, reason))


@contextmanager
def resumed(traceparent: str) -> Iterator[None]:
    """Within it, that span is the current one; `TRACEPARENT` tells programs that are started of it.

    At its end, what was traced here is given to whoever exports it: this process may be ended any time.
    """
    os.environ["TRACEPARENT"] = traceparent
    try:
        from opentelemetry import context, trace
    except ModuleNotFoundError:
        yield
        return
    token = context.attach(carried(traceparent) or context.Context())
    try:
        yield
    finally:
        context.detach(token)
        flush: Any = getattr(trace.get_tracer_provider(), "force_flush", None)
        if flush is not None:
            flush(_FLUSH)
