"""Statements to PostgreSQL and back in one round trip, through libpq itself.

psycopg's cursors cost several times what the statements cost; this is the little of them that the store needs. The law:
an exchange is finished, or its connection is closed. Values go as text, whose type the statement tells; statements are
prepared when they are first seen, and psycopg must not prepare any: it discards ours with its own.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import psycopg
from psycopg import errors, pq
from psycopg.adapt import Transformer
from psycopg.pq.abc import PGresult

_FINE = frozenset({pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY})
_TEXTS: dict[type, Callable[[Any], bytes]] = {
    int: lambda value: b"%d" % value,
    bool: lambda value: b"t" if value else b"f",
    float: lambda value: repr(value).encode(),
}


class Done:
    """What a statement came to; a driver's cursor, as far as the store looks at one."""

    def __init__(self, result: PGresult, connection: psycopg.Connection) -> None:
        self._result = result
        self._connection = connection
        self._rows: list[Any] | None = None

    @property
    def rowcount(self) -> int:
        return self._result.command_tuples or 0

    @property
    def statusmessage(self) -> str:
        return (self._result.command_status or b"").decode()

    def fetchone(self) -> Any:
        rows = self._left()
        return rows.pop(0) if rows else None

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._left(), []
        return rows

    def _left(self) -> list[Any]:
        if self._rows is None:
            transformer = Transformer(self._connection)
            transformer.set_pgresult(self._result)
            self._rows = list(transformer.load_rows(0, self._result.ntuples, tuple))
        return self._rows


class Exchange:
    """Sends statements over one connection, on one thread at a time."""

    def __init__(self, connection: psycopg.Connection) -> None:
        connection.prepare_threshold = None
        self.connection = connection
        self._pgconn = connection.pgconn
        self._names: dict[str, bytes] = {}
        self._numbers = count()

    def run(self, statements: Sequence[tuple[str, Sequence[Any] | None]]) -> Done:
        """Executes them in order; what the last came to.

        Raises psycopg's error for the first that failed, and those after it are then not executed; DataError for a
        value that no text can be, with nothing executed.
        """
        encoded = [(sql, _encode(parameters)) for sql, parameters in statements]
        try:
            self._pgconn.enter_pipeline_mode()
            commands = self._send(encoded)
            last, error = self._receive(commands)
            self._pgconn.exit_pipeline_mode()
        except BaseException:  # whoever uses it next would be given our answers
            self.connection.close()
            raise
        if error is not None:
            raise error
        if last is None:
            raise psycopg.OperationalError("the server did not answer")
        return Done(last, self.connection)

    def _send(self, statements: list[tuple[str, list[bytes | None]]]) -> list[tuple[str, bytes] | None]:
        """For each command that was sent: the statement that it prepares, and as what; None if it executes."""
        commands: list[tuple[str, bytes] | None] = []
        fresh: dict[str, bytes] = {}
        for sql, values in statements:
            name = self._names.get(sql) or fresh.get(sql)
            if name is None:
                name = fresh[sql] = b"dtl%d" % next(self._numbers)
                self._pgconn.send_prepare(name, _numbered(sql) if values else sql.encode())
                commands.append((sql, name))
            self._pgconn.send_query_prepared(name, values)
            commands.append(None)
        self._pgconn.pipeline_sync()
        return commands

    def _receive(self, commands: list[tuple[str, bytes] | None]) -> tuple[PGresult | None, psycopg.Error | None]:
        """The result of the last command, and the first error."""
        pgconn, at = self._pgconn, 0
        last: PGresult | None = None
        error: psycopg.Error | None = None
        try:
            while True:
                unsent = pgconn.flush()
                while unsent or pgconn.is_busy():
                    self._wait(unsent=bool(unsent))
                    unsent = pgconn.flush()
                result = pgconn.get_result()
                if result is None:
                    at += 1
                    if at > len(commands):
                        raise psycopg.OperationalError("the connection was lost")
                elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                    return last, error
                elif result.status in _FINE:
                    last, prepared = result, commands[at]
                    if prepared is not None:
                        self._names[prepared[0]] = prepared[1]
                elif error is None:
                    error = errors.error_from_result(result)
        except psycopg.OperationalError as lost:
            raise (error or lost) from None  # a server that ends the session says why before it goes

    def _wait(self, *, unsent: bool) -> None:
        poll = select.poll()
        poll.register(self._pgconn.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
        ((_, events),) = poll.poll()
        if events & ~select.POLLOUT:
            self._pgconn.consume_input()


def _encode(parameters: Sequence[Any] | None) -> list[bytes | None]:
    return [] if not parameters else [None if value is None else _text(value) for value in parameters]


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        if b"\0" in text:
            raise psycopg.DataError("PostgreSQL's texts cannot contain NUL (0x00) bytes")
        return text
    return _TEXTS[type(value)](value)


def _numbered(sql: str) -> bytes:
    """With `$1`, `$2`... in place of each `%s`."""
    first, *rest = sql.split("%s")
    return (first + "".join(f"${number}{text}" for number, text in enumerate(rest, 1))).encode()
