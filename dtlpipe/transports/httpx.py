"""JSON calls over httpx; what `async_httpx` shares is here.

httpx is imported with the first call, not with the module. Plain-http platforms get a TLS context that trusts
nobody, because loading the certificates takes 20 ms that they never need.
"""

from __future__ import annotations

import contextlib
import socket
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dtlpipe.config import Settings, is_loopback
from dtlpipe.sansio.effects import Response, TransportError
from dtlpipe.sansio.wire import WireListen, WireRequest

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT = 10.0


def options(settings: Settings) -> dict[str, Any]:
    """What httpx's clients are made with."""
    import ssl

    plain = settings.url.startswith("http://") and settings.gate_url.startswith("http://")
    return {
        "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else settings.verify,
        "trust_env": not is_loopback(settings.url),  # a proxy for the world has no business between two local processes
    }


@lru_cache(maxsize=32)
def _extensions(seconds: float) -> dict[str, dict[str, float | None]]:
    """A timeout as httpcore takes it; a place in the pool is waited for however long it takes."""
    return {"timeout": {"connect": min(seconds, CONNECT_TIMEOUT), "read": seconds, "write": seconds, "pool": None}}


def composed(request: WireRequest) -> httpx.Request:
    """Composed without the client: its merging of defaults, of which we have none, costs as much as all that we do."""
    import httpx

    return httpx.Request(
        request.method,
        request.url,
        headers=request.headers,
        content=request.content,
        extensions=_extensions(request.timeout),
    )


def opening(request: WireListen) -> httpx.Request:
    """The request for a stream."""
    import httpx

    return httpx.Request("GET", request.url, headers=request.headers, extensions=_extensions(request.timeout))


def failure(error: Exception) -> TransportError:
    """Which of the three kinds of failure an error of httpx is."""
    import httpx

    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)):
        return TransportError("refused", str(error) or type(error).__name__)
    if isinstance(error, httpx.TimeoutException):
        return TransportError("timeout", str(error) or type(error).__name__)
    return TransportError("broken", str(error) or type(error).__name__)


class HttpxTransport:
    """A pool of connections, for any number of threads."""

    def __init__(self, settings: Settings, client: httpx.Client | None = None) -> None:
        self._settings = settings
        self._client = client

    def send(self, request: WireRequest) -> Response:
        from dtlpipe.transports.lean import httpx

        client = self._client
        if client is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
            client = self._client = httpx.Client(limits=limits, **options(self._settings))
        try:
            answer = client.send(composed(request))
        except httpx.HTTPError as error:
            raise failure(error) from error
        return Response(answer.status_code, answer.headers, answer.content)

    def listen(self, request: WireListen) -> HttpxStream | Response:
        """A connection of its own, as it may last for hours."""
        from dtlpipe.transports.lean import httpx

        client = httpx.Client(**options(self._settings))
        try:
            answer = client.send(opening(request), stream=True)
            if answer.status_code >= 300:
                refused = Response(answer.status_code, answer.headers, answer.read())
                client.close()
                return refused
        except httpx.HTTPError as error:
            client.close()
            raise failure(error) from error
        return HttpxStream(client, answer)

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


class HttpxStream:
    """An open stream."""

    def __init__(self, client: httpx.Client, answer: httpx.Response) -> None:
        self._client = client
        self._answer = answer
        self._chunks = answer.iter_raw()

    def read(self) -> bytes:
        from dtlpipe.transports.lean import httpx

        try:
            return next(self._chunks, b"")
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise failure(error) from error

    def abort(self) -> None:
        """Ends it for another thread, which reads and will then close it."""
        found = self._answer.extensions.get("network_stream")
        connection = found.get_extra_info("socket") if found is not None else None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._answer.close()
        self._client.close()
