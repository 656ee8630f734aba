"""The store on a database: one writer, a pool of readers, blobs beside them.

Longer than 400 lines because each of the many questions is handed on to a reader here.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Self

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
    Standby,
    StoreError,
    T,
    Tx,
    Where,
)
from mock_server.store.blobs import BlobStore
from mock_server.store.dialect import Db, Dialect
from mock_server.store.folder import DataFolder
from mock_server.store.lasting import LASTING, Lasting
from mock_server.store.migrate import bring_up_to_date, check_version
from mock_server.store.reads import CHUNK, SqlReads
from mock_server.store.rows import EVENTS, EXECUTIONS, LOG_LINES, RUNS
from mock_server.store.statements import Statements
from mock_server.store.totals import Totals
from mock_server.store.tx import SqlTx
from mock_server.store.values import Values
from mock_server.store.writer import Probe, Writer

if TYPE_CHECKING:
    from mock_server.store.find import Search
    from mock_server.store.inspection import Inspection

logger = logging.getLogger(__name__)

_EVERYTHING: Mapping[str, Any] = {}
_MAX_IDLE = 64  # readers kept open between reads
_FOLDER = "store:folder"  # the setting that names the folder of the database's files
_PATIENCE = 30.0  # seconds to wait for a reader's place


class _Numbers:
    """Ids of events and log lines, counted by the one writer: a lost batch leaves a gap, never a repetition."""

    def __init__(self, db: Db, statements: Statements) -> None:
        self._statements = statements
        self.read(db)

    def read(self, db: Db) -> None:
        """Go on after what is there, whoever wrote it."""
        self.next_event: Callable[[], int] = count((self._last(db, EVENTS.name) or 0) + 1).__next__
        self.next_log_line: Callable[[], int] = count((self._last(db, LOG_LINES.name) or 0) + 1).__next__
        for table in (RUNS.name, EXECUTIONS.name, Kind.ITEM.value):
            ids.start_after(self._last(db, table) or "")

    def go_on(self, db: Db) -> None:
        """Others have put rows in: go on after these, and after what was given."""
        event, line = self.next_event(), self.next_log_line()
        self.next_event = count(max(event, (self._last(db, EVENTS.name) or 0) + 1)).__next__
        self.next_log_line = count(max(line, (self._last(db, LOG_LINES.name) or 0) + 1)).__next__

    def _last(self, db: Db, table: str) -> Any:
        """The greatest id; None for an empty table."""
        return db.raw.execute(self._statements.last(table)).fetchone()[0]


class SqlStore:
    """See `base.Store`."""

    def __init__(
        self, dialect: Dialect, db: Db, blobs: BlobStore, *, release: Callable[[], None], probe: Probe | None = None
    ) -> None:
        self._dialect = dialect
        self._statements = Statements(dialect)
        self._release = release
        self._closed = False
        self._idle: deque[SqlReads] = deque()
        self._totals = Totals()
        self._lasting = Lasting()
        self.blobs = blobs
        self._values = Values(blobs.root, blobs)
        self._places = None if dialect.max_readers is None else BoundedSemaphore(dialect.max_readers)
        try:
            bring_up_to_date(db, dialect)
            self._numbers = _Numbers(db, self._statements)
        except BaseException:
            db.close()
            raise
        self._writer = Writer(
            db,
            self._connect_again,
            dialect,
            lambda db, batch: SqlTx(
                db, self._statements, dialect, self._numbers, self._totals.changed, batch, self._values
            ),
            self._statements,
            probe,
        )
        self._writer.on_rollback(self._totals.forget)

    @classmethod
    def open(
        cls,
        data_dir: str | Path,
        url: str | None = None,
        *,
        relaxed: bool = False,
        standby: bool | Standby = False,
        probe: Probe | None = None,
    ) -> Self:
        """See `mock_server.store.open_store`. `probe` is told of each point where a crash is worth trying."""
        if isinstance(data_dir, str) and "://" in data_dir:
            raise ConfigurationError("a URL is no data folder", hint="open_store(folder, url) takes both")
        folder = DataFolder.take(data_dir, shared=url is not None)
        try:
            blobs = BlobStore(folder.blobs, relaxed=relaxed, shared=url is not None, probe=probe)
            dialect = _dialect(url, folder, relaxed=relaxed)
            try:
                db = _first_connection(dialect, standby=standby)
                store = cls(dialect, db, blobs, release=folder.release, probe=probe)
            except BaseException:
                dialect.dispose()
                raise
        except BaseException:
            folder.release()
            raise
        try:
            if url is not None:
                _belong_together(store, folder)
        except BaseException:
            store.close()
            raise
        return store

    def _connect_again(self) -> Db:
        """The writer's connection, after the last one was lost. Others may have written since."""
        db = self._dialect.connect(writer=True)
        try:
            check_version(db, self._dialect)
            self._numbers.read(db)
        except BaseException as error:
            db.close()
            raise self._dialect.failure(error) or error from error
        return db

    # -- changes

    @property
    def commits(self) -> int:
        return self._writer.commits

    def write(self, intent: Callable[[Tx], T], timeout: float = 60.0) -> T:
        return self._writer.write(intent, timeout)

    def post(self, intent: Callable[[Tx], T]) -> Future[T]:
        return self._writer.post(intent)

    def tell(self, intent: Callable[[Tx], None], failed: Callable[[BaseException], None]) -> None:
        self._writer.tell(intent, failed)

    def forget(self) -> None:
        """What was read is read again, as somebody has changed it beside all intents."""
        self._lasting = Lasting()
        self._totals.forget()

    def version(self, kind: Kind) -> int:
        return self._totals.version(kind.value)

    def on_rollback(self, fn: Callable[[], None]) -> None:
        self._writer.on_rollback(fn)

    def on_deposed(self, fn: Callable[[], None]) -> None:
        self._writer.on_deposed(fn)

    def on_commit(self, fn: Callable[[int, float], None]) -> None:
        self._writer.on_commit(fn)

    @cached_property
    def inspection(self) -> Inspection:
        from mock_server.store.inspection import Inspection

        return Inspection(self._reads, self._dialect)

    @property
    def queued(self) -> int:
        return self._writer.queued

    @property
    def alive(self) -> bool:
        return not self._closed and self._writer.alive

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
        with self._place():
            reads = self._reader()
            yield from self._reading(reads, snapshot=snapshot)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the dialect's readers' places. Raises StoreError if none becomes free."""
        if self._places is None:
            yield
            return
        if not self._places.acquire(timeout=_PATIENCE):
            raise StoreError(f"no connection of the store became free within {_PATIENCE:g} s", retry_after=1.0)
        try:
            yield
        finally:
            self._places.release()

    def _reader(self) -> SqlReads:
        with suppress(IndexError):
            while True:
                reads = self._idle.pop()
                if self._dialect.is_usable(reads.db):
                    return reads
                reads.db.close()
        return SqlReads(self._dialect.connect(writer=False), self._statements, self._values)

    def _reading(self, reads: SqlReads, *, snapshot: bool) -> Iterator[SqlReads]:
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
            try:
                if self._dialect.in_transaction(raw):
                    raw.execute("ROLLBACK")
            except Exception:  # the first error is the news; who reads next gets another connection
                logger.debug("a reader could not be rolled back", exc_info=True)
                reads.db.close()
            else:
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
        lasts = kind in LASTING and not private
        found = self._lasting.get(id) if lasts else None
        if found is None:
            with self._reads() as reads:
                found = reads.get(kind, id, private)
            if lasts and found is not None:
                self._lasting.keep({id: found})
        return found

    def field(self, kind: Kind, id: str, key: str) -> Any:
        with self._reads() as reads:
            return reads.field(kind, id, key)

    def get_many(self, kind: Kind, ids: Iterable[str]) -> dict[str, Document]:
        wanted = list(dict.fromkeys(ids))
        known = self._lasting.among(wanted) if kind in LASTING else {}
        left = [id for id in wanted if id not in known] if known else wanted
        if not left:
            return known
        with self._reads(snapshot=len(left) > CHUNK) as reads:
            found = reads.get_many(kind, left)
        if kind in LASTING:
            self._lasting.keep(found)
        return {**known, **found}

    def find(self, kind: Kind, query: Query = _EVERYTHING, *, where: Where | None = None) -> Page:
        moment = self._totals.now()
        with self._reads(snapshot=True) as reads:
            return reads.find(kind, query, where=where, moment=moment)

    def with_prefix(
        self, kind: Kind, prefix: str, most: int, *, changed_before: datetime | None = None
    ) -> list[Document]:
        with self._reads() as reads:
            return reads.with_prefix(kind, prefix, most, changed_before=changed_before)

    def with_key(self, kind: Kind, key: str, values: Iterable[str]) -> list[Document]:
        with self._reads() as reads:
            return reads.with_key(kind, key, values)

    def iterate(
        self,
        kind: Kind,
        query: Query = _EVERYTHING,
        *,
        where: Where | None = None,
        private: bool = False,
    ) -> Iterator[Document]:
        with self._reads(snapshot=True) as reads:
            if reads.of_nothing(kind, query) is not None:
                return iter(())
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
        with self._reads(snapshot=len(run_ids) > CHUNK) as reads:
            return reads.executions_of(run_ids)

    def open_runs(self, surface: str | None = None) -> list[RunRow]:
        with self._reads() as reads:
            return reads.open_runs(surface)

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
        with self._reads(snapshot=True) as reads:
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


def _dialect(url: str | None, folder: DataFolder, *, relaxed: bool) -> Dialect:
    if url is None:
        from mock_server.store.sqlite import Sqlite

        return Sqlite(folder.database, relaxed=relaxed)
    scheme = url.partition("://")[0]
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ConfigurationError(
            f"the store cannot use {scheme!r} databases",
            hint="give postgresql://user@host/database; or nothing, for SQLite in the data folder",
        )
    try:
        from mock_server.store.postgres import Postgres
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"PostgreSQL needs {error.name!r}, which is not installed", hint="pip install 'dtlpipe[postgres]'"
        ) from error
    return Postgres(url, relaxed=relaxed)


def _first_connection(dialect: Dialect, *, standby: bool | Standby) -> Db:
    try:
        if isinstance(standby, bool):
            return dialect.stand_by() if standby else dialect.connect(writer=True)
        return dialect.stand_by(standby)
    except ConfigurationError:
        raise
    except Exception as error:
        said, hint = getattr(error, "message", error), getattr(error, "hint", None)
        raise ConfigurationError(f"the database cannot be opened: {said}", hint=hint) from error


def _belong_together(store: SqlStore, folder: DataFolder) -> None:
    """See that the database's files are in this folder, and no other database's: each would sweep away the other's."""
    found = store.get(Kind.SETTING, _FOLDER)
    name = found["folder"] if found is not None else None
    if name is None:
        name = folder.adopt()
        store.write(lambda tx: tx.insert(Kind.SETTING, {"id": _FOLDER, "folder": name}))
    elif name != folder.name:
        whose = "belongs to another database" if folder.name else "is not the one that this database's files are in"
        raise ConfigurationError(
            f"{folder.root} {whose}",
            hint="give the folder that the database was first used with (--data), or a database of its own (--store)",
        )
