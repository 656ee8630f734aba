"""Finding: SQL narrows, the query language decides, and only the page is built.

Where SQL can say the whole filter and the whole order, it also counts and pages. Otherwise it says of each candidate
whether it is sure; the others are streamed through the predicate. What is kept of them is the page (or, if SQL cannot
sort, one sort key a match). Documents are looked at once: what a page has passed is not counted again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from itertools import islice
from typing import Any

import attrs
import sqlalchemy as sa

from dtlpipe.errors import BadRequest
from mock_server.store.base import Query, Where
from mock_server.store.codec import dumps, is_storable
from mock_server.store.dialect import Db
from mock_server.store.pushdown import Condition, Field, push
from mock_server.store.request import Cursor, Join, Request, Sort, read
from mock_server.store.totals import Known, Moment

Values = Sequence[Any]  # one row, in the order of `Source.columns`
_STREAM = 500  # rows fetched at a time


@attrs.frozen(eq=False, slots=False)
class Source:
    """What can be searched: a table, what its columns are called on the wire, and how a row becomes a document.

    Attributes:
        noun: its plural, for messages.
        fields: wire paths that filters and sorting may push to SQL.
        wheres: keys that `where` knows.
        document: what the predicate sees of a row.
        closed: whether `fields` is all there is, so that other paths are refused.
        page_size: the default.
    """

    noun: str
    table: sa.Table
    columns: tuple[str, ...]
    fields: Mapping[str, Field]
    wheres: Mapping[str, Field]
    paths: Mapping[str, str]
    document: Callable[[Values], Mapping[str, Any]]
    newest_first: bool = False
    closed: bool = False
    page_size: int = 1000

    @cached_property
    def id(self) -> sa.Column[Any]:
        return self.table.c.id

    @cached_property
    def at_id(self) -> int:
        return self.columns.index("id")

    @cached_property
    def select(self) -> sa.Select[Any]:
        return sa.select(*(self.table.c[name] for name in self.columns))


@attrs.frozen
class Found:
    """One page of rows."""

    rows: list[Values]
    total: int
    request: Request
    offset: int


Joined = Callable[[Join], frozenset[Any]]
Test = Callable[[Values], bool]


@attrs.frozen
class Search:
    """A request against a source, ready to run."""

    source: Source
    request: Request
    condition: Condition
    test: Test
    key: str  # what is searched for, whatever the page

    @classmethod
    def prepare(cls, source: Source, query: Query, where: Where | None, joined: Joined) -> Search:
        """Raises BadRequest for a query that is none, ValueError for a `where` that is none."""
        request = read(query, page_size=source.page_size, keyset=not source.closed, paths=source.paths)
        if source.closed:
            _check_paths(source, request)
        condition = push(request.filter, source.fields, source.table.c.get("body"))
        sql = sa.and_(condition.sql, *equalities(source, where))
        document, predicate = source.document, request.predicate

        def test(row: Values) -> bool:
            return predicate(document(row))

        key = repr((request.filter, request.sort, request.join, where))
        if request.join is None:
            if condition.exact:
                return cls(source, request, Condition.exactly(sql), test, key)
            same = equalities(source, where)
            sure = condition.sure if condition.blind else sa.and_(condition.sure, *same)
            asked = None if condition.among is None else sa.and_(condition.among, *same)
            return cls(source, request, Condition(sql, sure, condition.verdict, asked), test, key)
        values, among = joined(request.join), compile_join(request.join)
        sql_of_join = Condition.roughly(sql)
        return cls(source, request, sql_of_join, lambda row: test(row) and among(document(row), values), key)

    @property
    def tables(self) -> list[str]:
        """The tables whose documents decide what is found."""
        joined = self.request.join
        return [self.source.table.name, *([] if joined is None else [joined.kind.value])]

    def run(self, db: Db, moment: Moment | None = None) -> Found:
        """`moment`: what is remembered of earlier pages; None in the middle of a change."""
        order = self._order()
        if order is None:
            return self._sorted_here(db)
        if self.condition.exact:
            return self._by_sql(db, order)
        return self._streamed(db, order, moment)

    def _order(self) -> list[sa.ColumnElement[Any]] | None:
        """The ORDER BY; None if SQL cannot sort so. Ties are broken by id, so that pages never overlap."""
        request, source = self.request, self.source
        if not request.sort:
            return [source.id.desc() if source.newest_first else source.id]
        if any(path not in source.fields for path, _ in request.sort):
            return None
        order: list[sa.ColumnElement[Any]] = []
        for path, descending in request.sort:
            column = source.fields[path].column
            order.append(column.desc().nulls_last() if descending else column.asc().nulls_first())
            if path == "id":
                return order
        return [*order, source.id.desc() if request.sort[0][1] else source.id]

    def _by_sql(self, db: Db, order: list[sa.ColumnElement[Any]]) -> Found:
        request, source = self.request, self.source
        start = request.page * request.page_size
        select = source.select.where(self.condition.sql).order_by(*order)
        if request.cursor is not None:
            select = select.where(_beyond(source, request.cursor))
        offset = sa.bindparam(None, start, sa.BigInteger())  # beyond 32 bits for a page that nobody has
        rows: list[Values] = [*db.core.execute(select.limit(request.page_size).offset(offset))]
        if request.cursor is None and len(rows) < request.page_size and (rows or not start):
            return Found(rows, start + len(rows), request, start)  # the last page knows the total
        total = _count(db, source, self.condition.sql)
        if request.cursor is not None:
            start = total - _count(db, source, sa.and_(self.condition.sql, _beyond(source, request.cursor)))
        return Found(rows, total, request, start)

    def _streamed(self, db: Db, order: list[sa.ColumnElement[Any]], moment: Moment | None) -> Found:
        request, source, cursor = self.request, self.source, self.request.cursor
        start, size = request.page * request.page_size, request.page_size
        beyond = None if cursor is None else _beyond(source, cursor)
        known = moment.recall(self.tables, (self.key, cursor and cursor.id)) if moment else None
        left = None if known is None else known.total - known.before
        with closing(self._matches(db, order, beyond, at_once=size)) as matches:
            some = islice(matches, left)  # what is behind the last one need not be looked at
            passed = sum(1 for _ in islice(some, start))
            rows = [*islice(some, size)]
        if known is not None:
            start, total = start + known.before, known.total
        else:
            if beyond is not None:
                start = passed = self._count(db, sa.not_(beyond))
            total = passed + len(rows)
            if len(rows) == size:
                total = self._total(db, total, rows[-1][source.at_id])
        if moment:
            if cursor is None:
                moment.remember(self.tables, (self.key, None), Known(total, 0))
            if rows and request.page == 0:
                place = (self.key, rows[-1][source.at_id])
                moment.remember(self.tables, place, Known(total, start + len(rows)))
        return Found(rows, total, request, start)

    def _total(self, db: Db, passed: int, last: str) -> int:
        """All matches, where so many end with this id."""
        by, descending = self.request.sort[0] if self.request.sort else ("id", self.source.newest_first)
        if by != "id":
            return self._count(db)
        return passed + self._count(db, _beyond(self.source, Cursor(last, descending)))

    def _count(self, db: Db, *among: sa.ColumnElement[bool]) -> int:
        """How many of these match."""
        condition = self.condition
        if condition.blind:
            return sum(1 for _ in self._matches(db, [], *among))
        all_, certain = db.core.execute(self._counting(*among)).one()
        if all_ == certain:
            return int(certain)
        doubtful = sa.not_(sa.func.coalesce(condition.sure, sa.false()))
        return int(certain) + sum(1 for _ in self._matches(db, [], doubtful, *among))

    def _counting(self, *among: sa.ColumnElement[bool]) -> sa.Select[int, int]:
        """How many candidates there are, and how many of them are sure."""
        condition, table = self.condition, self.source.table
        if condition.verdict is None or condition.among is None:
            sure = sa.func.count(sa.case((condition.sure, 1)))
            return sa.select(sa.func.count(), sure).select_from(table).where(condition.sql, *among)
        said = sa.select(condition.verdict.label("said")).select_from(table).where(condition.among, *among)
        rows = said.offset(0).subquery().c.said  # each row is asked once: what has an offset stays by itself
        return sa.select(sa.func.count(sa.case((rows > 0, 1))), sa.func.count(sa.case((rows == 1, 1))))

    def _sorted_here(self, db: Db) -> Found:
        request, source = self.request, self.source
        start = request.page * request.page_size
        found: list[tuple[tuple[Any, ...], str]] = []
        for row in self._matches(db, [source.id]):
            document = source.document(row)
            found.append((tuple(sort_key(document, path) for path, _ in request.sort), row[source.at_id]))
        sort_found(found, request.sort)
        ids = [each for _, each in found[start : start + request.page_size]]
        by_id = {row[source.at_id]: row for row in db.core.execute(source.select.where(source.id.in_(ids))).all()}
        return Found([by_id[each] for each in ids], len(found), request, start)

    def _matches(
        self,
        db: Db,
        order: list[sa.ColumnElement[Any]],
        *among: sa.ColumnElement[bool] | None,
        at_once: int = _STREAM,
    ) -> Generator[Values, None, None]:
        """`at_once`: how many will do at first; to find more of them may be a long way."""
        test = self.test
        select = self._select(*(each for each in among if each is not None)).order_by(*order)
        with db.core.execute(select, execution_options={"yield_per": min(at_once, _STREAM)}) as rows:
            for *row, sure in rows:
                if sure or test(row):
                    yield row

    def _select(self, *among: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """Candidates among these; the last column says whether it is sure."""
        condition = self.condition
        sure: sa.ColumnElement[Any] = sa.literal(1 if condition.exact else 0)
        if not condition.exact and not condition.blind:
            sure = sa.case((condition.sure, 1), else_=0)
        return self.source.select.add_columns(sure).where(condition.sql, *among)

    def chunk(self, db: Db, after: str, size: int) -> tuple[list[Values], str | None]:
        """The matches among the next `size` candidates by id, and the id to go on from; None at the end."""
        source = self.source
        select = self._select(source.id > after).order_by(source.id).limit(size)
        rows = db.core.execute(select).all()
        last = rows[-1][source.at_id] if len(rows) == size else None
        return [row for *row, sure in rows if sure or self.test(row)], last


def equalities(source: Source, where: Where | None) -> list[sa.ColumnElement[bool]]:
    """The conditions of `where`. Raises ValueError for a key that has no column."""
    conditions: list[sa.ColumnElement[bool]] = []
    for key, value in (where or {}).items():
        field = source.wheres.get(key)
        if field is None:
            raise ValueError(f"where: {source.noun} have no column for {key!r}; there are {', '.join(source.wheres)}")
        conditions.append(equals(field.column, value))
    return conditions


def equals(column: sa.ColumnElement[Any], value: Any) -> sa.ColumnElement[bool]:
    """Whether the column has the value, or one of several. No column has a text that none can hold."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return column.in_([each for each in value if not isinstance(each, str) or is_storable(each)])
    if value is None or isinstance(value, bool):
        return column.is_(value)
    if isinstance(value, str) and not is_storable(value):
        return sa.false()
    equal: sa.ColumnElement[bool] = column == value
    return equal


