"""SERVED PIPELINES, from the client's side: `Client` and `AsyncClient` deploy, run, chat and submit jobs.

Law: what is said is in `messages`, written once; the two clients only say it. How it is sent is the transports' matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dtlpipe.serving.client import Client as Client

if TYPE_CHECKING:
    from dtlpipe.serving.asynchronous import AsyncClient as AsyncClient
    from dtlpipe.serving.results import BatchResult as BatchResult

_LATER = {"AsyncClient": "dtlpipe.serving.asynchronous", "BatchResult": "dtlpipe.serving.results"}


def __getattr__(name: str) -> Any:
    """What a command does without, and asyncio and attrs with it."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
