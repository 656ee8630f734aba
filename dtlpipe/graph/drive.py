"""Drivers: the loops that ask a run state what to do, do it, and tell it what came of it.

Law: a driver decides nothing about order. It calls nodes, copies their inputs, and turns what they raise into errors
that name the node.

`run` and `run_async` take `call`, which runs one task and returns its outputs; what a node *is* is the caller's matter.
`run` follows Haystack's synchronous order; `run_async` runs side by side all that can, up to a limit. `run_calls` is
`run` for nodes that are plain callables, at a fraction of the cost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.graph.calls import InvalidOutput, run_calls
from dtlpipe.graph.copies import copied
from dtlpipe.graph.errors import PipelineComponentsBlockedError, PipelineRuntimeError
from dtlpipe.graph.plan import Plan
from dtlpipe.graph.schedule import Mode, RunState, Task

if TYPE_CHECKING:
    import asyncio

__all__ = ["InvalidOutput", "run", "run_async", "run_calls", "steps", "steps_async"]

Inputs = Mapping[str, Mapping[str, Any]]
Outputs = dict[str, dict[str, Any]]


def run(
    plan: Plan,
    inputs: Inputs | None,
    call: Callable[[Task], Mapping[str, Any]],
    *,
    start: str | None = None,
    mode: Mode = "serial",
    max_runs_per_node: int = 100,
    include_outputs_from: Collection[str] = (),
) -> Outputs:
    """Run a plan to its end, one task at a time, and return what `RunState.outputs` says.

    Raises:
        PipelineRuntimeError: a node failed; the cause is chained. `call` may raise one itself, which passes through.
        PipelineComponentsBlockedError: no node could run at all.
        PipelineMaxComponentRuns: a node was due more often than allowed.
        PipelineValidationError: the inputs or other arguments do not fit the plan.
    """
    state = RunState(
        plan,
        inputs,
        start=start,
        mode=mode,
        max_runs_per_node=max_runs_per_node,
        include_outputs_from=include_outputs_from,
    )
    _refuse_blocked(state)
    steps(state, call)
    return state.outputs


def steps(state: RunState, call: Callable[[Task], Mapping[str, Any]]) -> None:
    """Run whatever `state` hands out, one task at a time, until it hands out nothing. Errors as `run`."""
    while (task := state.next()) is not None:
        try:
            state.complete(task, _checked(task, call(task.with_inputs(copied(task.inputs)))))
        except PipelineRuntimeError as error:
            state.fail(task, error)
            raise
        except Exception as error:
            state.fail(task, error)
            raise _named(task, error) from error


async def run_async(
    plan: Plan,
    inputs: Inputs | None,
    call: Callable[[Task], Awaitable[Mapping[str, Any]]],
    *,
    start: str | None = None,
    concurrency_limit: int = 4,
    max_runs_per_node: int = 100,
    include_outputs_from: Collection[str] = (),
) -> Outputs:
    """Run a plan to its end, at most `concurrency_limit` tasks at the same time. Returns and raises as `run`.

    A failure cancels what else is running and waits for it. A node that blocks is for `call` to move to a thread.

    Raises:
        ValueError: `concurrency_limit` is below 1.
    """
    state = RunState(
        plan,
        inputs,
        start=start,
        max_runs_per_node=max_runs_per_node,
        include_outputs_from=include_outputs_from,
    )
    _refuse_blocked(state)
    async for _ in steps_async(state, call, concurrency_limit=concurrency_limit):
        pass
    return state.outputs


async def steps_async(
    state: RunState,
    call: Callable[[Task], Awaitable[Mapping[str, Any]]],
    *,
    concurrency_limit: int = 4,
) -> AsyncIterator[tuple[Task, Mapping[str, Any]]]:
    """Run whatever `state` hands out, side by side, and yield (task, outputs) as tasks end. Errors as `run_async`.

    Closing the iterator cancels what is running and waits for it.
    """
    import asyncio

    if concurrency_limit < 1:
        raise ValueError(
            f"concurrency_limit is {concurrency_limit}; it must be at least 1, the number of tasks at a time."
        )
    gate = asyncio.Semaphore(concurrency_limit)

    async def work(task: Task) -> Mapping[str, Any]:
        async with gate:
            return _checked(task, await call(task.with_inputs(copied(task.inputs))))

    running: dict[asyncio.Task[Mapping[str, Any]], Task] = {}
    try:
        while True:
            while (task := state.next()) is not None:
                running[asyncio.create_task(work(task))] = task
            if not running:
                return
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            ended = [(future, task) for future, task in running.items() if future.done()]
            for future, _ in ended:
                del running[future]
            for step in _settle(state, ended):
                yield step
    finally:
        for future in running:
            future.cancel()
        if running:
            await asyncio.wait(running)
            for future in running:
                _ = future.cancelled() or future.exception()  # seen: the first failure is the one that is raised


def _settle(
    state: RunState, ended: list[tuple[asyncio.Task[Mapping[str, Any]], Task]]
) -> list[tuple[Task, Mapping[str, Any]]]:
    """Tell the machine of all tasks that have ended before the first failure among them is raised."""
    settled = []
    for future, task in ended:
        try:
            outputs = future.result()
            state.complete(task, outputs)
        except Exception as error:  # noqa: BLE001 - it is raised below
            state.fail(task, error)
        else:
            settled.append((task, outputs))
    if state.failed is not None:
        task, cause = state.failed
        if isinstance(cause, Exception) and not isinstance(cause, PipelineRuntimeError):
            raise _named(task, cause) from cause
        raise cause
    return settled


def _refuse_blocked(state: RunState) -> None:
    if state.finished and state.plan.names:
        raise PipelineComponentsBlockedError


def _checked(task: Task, outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    if type(outputs) is not dict and not isinstance(outputs, Mapping):  # the first test is many times cheaper
        raise PipelineRuntimeError(
            task.node,
            None,
            f"Node {task.node!r} returned {type(outputs).__name__} where a mapping from output sockets to values is "
            "expected. Return a dict, empty if there is nothing to pass on.",
        )
    return outputs


def _named(task: Task, error: Exception) -> PipelineRuntimeError:
    message = f"Node {task.node!r} failed in visit {task.visit}: {type(error).__name__}: {error}"
    return PipelineRuntimeError(task.node, None, message)
