"""Everything that can be read through one connection: a reader's snapshot, or the writer's change in the making."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mock_server.store.base import Document, Event, ExecutionRow, Kind, LogLine, Page, Query, RunRow, Where
from mock_server.store.codec import RowCodec, is_storable, time_text
from mock_server.store.dialect import Db, Statements
from mock_server.store.documents import from_row
from mock_server.store.find import Found, Search, Source, at_path, equalities, equals
from mock_server.store.request import Join
from mock_server.store.schema import DOCUMENTS, PROMOTED, events, executions, log_lines, open_execution, open_run, runs
from mock_server.store.sources import EXECUTION_SOURCE, EXECUTIONS, RUN_SOURCE, RUNS, SOURCES
from mock_server.store.totals import Moment

EVENTS = RowCodec(Event, events)
LOG_LINES = RowCodec(LogLine, log_lines)

CHUNK = 500  # documents a statement; what is more than one statement needs a snapshot to be of one moment
_COUNTS = (1, 10, 100, CHUNK)  # how many ids a statement by ids takes, so that few statements are compiled
_BODY = ("id", "body")
_WITH_PRIVATE = ("id", "body", "private")
_EVERYTHING: Mapping[str, Any] = {}
_SEVERITY = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "critical": 50, "fatal": 50}


class SqlReads:
    """Reads through one connection, by one thread at a time."""

    def __init__(self, db: Db, statements: Statements) -> None:
        self._db = db
        self._statements = statements

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
        sql = self._statements.by_id(DOCUMENTS[kind], columns)
        row = self._db.raw.execute(sql, (id,)).fetchone()
        return None if row is None else from_row(*row[1:])

    def field(self, kind: Kind, id: str, key: str) -> Any:
        if not is_storable(id):
            return None
        sql = self._statements.by_id(DOCUMENTS[kind], (PROMOTED[kind][key].column,))
        row = self._db.raw.execute(sql, (id,)).fetchone()
        return None if row is None else row[0]

    def get_many(self, kind: Kind, ids: Iterable[str]) -> dict[str, Document]:
        return {row[0]: from_row(row[1]) for row in self._by_ids(DOCUMENTS[kind], _BODY, list(dict.fromkeys(ids)))}

    def find(
        self, kind: Kind, query: Query = _EVERYTHING, *, where: Where | None = None, moment: Moment | None = None
    ) -> Page:
        found = self.search(kind, query, where).run(self._db, moment)
        documents = [from_row(row[1]) for row in found.rows]
        return Page(documents, found.total, found.request.page, found.request.page_size, found.offset)

    def count(self, kind: Kind, where: Where | None = None) -> int:
        source = SOURCES[kind]
        select = sa.select(sa.func.count()).select_from(source.table).where(*equalities(source, where))
        return self._db.core.execute(select).scalar_one()

    def search(self, kind: Kind, query: Query, where: Where | None) -> Search:
        """The query, ready to be read chunk by chunk. Raises BadRequest."""
        return Search.prepare(SOURCES[kind], query, where, lambda join: self._joined(join, where))

    def chunk(self, search: Search, kind: Kind, after: str, *, private: bool) -> tuple[list[Document], str | None]:
        """Matches by id from `after` on, and the id to go on from; None at the end."""
        rows, last = search.chunk(self._db, after, CHUNK)
        if not private:
            return [from_row(row[1]) for row in rows], last
        whole = self._by_ids(DOCUMENTS[kind], _WITH_PRIVATE, [row[0] for row in rows])
        return [from_row(*row[1:]) for row in whole], last

    def _find(self, source: Source, query: Query, where: Where | None) -> Found:
        return Search.prepare(source, query, where, lambda join: self._joined(join, where)).run(self._db)

    def _joined(self, join: Join, where: Where | None) -> frozenset[str]:
        """What the other kind's matches have at the join's key; within the same dataset, if it is given."""
        source = SOURCES[join.kind]
        same = {key: value for key, value in (where or {}).items() if key == "datasetId" and key in source.wheres}
        search = Search.prepare(source, {"filter": join.query}, same, lambda _: frozenset())
        steps, last = join.other_key.split("."), ""
        values: set[str] = set()
        while True:
            rows, following = search.chunk(self._db, last, CHUNK)
            found = (at_path(source.document(row), steps) for row in rows)
            values.update(value for value in found if isinstance(value, str))
            if following is None:
                return frozenset(values)
            last = following

    # -- runs and executions

    def get_run(self, id: str) -> RunRow | None:
        row = self._one(RUNS, id)
        return None if row is None else RUNS.decode(row)

    def get_execution(self, id: str) -> ExecutionRow | None:
        row = self._one(EXECUTIONS, id)
        return None if row is None else EXECUTIONS.decode(row)

    def _one(self, codec: RowCodec[Any], id: str) -> Any:
        if not is_storable(id):
            return None
        return self._settled().raw.execute(self._statements.by_id(codec.table, codec.names), (id,)).fetchone()

    def find_runs(self, query: Query = _EVERYTHING, *, where: Where | None = None) -> tuple[list[RunRow], int]:
        self._settled()
        found = self._find(RUN_SOURCE, query, where)
        return RUNS.decode_all(found.rows), found.total

    def find_executions(
        self, query: Query = _EVERYTHING, *, where: Where | None = None
    ) -> tuple[list[ExecutionRow], int]:
        self._settled()
        found = self._find(EXECUTION_SOURCE, query, where)
        return EXECUTIONS.decode_all(found.rows), found.total

    def executions_of(self, run_ids: Sequence[str]) -> dict[str, list[ExecutionRow]]:
        found: dict[str, list[ExecutionRow]] = {run_id: [] for run_id in run_ids}
        self._settled()
        for row in self._by_ids(executions, EXECUTIONS.names, list(found), key="run_id"):
            execution = EXECUTIONS.decode(row)
            found[execution.run_id or ""].append(execution)
        return found

    def open_runs(self) -> list[RunRow]:
        sql = self._statements.fixed("open runs", lambda: RUNS.select.where(open_run).order_by(runs.c.id))
        return RUNS.decode_all(self._settled().raw.execute(sql).fetchall())

    def open_executions(self) -> list[ExecutionRow]:
        sql = self._statements.fixed(
            "open executions", lambda: EXECUTIONS.select.where(open_execution).order_by(executions.c.id)
        )
        return EXECUTIONS.decode_all(self._settled().raw.execute(sql).fetchall())

    def open_calls(self) -> list[ExecutionRow]:
        """See `base.Tx`."""
        sql = self._statements.fixed(
            "open calls",
            lambda: EXECUTIONS.select.where(open_execution, executions.c.run_id.is_(None)).order_by(executions.c.id),
        )
        return EXECUTIONS.decode_all(self._settled().raw.execute(sql).fetchall())

    def run_counts(
        self, pipeline_id: str | None = None, batch_id: str | None = None, since: datetime | None = None
    ) -> dict[str, int]:
        select = sa.select(runs.c.status, sa.func.count()).group_by(runs.c.status)
        if pipeline_id is not None:
            select = select.where(equals(runs.c.pipeline_id, pipeline_id))
        if batch_id is not None:
            select = select.where(equals(runs.c.batch_id, batch_id))
        if since is not None:
            select = select.where(runs.c.created_at >= time_text(since))
        return {row[0]: row[1] for row in self._settled().core.execute(select)}

    def node_counts(self, pipeline_id: str, since: datetime | None = None) -> dict[str, dict[str, int]]:
        node, status = executions.c.node_id, executions.c.status
        select = sa.select(node, status, sa.func.count()).where(equals(executions.c.pipeline_id, pipeline_id))
        if since is not None:
            select = select.where(executions.c.created_at >= time_text(since))
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for node_id, each, count in self._settled().core.execute(
            select.where(node.is_not(None)).group_by(node, status)
        ):
            counts[node_id][each] = count
        return dict(counts)

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
        table = log_lines.c
        select = LOG_LINES.select.where(table.id > after_id).order_by(table.id)
        if execution_ids is not None:
            select = select.where(equals(table.execution_id, list(execution_ids)))
        if run_id is not None:
            select = select.where(equals(table.run_id, run_id))
        if service_id is not None:
            select = select.where(equals(table.service_id, service_id))
        if level is not None:
            least = _SEVERITY.get(level.lower(), 0)
            lesser = [name for name, severity in _SEVERITY.items() if severity < least]
            select = select.where(sa.func.lower(table.level).not_in(lesser))
        if since is not None:
            select = select.where(table.at >= time_text(since))
        if until is not None:
            select = select.where(table.at <= time_text(until))
        if function_name is not None:
            of_function = sa.select(executions.c.id).where(equals(executions.c.function_name, function_name))
            select = select.where(table.execution_id.in_(of_function))
        if text is None:
            return LOG_LINES.decode_all(self._settled().core.execute(select.limit(limit)))
        needle, found = text.casefold(), []
        at_message = LOG_LINES.names.index("message")
        with self._settled().core.execute(select, execution_options={"yield_per": CHUNK}) as rows:
            for row in rows:
                if needle in row[at_message].casefold():
                    found.append(LOG_LINES.decode(row))
                    if len(found) == limit:
                        break
        return found

    def events(self, run_id: str | None = None, after_id: int = 0, limit: int = 1000) -> list[Event]:
        select = EVENTS.select.where(events.c.id > after_id).order_by(events.c.id).limit(limit)
        if run_id is not None:
            select = select.where(equals(events.c.run_id, run_id))
        return EVENTS.decode_all(self._settled().core.execute(select))

    # -- by ids

    def _by_ids(self, table: sa.Table, columns: Sequence[str], ids: list[str], *, key: str = "id") -> Iterator[Any]:
        """Rows in the order of their own id within each chunk of ids."""
        ids = [id for id in ids if is_storable(id)]
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            count = next(size for size in _COUNTS if size >= len(some))
            some += some[-1:] * (count - len(some))
            sql = self._statements.by_id(table, columns, count, key=key)
            yield from self._db.raw.execute(sql, some).fetchall()
