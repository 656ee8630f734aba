"""The platform takes runs up: those whose code is at hand, and that nobody else drives.

It does so in a transaction of its own, right after the one that made the run, or when code is registered. A run is
taken up at most once, whoever comes first.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import PlatformException
from mock_server.platform import lifecycle
from mock_server.platform.actions.progress import PLATFORM, SURFACE, ActionRun, fresh_details
from mock_server.platform.actions.records import moment, read_run, save
from mock_server.store.base import Kind, RunRow, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

log = logging.getLogger("dtlpipe.platform")

_FOLDER = "runs"


def may_begin(run: ActionRun) -> bool:
    """Whether it waits for somebody to drive it, and the platform may."""
    waits = run.row.status == lifecycle.PENDING and run.details["driver"] is None
    return waits and run.details["execute"] is not False and bool(run.entries)


class Taking:
    """The verbs."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def begin_waiting(self) -> None:
        """Takes up what waits for code that is at hand now."""
        if self._platform.scheduler is None:
            return
        for row in self._store.open_runs(SURFACE):
            if not may_begin(ActionRun(row, row.extra or {})):
                continue
            pipeline = self._store.get(Kind.PIPELINE, row.pipeline_id)
            if pipeline is not None and not self._platform.actions.roots.unresolved(pipeline["actions"]):
                self.soon(row.id)

    def soon(self, run_id: str) -> None:
        """Takes one up, unless somebody was faster. One that cannot be begun fails, and says why."""
        scheduler = self._platform.scheduler
        if scheduler is None:
            return

        def intent(tx: Tx) -> None:
            run = read_run(tx, run_id)
            if not may_begin(run):
                return
            self._take(run.row, run.details)
            run.row.extra = run.details
            tx.set_run(run_id, extra=run.details)
            scheduler.take_up(tx, run.row)

        def settled(future: Future[None]) -> None:
            error = future.exception()
            if error is not None and not self._platform.stopping:
                log.error("run %s could not begin", run_id, exc_info=error)
                if isinstance(error, PlatformException) and error.status < 500:
                    self._store.post(lambda tx: _give_up(tx, run_id, error))

        self._store.post(scheduler.guarded(intent)).add_done_callback(settled)

    def adopt(self, row: RunRow, revision: Mapping[str, Any]) -> None:
        """Makes a run that another surface is about to begin one of actions, if its pipeline has nothing else."""
        nodes = revision.get("nodes") or ()
        if not nodes or any(each.get("type") != "action" for each in nodes):
            return
        row.id, row.surface = str(uuid.uuid4()), SURFACE
        details = fresh_details([each["config"]["action"] for each in nodes])
        details |= {"params": row.inputs.get("params"), "execute": True}
        self._take(row, details)
        row.extra = {**(row.extra or {}), **details}

    def _take(self, row: RunRow, details: dict[str, Any]) -> None:
        """The platform drives it from here on. Its folder is one of the platform's, unless a whole path was told."""
        given = details["work_dir"] or f"{row.pipeline_id}/{row.id}"
        folder = self._platform.settings.data_dir / _FOLDER
        details |= {"driver": PLATFORM, "work_dir": str(folder / given)}


def _give_up(tx: Tx, run_id: str, error: PlatformException) -> None:
    run, at = read_run(tx, run_id), moment()
    if not run.over:
        run.fail_with(error.message)
        run.move("failed", at)
        save(tx, run, at)
