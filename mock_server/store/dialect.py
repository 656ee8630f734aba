"""What the store needs to know of a database, and nothing more: how to connect, begin, and read its errors.

Everything else is said in words that both understand (`statements`), or is SQLAlchemy Core, which is there from the
moment at which somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from mock_server.store.base import Standby, StoreError

if TYPE_CHECKING:
    import sqlalchemy as sa


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

    def close(self) -> None: ...


class Db:
    """One connection, by both its handles. Transactions are begun and ended through `raw`, never through `core`.

    `wrap` makes SQLAlchemy's handle of the driver's, when that is first asked for; it then owns it.

    `later`, `control` and `drop` are for databases that are far away: what nobody needs the answer of may be sent
    together with the next statement that somebody does. Here, it is done at once.
    """

    def __init__(self, raw: Raw, wrap: Callable[[], sa.Connection]) -> None:
        self.raw = raw
        self._wrap = wrap
        self._core: sa.Connection | None = None

    @property
    def core(self) -> sa.Connection:
        if self._core is None:
            self._core = self._wrap()
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
        (self.raw if self._core is None else self._core).close()


class Dialect(Protocol):
    """A database's own words."""

    @property
    def mark(self) -> str:
        """What stands for a parameter."""

    @property
    def is_open(self) -> str:
        """The condition of the indexes of what is not over, word by word."""

    @property
    def sql(self) -> sa.Dialect:
        """SQLAlchemy's compiler of statements."""

    @property
    def watch(self) -> float | None:
        """Seconds after which a writer who has nothing to write looks whether the database is still its own.

        None if nobody can take it away.
        """

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
    def tables(self) -> str:
        """Asks for the names of all tables, in this schema."""

    def creation(self) -> Sequence[str]:
        """What makes the tables of an empty database, and names the schema's version."""

    @property
    def has_version(self) -> str:
        """Asks for one row if there is a table that bears the schema's version, in this schema."""

    @property
    def integrity(self) -> str | None:
        """Asks whether the database's own structure is whole: rows of text, the one row `ok` if it is."""

    def connect(self, *, writer: bool) -> Db:
        """Raises StoreError if the database cannot be reached, or, for a writer, if another platform has it."""

    def stand_by(self, standby: Standby | None = None) -> Db:
        """The writer's connection, waiting for as long as another platform has it; raises StoreError if told to end."""

    def is_usable(self, db: Db) -> bool:
        """Whether the connection still leads somewhere, as far as this side can tell without asking."""

    def holds(self, db: Db) -> bool:
        """Whether the writer's connection still leads somewhere; it is asked for that."""

    def stand_down(self) -> None:
        """Let who has the database now begin to work: nothing is done here any more."""

    def alone(self, db: Db) -> AbstractContextManager[None]:
        """Within it, a statement that fails is undone alone, and does not take the intent with it."""

    def in_transaction(self, raw: Raw) -> bool: ...

    def is_conflict(self, error: BaseException) -> bool:
        """Whether a unique key stood in the way."""

    def failure(self, error: BaseException) -> StoreError | None:
        """The refusal to give for an error of the storage itself; None for an error that is the statement's own."""

    def dispose(self) -> None: ...
