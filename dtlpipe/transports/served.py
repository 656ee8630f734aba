"""Connections to served pipelines, and to models: pooled, for requests whose answers may be streams.

httpx is loaded by the first who needs it. What can go wrong on the way is UNSENT or FAILED, whoever carries it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from dtlpipe.errors import ConnectionFailed
from dtlpipe.transports.plain import ConnectError, Connections, Headers, ReadError

if TYPE_CHECKING:
    import httpx

    #: Raised before anything of a request was sent.
    UNSENT: tuple[type[Exception], ...]
    #: Raised by whatever can go wrong on the way.
    FAILED: tuple[type[Exception], ...]


def __getattr__(name: str) -> Any:
    """UNSENT and FAILED, which name httpx's classes once it is there."""
    if name not in {"UNSENT", "FAILED"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if "httpx" not in sys.modules:
        return (ConnectError,) if name == "UNSENT" else (ReadError,)
    import httpx

    if name == "UNSENT":
        return (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, ConnectError)
    return (httpx.TransportError, ReadError)


def connect(
    url: str, headers: Mapping[str, str], timeout: float | None, connections: int, *, proxies: bool = False
) -> Any:
    """A pool of connections for threads; with `proxies`, by those that the environment names."""
    from dtlpipe.transports.lean import httpx

    return httpx.Client(base_url=url, headers=headers, timeout=timeout, limits=_limits(connections), trust_env=proxies)


def connect_async(
    url: str, headers: Mapping[str, str], timeout: float | None, connections: int, *, proxies: bool = False
) -> Any:
    """A pool of connections for a loop; with `proxies`, by those that the environment names."""
    from dtlpipe.transports.lean import httpx

    return httpx.AsyncClient(
        base_url=url, headers=headers, timeout=timeout, limits=_limits(connections), trust_env=proxies
    )


def connect_plainly(url: str, headers: Mapping[str, str], timeout: float | None, connections: int) -> Any:
    """As `connect`, for a client that lives for a moment: httpx is loaded for what needs it."""
    if not url.startswith("http://"):
        return connect(url, headers, timeout, connections)
    return _Plain(url, headers, timeout, connections)


def failed(url: str, error: Exception) -> ConnectionFailed:
    """The error for what went wrong on the way."""
    return ConnectionFailed(f"{url} did not answer: {type(error).__name__}: {error}", hint="is the platform running?")


def _limits(connections: int) -> httpx.Limits:
    from dtlpipe.transports.lean import httpx

    return httpx.Limits(max_connections=connections, max_keepalive_connections=connections)


class _Answer:
    """What is read of httpx's answers."""

    def __init__(self, status_code: int, headers: Headers, content: bytes) -> None:
        self.status_code, self.headers, self.content = status_code, headers, content

    def json(self) -> Any:
        return json.loads(self.content)


class _Plain:
    """What is called of httpx's client: JSON calls by the standard library, files and streams by httpx."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float | None, connections: int) -> None:
        self._as_httpx = (url, headers, timeout, connections)
        self._url, self._headers, self._timeout = urlsplit(url), headers, timeout
        self._connections = Connections(url)
        self._client: Any = None

    def request(self, method: str, path: str, **keywords: Any) -> Any:
        if keywords.keys() - {"json", "params", "headers"}:
            return self._better().request(method, path, **keywords)
        headers = {"accept": "*/*", **self._headers, **keywords.get("headers", {})}
        content = None
        if "json" in keywords:
            content = json.dumps(keywords["json"], ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
            headers["content-type"] = "application/json"
        target = self._url.path.rstrip("/") + path
        if keywords.get("params"):
            target += f"?{urlencode(keywords['params'])}"
        return _Answer(*self._connections.call(method, target, headers, content, self._timeout))

    def stream(self, method: str, path: str, **keywords: Any) -> Any:
        return self._better().stream(method, path, **keywords)

    def close(self) -> None:
        self._connections.close()
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _better(self) -> Any:
        if self._client is None:
            self._client = connect(*self._as_httpx)
        return self._client
