"""Durable executions in a worker's process: the context that hayhooks' `run_durable` takes, over the platform's jobs.

Law: whatever shall survive is the platform's before a method of the context returns: a checkpoint, a suspension, a
report of progress. Chunks for those who watch are sent on the side, in order and without waiting, and may be lost. A
process that the platform has given up is refused with everything that it says.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import math
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

from pydantic import BaseModel

from dtlpipe.hosting import chunks

Say = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""Tells the platform a verb and its content; what it answers. Raises what refuses it."""

_OF_HAYHOOKS: Final = "hayhooks.durable.context"
_CHUNKS: Final = 1000
"""Chunks that may be on their way; beyond that, the newest are dropped."""


class DurableRetry(BaseException):
    """The wrapper asks to be run again. As in hayhooks, `except Exception` lets this pass, and the next two."""


class RetriesExhausted(BaseException):
    """The wrapper asked to be run again more often than it may."""


class DurableSuspended(BaseException):
    """The execution waits for a resume."""


class DurableExecutionCancelledError(RuntimeError):
    """The execution is to end."""


_SIGNALS: Final = (DurableRetry, RetriesExhausted, DurableSuspended, DurableExecutionCancelledError)


def signal_in(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """The first of what ends an attempt, among what tasks of a group raised together."""
    found: BaseException | None = group.subgroup(_SIGNALS)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def cancelled(message: str) -> DurableExecutionCancelledError:
    """The error; also one of the real hayhooks' class, where a wrapper has it loaded and may wait for that."""
    theirs = getattr(sys.modules.get(_OF_HAYHOOKS), "DurableExecutionCancelledError", DurableExecutionCancelledError)
    if issubclass(theirs, DurableExecutionCancelledError):
        return DurableExecutionCancelledError(message)
    both = (DurableExecutionCancelledError, theirs)
    made: DurableExecutionCancelledError = type(DurableExecutionCancelledError.__name__, both, {})(message)
    return made


_active: ContextVar[DurableContext | None] = ContextVar("durable_context", default=None)


def current_durable_context() -> DurableContext | None:
    """The context of the durable execution that is running here."""
    return _active.get()


class DurableContext:
    """What a durable method knows and may say. Its asynchronous methods have twins that end in `_sync`."""

    def __init__(self, id: str, begun: Mapping[str, Any], say: Say, pipeline: Any) -> None:
        self.execution_id = id
        self.attempt = int(begun["attempt"])
        self.owner_id: str | None = begun.get("owner_id")
        self.state: dict[str, Any] = dict(begun.get("state") or {})
        self._resume = begun.get("resume_input")
        self._adapter = begun.get("adapter")
        self._say = say
        self._pipeline = pipeline
        self._pieces: queue.Queue[Any] = queue.Queue(_CHUNKS)
        self._teller: threading.Thread | None = None

    @property
    def resume_input(self) -> Any:
        """What the execution was resumed with; once in each attempt."""
        found, self._resume = self._resume, None
        return found

    # --- what a wrapper says ------------------------------------------------------------------------------------------

    def checkpoint_sync(self, adapter_checkpoint: Any = None) -> None:
        """Keep `state` (and what a pipeline of its own needs to go on): the next attempt begins with it."""
        self._adapter = adapter_checkpoint
        self._say("checkpoint", {"state": chunks.plain(self.state), "adapter": chunks.plain(adapter_checkpoint)})

    def report_progress_sync(
        self, message: str, *, kind: str = "progress", metadata: Mapping[str, object] | None = None
    ) -> None:
        """Tell those who look how far it is."""
        said = {"message": str(message), "kind": kind, "metadata": chunks.plain(dict(metadata or {}))}
        self._say("progress", {"attempt": self.attempt, **said})

    def check_cancelled_sync(self) -> None:
        """Raise DurableExecutionCancelledError if the execution is to end."""
        if self._say("look", {})["cancelled"]:
            raise cancelled("the execution was cancelled")

    def retry_sync(self, message: str, *, delay: float | None = None) -> None:
        """End this attempt and begin another one, `delay` seconds from now. Always raises."""
        if delay is not None and (delay < 0 or not math.isfinite(delay)):
            raise ValueError("retry delay must be a finite non-negative number")
        if not self._say("retry", {"message": str(message), "delay": delay})["again"]:
            raise RetriesExhausted(f"no attempt is left: {message}")
        raise DurableRetry(str(message))

    def suspend_sync(
        self,
        wait: Mapping[str, object],
        *,
        update: Mapping[str, object] | None = None,
        adapter_checkpoint: Any = None,
    ) -> None:
        """Keep the state and wait for a resume, without a process. Always raises."""
        self.state.update(update or {})
        state, adapter = chunks.plain(self.state), chunks.plain(adapter_checkpoint)
        self._say("suspend", {"wait": chunks.plain(dict(wait)), "state": state, "adapter": adapter})
        raise DurableSuspended("the execution waits to be resumed")

    def stream_chunk_sync(self, payload: object) -> None:
        """Show a piece to those who watch now."""
        if self._teller is None:
            self._teller = threading.Thread(target=self._tell, name="durable-chunks", daemon=True)
            self._teller.start()
        with contextlib.suppress(queue.Full):
            self._pieces.put_nowait(chunks.plain(payload))

    async def checkpoint(self, adapter_checkpoint: Any = None) -> None:
        """As `checkpoint_sync`."""
        await asyncio.to_thread(self.checkpoint_sync, adapter_checkpoint)

    async def report_progress(
        self, message: str, *, kind: str = "progress", metadata: Mapping[str, object] | None = None
    ) -> None:
        """As `report_progress_sync`."""
        await asyncio.to_thread(self.report_progress_sync, message, kind=kind, metadata=metadata)

    async def check_cancelled(self) -> None:
        """As `check_cancelled_sync`."""
        await asyncio.to_thread(self.check_cancelled_sync)

    async def retry(self, message: str, *, delay: float | None = None) -> None:
        """As `retry_sync`."""
        await asyncio.to_thread(self.retry_sync, message, delay=delay)

    async def suspend(
        self,
        wait: Mapping[str, object],
        *,
        update: Mapping[str, object] | None = None,
        adapter_checkpoint: Any = None,
    ) -> None:
        """As `suspend_sync`."""
        await asyncio.to_thread(self.suspend_sync, wait, update=update, adapter_checkpoint=adapter_checkpoint)

    async def stream_chunk(self, payload: object) -> None:
        """As `stream_chunk_sync`."""
        self.stream_chunk_sync(payload)

    # --- pipelines and agents -----------------------------------------------------------------------------------------

    def run_pipeline(self, data: dict[str, Any], *, checkpoint_at: str | None = None) -> dict[str, Any]:
        """What the wrapper's pipeline makes of the data; once it has ended, the next attempts are given that again.

        `checkpoint_at` is taken for the sake of wrappers that name a component: what is kept is the pipeline's result.
        """
        if self._kept():
            return dict(self._adapter["outputs"])  # type: ignore[index]
        found: dict[str, Any] = self._needed().run(data)
        if checkpoint_at is not None:
            self.checkpoint_sync({"outputs": chunks.plain(found)})
        return found

    async def run_pipeline_async(self, data: dict[str, Any], *, checkpoint_at: str | None = None) -> dict[str, Any]:
        """As `run_pipeline`."""
        if self._kept():
            return dict(self._adapter["outputs"])  # type: ignore[index]
        pipeline = self._needed()
        if hasattr(pipeline, "run_async"):
            found: dict[str, Any] = await pipeline.run_async(data)
        else:
            found = await asyncio.to_thread(pipeline.run, data)
        if checkpoint_at is not None:
            await self.checkpoint({"outputs": chunks.plain(found)})
        return found

    def run_agent(self, *, messages: list[Any], **kwargs: Any) -> dict[str, Any]:
        """What the wrapper's agent makes of the messages."""
        found: dict[str, Any] = self._needed().run(messages=messages, **kwargs)
        return found

    async def run_agent_async(self, *, messages: list[Any], **kwargs: Any) -> dict[str, Any]:
        """As `run_agent`."""
        agent = self._needed()
        if hasattr(agent, "run_async"):
            found: dict[str, Any] = await agent.run_async(messages=messages, **kwargs)
            return found
        return await asyncio.to_thread(self.run_agent, messages=messages, **kwargs)

    def _kept(self) -> bool:
        return isinstance(self._adapter, dict) and "outputs" in self._adapter

    def _needed(self) -> Any:
        if self._pipeline is None:
            raise RuntimeError("this wrapper has no `pipeline` (or `agent`) that a durable execution could run")
        return self._pipeline

    # --- chunks -------------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        while (first := self._pieces.get()) is not None:
            some = [first]
            with contextlib.suppress(queue.Empty):
                while len(some) < 100 and (more := self._pieces.get_nowait()) is not None:
                    some.append(more)
            with contextlib.suppress(Exception):  # for those who watch only: the work goes on without them
                self._say("chunks", {"attempt": self.attempt, "chunks": some})

    def close(self) -> None:
        """Send what is on its way."""
        if self._teller is not None:
            self._pieces.put(None)
            self._teller.join(5.0)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Have it be the current one."""
        token = _active.set(self)
        theirs = getattr(sys.modules.get(_OF_HAYHOOKS), "_active_context", None)  # where the real hayhooks looks
        their_token = theirs.set(self) if theirs is not None else None
        try:
            yield
        finally:
            _active.reset(token)
            if theirs is not None:
                theirs.reset(their_token)
            self.close()


def durable_streaming_callback(chunk: Any) -> None:
    """A streaming callback that shows a component's chunks to those who watch."""
    context = _active.get()
    if context is not None:
        to_dict = getattr(chunk, "to_dict", None)
        context.stream_chunk_sync(to_dict() if callable(to_dict) else chunk)


def request_model(method: Any) -> type[BaseModel] | None:
    """The class of a durable method's request; None if it takes the plain JSON."""
    parameters = list(inspect.signature(method, eval_str=True).parameters.values())
    kind = parameters[1].annotation if len(parameters) > 1 else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def durable_schemas(method: Any, wrapper: Any) -> dict[str, Any] | None:
    """What a durable method takes, and what it is resumed with, as JSON schemas; None if there is no such method."""
    if method is None:
        return None
    model, resume = request_model(method), getattr(wrapper, "durable_resume_model", None)
    return {
        "request": model.model_json_schema() if model is not None else {},
        "resume": resume.model_json_schema() if resume is not None else {},
    }
