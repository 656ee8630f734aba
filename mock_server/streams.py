"""Connections whose answer has no end yet, kept by one thread for all of them.

Law: none of them costs a thread, or more than `ROOM` bytes. A request thread answers the header and lets the connection
go (see `server`); from then on it is here, and its *source* gives it bytes when there are any. What the other end does
not take stays with the source: `send` says so, and `drained` tells when there is room again. Who takes nothing for
`PATIENCE` seconds is hung up on.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

logger = logging.getLogger("dtlpipe.platform.http")

ROOM = 1 << 16  # bytes kept for one connection
KEEP_ALIVE = 15.0  # seconds of silence, after which a word is said
PATIENCE = 60.0  # seconds in which the other end must take something
_TURN = 1.0  # seconds between two looks at who has been silent


class Sink(Protocol):
    """Where a source's bytes go. From any thread."""

    def send(self, data: bytes) -> bool:
        """Takes the bytes as a whole, or none of them: False if there is no room, or nobody any more."""

    def finish(self) -> None:
        """There is no more: hang up once all has been taken."""


class Source(Protocol):
    """Where a connection's bytes come from. All of it is called on other threads than the request's, and is short."""

    @property
    def keep_alive(self) -> bytes:
        """What is said into a silence."""

    def attach(self, sink: Sink) -> None:
        """Begin."""

    def drained(self) -> None:
        """There is room again, after `send` had none."""

    def detach(self) -> None:
        """Nobody takes it any more."""


class Held:
    """One connection. `lock` is held for moments only; nothing of a source is called under it."""

    __slots__ = (
        "_owner",
        "attached",
        "buffer",
        "closed",
        "ending",
        "heard",
        "kept",
        "lock",
        "pending",
        "refused",
        "sock",
        "source",
    )

    def __init__(self, owner: Streams, sock: socket.socket, source: Source, first: bytes = b"") -> None:
        self._owner = owner
        self.sock = sock
        self.source = source
        self.lock = threading.Lock()
        self.buffer: deque[bytes] = deque((first,) if first else ())
        self.pending = len(first)
        self.refused = self.ending = self.closed = self.kept = self.attached = False
        self.heard = time.monotonic()

    def begin(self) -> None:
        """Have the source begin, and send what it has at once, in one piece with what was to be said first."""
        self.attached = True
        _call(lambda: self.source.attach(self))
        if self.flush():
            _call(self.source.drained)

    def send(self, data: bytes) -> bool:
        with self.lock:
            if self.closed or self.ending:
                return False
            if self.pending:
                if self.pending + len(data) > ROOM:
                    self.refused = True
                    return False
                self.buffer.append(data)
                self.pending += len(data)
                return True
            sent = self._try(data)
            if sent < len(data):
                self.buffer.append(data[sent:])
                self.pending = len(data) - sent
            waits = self.pending > 0 and self.kept
        if waits:
            self._owner.post(self)
        return True

    def finish(self) -> None:
        with self.lock:
            self.ending = True
            kept = self.kept
        if kept:  # else it is looked at as soon as it is
            self._owner.post(self)

    def flush(self) -> bool:
        """Gives the other end what it takes; whether a source that was refused may go on."""
        with self.lock:
            if len(self.buffer) > 1:
                self.buffer = deque((b"".join(self.buffer),))
            while self.buffer:
                data = self.buffer.popleft()
                sent = self._try(data)
                self.pending -= sent
                if sent < len(data):
                    self.buffer.appendleft(data[sent:])
                    return False
            go_on, self.refused = self.refused, False
            return go_on

    def _try(self, data: bytes) -> int:
        if self.closed:
            return len(data)
        try:
            sent = self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:  # it is gone, which the loop finds out by itself
            return len(data)
        self.heard = time.monotonic()
        return sent


