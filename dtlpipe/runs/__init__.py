"""Runs of action pipelines: the client of the run service, and what actions are made of.

Law: what is here speaks to the platform as any client does, or runs in a node's own process; it knows no platform.
Importing it loads nothing heavy; names are looked up in their modules when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtlpipe.runs.actions import BaseAction, NoResult, action
    from dtlpipe.runs.client import AsyncPipelineServiceClient, PipelineServiceClient
    from dtlpipe.runs.context import RunContext
    from dtlpipe.runs.models import (
        ActionProgress,
        ActionStatus,
        Checkpoint,
        LogEntry,
        LogLevel,
        PipelineProgress,
        RunStatus,
    )

_HOMES = {
    "PipelineServiceClient": "client",
    "AsyncPipelineServiceClient": "client",
    "ActionProgress": "models",
    "ActionStatus": "models",
    "Checkpoint": "models",
    "LogEntry": "models",
    "LogLevel": "models",
    "PipelineProgress": "models",
    "RunStatus": "models",
    "BaseAction": "actions",
    "NoResult": "actions",
    "action": "actions",
    "RunContext": "context",
}

__all__ = [
    "ActionProgress",
    "ActionStatus",
    "AsyncPipelineServiceClient",
    "BaseAction",
    "Checkpoint",
    "LogEntry",
    "LogLevel",
    "NoResult",
    "PipelineProgress",
    "PipelineServiceClient",
    "RunContext",
    "RunStatus",
    "action",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
