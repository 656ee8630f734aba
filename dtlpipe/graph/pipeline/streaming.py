"""Streaming: the chunks that a pipeline's components emit while it runs, and then its result.

Law: whoever iterates sees every chunk in the order in which it was emitted; a handle that is left behind leaves no run
behind, unless that was asked for.

A component streams if it has a coroutine `run_async` and an input `streaming_callback`. What a chunk is, is its own
matter.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any, ClassVar, Self

from dtlpipe.graph.errors import PipelineValidationError
from dtlpipe.graph.pipeline.compiling import Compiled
from dtlpipe.graph.pipeline.inputs import Inputs
from dtlpipe.graph.pipeline.visiting import logger

if TYPE_CHECKING:
    import asyncio

__all__ = ["PipelineStreamHandle", "forwarding", "start"]

Callback = Callable[[Any], Any]

_CALLBACK = "streaming_callback"


class _EndOfStream:
    """What the queue holds after the last chunk."""


class PipelineStreamHandle:
    """A running pipeline: iterate it with `async for` for the chunks; then `result` is what the pipeline returned.

    A consumer that stops iterating cancels the run, unless it was started with `cancel_on_abandon=False`. `aclose()`,
    or the handle as an asynchronous context manager, does so at a definite moment.
    """

    _END_OF_STREAM: ClassVar[_EndOfStream] = _EndOfStream()
    _CLEANUP_TIMEOUT_SECONDS: ClassVar[float] = 1.0

    def __init__(
        self,
        queue: asyncio.Queue[Any],
        task: asyncio.Task[dict[str, Any]],
        cancel_on_abandon: bool = True,  # noqa: FBT001, FBT002 - Haystack's signature
    ) -> None:
        self._queue = queue
        self._task = task
        self._cancel_on_abandon = cancel_on_abandon

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Yield chunks until the run ends. Raises what the run raised."""
        try:
            while (chunk := await self._queue.get()) is not self._END_OF_STREAM:
                yield chunk
            await self._task
        finally:
            if self._cancel_on_abandon:
                await self.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    @property
    def result(self) -> dict[str, Any]:
        """What the pipeline returned.

        Raises:
            RuntimeError: the run has not finished, or was cancelled.
            Exception: whatever the run raised.
        """
        if not self._task.done():
            raise RuntimeError("Pipeline has not finished; iterate the handle first.")
        if self._task.cancelled():
            raise RuntimeError("Pipeline was cancelled; no result available.")
        return self._task.result()

    async def aclose(self) -> None:
        """Cancel the run if it is still going on, and wait for its end, but no longer than a second."""
        import asyncio

        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=self._CLEANUP_TIMEOUT_SECONDS)


def forwarding(compiled: Compiled, data: Inputs, wanted: Collection[str] | None, emit: Callable[[Any], None]) -> Inputs:
    """Return a run's inputs with a callback for each streaming component, which emits its chunks.

    A callback that the component has already, or is given in `data`, receives them too. A component whose
    `streaming_callback` another one feeds is left alone, unless it is wanted by name.

    Raises:
        PipelineValidationError: there is no such component, or it does not stream.
    """
    capable = {
        name: compiled.instances[number]
        for number, name in enumerate(compiled.plan.names)
        if compiled.supports_async[number] and _CALLBACK in compiled.givens[name]
    }
    if wanted is None:
        chosen = {name: own for name, own in capable.items() if compiled.givens[name][_CALLBACK].sender is None}
    else:
        wanted = [wanted] if isinstance(wanted, str) else wanted
        _check(compiled, capable, wanted)
        chosen = {name: capable[name] for name in wanted}
    result = dict(data)
    for name, instance in chosen.items():
        own = result.get(name, {})
        callback = _chosen(getattr(instance, _CALLBACK, None), own.get(_CALLBACK))
        result[name] = {**own, _CALLBACK: _forwarder(emit, callback)}
    return result


def start(
    runner: Callable[[], Awaitable[dict[str, Any]]], queue: asyncio.Queue[Any], *, cancel_on_abandon: bool
) -> PipelineStreamHandle:
    """Start a run as a task of the running event loop, and return the handle to it.

    Raises:
        RuntimeError: no event loop is running.
    """
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError as error:
        raise RuntimeError(
            f"stream() starts the run on the running event loop, and there is {error}. "
            "Call it in an 'async def', started by asyncio.run(...)."
        ) from error

    async def run() -> dict[str, Any]:
        try:
            return await runner()
        finally:
            queue.put_nowait(PipelineStreamHandle._END_OF_STREAM)  # noqa: SLF001 - its own module

    return PipelineStreamHandle(queue, loop.create_task(run()), cancel_on_abandon=cancel_on_abandon)


def _check(compiled: Compiled, capable: Collection[str], wanted: Collection[str]) -> None:
    unknown = sorted(set(wanted) - compiled.givens.keys())
    if unknown:
        raise PipelineValidationError(
            f"Unknown components in streaming_components: {unknown}. There are: {sorted(compiled.givens)}."
        )
    silent = sorted(set(wanted) - set(capable))
    if silent:
        raise PipelineValidationError(
            f"These components do not support streaming: {silent}. A component streams if it has a coroutine "
            f"`run_async` and an input {_CALLBACK!r}; these do: {sorted(capable)}."
        )


def _chosen(own: Callback | None, given: Callback | None) -> Callback | None:
    """Return the callback that is served beside the handle: the run's before the component's own."""
    callback = given if given is not None else own
    if callback is not None and not inspect.iscoroutinefunction(callback):
        logger.warning(
            "The streaming callback %r is not a coroutine function; it runs on the event loop and may block it.",
            callback,
        )
    return callback


def _forwarder(emit: Callable[[Any], None], callback: Callback | None) -> Callback:
    async def forward(chunk: Any) -> None:
        emit(chunk)
        if callback is not None:
            answer = callback(chunk)
            if inspect.isawaitable(answer):
                await answer

    return forward
