"""Runs that stop before their end: at a breakpoint, or because a component failed.

Law: what stops a run takes a snapshot along, from which the run can go on. Making it changes nothing about the run, and
never hides why a run failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from dtlpipe.graph.errors import BreakpointException, PipelineRuntimeError
from dtlpipe.graph.pipeline.visiting import logger

if TYPE_CHECKING:
    from dtlpipe.graph.breakpoints import Breakpoint
    from dtlpipe.graph.pipeline.running import Run
    from dtlpipe.graph.task import Task

__all__ = ["attach", "is_at", "stop_at"]


def is_at(break_point: Breakpoint | None, task: Task) -> bool:
    """Return whether a run stops before this task."""
    return break_point is not None and (break_point.component_name, break_point.visit_count) == task.key


def stop_at(run: Run, task: Task) -> NoReturn:
    """Stop before the task at which the run's breakpoint is.

    Raises:
        BreakpointException: with the snapshot.
    """
    error = BreakpointException(
        f"Breaking at component {task.node} at visit count {task.visit}", task.node, break_point=run.break_point
    )
    attach(run, task, error)
    raise error


def attach(run: Run, task: Task, error: BreakpointException | PipelineRuntimeError) -> None:
    """Make the snapshot of a run that ends with this error, save it where it should be saved, and put it in the error.

    Args:
        run: the task is outstanding in it, or its failed one.
        task: where the run stands: its component runs first when the run goes on.
        error: of the run itself, or of the component, which may have run a pipeline of its own.
    """
    from dtlpipe.graph.breakpoints import save_snapshot
    from dtlpipe.graph.stopping import create_snapshot, failure_break_point

    is_failure = isinstance(error, PipelineRuntimeError)
    stands_at = run.break_point if is_at(run.break_point, task) else None
    try:
        snapshot = create_snapshot(
            run.state,
            break_point=stands_at or failure_break_point(task),
            original_input_data=run.data,
            include_outputs_from=run.include,
        )
    except Exception:
        if not is_failure:
            raise
        logger.exception("No snapshot could be made of the run that '%s' has failed; its error follows.", task.node)
        return
    error.pipeline_snapshot = snapshot
    error.pipeline_snapshot_file_path = save_snapshot(snapshot, callback=run.callback, is_failure=is_failure)
