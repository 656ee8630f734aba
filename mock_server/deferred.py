"""Answers that no thread waits for: a request's thread leaves its connection, and whoever has the answer gives it.

Law: an answer is given once, from any thread, and in its place: the connection's next request is begun after it. One
that is there before the request's own thread has left the connection waits for that, as that thread holds its locks.
Until it is given the connection is listened to, so that one whose other end has gone lets go of the work that was done
for it. Like `server`, this knows which server it is.
"""

from __future__ import annotations

import http
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from waitress.channel import ClientDisconnected

from mock_server.streams import Source

Headers = Iterable[tuple[str, str]]

_OF_THE_BODY: Final = frozenset({"content-type", "content-length"})
_HOPS: Final = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
_REASONS: Final = {each.value: each.phrase for each in http.HTTPStatus}


def _harmless(header: tuple[str, str]) -> bool:
    """Whether it stays one header of the answer: what a wrapper says must not become another one, or none at all."""
    name, value = header
    if name.lower() in _HOPS or any(each in "\r\n\0" for each in name + value):
        return False
    return (name + value).encode("latin-1", "replace").decode("latin-1") == name + value


class Placeholder:
    """Stands in a connection's line for a request whose answer is still to come."""

    error = None

    def close(self) -> None:
        """It holds nothing."""


class Deferred:
    """One answer that is still to come. `task` is the server's, with the header that the application gave it."""

    def __init__(self, task: Any) -> None:
        self._task = task
        self._lock = threading.Lock()
        self._thread = threading.get_ident()
        self._left = False
        self._given: Callable[[], None] | None = None
        self._gone = False
        self._on_gone: Callable[[], None] | None = None

    # --- whoever has the answer ---------------------------------------------------------------------------------------

    def header(self, headers: Headers) -> None:
        """What stands in the header beside what the answer says, where no application said it."""
        self._task.response_headers = list(headers)

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """The whole of it. The header that the application gave stays, but for what is said of its body."""
        self._give(lambda: self._write(status, headers, body))

    def stream(self, status: int, headers: Headers, source: Source) -> None:
        """Its beginning; what follows comes from the source (see `streams`)."""
        self._give(lambda: self._begin(status, headers, source))

    def on_gone(self, callback: Callable[[], None]) -> None:
        """Call it when nobody waits for the answer any more; at once if that is so already."""
        with self._lock:
            self._on_gone = callback
            late = self._gone
        if late:
            callback()

    # --- the server ---------------------------------------------------------------------------------------------------

    def leave(self) -> bool:
        """The request's thread has left the connection; whether the answer was there already, and is given now.

        Called by any other thread it means nothing.
        """
        with self._lock:
            if self._left or threading.get_ident() != self._thread:
                return False
            self._left = True
            given = self._given
        if given is not None:
            given()
        return given is not None

    def gone(self) -> None:
        """The other end has gone."""
        with self._lock:
            if self._given is not None or self._gone:
                return
            self._gone = True
            callback = self._on_gone
        if callback is not None:
            callback()

    def _give(self, how: Callable[[], None]) -> None:
        with self._lock:
            if self._given is not None or self._gone:
                return
            self._given = how
            if not self._left:
                return
        how()

    def _head(self, status: int, headers: Headers) -> None:
        task = self._task
        own = [each for each in task.response_headers if each[0].lower() not in _OF_THE_BODY]
        task.response_headers = [*own, *filter(_harmless, headers)]
        task.status = f"{status} {_REASONS.get(status, 'Unknown')}"
        task.complete = True

    def _write(self, status: int, headers: Headers, body: bytes) -> None:
        task = self._task
        self._head(status, headers)
        task.content_length = len(body)
        try:
            header = task.build_response_header()
            task.wrote_header = True
            task.channel.write_soon(header + body if task.has_body else header)
        except (ClientDisconnected, OSError):
            task.close_on_finish = True
        task.channel.over(task)

    def _begin(self, status: int, headers: Headers, source: Source) -> None:
        task = self._task
        self._head(status, headers)
        task.content_length = None
        task.source = source
        try:
            task.channel.hand_over(source, task.build_response_header())
        except (ClientDisconnected, OSError):
            source.detach()
            task.close_on_finish = True
            task.channel.over(task)
