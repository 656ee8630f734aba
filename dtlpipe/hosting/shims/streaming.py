"""Streaming of a pipeline's chunks while it runs: hayhooks' two generators, over Haystack's pipelines and over ours.

Law: a consumer that leaves cancels the run, where it can be cancelled; what the run raises, the generator raises.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import Any, TypedDict, Unpack

import attrs

__all__ = ["async_streaming_generator", "find_all_streaming_components", "streaming_generator"]

_CALLBACK = "streaming_callback"


class _End:
    """What comes after the last chunk."""


def find_all_streaming_components(pipeline: Any) -> list[tuple[Any, str]]:
    """The components that take a streaming callback, in the order in which they run."""
    return [(component, name) for name, component in pipeline.walk() if _streams(component)]


def _streams(component: Any) -> bool:
    if hasattr(component, _CALLBACK):
        return True
    run = getattr(component, "run", None)
    try:
        return run is not None and _CALLBACK in inspect.signature(run).parameters
    except (TypeError, ValueError):
        return False


def _is_pipeline(pipeline: Any) -> bool:
    return hasattr(pipeline, "walk")


def _chosen(pipeline: Any, wanted: list[str] | str | None) -> list[tuple[Any, str]]:
    """The components to stream: the last one that can, unless others are named."""
    found = find_all_streaming_components(pipeline)
    if wanted is None:
        setting = os.environ.get("HAYHOOKS_STREAMING_COMPONENTS", "").strip()
        wanted = setting if setting.lower() == "all" else [each.strip() for each in setting.split(",") if each.strip()]
    if wanted == "all":
        return found
    if wanted:
        return [(component, name) for component, name in found if name in wanted]
    if not found:
        raise ValueError("No streaming-capable components found in the pipeline")
    return found[-1:]


def _arguments(
    pipeline: Any, given: dict[str, Any] | None, wanted: list[str] | str | None, callback: Callable[[Any], Any]
) -> dict[str, Any]:
    """The arguments of a run with the callback put where the chunks come from."""
    arguments = dict(given or {})
    if not _is_pipeline(pipeline):
        return arguments | {_CALLBACK: callback}
    for component, name in _chosen(pipeline, wanted):
        if getattr(component, _CALLBACK, None) is not None:
            component.streaming_callback = None  # one for each run takes its place
        arguments[name] = {**(arguments.get(name) or {}), _CALLBACK: callback}
    return arguments


def _told(chunk: Any, on_start: Any, on_end: Any, on_reasoning: Any) -> Iterator[Any]:
    """What the callbacks make of a chunk."""
    for call in getattr(chunk, "tool_calls", None) or () if on_start else ():
        if getattr(call, "tool_name", None):
            yield from _each(on_start(call.tool_name, _json(call.arguments), call.id))
    result = getattr(chunk, "tool_call_result", None)
    if on_end and result is not None:
        yield from _each(on_end(result.origin.tool_name, result.origin.arguments, result.result, bool(result.error)))
    reasoning = getattr(chunk, "reasoning", None)
    if on_reasoning and reasoning is not None:
        yield from _each(on_reasoning(reasoning.reasoning_text, getattr(reasoning, "extra", {})))


def _json(given: Any) -> Any:
    try:
        return json.loads(given) if isinstance(given, str) and given else given or {}
    except ValueError:
        return {}


def _each(found: Any) -> Iterator[Any]:
    if found is None:
        return iter(())
    return iter(found) if isinstance(found, (list, tuple)) else iter((found,))


def _kwargs(pipeline: Any, arguments: dict[str, Any], shown: set[str] | None) -> dict[str, Any]:
    if not _is_pipeline(pipeline):
        return arguments
    return {"data": arguments} | ({"include_outputs_from": shown} if shown is not None else {})


class Told(TypedDict, total=False):
    """What both generators are told beside the pipeline.

    `on_...` are called with what their names say, and what they return is yielded; `streaming_components` are names or
    "all"; `external_event_queue` is a queue whose events are yielded between the chunks.
    """

    on_tool_call_start: Any
    on_tool_call_end: Any
    on_reasoning: Any
    on_pipeline_end: Any
    streaming_components: list[str] | str | None
    include_outputs_from: set[str] | None
    external_event_queue: Any


@attrs.frozen
class _Way:
    """How a generator was told to go about it. Raises TypeError for what none of them knows."""

    on_tool_call_start: Any = None
    on_tool_call_end: Any = None
    on_reasoning: Any = None
    on_pipeline_end: Any = None
    streaming_components: list[str] | str | None = None
    include_outputs_from: set[str] | None = None
    external_event_queue: Any = None

    def before(self, chunk: Any) -> Iterator[Any]:
        """What comes before a chunk."""
        yield from _external(self.external_event_queue)
        yield from _told(chunk, self.on_tool_call_start, self.on_tool_call_end, self.on_reasoning)

    def last(self, result: Any) -> Iterator[Any]:
        """What comes after the last chunk."""
        yield from _external(self.external_event_queue)
        if self.on_pipeline_end is not None:
            yield from _each(self.on_pipeline_end(result))


def streaming_generator(
    pipeline: Any, *, pipeline_run_args: dict[str, Any] | None = None, **told: Unpack[Told]
) -> Generator[Any, None, None]:
    """Yield the chunks of a pipeline, or of an agent, that runs in a thread of its own."""
    way = _Way(**told)
    ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
    arguments = _arguments(pipeline, pipeline_run_args, way.streaming_components, ready.put)
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["result"] = pipeline.run(**_kwargs(pipeline, arguments, way.include_outputs_from))
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            outcome["error"] = error
        finally:
            ready.put(_End)

    def chunks() -> Generator[Any, None, None]:
        threading.Thread(target=run, name="streaming-run", daemon=True).start()
        while (chunk := ready.get()) is not _End:
            yield from way.before(chunk)
            yield chunk
        if "error" in outcome:
            yield from _external(way.external_event_queue)
            raise outcome["error"]
        yield from way.last(outcome["result"])

    return chunks()


def _external(events: Any) -> Iterator[Any]:
    while events is not None and not events.empty():
        yield events.get_nowait()


def async_streaming_generator(
    pipeline: Any,
    *,
    pipeline_run_args: dict[str, Any] | None = None,
    allow_sync_streaming_callbacks: bool = False,  # noqa: ARG001 - those are always allowed
    shield_pipeline_task: bool = False,
    **told: Unpack[Told],
) -> AsyncGenerator[Any, None]:
    """Yield the chunks of a pipeline, or of an agent, that runs as a task beside its consumer."""
    way = _Way(**told)

    async def chunks() -> AsyncGenerator[Any, None]:
        loop = asyncio.get_running_loop()
        ready: asyncio.Queue[Any] = asyncio.Queue()

        async def put(chunk: Any) -> None:
            ready.put_nowait(chunk)

        def put_from_thread(chunk: Any) -> None:
            loop.call_soon_threadsafe(ready.put_nowait, chunk)

        in_loop = hasattr(pipeline, "run_async")
        how = put if in_loop else put_from_thread
        arguments = _arguments(pipeline, pipeline_run_args, way.streaming_components, how)
        if in_loop and _is_pipeline(pipeline):
            for component, name in _chosen(pipeline, way.streaming_components):
                if not hasattr(component, "run_async"):  # it runs in a thread, and calls what is no coroutine
                    arguments[name][_CALLBACK] = put_from_thread
        keywords = _kwargs(pipeline, arguments, way.include_outputs_from)
        work = pipeline.run_async(**keywords) if in_loop else asyncio.to_thread(pipeline.run, **keywords)
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        task.add_done_callback(lambda _: loop.call_soon(ready.put_nowait, _End))
        try:
            while (chunk := await ready.get()) is not _End:
                for event in way.before(chunk):
                    yield event
                yield chunk
            for event in way.last(task.result()):
                yield event
        finally:
            if not task.done() and not shield_pipeline_task:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    return chunks()
