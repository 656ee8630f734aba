"""Stopping a run before a component, and going on from there, on the spot or from a file.

Law: a run that goes on gives what it would have given without the stop. What is wrong between a snapshot and a pipeline
is said before anything runs.

For whoever drives a run (`state` is its `RunState`, `compiled` the pipeline's `Compiled`):

| call                                                        | when                                               |
|-------------------------------------------------------------|----------------------------------------------------|
| check_break_point(break_point, names, pipeline_snapshot)    | before a run; both may be None                     |
| resume(snapshot, compiled, mode=, max_runs_per_node=)       | in place of a beginning: go on with what it returns |
| is_reached(break_point, task)                               | after `state.next()`, before the component is called |
| create_snapshot(state, break_point=, original_input_data=,  | then, while the task is outstanding (all outstanding |
|   include_outputs_from=)                                    | tasks will run again); also when a component failed |
| failure_break_point(task)                                   | what `break_point=` is for a component that failed |
| breakpoints.save_snapshot(snapshot, callback=, is_failure=) | then; returns the path or None, for the error      |
| warn_of_missed(break_point)                                 | at the end of a run that never reached it          |

A run with a breakpoint is best made with `RunState(..., remember_senders=True)`, so that the snapshot can tell who sent
each of the values that wait in a variadic socket. The machine goes on exactly either way.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from dtlpipe.graph.breakpoints import (
    INTERNAL_INPUTS_FORMAT,
    Breakpoint,
    LiveValues,
    PipelineSnapshot,
    PipelineState,
    saves_files,
)
from dtlpipe.graph.copies import copied
from dtlpipe.graph.errors import PipelineInvalidPipelineSnapshotError, PipelineValidationError
from dtlpipe.graph.plan import Plan
from dtlpipe.graph.schedule import Mode, RunState
from dtlpipe.graph.serialization import snapshots, states
from dtlpipe.graph.serialization.values import serialize_fields
from dtlpipe.graph.task import Task

__all__ = [
    "Resumed",
    "check_break_point",
    "create_snapshot",
    "failure_break_point",
    "is_reached",
    "resume",
    "warn_of_missed",
]

logger = logging.getLogger(__name__)

_FORMAT = 1


# ---- stopping --------------------------------------------------------------------------------------------------------


def check_break_point(
    break_point: Breakpoint | None, names: Collection[str], pipeline_snapshot: PipelineSnapshot | None = None
) -> None:
    """Refuse a breakpoint that can never be reached, or that is where the run stands already.

    Args:
        break_point: may be None; then nothing is refused.
        names: the pipeline's components.
        pipeline_snapshot: what the run goes on from, if it does.

    Raises:
        PipelineInvalidPipelineSnapshotError: the snapshot is none, or was made at this very breakpoint.
        PipelineValidationError: the breakpoint is none, or there is no such component or visit.
    """
    if not (pipeline_snapshot is None or isinstance(pipeline_snapshot, PipelineSnapshot)):
        raise PipelineInvalidPipelineSnapshotError(
            f"pipeline_snapshot is a {type(pipeline_snapshot).__qualname__}, and no snapshot. Make one of data with "
            "PipelineSnapshot.from_dict, or read a file with load_pipeline_snapshot."
        )
    if break_point is None:
        return
    name, visit = getattr(break_point, "component_name", None), getattr(break_point, "visit_count", None)
    if not (isinstance(name, str) and _is_count(visit)):
        raise PipelineValidationError(
            f"break_point is {break_point!r:.200}; give a Breakpoint with the name of a component and the number of "
            "its visit, 0 for the first."
        )
    if pipeline_snapshot is not None:
        made = pipeline_snapshot.break_point
        if (made.component_name, made.visit_count) == (break_point.component_name, break_point.visit_count):
            raise PipelineInvalidPipelineSnapshotError(
                "The break_point targets the same component and visit count as the break_point of the "
                "pipeline_snapshot, so the pipeline could not make any progress. "
                "Give one with a different component or visit count."
            )
    if break_point.component_name not in names:
        raise PipelineValidationError(
            f"break_point {break_point} is not a registered component in the pipeline. It has: {', '.join(names)}."
        )


def is_reached(break_point: Breakpoint | None, task: Task) -> bool:
    """Return whether a run shall stop before this task."""
    return break_point is not None and (break_point.component_name, break_point.visit_count) == task.key


def warn_of_missed(break_point: Breakpoint) -> None:
    """Say that a run ended without reaching its breakpoint."""
    logger.warning(
        "The given breakpoint %s was never triggered. This is because:\n"
        "1. The provided component is not a part of the pipeline execution path.\n"
        "2. The component did not reach the visit count specified in the pipeline_breakpoint",
        break_point,
    )


def failure_break_point(task: Task) -> Breakpoint:
    """Return the breakpoint for the snapshot of a run whose task has failed."""
    folder = str(Path.home() / ".dtlpipe" / "pipeline_snapshot") if saves_files() else None
    return Breakpoint(task.node, task.visit, folder)


def create_snapshot(
    state: RunState,
    *,
    break_point: Breakpoint,
    original_input_data: Mapping[str, Mapping[str, Any]],
    include_outputs_from: Collection[str] = (),
) -> PipelineSnapshot:
    """Return a snapshot of a run, as it is before its outstanding tasks.

    What cannot be written as data is left out of it, with a warning; a run in this process has it all the same.

    Args:
        state: the run, which stays as it is.
        break_point: where it stands: the component of one of its tasks, or one that is due.
        original_input_data: the inputs of the run, by component and socket.
        include_outputs_from: components all of whose outputs are wanted.
    """
    given = {name: dict(own) for name, own in original_input_data.items()}
    paused = states.pause(state, break_point.component_name, given)
    entries = paused.entries | _emptied(state.plan, paused, given)
    values = copied({"entries": entries, "outputs": paused.outputs, "data": given})
    inputs, omitted = snapshots.write_entries(values["entries"])
    outputs, lost = serialize_fields(values["outputs"], "outputs of the current pipeline state")
    original, _ = serialize_fields(values["data"], "original input data for `pipeline.run`")
    snapshot = PipelineSnapshot(
        pipeline_state=PipelineState(
            inputs=inputs,
            component_visits=paused.visits,
            pipeline_outputs=outputs,
            inputs_format=INTERNAL_INPUTS_FORMAT,
        ),
        timestamp=datetime.now(UTC),
        break_point=break_point,
        original_input_data=original,
        ordered_component_names=list(state.plan.names),
        include_outputs_from=set(include_outputs_from),
        run={
            "format": _FORMAT,
            "pipeline": snapshots.describe(state.plan),
            "batch": paused.batch,
            "omitted": [*omitted, *lost],
        },
    )
    written = copied({"inputs": inputs, "outputs": outputs, "data": original})
    snapshot.live = LiveValues(tuple(written.values()), **values)
    return snapshot


def _emptied(plan: Plan, paused: states.Pause, given: Mapping[str, Any]) -> states.Entries:
    """Return the components that have taken all that they received, with nothing: Haystack lists them, too."""
    return {
        name: {}
        for name, visits in paused.visits.items()
        if visits and name not in paused.entries
        if name in given or any(intake.links for intake in plan.intakes[plan.index[name]])
    }


# ---- going on --------------------------------------------------------------------------------------------------------


class _Compiled(Protocol):
    """A pipeline for runs, as this module uses it."""

    @property
    def plan(self) -> Plan: ...

    def gathering(self, sockets: Collection[tuple[str, str]]) -> Self: ...


C = TypeVar("C", bound=_Compiled)


class Resumed(NamedTuple, Generic[C]):
    """What a run needs to go on.

    Attributes:
        compiled: the pipeline, as the inputs of this run shape it.
        state: its next task is the component before which the run stopped.
        data: the inputs with which the run began.
        include: components all of whose outputs are wanted.
    """

    compiled: C
    state: RunState
    data: dict[str, dict[str, Any]]
    include: frozenset[str]


def resume(snapshot: PipelineSnapshot, compiled: C, *, mode: Mode, max_runs_per_node: int) -> Resumed[C]:
    """Return a run that goes on from a snapshot. The snapshot stays as it is, for other runs.

    Raises:
        PipelineInvalidPipelineSnapshotError: the snapshot is damaged, or of another pipeline or a newer version; says
            what differs.
        DeserializationError: a value names a class that may not be imported, or is damaged.
    """
    try:
        return _resumed(snapshot, compiled, mode, max_runs_per_node)
    except (AttributeError, LookupError, TypeError) as error:
        raise PipelineInvalidPipelineSnapshotError(
            f"Invalid pipeline snapshot: it is damaged ({type(error).__name__}: {error}). "
            "Resume with it as PipelineSnapshot.to_dict wrote it."
        ) from error


def _resumed(snapshot: PipelineSnapshot, compiled: C, mode: Mode, max_runs_per_node: int) -> Resumed[C]:
    _check_pipeline(snapshot, compiled.plan)
    held, live = snapshot.pipeline_state, snapshot.live
    if live is not None and live.written == (held.inputs, held.pipeline_outputs, snapshot.original_input_data):
        values = copied({"entries": live.entries, "outputs": live.outputs, "data": live.data})
    else:
        values = _read(snapshot)
    data, name = values["data"], snapshot.break_point.component_name
    _check_names("input_data", data, compiled.plan)
    if gathered := states.gathered(compiled.plan, data):
        compiled = compiled.gathering(gathered)
    plan = compiled.plan
    is_old = held.inputs_format != INTERNAL_INPUTS_FORMAT
    include = snapshot.include_outputs_from & plan.index.keys()
    batch: list[str] = [name] if is_old else [] if snapshot.run is None else snapshot.run["batch"]
    state = states.proceed(
        plan,
        states.without_senders(plan, values["entries"], name) if is_old else values["entries"],
        held.component_visits,
        values["outputs"],
        batch,
        mode=mode,
        max_runs_per_node=max_runs_per_node,
        include_outputs_from=include,
    )
    logger.info("Resuming pipeline from %s with visit count %s", name, held.component_visits[name])
    return Resumed(compiled, state, data, frozenset(include))


def _read(snapshot: PipelineSnapshot) -> dict[str, Any]:
    held, run = snapshot.pipeline_state, snapshot.run or {}
    if run.get("omitted"):
        logger.warning(
            "The snapshot lacks values that could not be serialized: %s. The run goes on without them.",
            ", ".join(run["omitted"]),
        )
    is_internal = held.inputs_format == INTERNAL_INPUTS_FORMAT
    read_inputs = snapshots.read_entries if is_internal else snapshots.read_fields
    return {
        "entries": read_inputs(held.inputs, "inputs of the pipeline state"),
        "outputs": snapshots.read_fields(held.pipeline_outputs, "outputs of the pipeline state"),
        "data": snapshots.read_fields(snapshot.original_input_data, "original input data"),
    }


def _check_pipeline(snapshot: PipelineSnapshot, plan: Plan) -> None:
    for name, visits in snapshot.pipeline_state.component_visits.items():
        if not _is_count(visits):
            raise PipelineInvalidPipelineSnapshotError(
                f"Invalid pipeline snapshot: it is damaged: component '{name}' has run {visits!r:.80} times."
            )
    names = set(plan.names)
    ordered = set(snapshot.ordered_component_names)
    run = snapshot.run
    _check_names("ordered_component_names", ordered, plan)
    if added := names - ordered:
        raise PipelineInvalidPipelineSnapshotError(
            f"Invalid pipeline snapshot: components {sorted(added)} in the current pipeline are not present in "
            "'ordered_component_names'. Resume it with the pipeline that it was made of."
        )
    _check_names("break_point", [snapshot.break_point.component_name], plan)
    if run is None:
        return
    if run.get("format") != _FORMAT:
        raise PipelineInvalidPipelineSnapshotError(
            f"Invalid pipeline snapshot: it has format {run.get('format')!r}; this version reads format {_FORMAT}. "
            "Resume it with the version that made it."
        )
    if found := snapshots.differences(run["pipeline"], plan):
        raise PipelineInvalidPipelineSnapshotError(
            "Invalid pipeline snapshot: it was made of another pipeline than the current one. "
            f"The current one has: {'; '.join(found)}."
        )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _check_names(where: str, names: Collection[str], plan: Plan) -> None:
    if unknown := set(names) - plan.index.keys():
        raise PipelineInvalidPipelineSnapshotError(
            f"Invalid pipeline snapshot: components {sorted(unknown)} in '{where}' are not part of the current "
            "pipeline. Resume it with the pipeline that it was made of."
        )
