"""Statements of the hot path, each made once, and then given straight to the driver.

The law: what every start and every step needs is said here, in words that both databases understand, and costs neither
SQLAlchemy's import nor its execution, which is several times the statement itself. Everything that is asked seldom, or
in many ways, is SQLAlchemy Core.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from mock_server.store import values

if TYPE_CHECKING:
    from mock_server.store.dialect import Dialect

#: Names that one of the databases takes for words of its own.
_WORDS = frozenset({"index", "over", "user"})


def quoted(name: str) -> str:
    """The name as a statement has it."""
    return f'"{name}"' if name in _WORDS else name


@attrs.frozen
class Statement:
    """A statement as the driver takes it: its text, and its parameters' names in their order."""

    text: str
    order: tuple[str, ...]

    def bind(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple([values[name] for name in self.order])


class Statements:
    """Those of one database."""

    def __init__(self, dialect: Dialect) -> None:
        self._mark = dialect.mark
        self.is_open = dialect.is_open
        self._made: dict[Hashable, Statement] = {}

    def _statement(self, key: Hashable, make: Callable[[], Statement]) -> Statement:
        statement = self._made.get(key)
        if statement is None:
            statement = self._made[key] = make()
        return statement

    def _marks(self, count: int) -> str:
        return ", ".join([self._mark] * count)

    def _inserting(self, table: str, columns: Sequence[str]) -> str:
        return f"INSERT INTO {quoted(table)} ({_names(columns)}) VALUES ({self._marks(len(columns))})"  # noqa: S608

    def insert(self, table: str, columns: Sequence[str]) -> str:
        """Takes a value for each of the columns, in their order."""
        key = ("insert", table, tuple(columns))
        return self._statement(key, lambda: Statement(self._inserting(table, columns), tuple(columns))).text

    def insert_or_nothing(self, table: str, columns: Sequence[str]) -> Statement:
        """Takes values by column name; where a unique key exists, it does nothing."""

        def make() -> Statement:
            return Statement(f"{self._inserting(table, columns)} ON CONFLICT DO NOTHING", tuple(columns))

        return self._statement(("insert or nothing", table), make)

    def upsert(self, table: str, columns: Sequence[str], *, keep: Sequence[str]) -> Statement:
        """Takes values by column name. Where the id exists, the columns in `keep` stay as they are."""

        def make() -> Statement:
            new = [quoted(name) for name in columns if name not in ("id", *keep)]
            change = ", ".join(f"{name} = excluded.{name}" for name in new)
            return Statement(
                f"{self._inserting(table, columns)} ON CONFLICT (id) DO UPDATE SET {change}", tuple(columns)
            )

        return self._statement(("upsert", table, *keep), make)

    def by_key(self, table: str, columns: Sequence[str], count: int = 1, *, key: str = "id") -> str:
        """Rows by `count` ids (or other keys), ordered by key and id."""

        def make() -> Statement:
            among = f"= {self._mark}" if count == 1 else f"IN ({self._marks(count)})"
            order = "id" if count == 1 or key == "id" else f"{quoted(key)}, id"  # as the index has it
            where = f"{quoted(key)} {among} ORDER BY {order}"
            return Statement(f"SELECT {_names(columns)} FROM {quoted(table)} WHERE {where}", ())  # noqa: S608

        return self._statement(("by key", table, tuple(columns), count, key), make).text

    def by_prefix(self, table: str, columns: Sequence[str], *, before: bool) -> str:
        """Takes the least id and the one at which to end, a time before which it was changed, and the most rows."""

        def make() -> Statement:
            where = f"id >= {self._mark} AND id < {self._mark}"
            where += f" AND updated_at < {self._mark}" if before else ""
            order = f"ORDER BY id LIMIT {self._mark}"
            return Statement(f"SELECT {_names(columns)} FROM {quoted(table)} WHERE {where} {order}", ())  # noqa: S608

        return self._statement(("by prefix", table, tuple(columns), before), make).text

    def select(self, table: str, columns: Sequence[str], where: str, order: str = "id") -> str:
        """Rows of a condition without parameters, in SQL."""

        def make() -> Statement:
            return Statement(f"SELECT {_names(columns)} FROM {quoted(table)} WHERE {where} ORDER BY {order}", ())  # noqa: S608

        return self._statement(("select", table, tuple(columns), where), make).text

    @property
    def open_runs(self) -> str:
        """Their ids, for a condition."""
        return f"SELECT id FROM run WHERE {self.is_open}"  # noqa: S608

    def insert_reference(self) -> Statement:
        """Takes a large value's `owner` and `blob`; nothing is done if that is known."""
        return self.insert_or_nothing(values.TABLE, values.COLUMNS)

    def delete_references(self) -> str:
        """Takes a run's id twice: forgets which large values it, and its executions, name."""
        of_run = f"SELECT id FROM execution WHERE run_id = {self._mark}"  # noqa: S608
        return f"DELETE FROM {values.TABLE} WHERE owner = {self._mark} OR owner IN ({of_run})"  # noqa: S608

    def any(self, table: str) -> str:
        """One row, if there are any."""
        return f"SELECT 1 FROM {quoted(table)} LIMIT 1"  # noqa: S608

    def last(self, table: str) -> str:
        """The greatest id."""
        return f"SELECT max(id) FROM {quoted(table)}"  # noqa: S608

    def update(self, table: str, columns: tuple[str, ...], *, fence: bool = False, expect: int = 0) -> Statement:
        """Sets the columns where `w_id`, and `w_fence` and one of `w_expect0`, `w_expect1`... if asked for, hold."""

        def make() -> Statement:
            expected = tuple(f"w_expect{number}" for number in range(expect))
            where = f"id = {self._mark}"
            if fence:
                where += f" AND fence = {self._mark}"
            if expect:
                where += f" AND status IN ({self._marks(expect)})"
            change = ", ".join(f"{quoted(name)} = {self._mark}" for name in columns)
            order = (*columns, "w_id", *(("w_fence",) if fence else ()), *expected)
            return Statement(f"UPDATE {quoted(table)} SET {change} WHERE {where}", order)  # noqa: S608

        return self._statement(("update", table, columns, fence, expect), make)

    def delete(self, table: str, *, key: str = "id") -> str:
        """Takes an id, or the value of another key."""
        return f"DELETE FROM {quoted(table)} WHERE {quoted(key)} = {self._mark}"  # noqa: S608


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quoted, columns))
