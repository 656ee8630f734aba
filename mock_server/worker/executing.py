"""Where the platform's executions run: in processes of its own, or on Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_server.executors.process import ProcessExecutor

if TYPE_CHECKING:
    from mock_server.executors.base import Executor
    from mock_server.platform.platform import Platform
    from mock_server.worker.worker import Worker


def executor_of(platform: Platform, worker: Worker) -> Executor:
    """The executor that the platform's settings ask for. Raises ConfigurationError for one that is not installed."""
    settings = platform.settings
    if settings.executor.startswith("ray"):
        from mock_server.executors.ray import RayExecutor

        address = settings.executor.partition("://")[2] or None
        return RayExecutor(
            worker.receive, address=address, cpus=settings.workers, environment=platform.worker_environment
        )
    return ProcessExecutor(worker.receive, workers=platform.settings.workers, environment=platform.worker_environment)
