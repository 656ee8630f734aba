"""JSON calls over httpx, sync and async.

httpx is imported with the first call, not with the module. Plain-http platforms get a TLS context that trusts
nobody, because loading the certificates takes 20 ms that they never need.

The async pool is small on purpose, behind a semaphore: httpcore looks through its whole pool at each event, so that
many concurrent requests on a large pool are slower than the same requests queueing for a small one. Requests that a
platform holds open (waiting) have a pool of their own, so that they do not keep the others from their turn.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import cache
from typing import TYPE_CHECKING, Any

from dtlpipe.config import Settings, is_loopback
from dtlpipe.sansio.effects import Response, TransportError
from dtlpipe.sansio.wire import WireRequest

if TYPE_CHECKING:
    import httpx

#: Connections for ordinary calls of one async client.
ASYNC_POOL = 8

#: Connections for requests that the platform holds open.
HELD_POOL = 64

CONNECT_TIMEOUT = 10.0


def _options(settings: Settings) -> dict[str, Any]:
    plain = settings.url.startswith("http://") and settings.gate_url.startswith("http://")
    return {
        "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else settings.verify,
        "trust_env": not is_loopback(settings.url),  # a proxy for the world has no business between two local processes
    }


@cache
def _extensions(seconds: float) -> dict[str, dict[str, float | None]]:
    """A timeout as httpcore takes it; a place in the pool is waited for however long it takes."""
    return {"timeout": {"connect": min(seconds, CONNECT_TIMEOUT), "read": seconds, "write": seconds, "pool": None}}


def _composed(request: WireRequest) -> httpx.Request:
    """Composed without the client: its merging of defaults, of which we have none, costs as much as all that we do."""
    import httpx

    return httpx.Request(
        request.method,
        request.url,
        headers=request.headers,
        content=request.content,
        extensions=_extensions(request.timeout),
    )


def _failure(error: Exception) -> TransportError:
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
        import httpx

        client = self._client
        if client is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
            client = self._client = httpx.Client(limits=limits, **_options(self._settings))
        try:
            answer = client.send(_composed(request))
        except httpx.HTTPError as error:
            raise _failure(error) from error
        return Response(answer.status_code, answer.headers, answer.content)

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


class AsyncHttpxTransport:
    """Two small pools on the running event loop; made anew when the loop is another one than before."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pools: dict[bool, tuple[httpx.AsyncClient, asyncio.Semaphore]] = {}

    async def send(self, request: WireRequest) -> Response:
        import httpx

        client, places = self._pool(held=request.held)
        try:
            async with places:
                answer = await client.send(_composed(request))
        except httpx.HTTPError as error:
            raise _failure(error) from error
        return Response(answer.status_code, answer.headers, answer.content)

    def _pool(self, *, held: bool) -> tuple[httpx.AsyncClient, asyncio.Semaphore]:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._pools = loop, {}  # connections of a loop that is over cannot be used, nor closed
        pool = self._pools.get(held)
        if pool is None:
            import httpx

            size = HELD_POOL if held else ASYNC_POOL
            limits = httpx.Limits(max_connections=size, max_keepalive_connections=size)
            client = httpx.AsyncClient(limits=limits, **_options(self._settings))
            pool = self._pools[held] = client, asyncio.Semaphore(size)
        return pool

    async def aclose(self) -> None:
        pools, self._pools = self._pools, {}
        if self._loop is asyncio.get_running_loop():
            for client, _ in pools.values():
                await client.aclose()
