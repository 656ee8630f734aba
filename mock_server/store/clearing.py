"""Which rows there are, and going back to those there were: for platforms that many tests use after each other.

Law: it tells rows by their ids alone. What was there and has been changed since stays changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, cast

import attrs
import sqlalchemy as sa

from mock_server.store.base import Kind, Tx
from mock_server.store.schema import DOCUMENTS, events, executions, large_values, log_lines, runs

if TYPE_CHECKING:
    from mock_server.store.tx import SqlTx

_TABLES: dict[str, sa.Table] = {kind.value: table for kind, table in DOCUMENTS.items()}
_TABLES |= {table.name: table for table in (runs, executions)}
#: Their rows have growing numbers: one says it all.
_GROWING = (events, log_lines)
_KINDS = frozenset(kind.value for kind in Kind)
_IDS = " UNION ALL ".join(f"SELECT '{name}', id FROM \"{name}\"" for name in _TABLES)  # noqa: S608 - names of our own
_LAST = " UNION ALL ".join(f"SELECT '{table.name}', max(id) FROM \"{table.name}\"" for table in _GROWING)  # noqa: S608
_SOME = 500  # ids in one statement


@attrs.frozen
class Rows:
    """Ids by table, and the last number of what only grows."""

    ids: dict[str, frozenset[str]]
    last: dict[str, int]

    def __getitem__(self, table: str) -> frozenset[str]:
        return self.ids.get(table, frozenset())

    def missing(self, other: Self) -> Rows:
        """What the other has and this one has not."""
        return Rows({name: other[name] - self[name] for name in other.ids}, other.last)

    def with_news(self, before: Self, after: Self) -> Rows:
        """This, and what came between the two."""
        return Rows({name: self[name] | (after[name] - before[name]) for name in after.ids}, self.last)

    def without(self, gone: Self) -> Rows:
        """This, but for what is in the other."""
        return Rows({name: self[name] - gone[name] for name in self.ids}, self.last)

    def count(self) -> int:
        """How many ids."""
        return sum(map(len, self.ids.values()))


def rows_of(tx: Tx) -> Rows:
    """What there is; an intent."""
    raw = cast("SqlTx", tx).db.raw
    found: dict[str, list[str]] = {name: [] for name in _TABLES}
    for name, id in raw.execute(_IDS).fetchall():
        found[name].append(id)
    last = dict(raw.execute(_LAST).fetchall())
    return Rows({name: frozenset(ids) for name, ids in found.items()}, {name: last[name] or 0 for name in last})


def clear(tx: Tx, kept: Rows) -> int:
    """Deletes what is not kept. Returns how many rows, without events and lines."""
    db = cast("SqlTx", tx).db.core
    missing = kept.missing(rows_of(tx))
    for name, gone in missing.ids.items():
        if name in _KINDS:
            for id in gone:
                tx.delete(Kind(name), id)
        else:
            _delete(db, _TABLES[name].c.id, gone)
    for table in _GROWING:
        _delete(db, table.c.run_id, missing["run"])
        _delete(db, table.c.execution_id, missing["execution"])
        nobodys = table.c.run_id.is_(None) & table.c.execution_id.is_(None)
        db.execute(sa.delete(table).where(nobodys, table.c.id > kept.last[table.name]))
    _delete(db, large_values.c.owner, missing["run"] | missing["execution"])
    return missing.count()


def _delete(db: sa.Connection, column: sa.Column[Any], values: Iterable[str]) -> None:
    """The rows that have one of the values there."""
    wanted = sorted(values)
    for start in range(0, len(wanted), _SOME):
        db.execute(sa.delete(column.table).where(column.in_(wanted[start : start + _SOME])))
