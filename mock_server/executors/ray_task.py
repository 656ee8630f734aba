"""Inside a Ray worker: one job, run by the very processes that run it on a machine of its own.

Law: node code never runs in Ray's own process. A Ray worker keeps a process executor with one place, so that capture of
output, progress, timeouts, memory limits and verdicts over the dead are the platform's everywhere. When Ray ends its
worker, by a cancel or because the machine runs out of memory, that executor's zygote notices and kills all it started.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from mock_server.executors import ray_wire
from mock_server.executors.base import Report
from mock_server.executors.process import ProcessExecutor
from mock_server.executors.verdict import label

log = logging.getLogger(__name__)

GATHER: Final = 0.05
"""Seconds that reports wait for others to go with them: a short job says all it has to say at once."""


def here() -> str:
    """The version of dtlpipe on this side."""
    try:
        return version("dtlpipe")
    except PackageNotFoundError:
        return "(not installed)"


class Host:
    """A Ray worker's one place for jobs; kept from one task to the next, since its processes are warm."""

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}
        self.said: queue.SimpleQueue[Sequence[Report]] = queue.SimpleQueue()
        self.executor = ProcessExecutor(
            self.said.put,
            workers=1,
            warm=1,
            environment=lambda: self.environment,
            environment_interval=0.0,
            path=sys.path,
        )
        os.environ["DTLPIPE_ZYGOTE_APART"] = "1"  # Ray kills the children of a worker that it ends, not theirs
        self.executor.start()

    def run(self, parcel: ray_wire.Parcel) -> Iterator[bytes]:
        """Runs a job; yields frames of reports as they come, the job's end last."""
        job = parcel.job
        self.environment = {**parcel.environment, **ray_wire.environment_of_task(os.environ)}
        self.executor.submit(job)
        unsent: list[Report] = []
        due = 0.0
        while True:
            try:
                batch = self.said.get(timeout=max(0.0, due - time.monotonic()) if unsent else None)
            except queue.Empty:
                yield ray_wire.frames(unsent)
                unsent = []
                continue
            mine = [each for each in batch if (each.execution_id, each.fence) == (job.execution_id, job.fence)]
            if mine and not unsent:
                due = time.monotonic() + GATHER
            unsent += mine
            if mine and ray_wire.is_end(mine[-1]):
                yield ray_wire.frames(unsent)
                return


_host: Host | None = None


def run(data: bytes) -> Iterator[bytes]:
    """The Ray task: a generator of frames. It raises nothing of node code's: Ray would pickle it."""
    global _host  # noqa: PLW0603 - a Ray worker runs one task after another, and this is what it keeps
    if (theirs := ray_wire.version_of(data)) != here():
        yield ray_wire.failure(
            ray_wire.error(
                "code",
                "VersionMismatch",
                f"the cluster's node has dtlpipe {here()}, the platform {theirs}.",
                hint="Install the same version of dtlpipe on every node of the Ray cluster.",
            )
        )
        return
    parcel = ray_wire.unpack(data)
    if _host is None:
        _host = Host()
    try:
        yield from _host.run(parcel)
    except Exception as error:
        _host = None
        log.exception("a job could not be run beside this Ray worker")
        yield ray_wire.failure(
            ray_wire.error(
                "signal",
                type(error).__name__,
                f"{label(parcel.job)}: the processes beside the Ray worker broke down: {error}",
                hint="Look at the log of that Ray worker.",
            )
        )
