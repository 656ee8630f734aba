"""Runs and executions as spans: request -> run -> one for each start of an execution -> what node code makes itself.

A run's span begins where it is accepted, and its context is kept with the run (`extra["traceparent"]`): so executions
that start after the platform was stopped and started again belong to the same trace. What is still open when the
platform stops is ended and marked; a run that is taken up again gets a further span, below its first.

Ends are read from the log of events, on the feed's own thread: the worker pays for beginning a span, and for nothing
where OpenTelemetry is not used.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from dtlpipe.integrations import trace_context as spans
from mock_server.platform import lifecycle
from mock_server.platform.feed import Selection, Subscriber

if TYPE_CHECKING:
    from mock_server.executors.base import Job
    from mock_server.platform.feed import Feed
    from mock_server.store.base import Happening, RunRow

KEY = spans.HEADER
Span = Any  # OpenTelemetry's, whose types are for those who have it
_ENDS = ("execution.ended", "execution.retried", "execution.requeued")


class Tracing:
    """One for a platform."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._lock = threading.Lock()
        self._runs: dict[str, Span] = {}
        self._executions: dict[str, Span] = {}
        self._follows = False

    @contextmanager
    def accepting(self, runs: Sequence[RunRow]) -> Iterator[None]:
        """Runs that are accepted within it belong to the current span."""
        made: dict[str, Span] = {}
        if spans.api() is not None:
            self._follow()
            for run in runs:
                span = self._begin_run(run, None)
                header = spans.header_of(span)
                if header is not None:
                    made[run.id] = span
                    run.extra = {**(run.extra or {}), KEY: header}
        with self._lock:
            self._runs.update(made)
        try:
            yield
        except BaseException as error:
            self.drop(made, f"not accepted: {error}")
            raise

    def drop(self, run_ids: Iterable[str], why: str) -> None:
        """Ends the spans of runs that never were."""
        with self._lock:
            never = [span for id in run_ids if (span := self._runs.pop(id, None)) is not None]
        for span in never:
            spans.fail(span, why)
            span.end()

    def began(self, job: Job, run: RunRow | None) -> Job:
        """The job, which knows its node's span."""
        header = None if run is None else (run.extra or {}).get(KEY)
        if spans.api() is None or (run is not None and header is None):
            return job
        self._follow()
        if run is not None and run.id not in self._runs:
            span = self._begin_run(run, header)
            span.set_attribute("dtlpipe.resumed", True)
            with self._lock:
                self._runs[run.id] = span
        known = {
            "dtlpipe.execution_id": job.execution_id,
            "dtlpipe.fence": job.fence,
            "dtlpipe.run_id": None if run is None else run.id,
            "dtlpipe.node": job.node,
            "dtlpipe.attempt": job.context.get("attempt"),
        }
        at_node: Span = spans.begin(f"node {job.node or job.code.function_name}", "CONSUMER", known, header)
        own = spans.header_of(at_node)
        if own is None:
            return job
        with self._lock:
            before = self._executions.pop(job.execution_id, None)
            self._executions[job.execution_id] = at_node
        if before is not None:
            self._interrupt(before)
        return attrs.evolve(job, context={**job.context, KEY: own})

    def close(self) -> None:
        """Ends what is open, for now."""
        with self._lock:
            left = [*self._executions.values(), *self._runs.values()]
            self._executions.clear()
            self._runs.clear()
        for span in left:
            self._interrupt(span)

    def _begin_run(self, run: RunRow, header: str | None) -> Span:
        known = {"dtlpipe.run_id": run.id, "dtlpipe.pipeline_id": run.pipeline_id, "dtlpipe.project_id": run.project_id}
        span: Span = spans.begin(f"run {run.pipeline_id}", "INTERNAL", known, header)
        return span

    def _interrupt(self, span: Span) -> None:
        span.set_attribute("dtlpipe.interrupted", True)
        span.end()

    # --- ends ---------------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        with self._lock:
            first, self._follows = not self._follows, True
        if first:
            self._feed.behind(_Ends(self._feed, Selection(), self._feed.tip(), ended=self._ended))

    def _ended(self, event: Happening) -> None:
        with self._lock:
            if event.kind in _ENDS:
                span = self._executions.pop(event.execution_id or "", None)
            elif event.kind == "run.ended":
                span = self._runs.pop(event.run_id or "", None)
            else:
                return
        if span is None:
            return
        status = event.body.get("status") or event.kind.partition(".")[2]
        span.set_attribute("dtlpipe.status", status)
        if status != lifecycle.SUCCESS:
            spans.fail(span, status)
        span.end(int(event.at.timestamp() * 1e9))


@attrs.define(eq=False)
class _Ends(Subscriber):
    """Hears all events, in this process."""

    ended: Callable[[Happening], None] = attrs.field(kw_only=True)

    def give(self, event: Happening, _data: bytes) -> bool:
        self.ended(event)
        self.cursor = event.id
        return True
