"""What jobs need beside being run: going on at their time, ending in time, calling back, and being deleted.

Law: each errand looks at the job and its note as they are now and does what is due, so that it may come too often, or
after a kill, and nothing is done twice that may be done once only.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from dtlpipe.model import times
from mock_server.platform import lifecycle
from mock_server.platform.serving import callbacks
from mock_server.platform.serving.job_pipelines import SURFACE
from mock_server.platform.serving.notes import LIFE, Notes
from mock_server.store.base import Document, RunRow

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

log = logging.getLogger("dtlpipe.serving")

_GRACE = 5.0


class Tending:
    """Jobs with a note."""

    def __init__(self, platform: Platform, look_at: Callable[[str], None]) -> None:
        self._platform = platform
        self._look_at = look_at
        self._notes = Notes(platform)
        self._lock = threading.Lock()
        self._watched: dict[str, Callable[[], None]] = {}

    def do(self, job_id: str) -> datetime | None:
        """What is due for a job now; when to look again."""
        note = self._notes.get(job_id)
        row = self._platform.store.get_run(job_id) if note is not None else None
        if note is None or row is None:
            self._unwatch(job_id)
            return None
        if lifecycle.is_final(row.status):
            self._unwatch(job_id)
            return self._after_its_end(note, row)
        self._watch(job_id)
        moments = [self._go_on(note, row), self._end(note, row)]
        return min((each for each in moments if each is not None), default=None)

    def _watch(self, job_id: str) -> None:
        """Have it looked at whenever something about it was committed."""
        with self._lock:
            if job_id in self._watched:
                return
            self._watched[job_id] = self._platform.hub.watch(job_id, lambda: self._look_at(job_id))
        self._look_at(job_id)  # it may have ended between the look and the watch

    def _unwatch(self, job_id: str) -> None:
        with self._lock:
            unwatch = self._watched.pop(job_id, None)
        if unwatch is not None:
            unwatch()

    def _go_on(self, note: Document, row: RunRow) -> datetime | None:
        """A job whose time has come is continued."""
        said = note.get("continueAt")
        if said is None or note.get("parking") == LIFE:  # the latter is looked at again once it is parked
            return None
        moment = times.from_wire(said)
        if moment > times.now():
            return moment
        self._platform.work.pause_run(row.id, paused=False).result()

        def forget(current: Document) -> None:
            if current.get("continueAt") == said:
                del current["continueAt"]

        self._notes.change(row.id, forget)
        return None

    def _end(self, note: Document, row: RunRow) -> datetime | None:
        """An execution that was told to end, and has not in time, is ended."""
        said = note.get("cancelRequestedAt")
        if said is None:
            return None
        moment = times.from_wire(said) + timedelta(seconds=float(note.get("cancelGrace", _GRACE)))
        if moment > times.now():
            return moment
        self._platform.work.cancel_run(row.id, "canceled").result()
        return None

    def _after_its_end(self, note: Document, row: RunRow) -> datetime | None:
        again = self._call_back(note, row)
        if again is not None:
            return again
        ttl, keep = note.get("ttl"), note.get("keepLast")
        if keep is not None and row.surface == SURFACE:
            self._platform.pruning.prune(beyond=int(keep), pipeline_id=row.pipeline_id)
        elif keep is not None:  # of a pipeline that has other runs than jobs
            self._platform.pruning.drop(self._beyond(int(keep), row.pipeline_id))
        if ttl is not None:
            moment = (row.ended_at or row.updated_at) + timedelta(seconds=float(ttl))
            if moment > times.now():
                return moment
            self._platform.pruning.drop([row.id])
            return None

        def done(current: Document) -> None:
            current["pending"] = False

        self._notes.change(row.id, done)
        return None

    def _beyond(self, keep: int, pipeline_id: str) -> list[str]:
        """The jobs of a pipeline that are over and are to go, all but the latest of those of which that was said."""
        ids = [note["runId"] for note in self._notes.keeping()]
        rows = [row for row in map(self._platform.store.get_run, ids) if row is not None]
        over = sorted(row.id for row in rows if row.pipeline_id == pipeline_id and lifecycle.is_final(row.status))
        return over[: max(0, len(over) - keep)]

    def _call_back(self, note: Document, row: RunRow) -> datetime | None:
        """Tell its end; when to try again if it was not taken."""
        callback = note.get("callback")
        if callback is None or callback.get("deliveredAt") or callback.get("gaveUpAt"):
            return None
        due = callback.get("nextAt")
        if due is not None and times.from_wire(due) > times.now():
            return times.from_wire(due)
        job = self._platform.serving.jobs.get(note["name"], row.id)
        body = orjson.dumps({"event": f"job.{job['status']}", "delivery": callback["delivery"], "job": job})
        why = callbacks.deliver(callback, body)
        at = times.now()
        again: datetime | None = None
        if why is not None:
            log.warning("the callback of job %s was not taken: %s", row.id, why)

        def told(current: Document) -> None:
            nonlocal again
            said = current["callback"]
            said["attempts"] += 1
            said["lastError"] = why
            if why is None:
                said["deliveredAt"] = times.to_wire(at)
            elif said["attempts"] >= callbacks.ATTEMPTS:
                said["gaveUpAt"] = times.to_wire(at)
            else:
                again = at + timedelta(seconds=callbacks.pause(said["attempts"]))
                said["nextAt"] = times.to_wire(again)

        self._notes.change(row.id, told)
        return again

    def close(self) -> None:
        """Watch nothing any more."""
        with self._lock:
            watched, self._watched = list(self._watched.values()), {}
        for unwatch in watched:
            unwatch()
