"""What the store needs to know of a database, and nothing more: how to connect, begin, upsert, and read its errors.

Everything else is SQLAlchemy Core. Statements on the hot path are compiled from Core once, and then go straight to the
driver: Core's own execution costs several times the statement itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import attrs
import sqlalchemy as sa
from sqlalchemy.sql.dml import Insert

from mock_server.store.base import StoreError


class Cursor(Protocol):
    """What a driver answers."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Raw(Protocol):
    """A driver's connection, in autocommit mode; statements name their parameters."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Any, /) -> Cursor: ...


@attrs.frozen
class Db:
    """One connection, by both its handles. Transactions are begun and ended through `raw`, never through `core`."""

    core: sa.Connection
    raw: Raw

    def close(self) -> None:
        self.core.close()


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

    def connect(self, *, writer: bool) -> Db: ...

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


class Statements:
    """Statements of the hot path as the driver's text, compiled once each."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._texts: dict[Hashable, str] = {}

    def _text(self, key: Hashable, make: Callable[[], sa.ClauseElement]) -> str:
        text = self._texts.get(key)
        if text is None:
            compiled = make().compile(dialect=self._dialect.sql)
            constants = [name for name, value in compiled.params.items() if value is not None]
            if constants:
                raise TypeError(f"a statement of the hot path has constants in it: {constants}")
            text = self._texts[key] = str(compiled)
        return text

    def insert(self, table: sa.Table) -> str:
        return self._text(("insert", table.name), table.insert)

    def insert_or_nothing(self, table: sa.Table) -> str:
        return self._text(("insert or nothing", table.name), lambda: self._dialect.insert_or_nothing(table))

    def upsert(self, table: sa.Table, *, keep: Sequence[str]) -> str:
        """Where the id exists, the columns in `keep` stay as they are."""
        columns = [column.name for column in table.c if column.name not in ("id", *keep)]
        return self._text(("upsert", table.name, *keep), lambda: self._dialect.upsert(table, columns))

    def by_id(self, table: sa.Table, columns: Sequence[str], count: int = 1, *, key: str = "id") -> str:
        """Rows by `count` ids, given as id0, id1, ...; ordered by id."""

        def make() -> sa.Select[Any]:
            select = sa.select(*(table.c[name] for name in columns))
            if count == 1:
                return select.where(table.c[key] == sa.bindparam("id0")).order_by(table.c.id)
            return select.where(table.c[key].in_([sa.bindparam(f"id{n}") for n in range(count)])).order_by(table.c.id)

        return self._text(("by id", table.name, tuple(columns), count, key), make)

    def update(self, table: sa.Table, columns: Sequence[str], *, fence: bool = False, expect: int = 0) -> str:
        """Sets `columns` (given as `v_<name>`) where `w_id`, and `w_fence` and `w_expect<n>` if asked for, hold."""

        def make() -> sa.Update:
            update = table.update().where(table.c.id == sa.bindparam("w_id"))
            if fence:
                update = update.where(table.c.fence == sa.bindparam("w_fence"))
            if expect:
                update = update.where(table.c.status.in_([sa.bindparam(f"w_expect{n}") for n in range(expect)]))
            return update.values({table.c[name]: sa.bindparam(f"v_{name}") for name in columns})

        return self._text(("update", table.name, tuple(columns), fence, expect), make)

    def delete(self, table: sa.Table) -> str:
        return self._text(("delete", table.name), lambda: table.delete().where(table.c.id == sa.bindparam("w_id")))
