"""SQLite's own words: pragmas, write-ahead log, errors. No other module of the store knows them.

WAL lets readers work on snapshots while the one writer writes. `synchronous=FULL` makes every COMMIT survive a power
cut; `relaxed` sets NORMAL, which may lose the last commits then, and never anything when only the process dies.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from dtlpipe.errors import ConfigurationError
from mock_server.store import creation
from mock_server.store.base import Standby, StoreError, StoreFull
from mock_server.store.dialect import Db, Raw
from mock_server.store.shapes import VERSION

if TYPE_CHECKING:
    import sqlalchemy as sa

_MINIMUM = (3, 35, 0)  # ON CONFLICT clauses, RETURNING
_LOCK_WAIT = 15.0  # seconds to wait for somebody else's lock, such as a backup's, before a change is refused
_FULL = frozenset({sqlite3.SQLITE_FULL})
_UNIQUE = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REPAIR = "stop the platform, see what `dtlpipe platform doctor` finds, and restore a backup"


class Sqlite:
    """One database file."""

    mark = "?"
    is_open = "over IS 0"
    watch = None  # the folder's lock goes with the process
    begin_write = "BEGIN IMMEDIATE"
    begin_read = "BEGIN"
    max_readers = None
    size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
    has_version = f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{VERSION}'"  # noqa: S608 - a constant
    integrity = "PRAGMA integrity_check"

    def __init__(self, path: Path, *, relaxed: bool = False) -> None:
        if sqlite3.sqlite_version_info < _MINIMUM:
            minimum = ".".join(map(str, _MINIMUM))
            raise ConfigurationError(f"this Python has SQLite {sqlite3.sqlite_version}; {minimum} or later is needed")
        self.path = path
        self._synchronous = "NORMAL" if relaxed else "FULL"
        self._wrapping = Lock()
        self._wrapped: sqlite3.Connection | None = None

    @cached_property
    def _engine(self) -> sa.Engine:
        """Of connections that are there already, maybe within a transaction, which must stay as it is.

        So the engine sets no level of isolation, which sqlite3 would take for the end of the transaction; and what it
        looks at and rolls back with its first connection is one of no use to anybody.
        """
        import sqlalchemy as sa

        engine = sa.create_engine("sqlite://", creator=lambda: self._wrapped, poolclass=sa.NullPool, paramstyle="qmark")
        self._wrapped = sqlite3.connect(":memory:")
        engine.connect().close()
        return engine

    @property
    def sql(self) -> sa.Dialect:
        return self._engine.dialect

    def _open(self) -> sqlite3.Connection:
        # a connection serves one thread at a time, though not always the same one
        return sqlite3.connect(self.path, timeout=_LOCK_WAIT, isolation_level=None, check_same_thread=False)

    def connect(self, *, writer: bool) -> Db:
        raw = self._open()
        try:
            for pragma in self._pragmas(writer=writer):
                raw.execute(f"PRAGMA {pragma}").fetchall()
        except BaseException as error:
            raw.close()
            if isinstance(error, sqlite3.DatabaseError) and (failure := self.failure(error)) is not None:
                raise failure from error
            raise
        return Db(raw, partial(self._wrap, raw))

    def _wrap(self, raw: sqlite3.Connection) -> sa.Connection:
        """SQLAlchemy's handle of a connection that is there, which is then taught the words of searching."""
        from mock_server.store.patterns import teach

        teach(raw)
        with self._wrapping:
            engine = self._engine
            self._wrapped = raw
            try:
                return engine.connect()
            finally:
                self._wrapped = None

    def _pragmas(self, *, writer: bool) -> list[str]:
        if not writer:
            return ["query_only=ON", "cache_size=-2000", "temp_store=MEMORY"]
        return [
            "journal_mode=WAL",
            f"synchronous={self._synchronous}",
            "journal_size_limit=67108864",  # bytes: what a burst has made of the log is given back
            "cache_size=-8000",  # KiB: what a batch touches; more only looks like a leak
            "temp_store=MEMORY",
        ]

    def stand_by(self, standby: Standby | None = None) -> Db:
        return self.connect(writer=True)  # the folder's lock has decided that already

    def is_usable(self, db: Db) -> bool:
        return True

    def holds(self, db: Db) -> bool:
        return True

    def stand_down(self) -> None:
        """Nobody waits for it."""

    def alone(self, db: Db) -> AbstractContextManager[None]:
        return nullcontext()  # as SQLite has it anyway

    def creation(self) -> Sequence[str]:
        return creation.noted()

    def in_transaction(self, raw: Raw) -> bool:
        return cast("sqlite3.Connection", raw).in_transaction

    def is_conflict(self, error: BaseException) -> bool:
        return getattr(_original(error), "sqlite_errorcode", None) in _UNIQUE

    def failure(self, error: BaseException) -> StoreError | None:
        original = _original(error)
        if not isinstance(original, sqlite3.DatabaseError) or isinstance(
            original, (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.NotSupportedError)
        ):
            return None
        code = getattr(original, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code == sqlite3.SQLITE_ERROR:  # a statement that SQLite does not understand
            return None
        if code in _FULL:
            return StoreFull(
                f"no room left for {self.path}: {original}", hint="free some disk space, then send the request again"
            )
        if code in _BUSY:
            return StoreError(
                f"another program has locked {self.path} for more than {_LOCK_WAIT:.0f} s",
                retry_after=1.0,
                hint="close the program that has the database open",
            )
        if code in _DAMAGED:
            return StoreError(
                f"the database is damaged: {self.path}: {original}",
                retry_after=60.0,  # somebody has to see to it
                hint=_REPAIR,
            )
        return StoreError(f"the disk or the file failed under {self.path}: {original}", retry_after=1.0)

    def dispose(self) -> None:
        if "_engine" in self.__dict__:
            self._engine.dispose()


def _original(error: BaseException) -> Any:
    return getattr(error, "orig", error)  # SQLAlchemy's errors have the driver's in them
