"""A query's predicates as SQL, as far as SQL can say them.

The law: the condition is true of every document that satisfies the query; if it is `exact`, of no other. What SQL says
only roughly, or not at all, `dtlpipe.model.query` decides on the documents themselves: it alone defines what a query
means, and this module must agree with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from mock_server.store.codec import dumps, is_storable

_MAX_TESTS = 500  # SQLite's parser refuses expressions deeper than 1000, and long ones gain nothing
_MAX_VALUES = 30_000  # in all lists together; SQLite takes 32766 parameters in a statement
_MAX_LIKE = 1000  # characters; SQLite takes 50000 bytes
_INT64 = range(-(1 << 63), 1 << 63)


@attrs.frozen
class Field:
    """A column that holds what documents have at one path; null where they have null or nothing."""

    column: sa.ColumnElement[Any]
    type: type


@attrs.frozen
class Condition:
    """A superset of the matches, and whether it is no more than that."""

    sql: sa.ColumnElement[bool]
    exact: bool = True


_ALL = Condition(sa.true())
_NONE = Condition(sa.false())
_UNKNOWN = Condition(sa.true(), exact=False)


def push(query: Mapping[str, Any], fields: Mapping[str, Field], body: sa.ColumnElement[Any] | None = None) -> Condition:
    """The condition for a query that `compile_query` has accepted; `body` has the whole document as its JSON text.

    A document whose value at some path is a text has that text in its body, as JSON writes it: most others need not be
    read at all.
    """
    return _Pusher(fields, body).query(query)


class _Within(sa.sql.functions.FunctionElement[bool]):
    """Whether the first text has the second one in it."""

    inherit_cache: bool | None = True
    type: sa.types.TypeEngine[bool] = sa.Boolean()


@compiles(_Within)
def _in_sqlite(element: _Within, compiler: Any, **options: Any) -> str:
    return f"(instr({compiler.process(element.clauses, **options)}) > 0)"


@compiles(_Within, "postgresql")
def _in_postgres(element: _Within, compiler: Any, **options: Any) -> str:
    return f"(strpos({compiler.process(element.clauses, **options)}) > 0)"


class _Pusher:
    def __init__(self, fields: Mapping[str, Field], body: sa.ColumnElement[Any] | None) -> None:
        self._fields = fields
        self._body = body
        self._tests = 0
        self._values = 0

    def query(self, query: Mapping[str, Any]) -> Condition:
        return _and([self._clause(key, value) for key, value in query.items()])

    def _clause(self, key: str, value: Any) -> Condition:
        if key == "$and":
            return _and([self.query(each) for each in value])
        if key == "$or":
            return _or([self.query(each) for each in value]) if value else _ALL
        if key == "$not":
            return _not(self.query(value))
        field = self._fields.get(key)
        self._tests += 1
        if self._tests > _MAX_TESTS:
            return _UNKNOWN
        if field is None:
            return self._in_body(value)
        if isinstance(value, Mapping) and any(op.startswith("$") for op in value):
            return self._operators(field, value)
        return _equals(field, value)

    def _in_body(self, value: Any) -> Condition:
        """For a path without a column: what the body of a match must have in it."""
        if isinstance(value, Mapping) and value.keys() == {"$eq"}:
            value = value["$eq"]
        if self._body is None or not isinstance(value, str) or "*" in value or not is_storable(value):
            return _UNKNOWN
        # a body that begins with a space was written otherwise, as `codec.dumps` says
        found = sa.or_(_Within(self._body, sa.literal(dumps(value).strip())), self._body < "!")
        return Condition(found, exact=False)

    def _operators(self, field: Field, operators: Mapping[str, Any]) -> Condition:
        return _and([self._operator(field, op, operand) for op, operand in operators.items()])

    def _operator(self, field: Field, op: str, operand: Any) -> Condition:  # noqa: PLR0911 - one line an operator
        self._tests += 1
        if self._tests > _MAX_TESTS:
            return _UNKNOWN
        match op:
            case "$eq":
                return _equals(field, operand)
            case "$ne":
                return _not(_equals(field, operand))
            case "$in":
                return self._any_of(field, operand)
            case "$nin":
                return _not(self._any_of(field, operand))
            case "$glob":
                return _glob(field, str(operand))
            case "$gt" | "$gte" | "$lt" | "$lte":
                return _compare(field, op, operand)
            case "$not" if isinstance(operand, Mapping):
                return _not(self._operators(field, operand))
            case "$not":
                return _not(_equals(field, operand))
            case _:
                return _UNKNOWN

    def _any_of(self, field: Field, values: list[Any]) -> Condition:
        plain = [value for value in values if _is_plain(field, value)]
        others = [value for value in values if not _is_plain(field, value)]
        self._values += len(plain)
        self._tests += len(others)
        if self._values > _MAX_VALUES or self._tests > _MAX_TESTS:
            return _UNKNOWN
        equal = [_equals(field, value) for value in others]
        return _or([Condition(field.column.in_(plain)), *equal]) if plain else _or(equal)


def _and(conditions: list[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    return Condition(sa.and_(sa.true(), *(each.sql for each in conditions)), all(each.exact for each in conditions))


def _or(conditions: list[Condition]) -> Condition:
    return Condition(sa.or_(sa.false(), *(each.sql for each in conditions)), all(each.exact for each in conditions))


def _not(condition: Condition) -> Condition:
    if not condition.exact:
        return _UNKNOWN
    return Condition(sa.not_(sa.func.coalesce(condition.sql, sa.false())))  # in SQL, not null is null


def _equals(field: Field, value: Any) -> Condition:
    if value is None:
        return Condition(field.column.is_(None))
    if isinstance(value, str) and "*" in value:
        return _glob(field, value)
    if not _fits(field, value):
        return _NONE
    if not _is_bindable(value):
        return _NONE if isinstance(value, str) else _UNKNOWN
    if not _is_of_type(field, value):
        return _UNKNOWN
    return Condition(field.column.is_(value) if isinstance(value, bool) else field.column == value)


def _is_plain(field: Field, value: Any) -> bool:
    globs = isinstance(value, str) and "*" in value
    plain = not globs and not isinstance(value, bool) and _fits(field, value) and _is_bindable(value)
    return plain and _is_of_type(field, value)


def _compare(field: Field, op: str, operand: Any) -> Condition:
    if not _fits(field, operand):
        return _NONE
    if isinstance(operand, bool) or not _is_bindable(operand) or not _is_of_type(field, operand):
        return _UNKNOWN
    column = field.column
    compared = {"$gt": column > operand, "$gte": column >= operand, "$lt": column < operand, "$lte": column <= operand}
    return Condition(compared[op])


def _glob(field: Field, glob: str) -> Condition:
    """`prefix**` and `prefix*` exactly, any other glob by its prefix."""
    if field.type is not str:
        return _NONE
    prefix, star, _ = glob.partition("*")
    rest = glob[len(prefix) :]
    if not is_storable(prefix):
        return _NONE
    if not star:
        return Condition(field.column == prefix)
    starts = _starts_with(field.column, prefix)
    if rest == "**":
        return Condition(starts)
    if rest == "*" and len(prefix) < _MAX_LIKE:
        # LIKE may ignore case; after an exact prefix only the slash is left for it to decide
        return Condition(sa.and_(starts, field.column.not_like(f"{_escape(prefix)}%/%", escape="\\")))
    return Condition(starts, exact=False)


def _starts_with(column: sa.ColumnElement[Any], prefix: str) -> sa.ColumnElement[bool]:
    """As a range, which an index serves and which minds case in every database."""
    if not prefix:
        return column.is_not(None)
    end = _successor(prefix)
    return sa.and_(column >= prefix, column < end) if end else column >= prefix


def _successor(prefix: str) -> str:
    """The least text above all that start with the prefix; empty if there is none."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return ""
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)  # surrogates are no characters


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _fits(field: Field, value: Any) -> bool:
    """Whether a value of the column could be equal, or compared, to this one."""
    if field.type is bool or isinstance(value, bool):
        return field.type is bool and isinstance(value, bool)
    if field.type is str:
        return isinstance(value, str)
    return isinstance(value, (int, float))


def _is_of_type(field: Field, value: Any) -> bool:
    """Whether the column's own type holds the value as it is: a database may round it to that type."""
    if field.type is int:
        return not isinstance(value, float) or value.is_integer()
    return field.type is not float or float(value) == value


def _is_bindable(value: Any) -> bool:
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value in _INT64
