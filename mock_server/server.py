"""The seam over the HTTP server: start on a port in milliseconds, stop from any thread, drain what is in flight.

Law: nothing outside this module knows which server it is (waitress). A body is spooled to the data folder's disk, never
held in memory; one that is too large is read to its end but not kept, so that the client gets its 413 and not a
reset connection.

An answer that has no end, or that comes later, is let go of with its thread (see `connections`). An `express` way
answers, on the server's own thread and so without waiting, what needs nothing of the application.
"""

from __future__ import annotations

import logging
import resource
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waitress.buffers import OverflowableBuffer, TempfileBasedBuffer
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import Error

from dtlpipe.errors import ConfigurationError
from mock_server.connections import Channel, GivenErrorTask, Refusal, Task
from mock_server.deferred import Deferred
from mock_server.lookout import Lookout
from mock_server.streams import Streams

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

logger = logging.getLogger("dtlpipe.platform.http")
logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a request that waits for a thread is no news

_IN_MEMORY = 512 * 1024  # bytes of a body that stay in memory
_RECEIVE = 1 << 16  # bytes taken from a socket at a time; waitress' own 8 KB make uploads crawl
_PATIENCE = 1 << 30  # bytes beyond the limit that are read and dropped before the connection is
_FILES = 1 << 16  # of this process, at most; each connection is one
_OTHER_FILES = 200  # that are none: databases, bodies, pipes to node code
_BACKLOG = 4096  # connections that wait to be accepted

Express = Callable[[Any, Deferred], bool]


class Server:
    """Serves a WSGI application on one address.

    Args:
        app: the application.
        host, port: where; port 0 takes a free one, see `port` afterwards.
        threads: requests at the same time.
        spool: folder for bodies on their way in.
        body_limit: the largest body, in bytes, for a request's content type.
        refusal: the header and the JSON body of an error that no application saw.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        host: str,
        port: int,
        threads: int,
        spool: Path,
        body_limit: Callable[[str], int],
        refusal: Refusal,
    ) -> None:
        listening = _bind(host, port)
        self.host, self.port = listening.getsockname()[:2]
        self._waitress: TcpWSGIServer = create_server(
            app,
            sockets=[listening],
            ident="dtlpipe",
            max_request_body_size=1 << 62,  # the parser below has limits of its own
            inbuf_overflow=_IN_MEMORY,
            recv_bytes=_RECEIVE,
            backlog=_BACKLOG,
            channel_timeout=300,
            clear_untrusted_proxy_headers=True,
            _start=False,
            _dispatcher=_Threads(threads),
        )
        parser = type("Parser", (_Parser,), {"spool": spool, "body_limit": staticmethod(body_limit)})
        task = type("ErrorTask", (GivenErrorTask,), {"refusal": staticmethod(refusal)})
        self._streams = Streams()
        self._lookout = Lookout()
        self._most = _connections()
        members = {"parser_class": parser, "error_task_class": task, "task_class": Task}
        held_by = {"streams": self._streams, "lookout": self._lookout}
        self._waitress.channel_class = type("Channel", (Channel,), members | held_by)
        self._waitress.maintenance = self._hang_up_on_the_idle
        self._stopping = threading.Event()
        self._drain_until = 0.0
        self._thread: threading.Thread | None = None

    def hurry(self, express: Express) -> None:
        """Have this shown each request (its parser) on the server's thread, and what its answer may be given to.

        It says whether it takes the request; it must not wait.
        """
        self._waitress.task_dispatcher.express = express

    def start(self) -> None:
        """Serve in a thread. Connections are accepted when this returns."""
        self._waitress.accept_connections()
        self._thread = threading.Thread(target=self._loop, name="dtlpipe-http", daemon=True)
        self._thread.start()

    def close(self, grace: float = 5.0) -> None:
        """Accept no more, give requests in flight `grace` seconds, then let go of every connection. From any thread."""
        self._drain_until = time.monotonic() + grace
        self._stopping.set()
        if self._thread is not None:
            self._waitress.pull_trigger()
            self._thread.join()
            self._thread = None
        else:
            self._let_go()
        self._streams.close()
        self._waitress.trigger.close()  # here, as the loop may end by itself before it is woken
        self._waitress.socket.close()
        self._lookout.close()

    def _loop(self) -> None:
        server = self._waitress
        while not self._stopping.is_set():
            self._turn(30.0)
        server.accepting = False
        self._lookout.forget(server._fileno)  # noqa: SLF001
        server.del_channel()
        server.socket.close()
        while self._busy() and (left := self._drain_until - time.monotonic()) > 0:
            self._turn(min(left, 0.05))
        self._let_go()

    def _turn(self, timeout: float) -> None:
        """One turn of the loop. waitress' own `run` cannot be ended from another thread, so it is not used."""
        self._waitress.adj.connection_limit = self._most - len(self._streams)
        self._lookout.turn(timeout, (self._waitress, self._waitress.trigger))

    def _hang_up_on_the_idle(self, now: float) -> None:
        """What waitress does now and then, of which its connections would not be told."""
        TcpWSGIServer.maintenance(self._waitress, now)
        for channel in list(self._waitress.active_channels.values()):
            if channel.will_close:
                self._lookout.changed(channel)

    def _busy(self) -> bool:
        return any(
            channel.requests or channel.request is not None or channel.total_outbufs_len
            for channel in list(self._waitress.active_channels.values())
        )

    def _let_go(self) -> None:
        server = self._waitress
        server.pull_trigger = _nothing  # a late thread must not write to what is then somebody else's descriptor
        for channel in list(server.active_channels.values()):
            channel.handle_close()
        server.task_dispatcher.shutdown(timeout=1.0)


