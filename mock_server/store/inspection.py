"""What is asked of a store by those who watch it: streams of events, metrics, the doctor.

Law: it costs readers only. Nothing here is on the way of a change; each question has a reader's connection to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from mock_server.store.base import Happening, Kind
from mock_server.store.codec import is_storable, loads
from mock_server.store.dialect import Dialect
from mock_server.store.find import equals
from mock_server.store.migrate import current_version
from mock_server.store.rows import EVENTS
from mock_server.store.schema import DOCUMENTS, events, executions, metadata, runs

if TYPE_CHECKING:
    from mock_server.store.reads import SqlReads

_PROJECT = sa.func.coalesce(executions.c.project_id, runs.c.project_id)
_PIPELINE = sa.func.coalesce(executions.c.pipeline_id, runs.c.pipeline_id)
_HAPPENINGS = (
    EVENTS.select.add_columns(_PROJECT, _PIPELINE, executions.c.node_id, executions.c.service_id)
    .select_from(
        events.outerjoin(executions, executions.c.id == events.c.execution_id).outerjoin(
            runs, runs.c.id == events.c.run_id
        )
    )
    .order_by(events.c.id)
)
_ENDED = sa.case((events.c.kind.like("%.ended") | (events.c.kind == "run.called_off"), events.c.body), else_="{}")
#: Tables whose rows name blobs.
_WITH_BLOBS = tuple(table for table in DOCUMENTS.values() if "blob" in table.c)


@cache
def _of(*wanted: str) -> sa.Select[Any]:
    """The question for events of what is named. Made once, as it is asked after each change while anybody listens."""
    columns = {"run": events.c.run_id, "pipeline": _PIPELINE, "project": _PROJECT}
    named = [columns[key] == sa.bindparam(key) for key in wanted]
    return _HAPPENINGS.where(events.c.id > sa.bindparam("after"), *named).limit(sa.bindparam("most"))


class Inspection:
    """Questions, each answered from one snapshot."""

    def __init__(self, reads: Callable[..., AbstractContextManager[SqlReads]], dialect: Dialect) -> None:
        self._reads = reads
        self._dialect = dialect

    def happenings(
        self,
        after_id: int = 0,
        limit: int = 1000,
        *,
        run_id: str | None = None,
        pipeline_id: str | None = None,
        project_id: str | None = None,
    ) -> list[Happening]:
        """Events in order with ids above `after_id`, of what is named, with what they are about."""
        wanted = {"run": run_id, "pipeline": pipeline_id, "project": project_id}
        given = {key: value for key, value in wanted.items() if value is not None}
        if not all(is_storable(value) for value in given.values()):
            return []
        with self._reads() as reads:
            rows = reads.db.core.execute(_of(*given), {"after": after_id, "most": limit, **given}).all()
        names = ("project_id", "pipeline_id", "node_id", "service_id")
        return [Happening(**EVENTS.fields(row[:-4]), **dict(zip(names, row[-4:], strict=True))) for row in rows]

    def last_event(self) -> int:
        """The id of the latest event; 0 if nothing has happened yet."""
        with self._reads() as reads:
            return int(reads.db.core.execute(sa.select(sa.func.max(events.c.id))).scalar_one() or 0)

    def event_counts(self, after_id: int, until_id: int) -> dict[tuple[str, str], int]:
        """Events above one id and up to another: how many, by kind and, for what ended, by status."""
        # in two steps: PostgreSQL does not see that two expressions with parameters are the same one
        of_interest = sa.select(events.c.kind, _ENDED.label("told"))
        some = of_interest.where(events.c.id > after_id, events.c.id <= until_id).subquery()
        select = sa.select(some.c.kind, some.c.told, sa.func.count()).group_by(some.c.kind, some.c.told)
        counts: dict[tuple[str, str], int] = {}
        with self._reads() as reads:
            for kind, body, count in reads.db.core.execute(select):
                key = kind, str(loads(body).get("status", ""))
                counts[key] = counts.get(key, 0) + count
        return counts

    def size(self) -> int:
        """Bytes that the database takes, without the blobs."""
        with self._reads() as reads:
            return int(reads.db.raw.execute(self._dialect.size).fetchone()[0])

    def integrity(self) -> list[str]:
        """What is wrong with the database's own structure; nothing, if it is whole. Reads all of it."""
        with self._reads(snapshot=True) as reads:
            for table in metadata.sorted_tables:
                reads.db.core.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            if self._dialect.integrity is None:
                return []
            found = [str(row[0]) for row in reads.db.raw.execute(self._dialect.integrity).fetchall()]
        return [] if found == ["ok"] else found

    def schema_version(self) -> str | None:
        """The revision of the schema that the database has."""
        with self._reads() as reads:
            return current_version(reads.db, self._dialect)

    def blob_names(self) -> Iterator[tuple[Kind, str, str]]:
        """Which document names which blob: kind, id and the blob's name."""
        with self._reads(snapshot=True) as reads:
            for table in _WITH_BLOBS:
                select = sa.select(table.c.id, table.c.blob).where(table.c.blob.is_not(None))
                for id, blob in reads.db.core.execute(select):
                    yield Kind(table.name), id, blob

    def history(self, run_ids: list[str]) -> dict[str, list[tuple[str | None, str, str]]]:
        """For each run its events in order, as execution, kind and, where the event tells it, status."""
        found: dict[str, list[tuple[str | None, str, str]]] = {run_id: [] for run_id in run_ids}
        select = sa.select(events.c.run_id, events.c.execution_id, events.c.kind, _ENDED).order_by(events.c.id)
        with self._reads() as reads:
            for run_id, execution_id, kind, body in reads.db.core.execute(
                select.where(equals(events.c.run_id, run_ids))
            ):
                found[run_id].append((execution_id, kind, str(loads(body).get("status", ""))))
        return found
