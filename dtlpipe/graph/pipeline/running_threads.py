"""Runs on the caller's thread whose components run side by side, in threads.

Law: as in `running`; only the caller's thread touches the machine. Every component gets its inputs as they are when it
is handed out, and the caller's context variables. A run ends when all its threads have ended, also when it fails.

Branches that will not be taken are not waited for (`RunState`'s concurrent mode). The result is that of a run on one
thread, except for what depends on who is first: the order within the lists that variadic inputs receive, and how often
a component with a greedy input runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from dtlpipe.graph.copies import copied
from dtlpipe.graph.errors import BreakpointException, PipelineRuntimeError, PipelineValidationError
from dtlpipe.graph.pipeline.halting import attach, is_at, stop_at
from dtlpipe.graph.task import Task

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dtlpipe.graph.pipeline.running import Run

__all__ = ["Visit", "check_parallel", "run_parallel"]

Visit = Callable[[Task, dict[str, Any]], Mapping[str, Any]]


def check_parallel(parallel: object) -> None:
    """Refuse a number of threads in which nothing can run.

    Raises:
        PipelineValidationError: it is below 1, or no number.
    """
    if not (isinstance(parallel, (int, float)) and parallel >= 1):
        raise PipelineValidationError(
            f"parallel must be greater than or equal to 1, but is {parallel!r}: it is the number of components that "
            "may run at the same time."
        )


def run_parallel(run: Run, parallel: int, visit: Visit) -> None:
    """Run to the end, with at most `parallel` components at a time. Errors as `running.run_to_end`."""
    from concurrent.futures import ThreadPoolExecutor
    from queue import SimpleQueue

    state = run.state
    over: SimpleQueue[tuple[Task, Future[Mapping[str, Any]]]] = SimpleQueue()
    running, stop = 0, None
    with ThreadPoolExecutor(parallel, thread_name_prefix="dtlpipe") as pool:
        try:
            while True:
                while stop is None and (task := state.next()) is not None:
                    if is_at(run.break_point, task):
                        stop = task
                    else:
                        future = pool.submit(copy_context().run, visit, task, copied(task.inputs))
                        future.add_done_callback(lambda future, task=task: over.put((task, future)))  # type: ignore[misc]
                        running += 1
                if not running:
                    break
                task, future = over.get()
                running -= 1
                try:
                    state.complete(task, future.result())
                except (PipelineRuntimeError, BreakpointException) as failure:
                    attach(run, task, failure)
                    raise
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # the block waits for those that have begun
            raise
    if stop is not None:
        stop_at(run, stop)
