"""Serving as one noun of the platform: its deployments, and what calls of them leave behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from mock_server.executors.host_pool import HostPool
from mock_server.platform.serving import recurring
from mock_server.platform.serving.batches import Batches
from mock_server.platform.serving.deployments import Deployments
from mock_server.platform.serving.errands import Errands
from mock_server.platform.serving.executions import Executions
from mock_server.platform.serving.following import Following
from mock_server.platform.serving.jobs import Jobs
from mock_server.platform.serving.kept import Files, Responses
from mock_server.platform.serving.named import Named
from mock_server.platform.serving.recurring import Recurring
from mock_server.platform.serving.tending import Tending

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


class Serving:
    """`deployments`, `jobs` with their `executions` and `schedules`, `files` and `responses`."""

    def __init__(self, platform: Platform) -> None:
        self.errands = Errands(self._do)
        self.deployments = Deployments(platform)
        self.jobs = Jobs(platform, self.errands.look_at)
        self.named = Named(platform)
        self.batches = Batches(self.deployments)
        self.following = Following(platform)
        self.executions = Executions(platform, self.jobs, self.following)
        self.schedules = Recurring(platform, self.jobs, self.errands.look_at)
        self.files = Files(platform)
        self.responses = Responses(platform)
        self._tending = Tending(platform, self.errands.look_at)

    def begin(self, make_pool: Callable[[], HostPool]) -> None:
        """Serve what there is; `make_pool` makes what hosts are had from, when the first is needed."""
        self.deployments.begin(make_pool)
        for note in self.jobs.notes.pending():
            self.errands.look_at(note["runId"])
        self.schedules.begin()

    def _do(self, id: str) -> datetime | None:
        return self.schedules.do(id) if id.startswith(recurring.PREFIX) else self._tending.do(id)

    def close(self) -> None:
        """Serve no more."""
        self._tending.close()
        self.errands.close()
        self.following.close()
        self.deployments.close()
