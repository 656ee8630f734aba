"""A stream of the platform that leads, passed on by a follower piece by piece.

The follower's server holds the connection to whoever listens (see `streams`); the one to the leader costs a sleeping
thread. What the listener does not take is not read on: so it waits with the leader, which knows how to wait. A stream
that breaks off there breaks off here, too: in chunks, it lacks the last one, and who listens comes back for the rest.
"""

from __future__ import annotations

import logging
import socket
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from mock_server.streams import Sink

log = logging.getLogger("dtlpipe.platform")

_LAST = b"0\r\n\r\n"


class PassedOn:
    """The source of one such stream; `answer` is the leader's, of which nothing but the header has been read.

    `chunked`: what comes of it is to be HTTP chunks, which readers of HTTP/1.0 do not know.
    """

    def __init__(self, answer: httpx.Response, *, chunked: bool) -> None:
        self._answer = answer
        self.chunked = chunked
        self.keep_alive = self._framed(b": still here\n\n")
        self._room = threading.Event()
        self._gone = False
        weakref.finalize(self, answer.close)  # a listener may be gone before it is held

    def attach(self, sink: Sink) -> None:
        threading.Thread(target=self._pass_on, args=(sink,), name="dtlpipe-passing", daemon=True).start()

    def drained(self) -> None:
        self._room.set()

    def detach(self) -> None:
        """Wakes the thread, whatever it sleeps on."""
        self._gone = True
        self._room.set()
        stream = self._answer.extensions.get("network_stream")
        sock = None if stream is None else stream.get_extra_info("socket")
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, sink: Sink) -> None:
        try:
            for piece in self._answer.iter_raw():
                if piece and not self._given(sink, self._framed(piece)):
                    return
            if self.chunked:
                self._given(sink, _LAST)
        except httpx.HTTPError as error:
            if not self._gone:
                log.info("a stream of the platform that leads broke off: %s", error)
        finally:
            self._answer.close()
            sink.finish()

    def _framed(self, piece: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece

    def _given(self, sink: Sink, data: bytes) -> bool:
        """Once there is room for it; False if nobody takes it any more."""
        while not self._taken(sink, data):
            if self._gone:
                return False
        return True

    def _taken(self, sink: Sink, piece: bytes) -> bool:
        self._room.clear()
        if sink.send(piece):
            return True
        if not self._gone:
            self._room.wait()
        return False
