"""Performing a call: a wrapper's method is called where it belongs, and what it returns is sent, whole or in pieces.

Law: a call ends in exactly one answer, whatever the wrapper does; what it raises is told to its caller and logged here.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from dtlpipe.hosting import chunks, results
from dtlpipe.hosting.renderings import Rendering
from dtlpipe.hosting.replies import Gone, Reply
from dtlpipe.hosting.signatures import Invalid
from dtlpipe.hosting.watched import Watched
from dtlpipe.hosting.wrappers import Home

log = logging.getLogger("dtlpipe.hosting")

Finish = Callable[[Any], None]
_RAISED: Final = (Exception, SystemExit, KeyboardInterrupt)
"""What ends a call and nothing else: `exit()` in a wrapper would end the loop of all calls, or leave one unanswered."""


class Performer:
    """Calls the methods of one wrapper."""

    def __init__(self, name: str, home: Home) -> None:
        self._name, self._home = name, home

    def perform(
        self,
        method: Any,
        positional: tuple[Any, ...],
        named: Mapping[str, Any],
        reply: Reply,
        finish: Finish,
        stream: Callable[[Any], Rendering | None],
        *,
        collect: bool = False,
    ) -> None:
        """Call the method where it belongs and send what it returns.

        `stream` says how a result is streamed, or None if it is to be answered whole by `finish`; with `collect`, that
        is given a list of the pieces, of which a result that is no generator is the only one.
        """
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):

            async def on_loop() -> None:
                try:
                    result = method(*positional, **named)
                    if inspect.isawaitable(result):
                        result = await result
                    await self._send_async(result, reply, finish, stream, collect=collect)
                except asyncio.CancelledError:
                    if not reply.cancelled:  # by the wrapper itself
                        self.failed(RuntimeError("the call was cancelled by the wrapper"), reply)
                except _RAISED as error:  # whatever a wrapper raises is its caller's to know
                    self.failed(error, reply)

            reply.on_cancel(self._home.begin(on_loop()))
            return

        def on_thread() -> None:
            try:
                result = method(*positional, **named)
                if results.is_async(result):
                    self._home.on_loop(self._send_async(result, reply, finish, stream, collect=collect)).result()
                else:
                    self._send(result, reply, finish, stream, collect=collect)
            except _RAISED as error:  # as above
                self.failed(error, reply)

        self._home.on_thread(on_thread)

    def _send(
        self, result: Any, reply: Reply, finish: Finish, stream: Callable[[Any], Rendering | None], *, collect: bool
    ) -> None:
        rendering = stream(result)
        pieces = results.pieces(result)
        if rendering is None:
            finish(list(pieces) if collect else result)
            return
        begin = partial(_begin, result, reply, rendering)
        try:
            with self._streamed(begin, reply, rendering):
                begin()
                for piece in pieces:
                    _write(reply, rendering.piece(piece))
                _write(reply, rendering.end())
        finally:
            if hasattr(pieces, "close"):
                pieces.close()

    async def _send_async(
        self, result: Any, reply: Reply, finish: Finish, stream: Callable[[Any], Rendering | None], *, collect: bool
    ) -> None:
        source = getattr(result, "stream", result) if type(result).__name__ == "SSEStream" else result
        if not results.is_async(source):
            if stream(result) is None and not hasattr(source, "__next__"):
                finish(list(results.pieces(result)) if collect else result)
            else:  # a plain generator may block, so it is not for the loop
                await asyncio.to_thread(self._send, result, reply, finish, stream, collect=collect)
            return
        rendering = stream(result)
        pieces: AsyncIterator[Any] = getattr(source, "body_iterator", source).__aiter__()
        if rendering is None:
            found = [piece async for piece in pieces]
            finish(found if collect else b"".join(found))
            return
        begin = partial(_begin, result, reply, rendering)
        try:
            with self._streamed(begin, reply, rendering):
                with contextlib.suppress(StopAsyncIteration):
                    first = await Watched(pieces.__anext__(), begin)
                    if reply.started:
                        await reply.write_async(rendering.piece(first))
                    else:
                        begin(rendering.piece(first))
                async for piece in pieces:
                    await reply.write_async(rendering.piece(piece))
                await reply.write_async(rendering.end())
        finally:
            if hasattr(pieces, "aclose"):
                await pieces.aclose()

    @contextlib.contextmanager
    def _streamed(self, begin: Callable[[], None], reply: Reply, rendering: Rendering) -> Iterator[None]:
        """What is about the pieces: the stream's beginning, where there was none, and its end, good or bad."""
        try:
            yield
            if not reply.started:
                begin()
            _ended(reply, rendering)
        except Gone:
            pass
        except _RAISED as error:  # as above
            if not reply.started:
                begin()
            self._broken(error, reply, rendering)

    def failed(self, error: BaseException, reply: Reply) -> None:
        if isinstance(error, Gone) or reply.cancelled:
            return
        if isinstance(error, Invalid):
            reply.answer(422, chunks.dumps({"detail": error.detail}))
            return
        status, detail = getattr(error, "status_code", None), getattr(error, "detail", None)
        if isinstance(status, int) and detail is not None and 400 <= status <= 599:  # an HTTPException of the user's
            reply.answer(status, chunks.dumps({"detail": detail}), headers=getattr(error, "headers", None))
            return
        log.error("%s: a call failed", self._name, exc_info=error)
        said = error if isinstance(error, Exception) else f"the wrapper raised {error!r}"
        reply.answer(500, chunks.dumps({"detail": f"Pipeline execution failed: {said}"}))

    def _broken(self, error: BaseException, reply: Reply, rendering: Rendering) -> None:
        log.error("%s: a stream failed", self._name, exc_info=error)
        last = rendering.fail(error)
        with contextlib.suppress(Gone):
            if last is not None:
                _write(reply, last)
                _ended(reply, rendering)
                return
        reply.break_off(f"{type(error).__name__}: {error}")


def _begin(result: Any, reply: Reply, rendering: Rendering, first: bytes = b"") -> None:
    reply.start(rendering.kind, headers=results.stream_headers(result), first=rendering.begin() + first)


def _write(reply: Reply, data: bytes) -> None:
    if data:
        reply.write(data)


def _ended(reply: Reply, rendering: Rendering) -> None:
    document = getattr(rendering, "document", None)
    if document is not None:
        reply.record(chunks.dumps(document))
    reply.end()
