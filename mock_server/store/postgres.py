"""PostgreSQL's own words: connections, leadership, errors. Only `pipelined` and `exchange` know some of them, too.

The law: who writes, leads. The writer's session holds an advisory lock of its database (and schema) as long as it
lives, and the changes go through that very session. So two platforms cannot both write: whoever loses the session loses
lock and transaction together. And whoever gets the lock knows that the last session has ended, hence that its last
COMMIT is decided: what is read from then on is all there will be of it.

Whoever leads works, but not at once: who has led and lost its session may still have code running. So there is a second
lock, for working, on a session that does nothing else. Who is deposed lets go of it when its code has ended, and a
process that dies has no session; only for one that does neither is not waited for ever: the fences see to the rest.
"""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from psycopg import errors, pq
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.exc import DBAPIError

from dtlpipe.errors import ConfigurationError
from mock_server.store import creation, schema
from mock_server.store.base import LEADER, Deposed, Document, Standby, StoreError, StoreFull
from mock_server.store.dialect import Db, Raw
from mock_server.store.pipelined import PipelinedDb, PipelinedRaw
from mock_server.store.shapes import VERSION

logger = logging.getLogger(__name__)

_MINIMUM = 140000
_LOCK_CLASS = 0x64746C70  # "dtlp": the first half of the lock's key; the other half is the schema
_LOCK_OBJECT = "hashtext(current_schema())"
_WORK_CLASS = _LOCK_CLASS + 1
_LEADER = f"""
    SELECT coalesce(nullif(application_name, ''), 'a session'), coalesce(host(client_addr), 'this machine'), pid
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND classid = {_LOCK_CLASS}
    AND objid::bigint = ({_LOCK_OBJECT}::bigint & 4294967295)
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608 - of constants
_TRIES, _PAUSE = 5, 0.1  # a session that was just lost may take a moment to end
_POLL = 0.5  # seconds between a standby's looks at the lock; to wait inside PostgreSQL would hold back its VACUUM
_WATCH = 0.5  # seconds between a leader's looks at its session, when it has nothing to write
_SILENCE = 3.0  # seconds after which the server is asked for a sign of life: a network may be gone without a word
_WORK_WAIT = 10.0  # seconds to wait for the work of a leader that was deposed
_LOCK_WAIT = 15  # seconds to wait for somebody else's lock on a table before a change is refused
_CONNECTION = {
    "connect_timeout": "5",
    "keepalives_idle": "5",  # with these, a machine that is gone is noticed within about 15 s
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",  # less than the server waits: who is cut off knows it before another one leads
    "target_session_attrs": "read-write",  # of several hosts, the one that is no replica
}
#: The server's side of the same: so long does a leader's lock outlive a leader whose machine is gone.
_KEEPALIVE = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3"
#: To compile a query takes longer than any of ours.
_PLAIN = "SET jit = off"
_IN_TRANSACTION = frozenset(
    {pq.TransactionStatus.ACTIVE, pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR},
)
#: Classes of SQLSTATE that are the storage's failures, and not a statement's own.
_FAILURES = ("08", "25006", "40", "53", "55P03", "57", "58", "F0", "XX")


class Postgres:
    """One database, or one schema of it (by `options=-csearch_path=...` in the URL)."""

    mark = "%s"
    is_open = '"over" IS false'
    begin_write = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
    begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    max_readers = 16
    watch = _WATCH
    size = "SELECT pg_database_size(current_database())"
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
    has_version = f"SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = '{VERSION}'"  # noqa: S608
    integrity = None  # what it checks of itself (checksums) it checks when it reads

    def __init__(self, url: str, *, relaxed: bool = False) -> None:
        scheme, _, rest = url.partition("://")
        try:
            given = conninfo_to_dict(f"postgresql://{rest}")
        except psycopg.ProgrammingError as error:  # its text may quote the password
            raise ConfigurationError(
                f"the store's URL ({scheme}://...) cannot be read", hint="postgresql://user@host:port/database"
            ) from (None if "@" in rest else error)
        self._given = {**_CONNECTION, "application_name": _application_name(), **given}
        self._relaxed = relaxed
        self._work: psycopg.Connection | None = None
        self._heard = 0.0
        self.place = _place(given)
        self._engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=self._open,
            poolclass=sa.NullPool,
            isolation_level="AUTOCOMMIT",
            paramstyle="format",
            use_native_hstore=False,  # it would ask for the type with every connection
        )
        _say_where(schema.metadata)

    @property
    def sql(self) -> sa.Dialect:
        return self._engine.dialect

    def _open(self) -> psycopg.Connection:
        return psycopg.connect(**cast("Any", self._given), autocommit=True)

    def connect(self, *, writer: bool) -> Db:
        db = self._session("" if writer else "; SET default_transaction_read_only = on")
        if writer:
            try:
                self._lead(db, _TRIES)
            except BaseException:
                db.close()
                raise
        return db

    def stand_by(self, standby: Standby | None = None) -> Db:
        """The writer's connection, as soon as no other platform has it.

        Raises StoreError if no database answers at first, or if the standby is over.
        """
        db: PipelinedDb | None = self._session()
        told = False
        try:
            while standby is None or not standby.over:
                leader = None
                try:
                    db = db or self._session()
                    self._lead(db, 1)
                    won, db = db, None
                    return won
                except Deposed as error:
                    if not told:
                        logger.warning("standing by: %s", error.message)
                        told = True
                    leader = self._address(cast("PipelinedDb", db)) if standby is not None else None
                except (StoreError, psycopg.Error) as error:
                    logger.warning("standing by, while the database does not answer: %s", error)
                    if db is not None:
                        db.close()
                        db = None
                if standby is not None:
                    standby.told(leader)
                time.sleep(_POLL)
            raise StoreError("the standby was ended before it was its turn")
        finally:
            if db is not None:
                db.close()

    @staticmethod
    def _address(db: PipelinedDb) -> Document | None:
        """What the platform that leads says of itself; None if it has not yet, or has not made its tables."""
        try:
            found = db.raw.execute(f"SELECT body FROM setting WHERE id = '{LEADER}'").fetchone()  # noqa: S608 - a constant
        except (psycopg.Error, DBAPIError):
            logger.debug("it is not known yet who leads", exc_info=True)
            return None
        return None if found is None else cast("Document", json.loads(cast("Any", found)[0]))

    def _session(self, more: str = "") -> PipelinedDb:
        try:
            core = self._engine.connect()
        except (sa.exc.DBAPIError, psycopg.Error) as error:
            raise self.failure(error) or StoreError(f"{self.place} refuses: {error}", retry_after=1.0) from error
        connection = cast("psycopg.Connection", core.connection.dbapi_connection)
        db = PipelinedDb(core, PipelinedRaw(connection))
        try:
            connection.execute(cast("Any", f"{_KEEPALIVE}; {_PLAIN}; SET lock_timeout = '{_LOCK_WAIT}s'{more}"))
            if self._relaxed:
                connection.execute("SET synchronous_commit = off")
        except BaseException:
            db.close()
            raise
        return db

    def _lead(self, db: PipelinedDb, tries: int) -> None:
        """Raises Deposed, ConfigurationError for a database that will not do."""
        info = db.connection.info
        if info.server_version < _MINIMUM:
            raise ConfigurationError(
                f"{self.place} is PostgreSQL {info.server_version // 10000}; 14 or later is needed"
            )
        if info.parameter_status("server_encoding") != "UTF8":
            raise ConfigurationError(
                f"{self.place} holds text as {info.parameter_status('server_encoding')}",
                hint="make the database with: createdb --encoding=UTF8 --template=template0 NAME",
            )
        sql = f"SELECT current_schema(), pg_try_advisory_lock({_LOCK_CLASS}, {_LOCK_OBJECT})"
        for attempt in range(tries):
            if attempt:
                time.sleep(_PAUSE)
            where, leads = cast("Any", db.raw.execute(sql).fetchone())
            if where is None:
                raise ConfigurationError(
                    f"{self.place} has no schema for the platform's tables",
                    hint="create the first schema of the user's search_path",
                )
            if leads:
                if not self._relaxed:
                    self._insist_on_durability(db)
                self._take_work()
                return
        raise Deposed(
            f"another platform has {self.place}: {self._leader(db)}",
            retry_after=1.0,
            hint="stop that one, or start this one as its standby (--standby)",
        )

    @staticmethod
    def _insist_on_durability(db: PipelinedDb) -> None:
        found = cast("Any", db.raw.execute("SHOW synchronous_commit").fetchone())
        if found[0] == "off":
            db.raw.execute("SET synchronous_commit = on")

    @staticmethod
    def _leader(db: PipelinedDb) -> str:
        found = cast("Any", db.raw.execute(_LEADER).fetchone())
        return "it has just gone" if found is None else f"{found[0]} (from {found[1]}, backend {found[2]})"

    def _take_work(self) -> None:
        """The lock of who works, as soon as nobody else does, or has not stopped for too long. Raises StoreError."""
        if self._work is not None and not _is_idle(self._work):
            self.stand_down()
        if self._work is not None:
            return
        try:
            work = self._open()
        except psycopg.Error as error:
            raise self.failure(error) or StoreError(f"{self.place} refuses: {error}", retry_after=1.0) from error
        try:
            deadline = time.monotonic() + _WORK_WAIT
            sql = f"SELECT pg_try_advisory_lock({_WORK_CLASS}, {_LOCK_OBJECT})"
            while not cast("Any", work.execute(cast("Any", sql)).fetchone())[0]:
                if time.monotonic() > deadline:
                    logger.warning("whoever led before does not say that its work has ended; it is not waited for")
                    break
                time.sleep(_PAUSE)
        except psycopg.Error as error:
            work.close()
            raise self.failure(error) or error from error
        except BaseException:
            work.close()
            raise
        self._work = work

    def stand_down(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.close()

    def holds(self, db: Db) -> bool:
        if not self.is_usable(db):
            return False
        now = time.monotonic()
        if now - self._heard < _SILENCE:
            return True
        try:
            cast("PipelinedDb", db).raw.execute("SELECT 1").fetchone()
            self._take_work()
        except (psycopg.Error, StoreError):
            return False
        self._heard = time.monotonic()
        return True

    def is_usable(self, db: Db) -> bool:
        connection = cast("PipelinedDb", db).connection
        transaction = connection.pgconn.transaction_status
        return _is_idle(connection) if transaction == pq.TransactionStatus.IDLE else not _is_gone(connection)

    @contextmanager
    def _savepoint(self, db: Db) -> Iterator[None]:
        db.control("SAVEPOINT alone")
        try:
            yield
        except psycopg.Error:
            db.control("ROLLBACK TO SAVEPOINT alone")
            db.control("RELEASE SAVEPOINT alone")
            raise
        db.control("RELEASE SAVEPOINT alone")

    def alone(self, db: Db) -> AbstractContextManager[None]:
        return self._savepoint(db)

    def creation(self) -> Sequence[str]:
        return creation.told(self.sql)

    def in_transaction(self, raw: Raw) -> bool:
        return cast("PipelinedRaw", raw).connection.pgconn.transaction_status in _IN_TRANSACTION

    def is_conflict(self, error: BaseException) -> bool:
        return isinstance(_original(error), errors.UniqueViolation)

    def failure(self, error: BaseException) -> StoreError | None:
        original = _original(error)
        if not isinstance(original, psycopg.Error):
            return None
        state = original.sqlstate
        if isinstance(original, errors.DiskFull):
            return StoreFull(f"no room left on {self.place}: {original}", hint="free some space on the server's disk")
        if isinstance(original, errors.LockNotAvailable):
            return StoreError(
                f"another session has locked tables of {self.place} for more than {_LOCK_WAIT} s",
                retry_after=1.0,
                hint="end the session that holds the lock",
            )
        if state is None:
            lost = isinstance(original, (psycopg.OperationalError, psycopg.InterfaceError))
        else:
            lost = state.startswith(_FAILURES)
        return StoreError(f"{self.place} does not answer: {original}", retry_after=1.0) if lost else None

    def dispose(self) -> None:
        self.stand_down()
        self._engine.dispose()


def _application_name() -> str:
    return f"dtlpipe platform, process {os.getpid()} on {socket.gethostname()}"[:63]


def _place(given: dict[str, Any]) -> str:
    """What the database is called in messages: without secrets."""
    host = given.get("host") or "this machine"
    port = f":{given['port']}" if given.get("port") else ""
    return f"the PostgreSQL database {given.get('dbname') or given.get('user') or 'of the user'!r} on {host}{port}"


def _say_where(metadata: sa.MetaData) -> None:
    """Give the partial indexes their condition in this dialect's word, which the schema leaves out."""
    for table in metadata.tables.values():
        for index in table.indexes:
            condition = index.dialect_options["sqlite"]["where"]
            if condition is not None:
                index.dialect_options["postgresql"]["where"] = condition


def _is_gone(connection: psycopg.Connection) -> bool:
    return connection.closed or connection.pgconn.status != pq.ConnStatus.OK


def _is_idle(connection: psycopg.Connection) -> bool:
    """Whether the session is there and nothing is under way, as far as this side can tell without asking."""
    if _is_gone(connection):
        return False
    try:
        if not _readable(connection):
            return True
        connection.pgconn.consume_input()  # news of a setting are fine, a farewell is not
        return not _readable(connection)
    except (psycopg.Error, OSError):
        return False


def _readable(connection: psycopg.Connection) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _original(error: BaseException) -> Any:
    return error.orig if isinstance(error, DBAPIError) else error
