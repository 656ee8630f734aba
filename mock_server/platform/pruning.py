"""Pruning: runs that are over for long, or are too many, go with their executions, events and log lines.

Law: what is open is never touched, and whether it is, is asked in the transaction that deletes. Each transaction takes
a few runs, so nobody waits long for the writer; one that is killed in between goes on with what is left. Keys of
requests are kept for a day at least: as long as a client may still repeat one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import attrs

from dtlpipe.model import times
from mock_server.platform import lifecycle, passes, repeats
from mock_server.store.base import Kind, RunRow, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: Runs, or documents, that go in one transaction.
BATCH = 50
#: Seconds for which keys of requests are kept, and notes of rates.
KEYS_FOR = 2 * 86400.0
RATES_FOR = 30 * 86400.0
#: Documents that belong to a run of another vocabulary.
BELONGINGS = (Kind.ACTION, Kind.CHECKPOINT, Kind.RESPONSE)


@attrs.define
class Pruned:
    """How many of each are gone."""

    runs: int = 0
    keys: int = 0


class Pruning:
    """What may go, goes."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def tick(self, stopped: Callable[[], bool] = lambda: False) -> Pruned:
        """Prunes as the settings say; called now and then. Runs are kept for ever if they say nothing."""
        settings = self._platform.settings
        return self.prune(older_than=settings.keep_runs_for, beyond=settings.keep_runs, stopped=stopped)

    def prune(
        self,
        *,
        older_than: float | None = None,
        beyond: int | None = None,
        pipeline_id: str | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Pruned:
        """Deletes runs that ended more than `older_than` seconds ago, and the oldest `beyond` that many that are over.

        Of one pipeline, if it is named. It ends early once `stopped` says so.
        """
        pruned, now = Pruned(), times.now()
        cutoff = None if older_than is None else now - timedelta(seconds=older_than)
        excess = 0 if beyond is None else max(0, self._over(pipeline_id) - beyond)
        if cutoff is not None or excess:
            for ids in self._due(cutoff, excess, pipeline_id):
                if stopped():
                    return pruned
                pruned.runs += self._platform.store.write(partial(_drop_runs, ids))
        for prefix, seconds in ((repeats.PREFIX, KEYS_FOR), ("idempotency:", KEYS_FOR), ("bucket:", RATES_FOR)):
            pruned.keys += self._drop_notes(prefix, now - timedelta(seconds=seconds), stopped)
        return pruned

    def drop(self, ids: list[str]) -> int:
        """Deletes these runs, but for those that are not over; how many went."""
        dropped: int = self._platform.store.write(partial(_drop_runs, ids))
        return dropped

    def _over(self, pipeline_id: str | None) -> int:
        counts = self._platform.store.run_counts(pipeline_id)
        return sum(count for status, count in counts.items() if lifecycle.is_final(status))

    def _due(self, cutoff: datetime | None, excess: int, pipeline_id: str | None) -> Iterator[list[str]]:
        """The ids of runs to delete, the oldest first, a few at a time."""
        due: list[str] = []
        for number, row in enumerate(self._oldest(pipeline_id)):
            old = cutoff is not None and row.ended_at is not None and row.ended_at < cutoff
            if old or number < excess:
                due.append(row.id)
            elif cutoff is None or row.created_at >= cutoff:
                break
            if len(due) == BATCH:
                yield due
                due = []
        if due:
            yield due

    def _oldest(self, pipeline_id: str | None) -> Iterator[RunRow]:
        """Runs that are over, in the order in which they were begun."""
        where = {"status": sorted(lifecycle.FINAL)} | ({"pipelineId": pipeline_id} if pipeline_id else {})
        after = ""
        while True:
            query = {"filter": {"id": {"$gt": after}}, "sort": {"id": "ascending"}, "pageSize": 500}
            rows, _ = self._platform.store.find_runs(query, where=where)
            if not rows:
                return
            yield from rows
            after = rows[-1].id

    def _drop_notes(self, prefix: str, cutoff: datetime, stopped: Callable[[], bool]) -> int:
        """Deletes the settings whose ids begin so and that were not changed since."""
        gone = 0
        while not stopped():
            found = self._platform.store.with_prefix(Kind.SETTING, prefix, BATCH, changed_before=cutoff)
            if not found:
                break
            ids = [each["id"] for each in found]
            gone += self._platform.store.write(partial(_drop_settings, ids))
        return gone


def _drop_runs(ids: list[str], tx: Tx) -> int:
    return sum(_drop(tx, each) for each in ids)


def _drop_settings(ids: list[str], tx: Tx) -> int:
    return sum(tx.delete(Kind.SETTING, each) for each in ids)


def _drop(tx: Tx, run_id: str) -> bool:
    """Deletes a run and what belongs to it, unless it is open (again) or gone."""
    row = tx.get_run(run_id)
    if row is None or not lifecycle.is_final(row.status):
        return False
    tx.delete(Kind.SETTING, passes.key(run_id))
    if row.surface is not None:
        for kind in BELONGINGS:
            for each in tx.find(kind, {"pageSize": 1000}, where={"runId": run_id}).items:
                tx.delete(kind, each["id"])
    return tx.delete_run(run_id)
