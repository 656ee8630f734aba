"""Everything that can be read through one connection: a reader's snapshot, or the writer's change in the making.

What the work itself reads is read here. What is searched and counted, for people, is `questions`', which is loaded by
the first of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dtlpipe.model.enums import ExecutionStatus
from mock_server.store.base import (
    MAX_PAGE_SIZE,
    Document,
    Event,
    ExecutionRow,
    Kind,
    LeftOpen,
    LogLine,
    Page,
    Query,
    RunRow,
    Where,
)
from mock_server.store.codec import RowCodec, is_storable, time_text
from mock_server.store.dialect import Db
from mock_server.store.documents import from_row
from mock_server.store.request import Request, read
from mock_server.store.rows import EXECUTIONS, RUNS
from mock_server.store.shapes import PROMOTED, paths_of
from mock_server.store.statements import Statements
from mock_server.store.totals import Moment
from mock_server.store.values import Values

if TYPE_CHECKING:
    from mock_server.store.find import Search

CHUNK = 500  # documents a statement; what is more than one statement needs a snapshot to be of one moment
_COUNTS = (1, 10, 100, CHUNK)  # how many ids a statement by ids takes, so that few statements are compiled
_BODY = ("id", "body")
_WITH_PRIVATE = ("id", "body", "private")
_EVERYTHING: Mapping[str, Any] = {}
# by the runs that are open, and by the index of open calls: there is none of all executions that are open
_HELD = """SELECT id, run_id FROM execution
    WHERE {0} AND worker IS NOT NULL AND run_id IN (SELECT id FROM run WHERE {0})
    UNION ALL SELECT id, run_id FROM execution WHERE {0} AND run_id IS NULL AND worker IS NOT NULL"""
_SOON = f"""status = '{ExecutionStatus.RERUN.value}' OR surface IS NOT NULL OR extra LIKE '%"parentRunId"%'"""
_RUNS_LEFT = f"""SELECT id, pipeline_id, priority, CASE WHEN {_SOON} THEN 1 ELSE 0 END
    FROM run WHERE {{}} ORDER BY id"""  # noqa: S608 - of constants
_CALLS_LEFT = "SELECT id, priority FROM execution WHERE {} AND run_id IS NULL ORDER BY id"


class SqlReads:
    """Reads through one connection, by one thread at a time."""

    def __init__(self, db: Db, statements: Statements, values: Values) -> None:
        self._db = db
        self._statements = statements
        self._values = values

    @property
    def db(self) -> Db:
        return self._db

    def _settled(self) -> Db:
        """The connection, for looking at rows of work: where some are still to be written, that is done first."""
        return self._db

    # -- documents

    def get(self, kind: Kind, id: str, private: bool = False) -> Document | None:  # noqa: FBT001, FBT002
        if not is_storable(id):
            return None
        columns = _WITH_PRIVATE if private else _BODY
        sql = self._statements.by_key(kind.value, columns)
        row = self._db.raw.execute(sql, (id,)).fetchone()
        return None if row is None else from_row(*row[1:])

    def field(self, kind: Kind, id: str, key: str) -> Any:
        if not is_storable(id):
            return None
        sql = self._statements.by_key(kind.value, (PROMOTED[kind][key].column,))
        row = self._db.raw.execute(sql, (id,)).fetchone()
        return None if row is None else row[0]

    def get_many(self, kind: Kind, ids: Iterable[str]) -> dict[str, Document]:
        return {row[0]: from_row(row[1]) for row in self._by_keys(kind.value, _BODY, list(dict.fromkeys(ids)))}

    def with_prefix(
        self, kind: Kind, prefix: str, most: int, *, changed_before: datetime | None = None
    ) -> list[Document]:
        """See `base.Reads`."""
        sql = self._statements.by_prefix(kind.value, _BODY, before=changed_before is not None)
        times = () if changed_before is None else (time_text(changed_before),)
        rows = self._db.raw.execute(sql, (prefix, f"{prefix}\uffff", *times, most)).fetchall()
        return [from_row(row[1]) for row in rows]

    def with_key(self, kind: Kind, key: str, values: Iterable[str]) -> list[Document]:
        """See `base.Reads`."""
        wanted = list(dict.fromkeys(values))
        return [from_row(row[1]) for row in self._by_keys(kind.value, _BODY, wanted, key=PROMOTED[kind][key].column)]

    def of_nothing(self, kind: Kind, query: Query) -> Request | None:
        """What is asked of a kind of which there is nothing, which needs no search; None if there is one to be made."""
        if self._db.raw.execute(self._statements.any(kind.value)).fetchone() is not None:
            return None
        asked = read(query, page_size=MAX_PAGE_SIZE, keyset=True, paths=paths_of(kind))
        return asked if asked.join is None else None

    def find(
        self, kind: Kind, query: Query = _EVERYTHING, *, where: Where | None = None, moment: Moment | None = None
    ) -> Page:
        asked = self.of_nothing(kind, query)
        if asked is not None:
            return Page([], 0, asked.page, asked.page_size)
        found = self.search(kind, query, where).run(self._db, moment)
        documents = [from_row(row[1]) for row in found.rows]
        return Page(documents, found.total, found.request.page, found.request.page_size, found.offset)

    def count(self, kind: Kind, where: Where | None = None) -> int:
        from mock_server.store import questions

        return questions.count(self._db, kind, where)

    def search(self, kind: Kind, query: Query, where: Where | None) -> Search:
        """The query, ready to be read chunk by chunk. Raises BadRequest."""
        from mock_server.store import questions

        return questions.search(self._db, kind, query, where)

    def chunk(self, search: Search, kind: Kind, after: str, *, private: bool) -> tuple[list[Document], str | None]:
        """Matches by id from `after` on, and the id to go on from; None at the end."""
        rows, last = search.chunk(self._db, after, CHUNK)
        if not private:
            return [from_row(row[1]) for row in rows], last
        whole = self._by_keys(kind.value, _WITH_PRIVATE, [row[0] for row in rows])
        return [from_row(*row[1:]) for row in whole], last

    # -- runs and executions

    def get_run(self, id: str) -> RunRow | None:
        row = self._one(RUNS, id)
        return None if row is None else RUNS.decode(row, self._values.whole)

    def get_execution(self, id: str) -> ExecutionRow | None:
        row = self._one(EXECUTIONS, id)
        return None if row is None else EXECUTIONS.decode(row, self._values.whole)

    def _one(self, codec: RowCodec[Any], id: str) -> Any:
        if not is_storable(id):
            return None
        return self._settled().raw.execute(self._statements.by_key(codec.name, codec.names), (id,)).fetchone()

    def find_runs(self, query: Query = _EVERYTHING, *, where: Where | None = None) -> tuple[list[RunRow], int]:
        from mock_server.store import questions

        return questions.find_runs(self._settled(), query, where, self._values.whole)

    def find_executions(
        self, query: Query = _EVERYTHING, *, where: Where | None = None
    ) -> tuple[list[ExecutionRow], int]:
        from mock_server.store import questions

        return questions.find_executions(self._settled(), query, where, self._values.whole)

    def executions_of(self, run_ids: Sequence[str]) -> dict[str, list[ExecutionRow]]:
        found: dict[str, list[ExecutionRow]] = {run_id: [] for run_id in run_ids}
        self._settled()
        for row in self._by_keys(EXECUTIONS.name, EXECUTIONS.names, list(found), key="run_id"):
            execution = EXECUTIONS.decode(row, self._values.whole)
            found[execution.run_id or ""].append(execution)
        return found

    def open_runs(self, surface: str | None = None) -> list[RunRow]:
        if surface is None:
            return self._all(RUNS, self._statements.is_open)
        found = self._all(RUNS, f"{self._statements.is_open} AND surface IS NOT NULL")
        return [row for row in found if row.surface == surface]

    def open_executions(self) -> list[ExecutionRow]:
        # of runs by the runs that are open: an index of all of them would be touched by each step
        of_runs = self._all(
            EXECUTIONS, f"{self._statements.is_open} AND run_id IN ({self._statements.open_runs})", "run_id, id"
        )
        return sorted([*of_runs, *self.open_calls()], key=lambda row: row.id)

    def open_calls(self) -> list[ExecutionRow]:
        """See `base.Tx`."""
        return self._all(EXECUTIONS, f"{self._statements.is_open} AND run_id IS NULL")

    def left_open(self) -> list[LeftOpen]:
        """See `base.Tx`."""
        raw, is_open = self._settled().raw, self._statements.is_open
        held = {id for row in raw.execute(_HELD.format(is_open)).fetchall() for id in row}
        runs = raw.execute(_RUNS_LEFT.format(is_open)).fetchall()
        calls = raw.execute(_CALLS_LEFT.format(is_open)).fetchall()
        return [
            *(LeftOpen(id, pipeline, urgency, id in held or bool(soon)) for id, pipeline, urgency, soon in runs),
            *(LeftOpen(id, None, urgency, id in held) for id, urgency in calls),
        ]

    def runs_by_id(self, ids: Sequence[str]) -> dict[str, RunRow]:
        """See `base.Tx`."""
        self._settled()
        rows = self._by_keys(RUNS.name, RUNS.names, [*ids])
        return {row.id: row for row in RUNS.decode_all(rows, self._values.whole)}

    def executions_by_id(self, ids: Sequence[str]) -> dict[str, ExecutionRow]:
        """See `base.Tx`."""
        self._settled()
        rows = self._by_keys(EXECUTIONS.name, EXECUTIONS.names, [*ids])
        return {row.id: row for row in EXECUTIONS.decode_all(rows, self._values.whole)}

    def _all(self, codec: RowCodec[Any], where: str, order: str = "id") -> list[Any]:
        sql = self._statements.select(codec.name, codec.names, where, order)
        return codec.decode_all(self._settled().raw.execute(sql).fetchall(), self._values.whole)

    def run_counts(
        self, pipeline_id: str | None = None, batch_id: str | None = None, since: datetime | None = None
    ) -> dict[str, int]:
        from mock_server.store import questions

        return questions.run_counts(self._settled(), pipeline_id, batch_id, since)

    def node_counts(self, pipeline_id: str, since: datetime | None = None) -> dict[str, dict[str, int]]:
        from mock_server.store import questions

        return questions.node_counts(self._settled(), pipeline_id, since)

    # -- what happened

    def logs(
        self,
        *,
        execution_ids: Sequence[str] | None = None,
        run_id: str | None = None,
        service_id: str | None = None,
        after_id: int = 0,
        limit: int = 1000,
        level: str | None = None,
        text: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        function_name: str | None = None,
    ) -> list[LogLine]:
        from mock_server.store import questions

        return questions.logs(
            self._settled(),
            execution_ids=execution_ids,
            run_id=run_id,
            service_id=service_id,
            after_id=after_id,
            limit=limit,
            level=level,
            text=text,
            since=since,
            until=until,
            function_name=function_name,
        )

    def events(self, run_id: str | None = None, after_id: int = 0, limit: int = 1000) -> list[Event]:
        from mock_server.store import questions

        return questions.events_of(self._settled(), run_id, after_id, limit)

    # -- by ids

    def _by_keys(self, table: str, columns: Sequence[str], ids: list[str], *, key: str = "id") -> Iterator[Any]:
        """Rows in the order of their own id within each chunk of ids."""
        ids = [id for id in ids if is_storable(id)]
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            count = next(size for size in _COUNTS if size >= len(some))
            some += some[-1:] * (count - len(some))
            sql = self._statements.by_key(table, columns, count, key=key)
            yield from self._db.raw.execute(sql, some).fetchall()
