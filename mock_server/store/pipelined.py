"""PostgreSQL's round trips, saved: what nobody needs the answer of is sent together with the next that somebody does.

The law: nothing is put off beyond the end of its intent, whose last statement takes all of it along. So a change costs
one round trip at most, whatever the number of its statements, and what fails still fails the intent that it belongs to;
only what cannot be refused (see `pending`) waits for the batch's COMMIT, and costs none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import psycopg
import sqlalchemy as sa
from psycopg import errors

from mock_server.store.dialect import Db
from mock_server.store.exchange import Done, Exchange


@attrs.define(eq=False)
class _Queued:
    sql: str
    parameters: Sequence[Any] | None
    control: bool = False
    refusal: Callable[[], Exception] | None = None


class PipelinedRaw:
    """The driver's connection. What was put off goes out before, and in one round trip with, what is asked for."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self._exchange = Exchange(connection)
        self._queue: list[_Queued] = []

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Done:
        self._queue.append(_Queued(sql, parameters or None))
        return self._go()

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> Done:
        self._queue += [_Queued(sql, each) for each in parameters]
        return self._go()

    def close(self) -> None:
        self.connection.close()

    def put_off(self, queued: _Queued) -> None:
        self._queue.append(queued)

    def drop(self, *, all_: bool = False) -> None:
        self._queue = [] if all_ else [each for each in self._queue if each.control]

    def flush(self) -> None:
        """Executes what was put off. Raises what the first that failed raises."""
        if self._queue:
            self._go()

    def _go(self) -> Done:
        queue, self._queue = self._queue, []
        try:
            return self._exchange.run([(each.sql, each.parameters) for each in queue])
        except errors.UniqueViolation as error:
            refusal = self._refusal(queue, error)
            if refusal is None:
                raise
            raise refusal from error

    @staticmethod
    def _refusal(queue: list[_Queued], error: errors.UniqueViolation) -> Exception | None:
        into = f"INSERT INTO {error.diag.table_name} "
        return next((each.refusal() for each in queue if each.refusal and each.sql.startswith(into)), None)


class PipelinedDb(Db):
    """A connection that puts off what can be."""

    def __init__(self, core: sa.Connection, raw: PipelinedRaw) -> None:
        super().__init__(raw, lambda: core)
        self._raw = raw
        self._wrapper = core

    @property
    def connection(self) -> psycopg.Connection:
        return self._raw.connection

    @property
    def core(self) -> sa.Connection:
        self._raw.flush()
        return self._wrapper

    def later(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self._raw.put_off(_Queued(sql, parameters or None))

    def many_later(self, sql: str, rows: Sequence[Sequence[Any]], *, spared: bool) -> None:
        for row in rows:
            self._raw.put_off(_Queued(sql, row, control=spared))

    def insert_later(self, sql: str, rows: Sequence[Sequence[Any]], refusal: Callable[[], Exception]) -> None:
        for row in rows:
            self._raw.put_off(_Queued(sql, row, refusal=refusal))

    def control(self, sql: str) -> None:
        self._raw.put_off(_Queued(sql, None, control=True))

    def drop(self) -> None:
        self._raw.drop()

    def commit(self) -> None:
        cursor = self._raw.execute("COMMIT")
        if cursor.statusmessage != "COMMIT":  # PostgreSQL answers the COMMIT of a failed transaction so, without error
            raise errors.InFailedSqlTransaction(f"the transaction had failed, and was ended by {cursor.statusmessage}")

    def close(self) -> None:
        self._raw.drop(all_=True)
        self._wrapper.invalidate()  # at once: without the rollback of a tidy end, which a lost connection cannot do
        self._wrapper.close()
