"""A tracer that keeps what it sees in memory: which component ran when, for how long, and how it ended.

Law: events are plain values in the order in which the operations ended; they hold content only if that was asked for.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal

import attrs

from dtlpipe.graph.tracing import Span, Tracer, tracer

__all__ = ["Event", "RecordedSpan", "Recorder"]

Outcome = Literal["completed", "failed", "cancelled"]

_current: ContextVar[RecordedSpan | None] = ContextVar("dtlpipe_recorded_span", default=None)

_NAME = "haystack.component.name"
_TYPE = "haystack.component.type"
_INPUT_TYPES = "haystack.component.input_types"


@attrs.frozen
class Event:
    """One visit of a component.

    Attributes:
        run: the number of the pipeline's run within the recorder, from 0; None for a component without a run.
        name: the component's name in its pipeline.
        type: its class.
        visit: how often it ran before in this run, from 0.
        started_at: aware, UTC.
        duration: seconds.
        input_types: the class of each input, by socket.
        outcome: "completed"; "failed", also for a breakpoint; "cancelled" if a sibling failed or the run was closed.
        error: "Type: text" of what was raised, or None.
        tags: all tags of the span, content among them if it was asked for.
    """

    run: int | None
    name: str
    type: str
    visit: int
    started_at: datetime
    duration: float
    input_types: dict[str, str]
    outcome: Outcome
    error: str | None
    tags: dict[str, Any]


class RecordedSpan(Span):
    """A span in memory.

    Attributes:
        operation_name: such as "haystack.component.run".
        parent: the span that it is part of, or None.
        tags: what was noted.
        recorder: who keeps the span.
        run: as in `Event`.
        visits: how often each component of this run began.
    """

    def __init__(self, recorder: Recorder, operation_name: str, tags: dict[str, Any], parent: Span | None) -> None:
        self.operation_name = operation_name
        self.tags = tags
        self.parent = parent
        self.recorder = recorder
        self.run: int | None = None
        self.visits: dict[str, int] = {}

    def set_tag(self, key: str, value: Any) -> None:
        self.tags[key] = value

    def set_content_tag(self, key: str, value: Any) -> None:
        if self.recorder.content or tracer.is_content_tracing_enabled:
            self.set_tag(key, value)


class Recorder(Tracer):
    """Keeps all spans and makes an event of each component's. Runs side by side may share one.

    Attributes:
        spans: in the order in which they began.
        events: visits of components, in the order in which they ended.
        content: whether spans take content, whatever the environment says.
    """

    def __init__(self, *, content: bool = False) -> None:
        self.spans: list[RecordedSpan] = []
        self.events: list[Event] = []
        self.content = content
        self._runs = count()

    @contextlib.contextmanager
    def trace(
        self, operation_name: str, tags: dict[str, Any] | None = None, parent_span: Span | None = None
    ) -> Iterator[Span]:
        before = _current.get()
        span = RecordedSpan(self, operation_name, dict(tags or {}), parent_span or self.current_span())
        visit = self._begin(span)
        started_at, clock = datetime.now(UTC), time.perf_counter()
        outcome: Outcome = "completed"
        error: str | None = None
        _current.set(span)
        try:
            yield span
        except BaseException as raised:
            outcome = "failed" if isinstance(raised, Exception) else "cancelled"
            error = f"{type(raised).__name__}: {raised}"
            raise
        finally:
            _current.set(before)  # not by its token: a generator may be closed in another context than it began in
            if visit is not None:
                self.events.append(
                    Event(
                        run=span.run,
                        name=span.tags[_NAME],
                        type=span.tags[_TYPE],
                        visit=visit,
                        started_at=started_at,
                        duration=time.perf_counter() - clock,
                        input_types=dict(span.tags.get(_INPUT_TYPES, {})),
                        outcome=outcome,
                        error=error,
                        tags=span.tags,
                    )
                )

    def current_span(self) -> Span | None:
        span = _current.get()
        return span if span is not None and span.recorder is self else None

    def _begin(self, span: RecordedSpan) -> int | None:
        """Number the span within its run; return the visit if it is a component's."""
        self.spans.append(span)
        if _NAME not in span.tags:
            span.run = next(self._runs)
            return None
        parent = span.parent
        if not isinstance(parent, RecordedSpan):
            return 0
        span.run = parent.run
        visit = parent.visits.get(span.tags[_NAME], 0)
        parent.visits[span.tags[_NAME]] = visit + 1
        return visit
