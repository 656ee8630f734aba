"""A change in the making. The law: it lives for one intent, on the writer thread, and cannot be kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import partial
from typing import Any, Protocol, cast

import attrs

from dtlpipe.errors import BadRequest, Conflict
from dtlpipe.model import times
from mock_server.store.base import Document, ExecutionRow, Kind, LogLine, RunRow
from mock_server.store.codec import RowCodec, dumps, is_storable, loads, time_text
from mock_server.store.dialect import Db, Dialect, Statements
from mock_server.store.documents import conflict, private_part, to_row
from mock_server.store.reads import LOG_LINES, SqlReads
from mock_server.store.schema import DOCUMENTS, SHAPES, events, executions, log_lines
from mock_server.store.sources import EXECUTIONS, RUNS

_PRIVATE = ("private", "blob")


class Numbers(Protocol):
    """Ids of events and log lines: they grow, and none is given twice, not even after a rollback."""

    def next_event(self) -> int: ...

    def next_log_line(self) -> int: ...


class _Over:
    """Stands in for the connection of a transaction that is over."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("this transaction is over: a tx must not be used outside the intent that it was given to")


class SqlTx(SqlReads):
    """The `tx` of an intent."""

    def __init__(
        self,
        db: Db,
        statements: Statements,
        dialect: Dialect,
        numbers: Numbers,
        changed: Callable[[str], None],
    ) -> None:
        super().__init__(db, statements)
        self._dialect = dialect
        self._numbers = numbers
        self._changed = changed
        self._touched: set[Kind] = set()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def callbacks(self) -> list[Callable[[], None]]:
        """What to call after the commit: first, who counts the changes of each table."""
        return [*(partial(self._changed, kind.value) for kind in self._touched), *self._callbacks]

    def end(self) -> None:
        """Nothing can be done with it from now on."""
        self._db = cast("Db", _Over())

    def after_commit(self, fn: Callable[[], None]) -> None:
        self._callbacks.append(fn)

    # -- documents

    def put(self, kind: Kind, doc: Document) -> None:
        row, table = to_row(kind, doc), DOCUMENTS[kind]
        keep = [name for name in _PRIVATE if name in table.c]
        if row["private"] is not None:
            private = {**self._private(kind, row["id"]), **private_part(doc)}
            public = {key: value for key, value in doc.items() if key not in private}
            row = to_row(kind, public | {key: value for key, value in private.items() if value is not None})
            keep = []
        try:
            self._touched.add(kind)
            upsert = self._statements.upsert(table, keep=keep)
            if SHAPES[kind].unique:
                with self._dialect.alone(self._db):
                    self._db.raw.execute(upsert.text, upsert.bind(row))
            else:
                self._db.later(upsert.text, upsert.bind(row))
        except Exception as error:
            if self._dialect.is_conflict(error):
                raise Conflict(conflict(kind, doc)) from error
            raise

    def _private(self, kind: Kind, id: str) -> Document:
        sql = self._statements.by_id(DOCUMENTS[kind], ("private",))
        row = self._db.raw.execute(sql, (id,)).fetchone()
        return loads(row[0]) if row and row[0] else {}

    def insert(self, kind: Kind, doc: Document) -> None:
        self._touched.add(kind)
        insert = self._statements.insert_or_nothing(DOCUMENTS[kind])
        if self._db.raw.execute(insert.text, insert.bind(to_row(kind, doc))).rowcount == 0:
            raise Conflict(conflict(kind, doc))

    def delete(self, kind: Kind, id: str) -> bool:
        self._touched.add(kind)
        if not is_storable(id):
            return False
        return self._db.raw.execute(self._statements.delete(DOCUMENTS[kind]), (id,)).rowcount > 0

    # -- runs and executions

    def insert_runs(self, rows: Iterable[RunRow]) -> None:
        self._insert_rows("run", RUNS, rows)

    def insert_executions(self, rows: Iterable[ExecutionRow]) -> None:
        self._insert_rows("execution", EXECUTIONS, rows)

    def _insert_rows(self, noun: str, codec: RowCodec[Any], rows: Iterable[Any]) -> None:
        encoded = [codec.encode(row) for row in rows]
        if not encoded:
            return
        refusal = partial(Conflict, f"one of {len(encoded)} {noun}s has an id that exists already")
        try:
            self._db.insert_later(self._statements.insert(codec.table), encoded, refusal)
        except Exception as error:
            if self._dialect.is_conflict(error):
                raise refusal() from error
            raise

    def update_run(self, id: str, **columns: Any) -> bool:
        return self._db.raw.execute(*self._update(RUNS, id, columns)).rowcount > 0

    def delete_run(self, id: str) -> bool:
        if not is_storable(id):
            return False
        for table in (log_lines, events, executions):
            self._db.later(self._statements.delete(table, key="run_id"), (id,))
        return self._db.raw.execute(self._statements.delete(RUNS.table), (id,)).rowcount > 0

    def set_run(self, id: str, **columns: Any) -> None:
        self._db.later(*self._update(RUNS, id, columns))

    def set_execution(self, id: str, **columns: Any) -> None:
        self._db.later(*self._update(EXECUTIONS, id, columns))

    def _update(self, codec: RowCodec[Any], id: str, columns: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
        if not columns:
            raise TypeError("an update needs at least one field to set")
        values = codec.encode_columns(columns)
        update = self._statements.update(codec.table, tuple(values))
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
        values = EXECUTIONS.encode_columns(columns)
        update = self._statements.update(
            executions, tuple(values), fence=fence is not None, expect=0 if expect is None else len(expect)
        )
        values["w_id"], values["w_fence"] = id, fence
        for n, status in enumerate(expect or ()):
            values[f"w_expect{n}"] = status
        return self._db.raw.execute(update.text, update.bind(values)).rowcount > 0

    # -- what happened

    def append_event(
        self, run_id: str | None, execution_id: str | None, kind: str, body: dict[str, Any], at: datetime | None = None
    ) -> int:
        number = self._numbers.next_event()
        row = (number, run_id, execution_id, kind, time_text(at or times.now()), dumps(body))  # in the columns' order
        self._db.later(self._statements.insert(events), row)
        return number

    def append_logs(self, lines: Iterable[LogLine]) -> list[int]:
        rows, ids, insert = [], [], self._statements.insert(log_lines)
        for line in lines:
            if line.id is not None:
                raise BadRequest("the store gives a log line its id; it cannot come with one")
            ids.append(self._numbers.next_log_line())
            rows.append(LOG_LINES.encode(attrs.evolve(line, id=ids[-1])))
        for row in rows:
            self._db.later(insert, row)
        return ids
