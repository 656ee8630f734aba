"""What is asked of a store by those who watch it: streams of events, metrics, the doctor.

Law: it costs readers only. Nothing here is on the way of a change; each question has a reader's connection to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from mock_server.store import values
from mock_server.store.base import Happening, Kind
from mock_server.store.codec import is_storable, loads
from mock_server.store.dialect import Dialect
from mock_server.store.migrate import current_version
from mock_server.store.shapes import columns_of
from mock_server.store.statements import quoted

if TYPE_CHECKING:
    from mock_server.store.reads import SqlReads

_LAST = "SELECT max(id) FROM event"
#: What ended tells its status; of all else the kind is enough.
_TOLD = "CASE WHEN kind LIKE '%.ended' OR kind = 'run.called_off' THEN body ELSE '{}' END"
_COUNTS = f"""SELECT kind, told, count(*) FROM
    (SELECT kind, {_TOLD} AS told FROM event WHERE id > ? AND id <= ?) AS counted GROUP BY kind, told"""  # noqa: S608
#: Tables whose rows name blobs: what their rows are, and by which column they are told apart.
_NAMING = {kind.value: (kind.value, "id") for kind in Kind if "blob" in columns_of(kind)}
_NAMING[values.TABLE] = ("run or execution", "owner")


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
        from mock_server.store import questions

        with self._reads() as reads:
            return questions.happenings(reads.db, after_id, limit, given)

    def last_event(self) -> int:
        """The id of the latest event; 0 if nothing has happened yet."""
        with self._reads() as reads:
            return int(reads.db.raw.execute(_LAST).fetchone()[0] or 0)

    def event_counts(self, after_id: int, until_id: int) -> dict[tuple[str, str], int]:
        """Events above one id and up to another: how many, by kind and, for what ended, by status."""
        counts: dict[tuple[str, str], int] = {}
        with self._reads() as reads:
            for kind, body, count in reads.db.raw.execute(
                _COUNTS.replace("?", self._dialect.mark), (after_id, until_id)
            ).fetchall():
                key = kind, str(loads(body).get("status", ""))
                counts[key] = counts.get(key, 0) + count
        return counts

    def size(self) -> int:
        """Bytes that the database takes, without the blobs."""
        with self._reads() as reads:
            return int(reads.db.raw.execute(self._dialect.size).fetchone()[0])

    def integrity(self) -> list[str]:
        """What is wrong with the database's own structure; nothing, if it is whole. Reads all of it."""
        from mock_server.store import questions

        with self._reads(snapshot=True) as reads:
            questions.read_all(reads.db)
            if self._dialect.integrity is None:
                return []
            found = [str(row[0]) for row in reads.db.raw.execute(self._dialect.integrity).fetchall()]
        return [] if found == ["ok"] else found

    def schema_version(self) -> str | None:
        """The revision of the schema that the database has."""
        with self._reads() as reads:
            return current_version(reads.db, self._dialect)

    def blob_names(self) -> Iterator[tuple[str, str, str]]:
        """What names which blob: its kind, its id and the blob's name."""
        with self._reads(snapshot=True) as reads:
            for table, (noun, key) in _NAMING.items():
                sql = f"SELECT {key}, blob FROM {quoted(table)} WHERE blob IS NOT NULL"  # noqa: S608 - names of our own
                for id, blob in reads.db.raw.execute(sql).fetchall():
                    yield noun, id, blob

    def names(self, blob: str) -> bool:
        """Whether anything names the blob."""
        mark = self._dialect.mark
        with self._reads() as reads:
            return any(
                reads.db.raw.execute(f"SELECT 1 FROM {quoted(table)} WHERE blob = {mark} LIMIT 1", (blob,)).fetchone()  # noqa: S608
                for table in _NAMING
            )

    def history(self, run_ids: list[str]) -> dict[str, list[tuple[str | None, str, str]]]:
        """For each run its events in order, as execution, kind and, where the event tells it, status."""
        found: dict[str, list[tuple[str | None, str, str]]] = {run_id: [] for run_id in run_ids}
        from mock_server.store import questions

        with self._reads() as reads:
            for run_id, execution_id, kind, body in questions.history(reads.db, run_ids):
                found[run_id].append((execution_id, kind, str(loads(body).get("status", ""))))
        return found
