"""JSON calls over `plain`'s connections; for TLS, proxies and streams httpx is loaded after all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dtlpipe.config import Settings, is_loopback
from dtlpipe.sansio.effects import Response, TransportError
from dtlpipe.sansio.wire import WireListen, WireRequest
from dtlpipe.transports.plain import Connections, ReadError

if TYPE_CHECKING:
    from dtlpipe.transports.httpx import HttpxTransport


class PlainTransport:
    """For clients that live for a moment. Any number of threads may use it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places: dict[str, Connections] = {}
        self._httpx: HttpxTransport | None = None

    def send(self, request: WireRequest) -> Response:
        parts = urlsplit(request.url)
        if parts.scheme != "http" or not _straight(request.url):
            return self._better().send(request)
        connections = self._places.get(parts.netloc)
        if connections is None:
            connections = self._places.setdefault(parts.netloc, Connections(request.url))
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        try:
            status, headers, content = connections.call(
                request.method, target, request.headers, request.content, request.timeout
            )
        except ReadError as error:
            raise TransportError(error.kind, str(error)) from error
        return Response(status, headers, content)

    def listen(self, request: WireListen) -> Any:
        return self._better().listen(request)

    def close(self) -> None:
        for each in self._places.values():
            each.close()
        better, self._httpx = self._httpx, None
        if better is not None:
            better.close()

    def _better(self) -> HttpxTransport:
        if self._httpx is None:
            from dtlpipe.transports.httpx import HttpxTransport

            self._httpx = HttpxTransport(self._settings)
        return self._httpx


def _straight(url: str) -> bool:
    """Whether no proxy is named for it."""
    if is_loopback(url):
        return True
    from urllib.request import getproxies

    return not getproxies()
