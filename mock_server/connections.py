"""Connections as this platform's server has them: some answers come later, and some have no end.

Law: like `server`, this knows which server it is (waitress). What a request's thread does not wait for is told by the
application through two keys of the request's environment: `HOLD` takes the source of an answer without an end, `DEFER`
gives a `Deferred` for one that comes later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import get_ident
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from mock_server.deferred import Deferred, Placeholder
from mock_server.lookout import Lookout
from mock_server.streams import Held, Source, Streams

HOLD = "dtlpipe.hold"  # the key of a request's environment: called with a `Source`, it makes the answer a stream
DEFER = "dtlpipe.defer"  # the key of what makes the answer one that comes later: called, it is a `Deferred`


#: Of a status, a message, a request's path and the id that it was given: the header and the JSON of that error.
Refusal = Callable[[int, str, str, str], tuple[list[tuple[str, str]], bytes]]


class _Told:
    """The server as a connection of it has it: whoever wakes the server for a connection has it look at that."""

    __slots__ = ("_channel", "_server")

    def __init__(self, server: Any, channel: Channel) -> None:
        self._server, self._channel = server, channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def pull_trigger(self) -> None:
        self._channel.lookout.changed(self._channel)
        self._server.pull_trigger()


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection. One that breaks in the middle of a body lets go of what was spooled of it, at once.

    One whose answer has a source is handed over to `streams`, on the server's own thread, once its header is out.
    """

    request: Any
    requests: list[Any]
    connected: bool
    socket: Any
    _fileno: int | None
    lookout: Lookout
    streams: Streams
    source: Source | None = None
    held: Held | None = None
    deferred: Deferred | None = None
    _leaving: int | None = None

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:
        super().__init__(_Told(server, self), sock, addr, adj, map)
        self.lookout.changed(self)

    def del_channel(self, map: Any = None) -> None:
        self.lookout.forget(self._fileno)
        super().del_channel(map)

    def service(self) -> None:
        super().service()
        self._leave()

    def _leave(self) -> None:
        """No lock is held any more: who has the answer may give it, and who had it early has it given now.

        The end of one answer begins the next request, whose answer may be there already, too: one after the other.
        """
        if self._leaving == get_ident():
            return
        self._leaving = get_ident()
        try:
            while (deferred := self.deferred) is not None and deferred.leave():
                pass
        finally:
            self._leaving = None

    def over(self, task: Any) -> None:
        """An answer that came later has been given: what the server does at the end of a request."""
        closing = task.close_on_finish
        with self.requests_lock:
            if closing:
                self._forget_requests()
                self.close_when_flushed = True
                self.deferred = None
            else:
                self.current_outbuf_count = self.adj.outbuf_high_watermark  # the next answer takes a new buffer
                self.requests.pop(0).close()
                self.deferred = None  # only now: the server's thread must find this readable at any moment
                if self.connected and self.requests:
                    self.server.add_task(self)
                elif self._awaited():
                    self.send_continue()
        self._leave()
        self.last_activity = time.time()
        self.lookout.changed(self)
        if self.connected and (closing or self.requests):  # while one more waited, nobody listened for the next
            self.server.pull_trigger()

    def _awaited(self) -> bool:
        """Whether the other end waits for a word before it sends its next body."""
        request = self.request
        expects = self.connected and request is not None and request.expect_continue
        return bool(expects and request.headers_finished and not self.sent_continue)

    def hand_over(self, source: Source, header: bytes) -> None:
        """An answer that came later begins with this header, and the rest of it comes from a source.

        What the source has already goes out here, with the header: two more threads have to be woken until `streams`
        has the connection. Raises ClientDisconnected, OSError.
        """
        held = None
        if self.total_outbufs_len or not self.connected:
            self.write_soon(header)
        else:
            held = self.streams.hold(self.socket, source, header)
        with self.requests_lock:
            self._forget_requests()
            self.held, self.source = held, source
        self.deferred = None
        if held is not None:
            held.begin()
        self.server.pull_trigger()

    def received(self, data: bytes) -> bool:
        return self.source is None and bool(super().received(data))

    def _forget_requests(self) -> None:
        for request in self.requests:
            request.close()
        self.requests = []

    def handle_read(self) -> None:
        super().handle_read()
        self._leave()
        if not self.connected and self.deferred is not None:
            self.deferred.gone()
            self.handle_close()

    def readable(self) -> bool:
        if self.deferred is not None:
            return self.source is None and bool(self.connected) and len(self.requests) <= 1
        return self.source is None and bool(super().readable())

    def writable(self) -> bool:
        """Whether the server's thread has something to send. Not while a request's thread is sending it.

        waitress takes any byte that is still to be sent for the server's own affair, whose thread then turns and turns
        until the other thread has sent it. Here it sleeps, and is woken if something is left over (`write_soon`); but
        beyond the high watermark that thread waits for it, and then it has to send.
        """
        if self.requests and 0 < self.total_outbufs_len <= self.adj.outbuf_high_watermark and not self.will_close:
            if not self.outbuf_lock.acquire(blocking=False):
                return False
            self.outbuf_lock.release()
        return (self.source is not None and not self.requests) or bool(super().writable())

    def write_soon(self, data: Any) -> int:
        written: int = super().write_soon(data)
        if self.total_outbufs_len:  # after the lock was given back: else the server might look too early, and sleep on
            self.server.pull_trigger()
        return written

    def handle_write(self) -> None:
        if self.source is None or self.requests:  # the request's thread is not done with it
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif not self.total_outbufs_len:
            self._leave_to_streams(self.held or self.streams.hold(self.socket, self.source))

    def _leave_to_streams(self, held: Held) -> None:
        self.del_channel()
        self.socket, self.held, self.connected = None, None, False
        self.streams.keep(held)

    def handle_close(self) -> None:
        if self.held is not None:  # those find out what became of the other end
            self._leave_to_streams(self.held)
            return
        if self.request is not None:
            self.request.close()
        if self.deferred is not None:
            self.deferred.gone()
        super().handle_close()


