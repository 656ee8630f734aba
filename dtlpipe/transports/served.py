"""Connections to served pipelines, and to models: pooled, for requests whose answers may be streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from dtlpipe.errors import ConnectionFailed

#: Raised before anything of a request was sent.
UNSENT: tuple[type[Exception], ...] = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
#: Raised by whatever can go wrong on the way.
FAILED: tuple[type[Exception], ...] = (httpx.TransportError,)


def connect(
    url: str, headers: Mapping[str, str], timeout: float | None, connections: int, *, proxies: bool = False
) -> Any:
    """A pool of connections for threads; with `proxies`, by those that the environment names."""
    return httpx.Client(base_url=url, headers=headers, timeout=timeout, limits=_limits(connections), trust_env=proxies)


def connect_async(
    url: str, headers: Mapping[str, str], timeout: float | None, connections: int, *, proxies: bool = False
) -> Any:
    """A pool of connections for a loop; with `proxies`, by those that the environment names."""
    return httpx.AsyncClient(
        base_url=url, headers=headers, timeout=timeout, limits=_limits(connections), trust_env=proxies
    )


def failed(url: str, error: Exception) -> ConnectionFailed:
    """The error for what went wrong on the way."""
    return ConnectionFailed(f"{url} did not answer: {type(error).__name__}: {error}", hint="is the platform running?")


def _limits(connections: int) -> httpx.Limits:
    return httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