def compile_join(join: Join) -> Callable[[Mapping[str, Any], frozenset[Any]], bool]:
    """Whether a document is joined to one of the values."""
    steps = join.key.split(".")

    def among(document: Mapping[str, Any], values: frozenset[Any]) -> bool:
        value = at_path(document, steps)
        return isinstance(value, str) and value in values

    return among


def at_path(document: Any, steps: Sequence[str]) -> Any:
    """The value at a path through objects; None if there is none."""
    for step in steps:
        if not isinstance(document, Mapping):
            return None
        document = document.get(step)
    return document


def sort_key(document: Mapping[str, Any], path: str) -> tuple[int, Any]:
    """A key that orders values of all types: nothing, then truth values, numbers, texts, and the rest by their JSON."""
    value = at_path(document, path.split("."))
    if value is None:
        return (0, 0)
    if isinstance(value, bool):
        return (1, value)
    if isinstance(value, (int, float)):
        return (2, value)
    return (3, value) if isinstance(value, str) else (4, dumps(value))


def sort_found(found: list[tuple[tuple[Any, ...], str]], sort: Sort) -> None:
    """Sort pairs of keys and id in place; ties go by id, in the direction of the first key."""
    found.sort(key=lambda each: each[1], reverse=sort[0][1])
    for index in reversed(range(len(sort))):
        found.sort(key=lambda each: each[0][index], reverse=sort[index][1])


def _beyond(source: Source, cursor: Cursor) -> sa.ColumnElement[bool]:
    return source.id < cursor.id if cursor.descending else source.id > cursor.id


def _count(db: Db, source: Source, condition: sa.ColumnElement[bool]) -> int:
    return db.core.execute(sa.select(sa.func.count()).select_from(source.table).where(condition)).scalar_one()


def _check_paths(source: Source, request: Request) -> None:
    for path in (*_paths(request.filter), *(path for path, _ in request.sort)):
        if path not in source.fields:
            raise BadRequest(f"{path}: {source.noun} have no such field; there are {', '.join(source.fields)}")
    if request.join is not None:
        raise BadRequest(f"join: {source.noun} cannot be joined")


def _paths(filter: Mapping[str, Any]) -> Iterator[str]:
    for key, value in filter.items():
        if key in ("$and", "$or"):
            for each in value:
                yield from _paths(each)
        elif key == "$not":
            yield from _paths(value)
        else:
            yield key
