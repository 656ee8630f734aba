"""Where the platform's executions run: in processes of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_server.executors.process import ProcessExecutor

if TYPE_CHECKING:
    from mock_server.executors.base import Executor
    from mock_server.platform.platform import Platform
    from mock_server.worker.worker import Worker


def executor_of(platform: Platform, worker: Worker) -> Executor:
    """The executor that the platform's settings ask for."""
    return ProcessExecutor(worker.receive, workers=platform.settings.workers, environment=platform.worker_environment)
