"""Where executions run: in processes of the platform's own or on Ray, and on workers elsewhere that come and ask."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mock_server.executors.faulty import FaultyExecutor
from mock_server.executors.process import ProcessExecutor
from mock_server.executors.remote import RemoteExecutor
from mock_server.executors.router import Router
from mock_server.worker.leases import Leases

if TYPE_CHECKING:
    from mock_server.executors.base import Executor, Receiver
    from mock_server.platform.platform import Platform
    from mock_server.worker.worker import Worker


def executor_of(platform: Platform, worker: Worker) -> Executor:
    """The executor that the platform's settings ask for; the verbs of remote workers get their half of it.

    Raises ConfigurationError for one that is not installed.
    """
    settings = platform.settings
    remote = RemoteExecutor(
        worker.receive,
        Leases(worker.change),
        lease=settings.lease,
        wake=lambda id: platform.hub.notify(f"worker:{id}"),
    )
    platform.workers.places = remote
    local = partial(_local, platform) if settings.workers else None
    router = Router(worker.receive, local, remote, worker.refill)
    return FaultyExecutor(router, worker.receive, platform.faults.of_node) if settings.faults else router


def _local(platform: Platform, report: Receiver) -> Executor:
    settings = platform.settings
    if settings.executor.startswith("ray"):
        from mock_server.executors.ray import RayExecutor

        address = settings.executor.partition("://")[2] or None
        return RayExecutor(report, address=address, cpus=settings.workers, environment=platform.worker_environment)
    return ProcessExecutor(
        report,
        workers=settings.workers,
        environment=platform.worker_environment,
        kill_grace=settings.node_kill_grace,
        asleep=not settings.warm,
    )
