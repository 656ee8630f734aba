"""JSON calls over httpx on an event loop.

The pool is small on purpose, behind a semaphore: httpcore looks through its whole pool at each event, so that many
concurrent requests on a large pool are slower than the same requests queueing for a small one. Requests that a platform
holds open (waiting) have a pool of their own, so that they do not keep the others from their turn.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dtlpipe.config import Settings
from dtlpipe.sansio.effects import Response
from dtlpipe.sansio.wire import WireListen, WireRequest
from dtlpipe.transports.httpx import composed, failure, opening, options

if TYPE_CHECKING:
    import httpx

#: Connections for ordinary calls of one client.
POOL = 8

#: Connections for requests that the platform holds open.
HELD_POOL = 64


class AsyncHttpxTransport:
    """Two small pools on the running event loop; made anew when the loop is another one than before."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pools: dict[bool, tuple[httpx.AsyncClient, asyncio.Semaphore]] = {}

    async def send(self, request: WireRequest) -> Response:
        from dtlpipe.transports.lean import httpx

        client, places = self._pool(held=request.held)
        try:
            async with places:
                answer = await client.send(composed(request))
        except httpx.HTTPError as error:
            raise failure(error) from error
        return Response(answer.status_code, answer.headers, answer.content)

    async def listen(self, request: WireListen) -> AsyncHttpxStream | Response:
        """A connection of its own, as it may last for hours."""
        from dtlpipe.transports.lean import httpx

        client = httpx.AsyncClient(**options(self._settings))
        try:
            answer = await client.send(opening(request), stream=True)
            if answer.status_code >= 300:
                refused = Response(answer.status_code, answer.headers, await answer.aread())
                await client.aclose()
                return refused
        except BaseException as error:
            await client.aclose()
            if isinstance(error, httpx.HTTPError):
                raise failure(error) from error
            raise
        return AsyncHttpxStream(client, answer)

    def _pool(self, *, held: bool) -> tuple[httpx.AsyncClient, asyncio.Semaphore]:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._pools = loop, {}  # connections of a loop that is over cannot be used, nor closed
        pool = self._pools.get(held)
        if pool is None:
            from dtlpipe.transports.lean import httpx

            size = HELD_POOL if held else POOL
            limits = httpx.Limits(max_connections=size, max_keepalive_connections=size)
            client = httpx.AsyncClient(limits=limits, **options(self._settings))
            pool = self._pools[held] = client, asyncio.Semaphore(size)
        return pool

    async def aclose(self) -> None:
        pools, self._pools = self._pools, {}
        if self._loop is asyncio.get_running_loop():
            for client, _ in pools.values():
                await client.aclose()


class AsyncHttpxStream:
    """An open stream."""

    def __init__(self, client: httpx.AsyncClient, answer: httpx.Response) -> None:
        self._client = client
        self._answer = answer
        self._chunks = answer.aiter_raw()

    async def read(self) -> bytes:
        from dtlpipe.transports.lean import httpx

        try:
            return await anext(self._chunks, b"")
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise failure(error) from error

    async def aclose(self) -> None:
        await self._answer.aclose()
        await self._client.aclose()
