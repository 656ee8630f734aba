"""What wrappers take from hayhooks for durable executions."""

from __future__ import annotations

from dtlpipe.hosting.durable import (
    DurableContext,
    DurableExecutionCancelledError,
    current_durable_context,
    durable_streaming_callback,
)

__all__ = [
    "DurableContext",
    "DurableExecutionCancelledError",
    "current_durable_context",
    "durable_streaming_callback",
]
