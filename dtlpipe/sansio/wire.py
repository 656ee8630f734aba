"""What a transport is asked for: the exchange's side of the border to `dtlpipe.transports`.

Everything that a platform must know is in it by now: the whole url, the authorisation, the body's bytes.
"""

from __future__ import annotations

from typing import Any, Protocol

import attrs

from dtlpipe.sansio.effects import ByteStream, Response, Upload


def _unsaid(headers: dict[str, str]) -> str:
    return repr({name: "..." if name.lower() in _SECRET else value for name, value in headers.items()})


_SECRET = frozenset({"authorization", "x-get-jwt-secret"})


@attrs.define
class WireRequest:
    """One attempt. `held` marks a request that the platform may keep open for long on purpose."""

    method: str
    url: str
    headers: dict[str, str] = attrs.field(repr=_unsaid)
    content: bytes | None = attrs.field(repr=False)
    timeout: float
    held: bool = False


@attrs.define
class WireUpload:
    """One attempt at an upload."""

    url: str
    headers: dict[str, str] = attrs.field(repr=_unsaid)
    upload: Upload
    timeout: float


@attrs.define
class WireDownload:
    """One attempt at opening a download."""

    url: str
    headers: dict[str, str] = attrs.field(repr=_unsaid)
    timeout: float


@attrs.define
class WireListen:
    """One attempt at opening a stream of what happens."""

    url: str
    headers: dict[str, str] = attrs.field(repr=_unsaid)
    timeout: float


class Transport(Protocol):
    """Sends JSON calls. Raises TransportError for an attempt that brings no answer; any answer is a Response."""

    def send(self, request: WireRequest) -> Response: ...

    def listen(self, request: WireListen) -> Any:
        """An open stream with `read() -> bytes` and `close()`, or the Response that refuses it."""
        ...

    def close(self) -> None: ...


class AsyncTransport(Protocol):
    """`Transport` for programs with an event loop."""

    async def send(self, request: WireRequest) -> Response: ...

    async def listen(self, request: WireListen) -> Any:
        """As the blocking one, with `await stream.read()` and `await stream.aclose()`."""
        ...

    async def aclose(self) -> None: ...


class BulkTransport(Protocol):
    """Carries files. Its methods block (async programs call them in threads) and may be called by many threads."""

    def upload(self, upload: WireUpload) -> Response: ...

    def open(self, download: WireDownload) -> ByteStream | Response:
        """A stream, or the Response that refuses it."""
        ...

    def close(self) -> None: ...
