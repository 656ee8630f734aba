"""One call of a deployment, from the side of whoever asked: what comes back, in order, and how to let go of it.

Law: a call that nobody reads any more is cancelled; what is read makes room for more.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import attrs

from dtlpipe.errors import InternalServerError, RequestTimeout, Unavailable

Event = tuple[dict[str, Any], bytes]


class Host(Protocol):
    """The process of a deployment, as calls see it."""

    def call(self, header: Mapping[str, Any], body: bytes, receive: Callable[[Event], None]) -> int: ...

    def taken(self, number: int, count: int) -> None: ...

    def cancel(self, number: int) -> None: ...


@attrs.frozen
class Answer:
    """The whole of an answer."""

    status: int
    kind: str
    headers: dict[str, str]
    body: bytes


class Died(InternalServerError):
    """The deployment's process ended in the middle of the call."""


class Call:
    """One call on its way. Close it, or use it in a `with`: a call that is left open is cancelled.

    `record` is told what the host wants kept, `progress` how far it is; both on the hosts' thread.
    """

    def __init__(
        self,
        host: Host,
        header: Mapping[str, Any],
        body: bytes,
        *,
        record: Callable[[bytes], None] | None = None,
        progress: Callable[[dict[str, Any]], None] | None = None,
        release: Callable[[], None] | None = None,
    ) -> None:
        self._host = host
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._record, self._progress, self._release = record, progress, release
        self._over = False
        self.status, self.kind = 200, ""
        self.headers: dict[str, str] = {}
        self._number = host.call(header, body, self._receive)

    def _receive(self, event: Event) -> None:
        kind = event[0]["kind"]
        if kind == "record":
            if self._record is not None:
                self._record(event[1])
        elif kind == "progress":
            if self._progress is not None:
                self._progress(event[0]["event"])
        else:
            self._events.put(event)

    def _next(self, timeout: float | None) -> Event:
        try:
            event = self._events.get(timeout=timeout)
        except queue.Empty:
            raise RequestTimeout(f"the pipeline did not answer within {timeout:g} s") from None
        kind = event[0]["kind"]
        if kind in ("answer", "end", "broken", "died"):
            self._over = True
        if kind == "died":
            raise Died(f"Pipeline execution failed: {event[0]['reason']}")
        return event

    def answer(self, timeout: float | None = None) -> Answer | None:
        """The answer; None if it is a stream, of which `status`, `kind` and `headers` are then known.

        Raises Died, RequestTimeout.
        """
        header, body = self._next(timeout)
        self.status, self.kind = header["status"], header["type"]
        self.headers = header.get("headers") or {}
        if header["kind"] == "answer":
            self.close()
            return Answer(self.status, self.kind, self.headers, body)
        return None

    def pieces(self) -> Iterator[bytes]:
        """The pieces of the stream. Raises Broken if it ends before its end."""
        try:
            while True:
                header, piece = self._next(None)
                match header["kind"]:
                    case "chunk":
                        yield piece
                        self._host.taken(self._number, len(piece))
                    case "end":
                        return
                    case _:
                        raise Broken(header.get("reason") or "the stream was broken off")
        finally:
            self.close()

    def close(self) -> None:
        """Let go of it; if it is not over, it is cancelled."""
        release, self._release = self._release, None
        if not self._over:
            self._over = True
            self._host.cancel(self._number)
        if release is not None:
            release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Broken(Exception):
    """A stream that ended before its end; its reader has to notice."""


class Places:
    """How many may stream at once; whoever finds no place is told when to come back."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._lock = threading.Lock()

    def take(self) -> Callable[[], None]:
        """A place; call what is returned to give it back. Raises Unavailable."""
        with self._lock:
            if self._left <= 0:
                raise Unavailable("too many streams at once", retry_after=1.0)
            self._left -= 1
        return self._give

    def _give(self) -> None:
        with self._lock:
            self._left += 1
