"""The store on a database: one writer, a pool of readers, blobs beside them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from dtlpipe.errors import ConfigurationError
from mock_server.store import ids
from mock_server.store.base import (
    Document,
    Event,
    ExecutionRow,
    Kind,
    LogLine,
    Page,
    Query,
    RunRow,
    StoreError,
    T,
    Tx,
    Where,
)
from mock_server.store.blobs import BlobStore
from mock_server.store.dialect import Db, Dialect, Statements
from mock_server.store.find import Search
from mock_server.store.folder import DataFolder
from mock_server.store.migrate import bring_up_to_date
from mock_server.store.reads import SqlReads
from mock_server.store.schema import DOCUMENTS, events, executions, log_lines, runs
from mock_server.store.totals import Totals
from mock_server.store.tx import SqlTx
from mock_server.store.writer import Probe, Writer

_EVERYTHING: Mapping[str, Any] = {}
_MAX_IDLE = 64  # readers kept open between reads


class _Numbers:
    """Ids of events and log lines, counted by the one writer: a lost batch leaves a gap, never a repetition."""

    def __init__(self, last_event: int, last_log_line: int) -> None:
        self.next_event: Callable[[], int] = count(last_event + 1).__next__
        self.next_log_line: Callable[[], int] = count(last_log_line + 1).__next__


class SqlStore:
    """See `base.Store`."""

    def __init__(
        self, dialect: Dialect, blobs: BlobStore, *, release: Callable[[], None], probe: Probe | None = None
    ) -> None:
        self._dialect = dialect
        self._statements = Statements(dialect)
        self._release = release
        self._closed = False
        self._idle: deque[SqlReads] = deque()
        self._totals = Totals()
        self.blobs = blobs
        with self._first_connection() as db:
            bring_up_to_date(db, dialect)
            numbers = _Numbers(_last(db, events) or 0, _last(db, log_lines) or 0)
            for table in (runs, executions, DOCUMENTS[Kind.ITEM]):
                ids.start_after(_last(db, table) or "")
        self._writer = Writer(
            lambda: dialect.connect(writer=True),
            dialect,
            lambda db: SqlTx(db, self._statements, dialect, numbers, self._totals.changed),
            probe,
        )
        self._writer.on_rollback(self._totals.forget)

    @classmethod
    def open(cls, url_or_dir: str | Path, *, relaxed: bool = False, probe: Probe | None = None) -> Self:
        """See `mock_server.store.open_store`. `probe` is told of each point where a crash is worth trying."""
        if isinstance(url_or_dir, str) and "://" in url_or_dir:
            scheme = url_or_dir.partition("://")[0]
            raise ConfigurationError(
                f"the store cannot use {scheme!r} databases",
                hint="give the path of a folder, to hold SQLite",
            )
        from mock_server.store.sqlite import Sqlite

        folder = DataFolder.take(url_or_dir)
        try:
            blobs = BlobStore(folder.blobs, relaxed=relaxed)
            dialect = Sqlite(folder.database, relaxed=relaxed)
            return cls(dialect, blobs, release=folder.release, probe=probe)
        except BaseException:
            folder.release()
            raise

    @contextmanager
    def _first_connection(self) -> Iterator[Db]:
        try:
            db = self._dialect.connect(writer=True)
        except Exception as error:
            raise ConfigurationError(f"the database cannot be opened: {error}") from error
        try:
            yield db
        finally:
            db.close()

    # -- changes

    @property
    def commits(self) -> int:
        return self._writer.commits

    def write(self, intent: Callable[[Tx], T], timeout: float = 60.0) -> T:
        return self._writer.write(intent, timeout)

    def post(self, intent: Callable[[Tx], T]) -> Future[T]:
        return self._writer.post(intent)

    def on_rollback(self, fn: Callable[[], None]) -> None:
        self._writer.on_rollback(fn)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._drain()
        self._writer.close()
        self._dialect.dispose()
        self._release()

    # -- reads

    @contextmanager
    def _reads(self, *, snapshot: bool = False) -> Iterator[SqlReads]:
        """A reader of one's own; with `snapshot`, all that it reads is of one moment."""
        if self._closed:
            raise StoreError("the store is closed")
        try:
            reads = self._idle.pop()
        except IndexError:
            reads = SqlReads(self._dialect.connect(writer=False), self._statements)
        raw = reads.db.raw
        try:
            if snapshot:
                raw.execute(self._dialect.begin_read)
            yield reads
            if snapshot:
                raw.execute("COMMIT")
        except BaseException as error:
            failure = self._dialect.failure(error)
            if failure is not None:
                reads.db.close()
                raise failure from error
            if self._dialect.in_transaction(raw):
                raw.execute("ROLLBACK")
            self._give_back(reads)
            raise
        self._give_back(reads)

    def _give_back(self, reads: SqlReads) -> None:
        if len(self._idle) >= _MAX_IDLE:
            reads.db.close()
            return
        self._idle.append(reads)
        if self._closed:  # in the meantime
            self._drain()

    def _drain(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().db.close()

    def get(self, kind: Kind, id: str, private: bool = False) -> Document | None:  # noqa: FBT001, FBT002
        with self._reads() as reads:
            return reads.get(kind, id, private)

    def get_many(self, kind: Kind, ids: Iterable[str]) -> dict[str, Document]:
        with self._reads(snapshot=True) as reads:
            return reads.get_many(kind, ids)

    def find(self, kind: Kind, query: Query = _EVERYTHING, *, where: Where | None = None) -> Page:
        moment = self._totals.now()
        with self._reads(snapshot=True) as reads:
            return reads.find(kind, query, where=where, moment=moment)

    def iterate(
        self,
        kind: Kind,
        query: Query = _EVERYTHING,
        *,
        where: Where | None = None,
        private: bool = False,
    ) -> Iterator[Document]:
        with self._reads(snapshot=True) as reads:
            search = reads.search(kind, query, where)  # what is wrong with the query is said at once
        return self._chunks(search, kind, private=private)

    def _chunks(self, search: Search, kind: Kind, *, private: bool) -> Iterator[Document]:
        last: str | None = ""
        while last is not None:
            with self._reads(snapshot=True) as reads:
                documents, last = reads.chunk(search, kind, last, private=private)
            yield from documents

    def count(self, kind: Kind, where: Where | None = None) -> int:
        with self._reads() as reads:
            return reads.count(kind, where)

    def get_run(self, id: str) -> RunRow | None:
        with self._reads() as reads:
            return reads.get_run(id)

    def get_execution(self, id: str) -> ExecutionRow | None:
        with self._reads() as reads:
            return reads.get_execution(id)

    def find_runs(self, query: Query = _EVERYTHING, *, where: Where | None = None) -> tuple[list[RunRow], int]:
        with self._reads(snapshot=True) as reads:
            return reads.find_runs(query, where=where)

    def find_executions(
        self, query: Query = _EVERYTHING, *, where: Where | None = None
    ) -> tuple[list[ExecutionRow], int]:
        with self._reads(snapshot=True) as reads:
            return reads.find_executions(query, where=where)

    def executions_of(self, run_ids: Sequence[str]) -> dict[str, list[ExecutionRow]]:
        with self._reads(snapshot=True) as reads:
            return reads.executions_of(run_ids)

    def open_runs(self) -> list[RunRow]:
        with self._reads() as reads:
            return reads.open_runs()

    def open_executions(self) -> list[ExecutionRow]:
        with self._reads() as reads:
            return reads.open_executions()

    def run_counts(
        self, pipeline_id: str | None = None, batch_id: str | None = None, since: datetime | None = None
    ) -> dict[str, int]:
        with self._reads() as reads:
            return reads.run_counts(pipeline_id, batch_id, since)

    def node_counts(self, pipeline_id: str, since: datetime | None = None) -> dict[str, dict[str, int]]:
        with self._reads() as reads:
            return reads.node_counts(pipeline_id, since)

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
        with self._reads() as reads:
            return reads.logs(
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
        with self._reads() as reads:
            return reads.events(run_id, after_id, limit)


def _last(db: Db, table: sa.Table) -> Any:
    """The greatest id; None for an empty table."""
    return db.core.execute(sa.select(sa.func.max(table.c.id))).scalar_one()
