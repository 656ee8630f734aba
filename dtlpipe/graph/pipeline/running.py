"""Runs on the caller's thread: what a run consists of, how it begins, and its two loops.

Law: a run owns its state and shares nothing but the compiled pipeline, which never changes; any number of runs of one
pipeline go on side by side.

Which loop a run needs is decided once, at its beginning. The plain one does nothing but ask the machine, call the
component and tell the machine. The watched one does the same with spans, log lines and a breakpoint around each visit;
that of `running_threads` does so in several threads.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from dtlpipe.graph import tracing
from dtlpipe.graph.calls import run_calls
from dtlpipe.graph.copies import copied
from dtlpipe.graph.errors import (
    BreakpointException,
    PipelineComponentsBlockedError,
    PipelineMaxComponentRuns,
    PipelineRuntimeError,
    PipelineValidationError,
)
from dtlpipe.graph.pipeline.compiling import Compiled
from dtlpipe.graph.pipeline.ending import warn_if_blocked
from dtlpipe.graph.pipeline.halting import attach, is_at, stop_at
from dtlpipe.graph.pipeline.inputs import Inputs, validate
from dtlpipe.graph.pipeline.visiting import (
    logger,
    pipeline_span,
    raise_failure,
    visit,
    visit_watched,
    warn_of_undeclared,
)
from dtlpipe.graph.rehearsal import perform
from dtlpipe.graph.schedule import Mode, RunState
from dtlpipe.graph.tracing import Tracer

if TYPE_CHECKING:
    from dtlpipe.graph.breakpoints import Breakpoint, PipelineSnapshot, SnapshotCallback
    from dtlpipe.graph.pipeline.base import PipelineBase
    from dtlpipe.graph.pipeline.running_threads import Visit
    from dtlpipe.graph.task import Task

__all__ = ["Outputs", "Run", "Stops", "begin", "finish", "refuse_blocked", "run_to_end"]

Outputs = dict[str, dict[str, Any]]


@dataclass(slots=True, eq=False)
class Run:
    """One run of a pipeline.

    Attributes:
        compiled: the pipeline as it was when the run began.
        state: the machine.
        data: the inputs by component, as the run received them.
        include: components all of whose outputs are wanted.
        metadata: the pipeline's.
        limit: how often a component may run.
        tracer: who watches, or None.
        break_point: where to stop, or None.
        callback: receives snapshots instead of a file, or None.
    """

    compiled: Compiled
    state: RunState
    data: Inputs
    include: frozenset[str]
    metadata: Mapping[str, Any]
    limit: int
    tracer: Tracer | None
    break_point: Breakpoint | None
    callback: SnapshotCallback | None

    @property
    def outputs(self) -> Outputs:
        """What the run has produced so far."""
        return self.state.outputs


class Stops(NamedTuple):
    """Where a run begins and ends, other than usual.

    Attributes:
        break_point: stop here.
        snapshot: go on from here.
        callback: receives snapshots.
    """

    break_point: Breakpoint | None = None
    snapshot: PipelineSnapshot | None = None
    callback: SnapshotCallback | None = None

    def check(self, compiled: Compiled) -> None:
        """Refuse a breakpoint that cannot be reached, and no snapshot. Errors as `stopping.check_break_point`."""
        if self.break_point is not None or self.snapshot is not None:
            from dtlpipe.graph.stopping import check_break_point

            check_break_point(self.break_point, compiled.givens, self.snapshot)


def begin(
    pipeline: PipelineBase,
    compiled: Compiled,
    data: Inputs,
    include: Collection[str] | None,
    stops: Stops,
    *,
    mode: Mode,
    dead_paths: bool = False,
) -> Run:
    """Begin a run with prepared inputs, or go on with one from a snapshot, which then says all about it.

    Raises:
        PipelineValidationError: the inputs do not fit.
        PipelineInvalidPipelineSnapshotError: the snapshot does not fit.
    """
    limit = pipeline._max_runs_per_component  # noqa: SLF001 - Haystack's attribute
    if stops.snapshot is not None:
        from dtlpipe.graph.stopping import resume

        compiled, state, data, wanted = resume(stops.snapshot, compiled, mode=mode, max_runs_per_node=limit)
    else:
        if joined := validate(compiled, data):
            compiled = compiled.gathering(joined)
        elif mode == "serial" and stops.break_point is None:
            compiled.note(data)
        wanted = _known(compiled, include) if include else frozenset()
        state = RunState(
            compiled.plan,
            data,
            mode=mode,
            max_runs_per_node=limit,
            include_outputs_from=wanted,
            remember_senders=dead_paths or stops.break_point is not None,  # snapshots cannot infer them there
            dead_paths=dead_paths,
        )
    tracer = tracing.watching()
    return Run(compiled, state, data, wanted, pipeline.metadata, limit, tracer, stops.break_point, stops.callback)


def run_rehearsed(
    pipeline: PipelineBase,
    compiled: Compiled,
    data: Inputs,
    include: Collection[str] | None,
    callback: SnapshotCallback | None,
) -> Outputs | None:
    """Run to the end on a known course and return the outputs; None if there is none, or somebody watches.

    Arguments as `begin`, errors as `run_to_end`.
    """
    limit, rehearsal = pipeline._max_runs_per_component, compiled.rehearsal(data)  # noqa: SLF001 - Haystack's attribute
    if rehearsal is None or limit < 1 or tracing.watching() is not None or logger.isEnabledFor(logging.INFO):
        return None
    wanted = _known(compiled, include) if include else frozenset()
    undeclared = partial(warn_of_undeclared, compiled)
    ended = perform(rehearsal, data, limit=limit, include=wanted, undeclared=undeclared)
    if isinstance(ended, dict):
        return ended
    run = Run(compiled, ended, data, wanted, pipeline.metadata, limit, None, None, callback)
    _run_plain(run)
    finish(run)
    return run.outputs


def run_to_end(run: Run, parallel: int = 1) -> Outputs:
    """Run to the end: one component at a time in Haystack's order, or several at a time in threads.

    Args:
        run: with a machine in serial mode, or in concurrent mode if `parallel` is more than 1.
        parallel: how many components may run at the same time.

    Raises:
        PipelineRuntimeError: a component failed, or a value could not be converted.
        PipelineComponentsBlockedError: there are components, but none can run.
        PipelineMaxComponentRuns: a component was due more often than it may run.
        BreakpointException: the run's breakpoint was reached.
    """
    if run.tracer is not None:
        with pipeline_span(run.tracer, run.data, run.metadata, run.limit, "sync") as span:
            _run(run, parallel, partial(visit_watched, run.compiled, run.tracer, span))
            span.set_content_tag("haystack.pipeline.output_data", run.outputs)
    elif run.break_point is not None or parallel > 1 or logger.isEnabledFor(logging.INFO):
        _run(run, parallel, partial(visit, run.compiled))
    else:
        _run(run, parallel, None)
    return run.outputs


def _run(run: Run, parallel: int, visitor: Visit | None) -> None:
    refuse_blocked(run)
    if visitor is None:
        _run_plain(run)
    elif parallel > 1:
        from dtlpipe.graph.pipeline.running_threads import run_parallel

        run_parallel(run, parallel, visitor)
    else:
        _run_watched(run, visitor)
    finish(run)


def _run_plain(run: Run) -> None:
    compiled, state = run.compiled, run.state
    undeclared = partial(warn_of_undeclared, compiled)
    try:
        if state.failed is not None:
            raise state.failed[1]
        run_calls(state, [instance.run for instance in compiled.instances], undeclared=undeclared)
    except Exception as error:
        if state.failed is None or _is_exhaustion(run, error, state.failed[0]):
            raise
        try:
            raise_failure(compiled, state.failed[0], error)
        except (PipelineRuntimeError, BreakpointException) as failure:
            attach(run, state.failed[0], failure)
            raise


def _is_exhaustion(run: Run, error: Exception, task: Task) -> bool:
    """Whether the machine refused to hand out a task, other than a component that raised such an error itself."""
    return isinstance(error, PipelineMaxComponentRuns) and task.visit >= run.limit


def _run_watched(run: Run, visitor: Visit) -> None:
    state = run.state
    while (task := state.next()) is not None:
        if is_at(run.break_point, task):
            stop_at(run, task)
        try:
            state.complete(task, visitor(task, copied(task.inputs)))
        except (PipelineRuntimeError, BreakpointException) as failure:
            attach(run, task, failure)
            raise


def refuse_blocked(run: Run) -> None:
    """Refuse a run in which nothing can run.

    Raises:
        PipelineComponentsBlockedError: always then, unless the pipeline is empty.
    """
    if run.state.finished and run.compiled.plan.names:
        raise PipelineComponentsBlockedError


def finish(run: Run) -> None:
    """Say what should be said at the end of a run that nothing has stopped."""
    warn_if_blocked(run.compiled, run.state)
    if run.break_point is not None:
        from dtlpipe.graph.stopping import warn_of_missed

        warn_of_missed(run.break_point)


def _known(compiled: Compiled, include: Collection[str]) -> frozenset[str]:
    """Return the components whose outputs are wanted; warn of names that nobody has, which Haystack passes over.

    Raises:
        PipelineValidationError: what should be names of components is something else.
    """
    names = compiled.plan.index.keys()
    try:
        wanted = frozenset([include] if isinstance(include, str) else include)
    except TypeError as error:
        raise PipelineValidationError(
            f"include_outputs_from is {include!r:.80}; give a set of names of components."
        ) from error
    if not names >= wanted:
        logger.warning(
            "include_outputs_from names %s, but the pipeline has no such components; their outputs will be missing.",
            sorted(map(str, wanted - names)),
        )
    return wanted & names
