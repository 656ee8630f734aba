"""Rows that a batch has changed and no statement has written yet.

The law: what is here has been decided, and nobody can see it but by reading rows through the transaction, which writes
it first. So all that a batch does to one row is one statement, and the same statement for many rows is sent once.

Only what cannot be refused may wait here: new executions under new ids, rows that are known to be there, events, lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mock_server.store.codec import RowCodec
from mock_server.store.dialect import Db
from mock_server.store.rows import EVENTS, EXECUTIONS, LOG_LINES
from mock_server.store.statements import Statements

_Columns = dict[str, Any]


class Unwritten(Exception):
    """The database refused what earlier intents of the batch have left to be written; the cause says why."""


class Pending:
    """Changes in the order in which they were made; values are as the driver takes them."""

    __slots__ = ("_events", "_executions", "_lines", "_references", "_updates")

    def __init__(self) -> None:
        self._executions: list[list[Any]] = []
        self._updates: list[tuple[RowCodec[Any], str, Mapping[str, Any]]] = []
        self._events: list[Sequence[Any]] = []
        self._lines: list[Sequence[Any]] = []
        self._references: list[tuple[str, str]] = []

    def __bool__(self) -> bool:
        return bool(self._executions or self._updates or self._events or self._lines or self._references)

    def add_execution(self, values: list[Any]) -> None:
        """A row in the order of its columns."""
        self._executions.append(values)

    def update(self, codec: RowCodec[Any], id: str, columns: Mapping[str, Any]) -> None:
        self._updates.append((codec, id, columns))

    def add_event(self, values: Sequence[Any]) -> None:
        self._events.append(values)

    def add_line(self, values: Sequence[Any]) -> None:
        self._lines.append(values)

    def add_reference(self, owner: str, blob: str) -> None:
        """A row names a large value's blob."""
        self._references.append((owner, blob))

    def absorb(self, later: Pending) -> None:
        """Go on with what came after; `later` is not to be used any more."""
        self._executions += later._executions
        self._updates += later._updates
        self._events += later._events
        self._lines += later._lines
        self._references += later._references

    def copy(self) -> Pending:
        """The same changes, to go back to."""
        kept = Pending()
        kept._executions = [list(values) for values in self._executions]
        kept._updates, kept._events, kept._lines = list(self._updates), list(self._events), list(self._lines)
        kept._references = list(self._references)
        return kept

    def write(self, db: Db, statements: Statements, *, spared: bool = False) -> None:
        """Send all of it, or put it off if the database is far (`spared`: an intent that is undone does not undo it).

        Nothing is left then. Raises what a statement raises.
        """

        def insert(codec: RowCodec[Any]) -> str:
            return statements.insert(codec.name, codec.columns)

        if self._executions or self._updates:
            updates = self._merged()
            if self._executions:
                db.many_later(insert(EXECUTIONS), self._executions, spared=spared)
            for (codec, names), rows in updates.items():
                update = statements.update(codec.name, names)
                db.many_later(update.text, [update.bind(values) for values in rows], spared=spared)
        if self._events:
            db.many_later(insert(EVENTS), self._events, spared=spared)
        if self._lines:
            db.many_later(insert(LOG_LINES), self._lines, spared=spared)
        if self._references:
            known = statements.insert_reference()
            db.many_later(known.text, self._references, spared=spared)
        self._executions, self._updates, self._events, self._lines, self._references = [], [], [], [], []

    def _merged(self) -> dict[tuple[RowCodec[Any], tuple[str, ...]], list[_Columns]]:
        """One change for each row, by the columns that it sets; changes of new rows go into these."""
        new = {values[0]: values for values in self._executions}
        merged: dict[tuple[str, str], tuple[RowCodec[Any], _Columns]] = {}
        for codec, id, columns in self._updates:
            values = new.get(id) if codec is EXECUTIONS else None
            if values is not None:
                for name, value in columns.items():
                    values[codec.places[name]] = value
                continue
            found = merged.get((codec.name, id))
            if found is None:
                merged[codec.name, id] = codec, {**columns, "w_id": id}
            else:
                found[1].update(columns)
        by_columns: dict[tuple[RowCodec[Any], tuple[str, ...]], list[_Columns]] = {}
        for codec, columns in merged.values():
            names = tuple(name for name in columns if name != "w_id")
            by_columns.setdefault((codec, names), []).append(columns)
        return by_columns
