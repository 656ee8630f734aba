"""Two executors as one: jobs run here while there is room, and on remote workers when they must or there is none.

Law: a job with labels is for remote workers alone, and one without is for whoever is free first, this machine before
others. With nobody else there, all goes to the local executor at once and pays nothing for the choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mock_server.executors.base import Capabilities, Executor, Failed, Job, Receiver, Report, Succeeded
from mock_server.executors.remote import RemoteExecutor


class Router:
    """See the module.

    Args:
        report: takes the reports of both.
        local: makes the local executor for a receiver of reports; None if nothing is to run on this machine.
        remote: the other one, which reports by itself; its `changed` is the router's from now on.
        changed: called when `capacity` may have changed.
    """

    def __init__(
        self,
        report: Receiver,
        local: Callable[[Receiver], Executor] | None,
        remote: RemoteExecutor,
        changed: Callable[[], None],
    ) -> None:
        self._report = report
        self._local = local(self._from_local) if local is not None else None
        self._remote = remote
        self._changed = changed
        self._at_home: dict[str, int] = {}
        remote.changed = self._on_change

    @property
    def capacity(self) -> int:
        """Of both."""
        return (self._local.capacity if self._local is not None else 0) + self._remote.capacity

    @property
    def capabilities(self) -> Capabilities:
        """What both promise."""
        return (self._local or self._remote).capabilities

    @property
    def appetite(self) -> int:
        """The local executor's, while there is nobody else to take its jobs."""
        return 0 if self._remote.staffed else int(getattr(self._local, "appetite", 0))

    @property
    def alive(self) -> bool:
        """Whether the local executor takes jobs; True where there is none."""
        return bool(getattr(self._local, "alive", True))

    @property
    def processes(self) -> Any:
        """The local executor's."""
        return getattr(self._local, "processes", None)

    def start(self) -> None:
        """Start both."""
        if self._local is not None:
            self._local.start()
        self._remote.start()

    def submit(self, job: Job) -> None:
        """Queue a job where it belongs. Raises ExecutorClosed as the executors do."""
        if self._local is None or job.labels:
            self._to_remote(job)
        elif not self._remote.staffed or len(self._at_home) < self._local.capacity:
            self._to_local(self._local, job)
        else:
            self._to_remote(job)
            self._fetch()  # somebody may have finished meanwhile, and seen nothing waiting

    def rouse(self) -> None:
        """Jobs are to be expected; an executor that sleeps until then wakes."""
        rouse = getattr(self._local, "rouse", None)
        if rouse is not None:
            rouse()

    def cancel(self, execution_id: str, fence: int) -> None:
        """End that job, wherever it is."""
        if execution_id in self._at_home and self._local is not None:
            self._local.cancel(execution_id, fence)
        else:
            self._remote.cancel(execution_id, fence)

    def close(self, grace: float = 0.0) -> None:
        """Close both; what remote workers have they keep."""
        self._remote.close()
        if self._local is not None:
            self._local.close(grace)

    def _to_local(self, local: Executor, job: Job) -> None:
        self._at_home[job.execution_id] = job.fence
        local.submit(job)

    def _to_remote(self, job: Job) -> None:
        earlier = self._at_home.pop(job.execution_id, None)
        if earlier is not None and self._local is not None:
            self._local.cancel(job.execution_id, earlier)
        self._remote.submit(job)

    def _from_local(self, reports: Sequence[Report]) -> None:
        for each in reports:
            if isinstance(each, Succeeded | Failed) and self._at_home.get(each.execution_id) == each.fence:
                del self._at_home[each.execution_id]
        if self._remote.waiting:
            self._fetch()
        self._report(reports)

    def _fetch(self) -> None:
        """Let this machine's free places have what waits for others; all of it, if there are no others."""
        local = self._local
        if local is None:
            return
        while not self._remote.staffed or len(self._at_home) < local.capacity:
            job = self._remote.take_back(lambda job: not job.labels)
            if job is None:
                return
            self._to_local(local, job)

    def _on_change(self) -> None:
        self._fetch()
        self._changed()
