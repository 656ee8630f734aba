"""Runs on the event loop: components side by side, as Haystack schedules them.

Law: as in `running`; besides, a run leaves no task behind. If a component fails, or whoever iterates stops, what is
running is cancelled and waited for. Threads cannot be cancelled: a component without `run_async` that runs in one ends
there by itself, and what it returns is dropped.

When something has ended, components are handed out anew: everything that is ready, whatever the limit, since what a
component receives is settled at that moment; while no place is free, though, only the first of them by name. Those
without a place wait their turn. A component with a filled greedy input runs alone.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dtlpipe.graph import tracing
from dtlpipe.graph.copies import copied
from dtlpipe.graph.errors import BreakpointException, PipelineRuntimeError, PipelineValidationError
from dtlpipe.graph.pipeline.halting import attach, is_at, stop_at
from dtlpipe.graph.pipeline.running import Run, finish, refuse_blocked
from dtlpipe.graph.pipeline.visiting import checked, component_span, logger, pipeline_span, raise_failure
from dtlpipe.graph.task import Task
from dtlpipe.graph.tracing import Span, Tracer

if TYPE_CHECKING:
    import asyncio

__all__ = ["check_limit", "partial", "steps"]

Step = tuple[Task, Mapping[str, Any]]


def check_limit(concurrency_limit: object) -> None:
    """Refuse a number of places that lets nothing run.

    Raises:
        PipelineValidationError: it is below 1, or no number.
    """
    if not (isinstance(concurrency_limit, (int, float)) and concurrency_limit >= 1):
        raise PipelineValidationError(
            f"concurrency_limit must be greater than or equal to 1, but is {concurrency_limit!r}: it is the number of "
            "components that may run at the same time."
        )


async def steps(run: Run, concurrency_limit: int) -> AsyncGenerator[Step, None]:
    """Run to the end, and yield each task with its outputs when it has ended. Errors as `running.run_to_end`."""
    state = run.state
    with _Watch(run) as watch:
        refuse_blocked(run)
        places = _Places(run, concurrency_limit, watch)
        try:
            stop = _hand_out(run, places)
            while places.running:
                await places.wait()
                while (ended := places.take()) is not None:  # all of them, since what runs next depends on all
                    task, future = ended
                    try:
                        outputs = future.result()
                        state.complete(task, outputs)
                    except (PipelineRuntimeError, BreakpointException) as failure:
                        attach(run, task, failure)
                        raise
                    yield task, outputs
                if stop is None:
                    stop = _hand_out(run, places)
            if stop is not None:
                stop_at(run, stop)
        finally:
            await places.clear()
        finish(run)
        watch.span.set_content_tag("haystack.pipeline.output_data", run.outputs)


def _hand_out(run: Run, places: _Places) -> Task | None:
    """Start what can start. Return the task at which the run is to stop, once what is running has ended."""
    state, break_point = run.state, run.break_point
    full = places.full
    while (task := state.next()) is not None:
        if is_at(break_point, task):
            places.close()
            return task
        places.give(task)
        if full:
            break
    return None


def partial(run: Run, task: Task, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return copies of the outputs of one visit that are the pipeline's."""
    if task.node in run.include:
        return copied(dict(outputs))
    consumed = run.compiled.plan.consumed[task.index]
    return copied({name: value for name, value in outputs.items() if name not in consumed})


def _outcome(run: Callable[..., Any], inputs: dict[str, Any]) -> tuple[Any, StopIteration | None]:
    """Call a component in its thread. A StopIteration is returned: a future refuses it, and would never be done."""
    try:
        return run(**inputs), None
    except StopIteration as error:
        return None, error


