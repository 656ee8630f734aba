"""Calls over plain HTTP with the standard library alone: for commands, which end before a better client is loaded.

httpx takes a quarter of a second to import, this a tenth of that. It does what a command needs: one request after the
other, or some beside each other, whole bodies, connections that are kept. For TLS, proxies, uploads and streams the
better clients are there, and are loaded then.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from http.client import HTTPConnection

CONNECT_TIMEOUT = 10.0
Kind = Literal["refused", "timeout", "broken"]


class ReadError(Exception):
    """No answer came. `kind` says how far it got."""

    kind: Kind = "broken"


class ConnectError(ReadError):
    """There was no connection, so nothing was sent."""

    kind: Kind = "refused"


class ReadTimeout(ReadError):
    """It was not there in time."""

    kind: Kind = "timeout"


class Headers(dict[str, str]):
    """Of an answer. Names are looked up without regard to case; what came several times is joined by commas."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__()
        for name, value in pairs:
            known = name.lower()
            super().__setitem__(known, f"{self[known]}, {value}" if known in self else value)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name.lower() if isinstance(name, str) else name)

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


class Connections:
    """Connections to one place, kept between calls. Any number of threads may call."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._idle: deque[HTTPConnection] = deque()

    def call(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes | None, timeout: float | None
    ) -> tuple[int, Headers, bytes]:
        """Sends a request, whose target is path and query, and reads all of its answer. Raises ReadError."""
        from http.client import HTTPException

        connection = self._connection(timeout)
        try:
            connection.sock.settimeout(timeout)
            connection.putrequest(method, target, skip_accept_encoding=True)
            if content is not None or method in {"POST", "PUT", "PATCH"}:
                connection.putheader("content-length", str(len(content or b"")))
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(content)
            with connection.getresponse() as answer:
                found = answer.status, Headers(answer.getheaders()), answer.read()
                stays = not answer.will_close
        except BaseException as error:
            connection.close()
            if isinstance(error, TimeoutError):
                raise ReadTimeout(str(error) or "timed out") from error
            if isinstance(error, (OSError, HTTPException)):
                raise ReadError(str(error) or type(error).__name__) from error
            raise
        if stays:
            self._idle.append(connection)
        else:
            connection.close()
        return found

    def _connection(self, timeout: float | None) -> HTTPConnection:
        """One that was kept and that the other side has not closed since, or a new one."""
        from http.client import HTTPConnection

        while self._idle:
            try:
                kept = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if not _readable(kept.sock):
                return kept
            kept.close()
        made = HTTPConnection(
            self._host, self._port, timeout=CONNECT_TIMEOUT if timeout is None else min(timeout, CONNECT_TIMEOUT)
        )
        try:
            made.connect()
        except OSError as error:
            made.close()
            raise ConnectError(str(error) or type(error).__name__) from error
        return made

    def close(self) -> None:
        """Lets go of all that are not in use; further calls make new ones."""
        while self._idle:
            self._idle.pop().close()


def _readable(sock: socket.socket) -> bool:
    """Whether there is something to read where nothing was asked: the end, mostly."""
    waiting = select.poll()
    waiting.register(sock, select.POLLIN)
    return bool(waiting.poll(0))
