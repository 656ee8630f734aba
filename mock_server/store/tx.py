"""A change in the making. The law: it lives for one intent, on the writer thread, and cannot be kept.

What it does to rows of work waits in `Pending` for the end of the batch, as far as it cannot be refused; a savepoint is
set when the first other statement needs one. So most steps of the worker send nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import partial
from typing import Any, Protocol, cast

from dtlpipe.errors import BadRequest, Conflict
from dtlpipe.model import times
from mock_server.store.base import Document, ExecutionRow, Kind, LogLine, Page, Query, RunRow, Where
from mock_server.store.codec import RowCodec, dumps, is_storable, loads, time_text
from mock_server.store.dialect import Db, Dialect
from mock_server.store.documents import conflict, private_part, to_row
from mock_server.store.pending import Pending, Unwritten
from mock_server.store.reads import SqlReads
from mock_server.store.rows import EVENTS, EXECUTIONS, LOG_LINES, RUNS
from mock_server.store.shapes import SHAPES, columns_of
from mock_server.store.statements import Statements
from mock_server.store.totals import Moment
from mock_server.store.values import Values

_PRIVATE = ("private", "blob")
_EVERYTHING: Query = {}


class Numbers(Protocol):
    """Ids of events and log lines: they grow, and none is given twice, not even after a rollback."""

    def next_event(self) -> int: ...

    def next_log_line(self) -> int: ...

    def go_on(self, db: Db) -> None:
        """Others have put rows in: go on after these, and after what was given."""


class _Over:
    """Stands in for the connection of a transaction that is over."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("this transaction is over: a tx must not be used outside the intent that it was given to")


def _never(_value: Any, _text: str) -> str:
    raise AssertionError("lines have no large values")


