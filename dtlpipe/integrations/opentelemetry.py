"""Spans of runs as OpenTelemetry's.

Law: needs the package opentelemetry-api alone; which SDK and exporter stand behind it is the application's choice.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from opentelemetry import trace

from dtlpipe.graph.tracing import Span, Tracer

__all__ = ["OpenTelemetrySpan", "OpenTelemetryTracer"]


class OpenTelemetrySpan(Span):
    """One of OpenTelemetry's spans; tags become attributes."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set_tag(self, key: str, value: Any) -> None:
        self._span.set_attribute(key, _attribute(value))

    def raw_span(self) -> Any:
        return self._span

    def get_correlation_data_for_logs(self) -> dict[str, Any]:
        context = self._span.get_span_context()
        return {
            "trace_id": trace.format_trace_id(context.trace_id),
            "span_id": trace.format_span_id(context.span_id),
        }


class OpenTelemetryTracer(Tracer):
    """Begins spans with `tracer`, by default that of the global provider."""

    def __init__(self, tracer: trace.Tracer | None = None) -> None:
        self._tracer = tracer if tracer is not None else trace.get_tracer("dtlpipe")

    @contextlib.contextmanager
    def trace(
        self, operation_name: str, tags: dict[str, Any] | None = None, parent_span: Span | None = None
    ) -> Iterator[Span]:
        context = None if parent_span is None else trace.set_span_in_context(parent_span.raw_span())
        with self._tracer.start_as_current_span(operation_name, context=context) as raw:
            span = OpenTelemetrySpan(raw)
            if raw.is_recording():
                span.set_tags(tags or {})
            yield span

    def current_span(self) -> Span | None:
        raw = trace.get_current_span()
        return OpenTelemetrySpan(raw) if raw.get_span_context().is_valid else None


def _attribute(value: Any) -> str | bool | int | float:
    """Return the value if attributes can hold it, JSON if it can be written so, its text otherwise."""
    if isinstance(value, (str, bool, int, float)):
        return value
    if value is None:
        return ""
    try:
        return json.dumps(value, default=_plain)
    except Exception:  # noqa: BLE001 - what an object does when it is asked for its data is no reason to fail a run
        return str(value)


def _plain(value: Any) -> Any:
    """Return what JSON can hold instead of an object; objects of Haystack say in to_dict() what they consist of."""
    to_dict = getattr(value, "to_dict", None)
    if callable(to_dict) and not isinstance(value, type):
        return to_dict()
    return str(value)
