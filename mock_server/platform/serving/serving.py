"""Serving as one noun of the platform: its deployments, and what calls of them leave behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mock_server.executors.host_pool import HostPool
from mock_server.platform.serving.deployments import Deployments
from mock_server.platform.serving.jobs import Jobs
from mock_server.platform.serving.kept import Files, Responses

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


class Serving:
    """`deployments`, `jobs`, `files` and `responses`."""

    def __init__(self, platform: Platform) -> None:
        self.deployments = Deployments(platform)
        self.jobs = Jobs(platform)
        self.files = Files(platform)
        self.responses = Responses(platform)

    def begin(self, make_pool: Callable[[], HostPool]) -> None:
        """Serve what there is; `make_pool` makes what hosts are had from, when the first is needed."""
        self.deployments.begin(make_pool)

    def close(self) -> None:
        """Serve no more."""
        self.deployments.close()
