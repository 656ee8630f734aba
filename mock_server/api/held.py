"""An answer without an end: handed to the server if it can hold one, else given by the request's own thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Condition
from typing import TYPE_CHECKING, Protocol

import attrs
from flask import Response, request

if TYPE_CHECKING:
    from mock_server.platform.feed import Sink

#: Where a server that can holds answers without an end finds their source; see mock_server.server.
HOLD = "dtlpipe.hold"

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_SILENCE = 15.0  # seconds
_ROOM = 256  # pieces kept for a reader of a stream that the server does not hold


class Source(Protocol):
    """Where the pieces come from; see mock_server.streams."""

    keep_alive: bytes

    def attach(self, sink: Sink) -> None: ...

    def drained(self) -> None: ...

    def detach(self) -> None: ...


def held(source: Source) -> Response:
    """The answer that a stream of server-sent events is."""
    if request.method == "HEAD":
        return Response(mimetype="text/event-stream", headers=_HEADERS)
    hold = request.environ.get(HOLD)
    if hold is None:
        return Response(_waiting(source), mimetype="text/event-stream", headers=_HEADERS)
    hold(_InChunks(source) if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1" else source)
    return Response(iter(()), mimetype="text/event-stream", headers=_HEADERS)


class _InChunks:
    """A source whose pieces are HTTP chunks: a reader then knows where each ends, and whether there was an end."""

    chunked = True

    def __init__(self, source: Source) -> None:
        self._source = source
        self._sink: _Chunks | None = None
        self.keep_alive = _chunk(source.keep_alive)

    def attach(self, sink: Sink) -> None:
        self._sink = _Chunks(sink)
        self._source.attach(self._sink)

    def drained(self) -> None:
        if self._sink is not None and self._sink.ending:
            self._sink.finish()
        else:
            self._source.drained()

    def detach(self) -> None:
        self._source.detach()


class _Chunks:
    """The sink of such a source."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.ending = False

    def send(self, data: bytes) -> bool:
        return self._sink.send(_chunk(data))

    def finish(self) -> None:
        self.ending = True
        if self._sink.send(b"0\r\n\r\n"):
            self._sink.finish()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@attrs.define(eq=False)
class _Queue:
    pieces: deque[bytes] = attrs.field(factory=deque)
    changed: Condition = attrs.field(factory=Condition)
    refused: bool = False
    ended: bool = False

    def send(self, data: bytes) -> bool:
        with self.changed:
            if len(self.pieces) >= _ROOM:
                self.refused = True
                return False
            self.pieces.append(data)
            self.changed.notify()
            return True

    def finish(self) -> None:
        with self.changed:
            self.ended = True
            self.changed.notify()


def _waiting(source: Source) -> Iterator[bytes]:
    sink = _Queue()
    source.attach(sink)
    try:
        while True:
            with sink.changed:
                sink.changed.wait_for(lambda: sink.pieces or sink.ended, _SILENCE)
                taken = list(sink.pieces)
                sink.pieces.clear()
                go_on, sink.refused = sink.refused, False
                over = sink.ended and not taken
            if go_on:
                source.drained()
            if over:
                return
            yield b"".join(taken) or source.keep_alive
    finally:
        source.detach()
