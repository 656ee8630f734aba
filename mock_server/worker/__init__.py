"""THE WORKER: claims due work, drives the engine, commits step by step.

Law: `core` is pure (no I/O, clock, thread or id inside); `worker` is the only place where it meets the store and the
executors. Everything that the core decides is written by the store's one writer, and told to others only after COMMIT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mock_server.worker.worker import Worker

__all__ = ["Worker"]


def __getattr__(name: str) -> Any:
    if name == "Worker":
        from mock_server.worker.worker import Worker

        return Worker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
