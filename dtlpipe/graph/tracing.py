"""Spans around pipelines and their components, for whoever wants to watch runs.

Law: a run asks once whether anybody watches; if nobody does, tracing costs nothing more. A tracer only watches: it
never sees the objects that components receive, nor changes what they return.

The protocol is Haystack's (`Tracer.trace`, `Span.set_tag`), read by attribute only, so tracers that were written for
Haystack serve here unchanged. Who watches a run, in this order:

| how                                     | which runs                                                       |
|-----------------------------------------|------------------------------------------------------------------|
| `with recording() as trace:`            | those of this thread or task, and of what it starts              |
| `enable_tracing(tracer)`                | all of this process                                              |
| `haystack.tracing.enable_tracing(...)`  | all of this process, where genuine Haystack is loaded and traced |

`enable_tracing()` without an argument chooses: OpenTelemetry's spans if its API is installed, a `Recorder` otherwise.

A run is a span "haystack.pipeline.run", each visit of a component a span "haystack.component.run" inside. What
components receive and return is *content*, which may be confidential: a span takes it only if the environment variable
HAYSTACK_CONTENT_TRACING_ENABLED is "true" or `tracer.is_content_tracing_enabled` is set.
"""

from __future__ import annotations

import abc
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

from dtlpipe.graph.errors import PipelineValidationError

if TYPE_CHECKING:
    from dtlpipe.graph.recorder import Recorder

__all__ = [
    "HAYSTACK_CONTENT_TRACING_ENABLED_ENV_VAR",
    "NullSpan",
    "NullTracer",
    "ProxyTracer",
    "Span",
    "Tracer",
    "disable_tracing",
    "enable_tracing",
    "is_tracing_enabled",
    "recording",
    "tracer",
    "watching",
]

HAYSTACK_CONTENT_TRACING_ENABLED_ENV_VAR = "HAYSTACK_CONTENT_TRACING_ENABLED"


class Span(abc.ABC):
    """One operation that is being watched."""

    @abc.abstractmethod
    def set_tag(self, key: str, value: Any) -> None:
        """Note something about the operation. Backends turn values into text, so simple ones serve best."""

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Note several things."""
        for key, value in tags.items():
            self.set_tag(key, value)

    def set_content_tag(self, key: str, value: Any) -> None:
        """Note something confidential, if content may be traced; see the module's docstring."""
        if tracer.is_content_tracing_enabled:
            self.set_tag(key, value)

    def raw_span(self) -> Any:
        """Return the backend's own span."""
        return self

    def get_correlation_data_for_logs(self) -> dict[str, Any]:
        """Return what ties a log line to this span."""
        return {}


class Tracer(abc.ABC):
    """Where spans begin."""

    @abc.abstractmethod
    def trace(
        self, operation_name: str, tags: dict[str, Any] | None = None, parent_span: Span | None = None
    ) -> contextlib.AbstractContextManager[Span]:
        """Return a context manager that lasts as long as the operation.

        Args:
            operation_name: what is being done.
            tags: what is known of it from the beginning.
            parent_span: the span that it is part of; None leaves that to the backend.
        """

    @abc.abstractmethod
    def current_span(self) -> Span | None:
        """Return the span that is open here, or None."""


class NullSpan(Span):
    """The span of an operation that nobody watches."""

    def set_tag(self, key: str, value: Any) -> None:
        pass


class NullTracer(Tracer):
    """The tracer that watches nothing."""

    @contextlib.contextmanager
    def trace(
        self, operation_name: str, tags: dict[str, Any] | None = None, parent_span: Span | None = None
    ) -> Iterator[Span]:
        yield NullSpan()

    def current_span(self) -> Span | None:
        return NullSpan()


class ProxyTracer(Tracer):
    """The tracer in use, under a name that does not change when it does.

    Attributes:
        actual_tracer: who watches; a `NullTracer` while nobody does.
        is_content_tracing_enabled: whether spans take content.
    """

    def __init__(self, provided_tracer: Tracer) -> None:
        self.actual_tracer: Tracer = provided_tracer
        self.is_content_tracing_enabled = os.getenv(HAYSTACK_CONTENT_TRACING_ENABLED_ENV_VAR, "false").lower() == "true"

    @contextlib.contextmanager
    def trace(
        self, operation_name: str, tags: dict[str, Any] | None = None, parent_span: Span | None = None
    ) -> Iterator[Span]:
        with self.actual_tracer.trace(operation_name, tags=tags, parent_span=parent_span) as span:
            yield span

    def current_span(self) -> Span | None:
        return self.actual_tracer.current_span()


tracer = ProxyTracer(NullTracer())
"""The tracer of this process."""

_here: ContextVar[Tracer | None] = ContextVar("dtlpipe_tracer", default=None)


def enable_tracing(provided_tracer: Tracer | Literal["auto"] = "auto") -> Tracer:
    """Watch all runs of this process, and return the tracer that does.

    Args:
        provided_tracer: "auto" is OpenTelemetry's global tracer provider if the package opentelemetry-api is installed,
            and a new `Recorder` otherwise.

    Raises:
        PipelineValidationError: it is no tracer.
    """
    if provided_tracer == "auto":
        provided_tracer = _chosen()
    if isinstance(provided_tracer, (str, type)) or not hasattr(provided_tracer, "trace"):
        raise PipelineValidationError(
            f"{provided_tracer!r:.80} is no tracer: give an object with a method 'trace', or nothing for OpenTelemetry."
        )
    tracer.actual_tracer = provided_tracer
    return provided_tracer


def disable_tracing() -> None:
    """Watch no longer."""
    tracer.actual_tracer = NullTracer()


def is_tracing_enabled() -> bool:
    """Return whether the runs of this process are watched."""
    return not isinstance(tracer.actual_tracer, NullTracer)


@contextlib.contextmanager
def recording(*, content: bool = False) -> Iterator[Recorder]:
    """Record the runs of a `with` block, and give the recorder; `recorder.events` is what happened.

    Args:
        content: record what components receive and return, whatever the environment says.
    """
    from dtlpipe.graph.recorder import Recorder

    recorder = Recorder(content=content)
    token = _here.set(recorder)
    try:
        yield recorder
    finally:
        _here.reset(token)


def watching() -> Tracer | None:
    """Return the tracer for a run that begins here, or None."""
    mine = _here.get()
    if mine is not None:
        return mine
    if not isinstance(tracer.actual_tracer, NullTracer):
        return tracer.actual_tracer
    theirs = sys.modules.get("haystack.tracing")
    if theirs is not None and theirs.is_tracing_enabled():
        found: Tracer = theirs.tracer
        return found
    return None


def _chosen() -> Tracer:
    from importlib.util import find_spec

    if find_spec("opentelemetry") is not None:
        from dtlpipe.graph import plugins

        found: Tracer = plugins.load("opentelemetry").OpenTelemetryTracer()
        return found
    from dtlpipe.graph.recorder import Recorder

    return Recorder()