def _connections() -> int:
    """How many there may be at a time, as each is a file of this process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _FILES if soft == resource.RLIM_INFINITY else min(soft, _FILES)
    return max(files - _OTHER_FILES, files // 2)


def _nothing() -> None:
    """Nobody is left to be woken."""


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise ConfigurationError(f"{host!r} is not an address of this machine: {error.strerror}") from None
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="choose another port (0 takes a free one), or stop what listens there",
        ) from None
    return listening


class _Threads(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Threads that are started when they are first needed: a platform for one test does not pay for 64."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self.express: Express | None = None
        self._closed = False

    def add_task(self, task: Any) -> None:
        if task.deferred is not None or (self.express is not None and self._hurried(self.express, task)):
            return
        with self.lock:
            idle = len(self.threads) - self.active_count
            grow = not self._closed and idle <= len(self.queue) and len(self.threads) < self._limit
        if grow:
            self.set_thread_count(len(self.threads) + 1)
        super().add_task(task)

    def _hurried(self, express: Express, channel: Any) -> bool:
        """Whether the connection's request went the express way."""
        request = channel.requests[0]
        if request.error is not None or self._closed:
            return False
        task = channel.task_class(channel, request)
        task.start()
        channel.deferred = Deferred(task)
        try:
            if express(request, channel.deferred):
                return True
        except Exception:
            logger.exception("the express way failed; the request goes the other one")
        channel.deferred = None
        return False

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:  # noqa: FBT001, FBT002 - waitress'
        self._closed = True
        return bool(super().shutdown(cancel_pending, timeout))


class _Spool(OverflowableBuffer):  # type: ignore[misc]
    """A body on its way in; what does not fit in memory goes into a nameless file on the data folder's disk."""

    buf: Any

    def __init__(self, folder: Path) -> None:
        super().__init__(_IN_MEMORY)
        self._folder = folder

    def _set_large_buffer(self) -> None:
        small = self.buf
        self.buf = _SpoolFile(self._folder, small)
        if small is not None:
            small.close()
        self.overflowed = True


class _SpoolFile(TempfileBasedBuffer):  # type: ignore[misc]
    def __init__(self, folder: Path, small: Any) -> None:
        self._folder = folder
        super().__init__(small)

    def newfile(self) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile("w+b", dir=self._folder)


class _Nowhere:
    """Takes bytes and keeps none."""

    def append(self, data: bytes) -> None:
        """Forget them."""

    def __len__(self) -> int:
        return 0

    def close(self) -> None:
        """There is nothing to close."""


class _NoRoom(Error):  # type: ignore[misc]
    code, reason = 507, "Insufficient Storage"


class _TooLarge(Error):  # type: ignore[misc]
    code, reason = 413, "Content Too Large"


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Reads one request. `spool` and `body_limit` are set by the Server."""

    spool: Path
    body_limit: Callable[[str], int]
    body_rcv: Any
    expect_continue: bool
    limit: int | None = None
    refused: Error | None = None

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError:  # of urlsplit: waitress would hang up without a word
            raise ParsingError("Bad URI") from None

    def received(self, data: bytes) -> int:
        try:
            consumed: int = super().received(data)
        except OSError:  # of the spool
            logger.exception("a request's body could not be kept")
            self._refuse(_NoRoom("there is no room for the request's body"))
            self.error, self.completed = self.refused, True
            return len(data)
        if self.body_rcv is not None and self.error is None:
            self._watch()
        return consumed

    def _watch(self) -> None:
        """Refuse a body as soon as its size is known to be too much; then read on to its end, within patience."""
        if self.limit is None:
            self.limit = self.body_limit(self.headers.get("CONTENT_TYPE", ""))
            self.body_rcv.buf = _Spool(self.spool)  # no byte of the body has been received yet
        size = max(self.content_length, self.body_bytes_received)
        if self.refused is None and size > self.limit:
            self._refuse(_TooLarge(f"the body is larger than the {self.limit} bytes that are allowed here"))
        if self.refused is not None:
            hopeless = self.expect_continue or max(size - self.limit, self.body_bytes_received) > _PATIENCE
            if hopeless or self.completed:
                self.expect_continue = False
                self.error, self.completed = self.refused, True

    def _refuse(self, error: Error) -> None:
        self.refused = error
        kept = self.body_rcv.buf
        self.body_rcv.buf = _Nowhere()
        if hasattr(kept, "close"):
            kept.close()