class _Watch:
    """Who watches a run, if anybody does.

    The span is opened and closed in a context of its own, which the components inherit: between the steps of a
    generator its caller's context must not hold it, and the generator may be closed in another than it began in.

    Attributes:
        tracer: or None.
        span: the run's; one that sees nothing without a tracer.
        context: what components run in, or None for the caller's.
    """

    def __init__(self, run: Run) -> None:
        self.tracer: Tracer | None = None
        self.span: Span = tracing.NullSpan()
        self.context: contextvars.Context | None = None
        self._manager: AbstractContextManager[Span] | None = None
        if run.tracer is not None:
            self.tracer = run.tracer
            self._manager = pipeline_span(run.tracer, run.data, run.metadata, run.limit, "async")

    def __enter__(self) -> Self:
        if self._manager is not None:
            self.context = contextvars.copy_context()
            self.span = self.context.run(self._manager.__enter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if self._manager is None or self.context is None:
            return None
        return self.context.run(self._manager.__exit__, kind, error, trace)


class _Places:
    """The components that run now, at most `limit`, and those that wait for a place.

    Waking up costs the same however many run, other than with `asyncio.wait`.
    """

    def __init__(self, run: Run, limit: int, watch: _Watch) -> None:
        import asyncio

        self._compiled = run.compiled
        self._limit = limit
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._gather = asyncio.gather
        self._to_thread = asyncio.to_thread
        self._waiting: deque[Task] = deque()
        self._over: deque[asyncio.Task[Mapping[str, Any]]] = deque()
        self._wake: asyncio.Future[None] | None = None
        self.running: dict[asyncio.Task[Mapping[str, Any]], Task] = {}

    @property
    def full(self) -> bool:
        """Whether no place is free."""
        return len(self.running) - len(self._over) >= self._limit

    def give(self, task: Task) -> None:
        """Start a task, or let it wait for a place."""
        if self.full:
            self._waiting.append(task)
        else:
            self._start(task)

    def close(self) -> None:
        """Let nothing start that has not begun."""
        self._waiting.clear()

    async def wait(self) -> None:
        """Wait until something ends that has not been taken."""
        self._wake = self._loop.create_future()
        try:
            await self._wake
        finally:
            self._wake = None

    def take(self) -> tuple[Task, asyncio.Task[Mapping[str, Any]]] | None:
        """Return the next task that has ended, with what has become of it, or None."""
        if not self._over:
            return None
        future = self._over.popleft()
        return self.running.pop(future), future

    async def clear(self) -> None:
        """Cancel what is running, and wait until it has ended."""
        self.close()
        for future in self.running:
            future.cancel()
        if self.running:
            await self._gather(*self.running, return_exceptions=True)
            self.running.clear()

    def _start(self, task: Task) -> None:
        tracer, context = self._watch.tracer, self._watch.context
        inputs = copied(task.inputs)
        visit = self._visit(task, inputs) if tracer is None else self._visit_watched(task, inputs, tracer)
        future = self._loop.create_task(visit, context=None if context is None else context.copy())
        self.running[future] = task
        future.add_done_callback(self._note)

    def _note(self, future: asyncio.Task[Mapping[str, Any]]) -> None:
        self._over.append(future)
        if self._waiting:
            self._start(self._waiting.popleft())
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _visit(self, task: Task, inputs: dict[str, Any]) -> Mapping[str, Any]:
        compiled, node = self._compiled, task.index
        instance = compiled.instances[node]
        logger.info("Running component %s", task.node)
        try:
            if compiled.supports_async[node]:
                outputs = await instance.run_async(**inputs)
            else:
                outputs, stopped = await self._to_thread(_outcome, instance.run, inputs)
                if stopped is not None:
                    raise stopped
            return checked(compiled, task, outputs)
        except Exception as error:  # noqa: BLE001 - components raise anything
            raise_failure(compiled, task, error)

    async def _visit_watched(self, task: Task, inputs: dict[str, Any], tracer: Tracer) -> Mapping[str, Any]:
        with component_span(tracer, self._compiled, task, self._watch.span) as span:
            span.set_content_tag("haystack.component.input", task.inputs)
            outputs = await self._visit(task, inputs)
            span.set_tag("haystack.component.visits", task.visit + 1)
            span.set_content_tag("haystack.component.output", outputs)
            return outputs