class Task(WSGITask):  # type: ignore[misc]
    """Asks the application. It may give a source: what follows the header is then not for this thread to wait for."""

    source: Source | None = None
    deferred: Deferred | None = None

    def service(self) -> None:
        try:
            super().service()
        except ConnectionResetError:  # the application would have the connection dropped
            self.close_on_finish = True

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[HOLD] = self._hold
        environ[DEFER] = self._defer
        return environ

    def _defer(self) -> Deferred:
        self.deferred = Deferred(self)
        return self.deferred

    def _hold(self, source: Source) -> None:
        self.source = source

    def build_response_header(self) -> bytes:
        if self.source is None:
            return bytes(super().build_response_header())
        self.version = "1.0"  # for waitress, which then neither cuts it into chunks nor keeps the connection
        self.request.headers.pop("CONNECTION", None)
        header = bytes(super().build_response_header()).replace(b"HTTP/1.0", b"HTTP/1.1", 1)
        if getattr(self.source, "chunked", False):  # it puts itself into chunks
            header = header[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
        return header

    def finish(self) -> None:
        if self.deferred is not None and not self.wrote_header:  # else the application answered after all
            with self.channel.requests_lock:
                self.channel.requests.insert(1, Placeholder())
            self.channel.deferred = self.deferred
            return
        super().finish()
        if self.source is not None:
            with self.channel.requests_lock:
                for request in self.channel.requests[1:]:  # nothing can be answered after an answer without an end
                    request.close()
                del self.channel.requests[1:]
            self.close_on_finish = False  # it is handed over instead, once this thread has left it
            self.channel.source = self.source


class GivenErrorTask(ErrorTask):  # type: ignore[misc]
    """Answers what was refused before the application saw it. `refusal` is set by the Server."""

    refusal: Refusal

    def execute(self) -> None:
        error, request = self.request.error, self.request
        given = getattr(request, "headers", {}).get("X_REQUEST_ID", "")
        headers, body = self.refusal(error.code, str(error.body), getattr(request, "path", ""), given)
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend([*headers, ("Content-Type", "application/json")])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
