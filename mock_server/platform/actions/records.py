"""Reading and writing runs of actions: whoever changes one tells of it in the same transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock
from typing import Any, overload

from dtlpipe.errors import NotFound
from dtlpipe.model import times
from mock_server.platform.actions.progress import SURFACE, ActionRun, is_ours
from mock_server.store.base import Document, Kind, Reads, Tx

#: The kind of the events that streams of progress are made of; their bodies are snapshots.
PROGRESS = "progress"
#: The kind of the event that a deleted run leaves behind, for those who still listen.
DELETED = "run.deleted"

NO_PIPELINE, NO_RUN = "Pipeline not found", "Run not found"

#: Kinds of the events that tell of a status that is not the last one.
_MOVES = {"pending": "run.waiting", "running": "run.started"}

_STEP = timedelta(milliseconds=1)


def moment() -> datetime:
    """Now, in whole milliseconds."""
    return whole(times.now())


@overload
def whole(at: datetime) -> datetime: ...
@overload
def whole(at: datetime | None) -> datetime | None: ...
def whole(at: datetime | None) -> datetime | None:
    """In whole milliseconds, as the store keeps it: what is told of it at once is what is read of it later."""
    return at and at.replace(microsecond=at.microsecond // 1000 * 1000)


class Clock:
    """Times of creation that are never equal and never go back: their order is the order of creation."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = moment() - _STEP

    def tick(self) -> datetime:
        """A time of whole milliseconds, as the store keeps them."""
        with self._lock:
            self._last = max(moment(), self._last + _STEP)
            return self._last


clock = Clock()


def read_run(reads: Reads, run_id: str) -> ActionRun:
    """Raises NotFound."""
    row = reads.get_run(run_id)
    if row is None or not is_ours(row):
        raise NotFound(NO_RUN)
    return ActionRun(row, row.extra or {})


def read_pipeline(reads: Reads, pipeline_id: str, *, private: bool = False) -> Document:
    """Raises NotFound."""
    found = reads.get(Kind.PIPELINE, pipeline_id, private)
    if found is None or found.get("surface") != SURFACE:
        raise NotFound(NO_PIPELINE)
    return found


def save(tx: Tx, run: ActionRun, at: datetime) -> None:
    """Writes what has changed of a run, with the event that tells of it."""
    tell(tx, run, at)
    tx.set_run(run.row.id, **{**run.changed, "extra": run.details, "updated_at": at})


def tell(tx: Tx, run: ActionRun, at: datetime) -> None:
    """Appends the event, whose number becomes the run's; before it, of a new status, what any run has in its place."""
    if "status" in run.changed:
        body = {"status": run.row.status} if run.over else {}
        tx.append_event(run.row.id, None, _MOVES.get(run.word, "run.ended"), body, at)
    run.details["seq"] = tx.append_event(run.row.id, None, PROGRESS, run.snapshot(), at)


def tell_of_its_end(tx: Tx, run_id: str) -> None:
    """Of a run that was given up; nothing of one that is none of actions."""
    row = tx.get_run(run_id)
    if row is not None and is_ours(row):
        save(tx, ActionRun(row, row.extra or {}), moment())


def window(fetch: Any, skip: int, limit: int) -> list[Any]:
    """`limit` rows after the first `skip`; `fetch(query)` gives (rows, total) for `page` and `pageSize`."""
    size = 1000
    found: list[Any] = []
    number = skip // size
    while len(found) < limit:
        rows, total = fetch({"page": number, "pageSize": size})
        first = skip - number * size if number == skip // size else 0
        found += rows[first:]
        number += 1
        if number * size >= total:
            break
    return found[:limit]
