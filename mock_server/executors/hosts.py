"""One wrapper host as the platform sees it: the process of a deployment, its calls, and how both end.

Law: `call` may be used from any thread and waits for nothing. What the process does not take at once is kept, within
`ROOM`, and sent by the pool's one thread, which also tells what the process says; when it dies, its calls are told so,
and nothing else is touched.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Protocol

import attrs

from dtlpipe.runtime.protocol import Decoder, Frame, encode

logger = logging.getLogger("dtlpipe.serving")

ROOM: Final = 64 << 20
"""Bytes kept for a process that does not take them; beyond that it is given no more calls."""

Event = Frame
"""What a host says of a call: its kind is answer, start, chunk, end, broken, record, progress or died."""
Receiver = Callable[[Event], None]


class HostGone(Exception):
    """The host has died, or is ending: it takes no calls."""


class HostBusy(Exception):
    """The host does not take what is sent to it: it takes no calls now."""


class HostFailed(Exception):
    """The deployment could not be loaded; `detail` has message, file, line and traceback."""

    def __init__(self, detail: Mapping[str, Any]) -> None:
        super().__init__(str(detail.get("message") or "the wrapper could not be loaded"))
        self.detail = dict(detail)


@attrs.frozen
class HostSpec:
    """What a host is to serve. `preload` is imported before it is forked; `path` is searched for modules."""

    name: str
    folder: Path
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    path: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()


class Pool(Protocol):
    """What a host needs of its pool."""

    def next_number(self) -> int: ...

    def end(self, host: Host) -> None: ...

    def kill(self, host: Host) -> None: ...

    def clogged(self, host: Host) -> None:
        """There is something to send once the process takes it."""


class Host:
    """One process. `loaded` resolves to what it offers, to HostFailed, or to HostGone where that was not its doing."""

    def __init__(self, pool: Pool, spec: HostSpec) -> None:
        self.spec = spec
        self.loaded: Future[dict[str, Any]] = Future()
        self.pid: int | None = None
        self.ended = threading.Event()
        self._pool = pool
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._outbox: deque[memoryview] = deque()
        self._kept = 0
        self._calls: dict[int, Receiver] = {}
        self._idle = threading.Condition(self._lock)
        self._gone = False
        self.death = ""
        self.sock, self.theirs = socket.socketpair()
        self.sock.setblocking(False)
        self.pipes = [os.pipe(), os.pipe()]
        for read_end, _ in self.pipes:
            os.set_blocking(read_end, False)
        self.decoder = Decoder()
        self.wanted = True

    @property
    def alive(self) -> bool:
        return not self._gone

    def next_number(self) -> int:
        """A number for a call."""
        return self._pool.next_number()

    def call(self, header: Mapping[str, Any], body: bytes, receive: Receiver, number: int | None = None) -> int:
        """Send a call; what comes of it is told to `receive`, on the pool's thread. Raises HostGone, HostBusy."""
        if self._kept > ROOM:
            raise HostBusy(f"the wrapper's process has not taken {self._kept} bytes that were sent to it")
        if number is None:
            number = self._pool.next_number()
        with self._lock:
            if self._gone:
                raise HostGone(self.death or "the wrapper's process has ended")
            self._calls[number] = receive
        try:
            self._send(encode({**header, "kind": "call", "id": number}, body))
        except OSError as error:
            with self._lock:
                known = self._calls.pop(number, None)
            self._pool.kill(self)
            if known is not None:
                raise HostGone(f"the wrapper's process takes no calls: {error}") from None
        return number

    def taken(self, number: int, count: int) -> None:
        """So many bytes of that call's stream have been passed on."""
        with contextlib.suppress(OSError):
            self._send(encode({"kind": "taken", "id": number, "bytes": count}))

    def cancel(self, number: int) -> None:
        """Nobody wants that call's answer any more."""
        with self._lock:
            known = self._calls.pop(number, None)
            self._idle.notify_all()
        if known is not None:
            with contextlib.suppress(OSError):
                self._send(encode({"kind": "cancel", "id": number}))

    def say(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        """Send something that is no call. Raises OSError."""
        self._send(encode(dict(header), body))

    def _send(self, data: bytes) -> None:
        with self._writing:
            if not self._outbox:
                sent = self._push(data)
                if sent == len(data):
                    return
                self._outbox.append(memoryview(data)[sent:])
                self._kept += len(data) - sent
            else:
                self._outbox.append(memoryview(data))
                self._kept += len(data)
                return
        self._pool.clogged(self)

    def _push(self, data: bytes | memoryview) -> int:
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0

    def flush(self) -> bool:
        """Send what was kept, as far as it is taken; whether that is all. On the pool's thread. Raises OSError."""
        with self._writing:
            while self._outbox:
                data = self._outbox.popleft()
                sent = self._push(data)
                self._kept -= sent
                if sent < len(data):
                    self._outbox.appendleft(data[sent:])
                    return False
            return True

    def close(self, grace: float = 0.0) -> None:
        """Take no more calls, give those in flight `grace` seconds, end the process."""
        with self._idle:
            self._idle.wait_for(lambda: not self._calls or self._gone, grace)
            self._gone = True
        self._pool.end(self)

    def heard(self, frame: Frame) -> None:
        """Something that the process said. On the pool's thread."""
        header = frame[0]
        kind = header.get("kind")
        if kind == "loaded":
            if not self.loaded.done():
                self.loaded.set_result(header["description"])
            return
        if kind == "failed":
            if not self.loaded.done():
                self.loaded.set_exception(HostFailed(header))
            return
        number = header.get("id")
        with self._lock:
            receive = self._calls.get(number) if isinstance(number, int) else None
            if kind in ("answer", "end", "broken") and isinstance(number, int):
                self._calls.pop(number, None)
                self._idle.notify_all()
        if receive is not None:
            _tell(receive, frame)

    def died(self, how: str, *, ours: bool = False) -> None:
        """The process is gone; `ours`: not by what its wrapper did. On the pool's thread."""
        with self._lock:
            self._gone, self.death = True, how
            calls, self._calls = list(self._calls.values()), {}
            self._idle.notify_all()
        if not self.loaded.done():
            self.loaded.set_exception(HostGone(how) if ours else HostFailed({"message": how}))
        for receive in calls:
            _tell(receive, ({"kind": "died", "reason": how}, b""))
        self.ended.set()


def joined(frames: list[Frame]) -> list[Frame]:
    """The same, with pieces of one stream that came together in one."""
    found: list[Frame] = []
    pieces: list[bytes] = []
    for frame in frames:
        header, body = frame
        if found and header.get("kind") == "chunk" and found[-1][0] == header:
            pieces.append(body)
            continue
        if len(pieces) > 1:
            found[-1] = (found[-1][0], b"".join(pieces))
        pieces = [body]
        found.append(frame)
    if len(pieces) > 1:
        found[-1] = (found[-1][0], b"".join(pieces))
    return found


def _tell(receive: Receiver, event: Event) -> None:
    """Whatever one call's receiver raises, the others are told."""
    try:
        receive(event)
    except Exception:
        logger.exception("what a wrapper's process said could not be passed on")
