"""One call of a deployment, from the side of whoever asked: what comes back, in order, and how to let go of it.

Law: a call that nobody reads any more is cancelled; what is read makes room for more.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import attrs

from dtlpipe.errors import InternalServerError, RequestTimeout, Unavailable

Event = tuple[dict[str, Any], bytes]


@attrs.frozen
class Answer:
    """The whole of an answer."""

    status: int
    kind: str
    headers: dict[str, str]
    body: bytes


class Died(InternalServerError):
    """The deployment's process ended in the middle of the call."""


def _nothing(*_: Any) -> None:
    """Nothing is to be done."""


class Call:
    """One call on its way, for a thread that waits. Close it, or use it in a `with`: left open, it is cancelled.

    `begin` begins it, given who is to be told of it; `record` is told what the host wants kept, on the hosts' thread.
    """

    def __init__(
        self, begin: Callable[[Callable[[Event], None]], None], *, record: Callable[[bytes], None] | None = None
    ) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._record = record
        self._over = False
        self._first = b""
        self._cancel: Callable[[], None] = _nothing
        self._taken: Callable[[int], None] = _nothing
        self.status, self.kind = 200, ""
        self.headers: dict[str, str] = {}
        begin(self._receive)

    def _receive(self, event: Event) -> None:
        kind = event[0]["kind"]
        if kind == "record":
            if self._record is not None:
                self._record(event[1])
        elif kind == "placed":
            self._cancel, self._taken = event[0]["cancel"], event[0]["taken"]
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
        self._first = body
        return None

    def pieces(self) -> Iterator[bytes]:
        """The pieces of the stream. Raises Broken if it ends before its end."""
        try:
            first, self._first = self._first, b""
            if first:
                yield first
                self._taken(len(first))
            while True:
                header, piece = self._next(None)
                match header["kind"]:
                    case "chunk":
                        yield piece
                        self._taken(len(piece))
                    case "end":
                        return
                    case _:
                        raise Broken(header.get("reason") or "the stream was broken off")
        finally:
            self.close()

    def close(self) -> None:
        """Let go of it; if it is not over, it is cancelled."""
        if not self._over:
            self._over = True
            self._cancel()

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
