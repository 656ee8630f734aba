"""What the store needs to know of a database, and nothing more: how to connect, begin, upsert, and read its errors.

Everything else is SQLAlchemy Core. Statements on the hot path are compiled from Core once, and then go straight to the
driver: Core's own execution costs several times the statement itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast

import attrs
import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Insert

from mock_server.store.base import Standby, StoreError


class Cursor(Protocol):
    """What a driver answers."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Raw(Protocol):
    """A driver's connection, in autocommit mode; parameters go by position."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> Cursor: ...


class Db:
    """One connection, by both its handles. Transactions are begun and ended through `raw`, never through `core`.

    `later`, `control` and `drop` are for databases that are far away: what nobody needs the answer of may be sent
    together with the next statement that somebody does. Here, it is done at once.
    """

    def __init__(self, core: sa.Connection, raw: Raw) -> None:
        self._core = core
        self.raw = raw

    @property
    def core(self) -> sa.Connection:
        return self._core

    def later(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Execute it before the next statement at the latest, whose error may then be this one's."""
        self.raw.execute(sql, parameters)

    def insert_later(self, sql: str, rows: Sequence[Sequence[Any]], refusal: Callable[[], Exception]) -> None:
        """As `later`, once for each row; put off, a unique key that stands in the way raises the refusal."""
        self.raw.executemany(sql, rows)

    def many_later(self, sql: str, rows: Sequence[Sequence[Any]], *, spared: bool) -> None:
        """As `later`, once for each row; `drop` does not forget it if it is spared."""
        self.raw.executemany(sql, rows)

    def control(self, sql: str) -> None:
        """As `later`, for what begins and ends transactions and savepoints: `drop` spares it."""
        self.raw.execute(sql)

    def drop(self) -> None:
        """Forget what is still to be executed."""

    def commit(self) -> None:
        self.raw.execute("COMMIT")

    def close(self) -> None:
        self._core.close()


class Dialect(Protocol):
    """A database's own words."""

    @property
    def sql(self) -> sa.Dialect:
        """The compiler of statements."""

    @property
    def begin_write(self) -> str: ...

    @property
    def begin_read(self) -> str:
        """Begins a transaction that sees one snapshot."""

    @property
    def max_readers(self) -> int | None:
        """How many may be open at a time."""

    @property
    def size(self) -> str:
        """Asks for the number of bytes that the database takes."""

    @property
    def integrity(self) -> str | None:
        """Asks whether the database's own structure is whole: rows of text, the one row `ok` if it is."""

    def connect(self, *, writer: bool) -> Db:
        """Raises StoreError if the database cannot be reached, or, for a writer, if another platform has it."""

    def stand_by(self, standby: Standby | None = None) -> Db:
        """The writer's connection, waiting for as long as another platform has it; raises StoreError if told to end."""

    def is_usable(self, db: Db) -> bool:
        """Whether the connection still leads somewhere, as far as this side can tell without asking."""

    def alone(self, db: Db) -> AbstractContextManager[None]:
        """Within it, a statement that fails is undone alone, and does not take the intent with it."""

    def insert_or_nothing(self, table: sa.Table) -> Insert:
        """An insert that does nothing where a unique key exists."""

    def upsert(self, table: sa.Table, columns: Sequence[str]) -> Insert:
        """An insert that sets the columns where the `id` exists."""

    def in_transaction(self, raw: Raw) -> bool: ...

    def is_conflict(self, error: BaseException) -> bool:
        """Whether a unique key stood in the way."""

    def failure(self, error: BaseException) -> StoreError | None:
        """The refusal to give for an error of the storage itself; None for an error that is the statement's own."""

    def dispose(self) -> None: ...


@attrs.frozen
class Statement:
    """A statement as the driver takes it: its text, and its parameters' names in their order."""

    text: str
    order: tuple[str, ...]

    def bind(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple([values[name] for name in self.order])


class Statements:
    """Statements of the hot path, compiled once each."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compiled: dict[Hashable, Statement] = {}

    def _statement(
        self, key: Hashable, make: Callable[[], sa.ClauseElement], columns: tuple[str, ...] | None = None
    ) -> Statement:
        statement = self._compiled.get(key)
        if statement is None:
            keys = None if columns is None else list(columns)
            compiled = cast("SQLCompiler", make().compile(dialect=self._dialect.sql, column_keys=keys))
            constants = [name for name, bind in compiled.binds.items() if not bind.required]
            if constants:
                raise TypeError(f"a statement of the hot path has constants in it: {constants}")
            statement = self._compiled[key] = Statement(str(compiled), tuple(compiled.positiontup or ()))
        return statement

    def fixed(self, key: str, make: Callable[[], sa.ClauseElement]) -> str:
        """A statement without parameters, by a name of its own."""
        return self._statement(("fixed", key), make).text

    def insert(self, table: sa.Table) -> str:
        """Takes a value for each of the table's columns, in their order."""
        statement = self._statement(("insert", table.name), table.insert)
        return statement.text

    def insert_or_nothing(self, table: sa.Table) -> Statement:
        """Takes values by column name."""
        return self._statement(("insert or nothing", table.name), lambda: self._dialect.insert_or_nothing(table))

    def upsert(self, table: sa.Table, *, keep: Sequence[str]) -> Statement:
        """Takes values by column name. Where the id exists, the columns in `keep` stay as they are."""
        columns = [column.name for column in table.c if column.name not in ("id", *keep)]
        return self._statement(("upsert", table.name, *keep), lambda: self._dialect.upsert(table, columns))

    def by_id(self, table: sa.Table, columns: Sequence[str], count: int = 1, *, key: str = "id") -> str:
        """Rows by `count` ids (or other keys), ordered by key and id."""

        def make() -> sa.Select[Any]:
            wanted: list[sa.BindParameter[Any]] = [sa.bindparam(f"id{n}") for n in range(count)]
            condition = table.c[key] == wanted[0] if count == 1 else table.c[key].in_(wanted)
            order = [table.c.id] if count == 1 or key == "id" else [table.c[key], table.c.id]  # as the index has it
            return sa.select(*(table.c[name] for name in columns)).where(condition).order_by(*order)

        return self._statement(("by id", table.name, tuple(columns), count, key), make).text

    def update(self, table: sa.Table, columns: tuple[str, ...], *, fence: bool = False, expect: int = 0) -> Statement:
        """Sets the columns where `w_id`, and `w_fence` and one of `w_expect0`, `w_expect1`... if asked for, hold."""

        def make() -> sa.Update:
            update = table.update().where(table.c.id == sa.bindparam("w_id"))
            if fence:
                update = update.where(table.c.fence == sa.bindparam("w_fence"))
            if expect:
                update = update.where(table.c.status.in_([sa.bindparam(f"w_expect{n}") for n in range(expect)]))
            return update

        return self._statement(("update", table.name, columns, fence, expect), make, columns)

    def delete(self, table: sa.Table, *, key: str = "id") -> str:
        """Takes an id, or the value of another key."""
        return self._statement(
            ("delete", table.name, key), lambda: table.delete().where(table.c[key] == sa.bindparam("w_id"))
        ).text
