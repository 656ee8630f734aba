"""An answer without an end: handed to the server if it can hold one, else given by the request's own thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Condition
from typing import TYPE_CHECKING

import attrs
from flask import Response, request

if TYPE_CHECKING:
    from mock_server.platform.feed import Subscriber

#: Where a server that can holds answers without an end finds their source; see mock_server.server.
HOLD = "dtlpipe.hold"

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_SILENCE = 15.0  # seconds
_ROOM = 256  # pieces kept for a reader of a stream that the server does not hold


def held(source: Subscriber) -> Response:
    """The answer that a stream of server-sent events is."""
    if request.method == "HEAD":
        return Response(mimetype="text/event-stream", headers=_HEADERS)
    hold = request.environ.get(HOLD)
    if hold is None:
        return Response(_waiting(source), mimetype="text/event-stream", headers=_HEADERS)
    hold(source)
    return Response(iter(()), mimetype="text/event-stream", headers=_HEADERS)


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


def _waiting(source: Subscriber) -> Iterator[bytes]:
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