class Streams:
    """Keeps connections. `take` hands one over; the thread is there as soon as one is."""

    def __init__(self, keep_alive: float = KEEP_ALIVE, patience: float = PATIENCE) -> None:
        self._keep_alive = keep_alive
        self._patience = patience
        self._lock = threading.Lock()
        self._inbox: deque[Held] = deque()
        self._held: set[Held] = set()
        self._selector = selectors.DefaultSelector()
        self._wake, self._alarm = socket.socketpair()
        self._wake.setblocking(False)
        self._alarm.setblocking(False)
        self._selector.register(self._alarm, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._held)

    def take(self, sock: socket.socket, source: Source) -> None:
        """The connection, which nobody else touches any more. Its header has been sent."""
        self.keep(self.hold(sock, source))

    def hold(self, sock: socket.socket, source: Source, first: bytes = b"") -> Held:
        """The connection before it is kept here: its source may `begin` while somebody else still listens to it.

        `first` is what is said before all that the source says. Raises OSError if it is closed.
        """
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)  # what the kernel keeps is memory, too
        return Held(self, sock, source, first)

    def keep(self, held: Held) -> None:
        """From now on nobody else listens to it."""
        with self._lock:
            if self._closed:
                held.sock.close()
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="dtlpipe-streams", daemon=True)
                self._thread.start()
        with held.lock:
            held.kept = True
        self.post(held)

    def post(self, held: Held) -> None:
        """Have the loop look at it."""
        self._inbox.append(held)
        with suppress(BlockingIOError, OSError):  # each time: of two at once, each would leave it to the other
            self._wake.send(b"!")

    def close(self) -> None:
        """Hang up on everybody. Clients that know the number of their last event come back for the rest."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            with suppress(BlockingIOError, OSError):
                self._wake.send(b"!")
            thread.join()
        for held in list(self._inbox):
            held.sock.close()
        self._selector.close()
        self._wake.close()
        self._alarm.close()

    def _loop(self) -> None:
        due = time.monotonic() + _TURN
        while not self._closed:
            for key, events in self._selector.select(max(0.0, due - time.monotonic())):
                if key.data is None:
                    with suppress(BlockingIOError):
                        self._alarm.recv(4096)
                    continue
                if events & selectors.EVENT_READ and not self._listens(key.data):
                    continue
                if events & selectors.EVENT_WRITE:
                    self._flush(key.data)
            while self._inbox:
                self._look_at(self._inbox.popleft())
            if time.monotonic() >= due:
                self._break_silence()
                due = time.monotonic() + _TURN
        for held in list(self._held):
            self._drop(held)

    def _look_at(self, held: Held) -> None:
        if held.closed:
            return
        if held not in self._held:
            self._held.add(held)
            try:
                self._selector.register(held.sock, selectors.EVENT_READ, held)
            except (OSError, ValueError) as error:
                logger.warning("a stream cannot be held: %s", error)
                self._drop(held)
                return
            if not held.attached:
                held.begin()
        self._flush(held)

    def _flush(self, held: Held) -> None:
        if held.closed:
            return
        if held.flush():
            _call(held.source.drained)
        if held.ending and not held.pending:
            self._drop(held)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if held.pending else 0)
        if self._selector.get_key(held.sock).events != wanted:
            self._selector.modify(held.sock, wanted, held)

    def _listens(self, held: Held) -> bool:
        """Whether the other end is still there. What it says has no meaning on a stream."""
        if held.closed:
            return False
        try:
            if held.sock.recv(4096):
                return True
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            pass
        self._drop(held)
        return False

    def _break_silence(self) -> None:
        now = time.monotonic()
        for held in list(self._held):
            silent = now - held.heard
            if held.pending:
                if silent > self._patience:
                    logger.info("a stream's reader took nothing for %g s: it is hung up on", self._patience)
                    self._drop(held)
            elif silent >= self._keep_alive:
                held.send(held.source.keep_alive)
                self._flush(held)

    def _drop(self, held: Held) -> None:
        with held.lock:
            held.closed = True
            held.buffer.clear()
            held.pending = 0
        self._held.discard(held)
        with suppress(KeyError, ValueError, OSError):
            self._selector.unregister(held.sock)
        with suppress(OSError):
            held.sock.shutdown(socket.SHUT_WR)
        held.sock.close()
        _call(held.source.detach)


def _call(fn: Callable[[], None]) -> None:
    """Whatever one source raises, the others are served."""
    try:
        fn()
    except Exception:
        logger.exception("the source of a stream failed")