class SqlTx(SqlReads):
    """The `tx` of an intent. `batch` holds what the intents before it have left to be written."""

    def __init__(
        self,
        db: Db,
        statements: Statements,
        dialect: Dialect,
        numbers: Numbers,
        changed: Callable[[str], None],
        batch: Pending,
        values: Values,
    ) -> None:
        super().__init__(db, statements, values)
        self._dialect = dialect
        self._numbers = numbers
        self._changed = changed
        self._batch = batch
        self._mine = Pending()
        self._before: Pending | None = None
        self._begun = False
        self._now: datetime | None = None
        self._touched: set[Kind] = set()
        self._held: list[str] = []
        self._callbacks: list[Callable[[], None]] = []

    @property
    def callbacks(self) -> list[Callable[[], None]]:
        """What to call after the commit: first, who counts the changes of each table."""
        if not self._touched:
            return self._callbacks
        return [*(partial(self._changed, kind.value) for kind in self._touched), *self._callbacks]

    # -- its beginning and its end

    @property
    def db(self) -> Db:
        """For statements of one's own."""
        return self._settled()

    def _begin(self) -> Db:
        """The connection, for a statement that must be undone if the intent is."""
        if not self._begun:
            self._begun = True
            self._db.control("SAVEPOINT intent")
        return self._db

    def _settled(self) -> Db:
        """The connection, for a statement that looks at rows of work: all that was done to them is written first."""
        if self._batch:
            if self._begun:
                self._before = self._batch.copy()
            try:
                self._batch.write(self._db, self._statements, spared=not self._begun)
            except Exception as error:
                raise Unwritten from error  # it is not this intent's fault
        db = self._begin()
        if self._mine:
            self._mine.write(db, self._statements)
        return db

    def keep(self, *, apart: bool) -> None:
        """The intent has done what it is to do. `apart`: all of it is written now, so that what fails is its own."""
        if apart and self._mine:
            self._settled()
        if self._begun:
            self._db.raw.execute("RELEASE SAVEPOINT intent")  # what was put off fails here at the latest
        if self._mine:
            self._batch.absorb(self._mine)

    def undo(self) -> None:
        """The intent is not to have been."""
        self._values.settled(self._held)
        if self._begun:
            self._db.drop()
            self._db.control("ROLLBACK TO SAVEPOINT intent")
            self._db.control("RELEASE SAVEPOINT intent")
        if self._before is not None:
            self._batch.absorb(self._before)

    def replaced(self) -> None:
        """All rows were, by statements of one's own."""
        self._touched.update(Kind)
        self._numbers.go_on(self.db)

    def end(self) -> None:
        """Nothing can be done with it from now on."""
        self._db = cast("Db", _Over())

    def after_commit(self, fn: Callable[[], None]) -> None:
        self._callbacks.append(fn)

    # -- documents

    def put(self, kind: Kind, doc: Document) -> None:
        row, columns = to_row(kind, doc), columns_of(kind)
        keep = [name for name in _PRIVATE if name in columns]
        if row["private"] is not None:
            private = {**self._private(kind, row["id"]), **private_part(doc)}
            public = {key: value for key, value in doc.items() if key not in private}
            row = to_row(kind, public | {key: value for key, value in private.items() if value is not None})
            keep = []
        try:
            self._touched.add(kind)
            db, upsert = self._begin(), self._statements.upsert(kind.value, columns, keep=keep)
            if SHAPES[kind].unique:
                with self._dialect.alone(db):
                    db.raw.execute(upsert.text, upsert.bind(row))
            else:
                db.later(upsert.text, upsert.bind(row))
        except Exception as error:
            if self._dialect.is_conflict(error):
                raise Conflict(conflict(kind, doc)) from error
            raise

    def _private(self, kind: Kind, id: str) -> Document:
        sql = self._statements.by_key(kind.value, ("private",))
        row = self._db.raw.execute(sql, (id,)).fetchone()
        return loads(row[0]) if row and row[0] else {}

    def insert(self, kind: Kind, doc: Document) -> None:
        self._touched.add(kind)
        insert = self._statements.insert_or_nothing(kind.value, columns_of(kind))
        if self._begin().raw.execute(insert.text, insert.bind(to_row(kind, doc))).rowcount == 0:
            raise Conflict(conflict(kind, doc))

    def delete(self, kind: Kind, id: str) -> bool:
        self._touched.add(kind)
        if not is_storable(id):
            return False
        return self._begin().raw.execute(self._statements.delete(kind.value), (id,)).rowcount > 0

    def find(
        self, kind: Kind, query: Query = _EVERYTHING, *, where: Where | None = None, moment: Moment | None = None
    ) -> Page:
        self._begin()  # a query may be one that the database refuses, and some then refuse all that follows
        return super().find(kind, query, where=where, moment=moment)

    # -- runs and executions

    def insert_runs(self, rows: Iterable[RunRow]) -> None:
        self._insert_rows("run", RUNS, rows)

    def insert_executions(self, rows: Iterable[ExecutionRow]) -> None:
        self._insert_rows("execution", EXECUTIONS, rows)

    def _insert_rows(self, noun: str, codec: RowCodec[Any], rows: Iterable[Any]) -> None:
        encoded = [codec.encode(row, partial(self._shorten, row.id)) for row in rows]
        if not encoded:
            return
        refusal = partial(Conflict, f"one of {len(encoded)} {noun}s has an id that exists already")
        try:
            self._begin().insert_later(self._statements.insert(codec.name, codec.columns), encoded, refusal)
        except Exception as error:
            if self._dialect.is_conflict(error):
                raise refusal() from error
            raise

    def add_execution(self, row: ExecutionRow) -> None:
        self._mine.add_execution(EXECUTIONS.encode(row, partial(self._shorten, row.id)))

    def _shorten(self, owner: str, value: Any, text: str) -> str:
        """What a row is to have of a large value, which is then kept for as long as the row is."""
        short = self._values.shorten(value, text)
        if not self._held:
            self.after_commit(lambda: self._values.settled(self._held))  # of a batch that is lost, they stay held
        self._held += short.blobs
        for blob in short.blobs:
            self._mine.add_reference(owner, blob)
        return short.text

    def update_run(self, id: str, **columns: Any) -> bool:
        return self._settled().raw.execute(*self._update(RUNS, id, columns)).rowcount > 0

    def delete_run(self, id: str) -> bool:
        if not is_storable(id):
            return False
        db = self._settled()
        db.later(self._statements.delete_references(), (id, id))
        for codec in (LOG_LINES, EVENTS, EXECUTIONS):
            db.later(self._statements.delete(codec.name, key="run_id"), (id,))
        return db.raw.execute(self._statements.delete(RUNS.name), (id,)).rowcount > 0

    def set_run(self, id: str, **columns: Any) -> None:
        self._set(RUNS, id, columns)

    def set_execution(self, id: str, **columns: Any) -> None:
        self._set(EXECUTIONS, id, columns)

    def _set(self, codec: RowCodec[Any], id: str, columns: dict[str, Any]) -> None:
        if not columns:
            raise TypeError("an update needs at least one field to set")
        self._mine.update(codec, id, codec.encode_columns(columns, partial(self._shorten, id)))

    def _update(self, codec: RowCodec[Any], id: str, columns: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
        if not columns:
            raise TypeError("an update needs at least one field to set")
        values = codec.encode_columns(columns, partial(self._shorten, id))
        update = self._statements.update(codec.name, tuple(values))
        return update.text, update.bind(values | {"w_id": id})

    def update_execution(
        self,
        id: str,
        *,
        fence: int | None = None,
        expect: Collection[str] | None = None,
        new_fence: int | None = None,
        **columns: Any,
    ) -> bool:
        if new_fence is not None:
            columns["fence"] = new_fence
        if not columns:
            raise TypeError("update_execution needs at least one field to set")
        if expect is not None and not expect:
            return False
        values = EXECUTIONS.encode_columns(columns, partial(self._shorten, id))
        update = self._statements.update(
            EXECUTIONS.name, tuple(values), fence=fence is not None, expect=0 if expect is None else len(expect)
        )
        values["w_id"], values["w_fence"] = id, fence
        for n, status in enumerate(expect or ()):
            values[f"w_expect{n}"] = status
        return self._settled().raw.execute(update.text, update.bind(values)).rowcount > 0

    # -- what happened

    def append_event(
        self, run_id: str | None, execution_id: str | None, kind: str, body: dict[str, Any], at: datetime | None = None
    ) -> int:
        number = self._numbers.next_event()
        if at is None:
            at = self._now = self._now or times.now()
        self._mine.add_event((number, run_id, execution_id, kind, time_text(at), dumps(body)))  # in the columns' order
        return number

    def append_logs(self, lines: Iterable[LogLine]) -> list[int]:
        ids = []
        for line in lines:
            if line.id is not None:
                raise BadRequest("the store gives a log line its id; it cannot come with one")
            values = LOG_LINES.encode(line, _never)
            values[LOG_LINES.places["id"]] = number = self._numbers.next_log_line()
            self._mine.add_line(values)
            ids.append(number)
        return ids
