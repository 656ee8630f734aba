"""SERVED PIPELINES, from the client's side: `Client` and `AsyncClient` deploy, run, chat and submit jobs.

Law: what is said is in `messages`, written once; the two clients only say it. How it is sent is the transports' matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dtlpipe.serving.client import Client as Client
from dtlpipe.serving.messages import BatchResult as BatchResult

if TYPE_CHECKING:
    from dtlpipe.serving.asynchronous import AsyncClient as AsyncClient


def __getattr__(name: str) -> Any:
    """AsyncClient, with which asyncio comes: a command does without."""
    if name != "AsyncClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dtlpipe.serving.asynchronous import AsyncClient

    return AsyncClient
