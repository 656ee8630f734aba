"""A query's predicates as SQL, as far as SQL can say them.

The law: the condition is true of every document that satisfies the query; what is `sure` of it is true of no other.
Documents between the two `dtlpipe.model.query` decides: it alone defines what a query means, and this module must
agree with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self, cast

import attrs
import sqlalchemy as sa

from mock_server.store import inner
from mock_server.store.codec import dumps, is_storable
from mock_server.store.inner import Inner, Matches, OfText, Question, Within
from mock_server.store.patterns import glob_is_plain, required

_MAX_TESTS = 500  # SQLite's parser refuses expressions deeper than 1000, and long ones gain nothing
_MAX_VALUES = 30_000  # in all lists together; SQLite takes 32766 parameters in a statement
_MAX_IN_BODY = 500  # the same, of what is asked of bodies: each is looked at for each of them
_MAX_LIKE = 1000  # characters; SQLite takes 50000 bytes
_COMPARED: dict[str, inner.Op] = {"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_INT64 = range(-(1 << 63), 1 << 63)


@attrs.frozen
class Field:
    """A column that holds what documents have at one path; null where they have null or nothing."""

    column: sa.ColumnElement[Any]
    type: type


@attrs.frozen
class Condition:
    """A superset of the matches, and a subset of them; the same expression for both, if it is `exact`.

    `verdict` says both at once, if one question is all that there is to ask (see `inner`). It is to be asked of the
    rows of which `among` is true: there are no matches but these.
    """

    sql: sa.ColumnElement[bool]
    sure: sa.ColumnElement[bool]
    verdict: sa.ColumnElement[int] | None = None
    among: sa.ColumnElement[bool] | None = None

    @classmethod
    def asking(cls, verdict: sa.ColumnElement[int]) -> Self:
        """What a question says."""
        return cls(verdict > 0, verdict == 1, verdict, sa.true())

    @classmethod
    def exactly(cls, sql: sa.ColumnElement[bool]) -> Self:
        """Neither more nor less."""
        return cls(sql, sql)

    @classmethod
    def roughly(cls, sql: sa.ColumnElement[bool]) -> Self:
        """A superset, of which nothing is sure."""
        return cls(sql, sa.false())

    @property
    def exact(self) -> bool:
        return self.sure is self.sql

    @property
    def blind(self) -> bool:
        """Whether nothing is sure."""
        return isinstance(self.sure, sa.False_)


_ALL = Condition.exactly(sa.true())
_NONE = Condition.exactly(sa.false())
_UNKNOWN = Condition.roughly(sa.true())


def push(query: Mapping[str, Any], fields: Mapping[str, Field], body: sa.ColumnElement[Any] | None = None) -> Condition:
    """The condition for a query that `compile_query` has accepted; `body` has the whole document as its JSON text.

    Paths without a column are looked for in it.
    """
    return _Pusher(fields, body).query(query)


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
            return self._in_body(key, value)
        if isinstance(value, Mapping) and any(op.startswith("$") for op in value):
            return self._operators(field, value)
        return _equals(field, value)

    def _in_body(self, path: str, value: Any) -> Condition:
        """For a path without a column: what the body says of it."""
        if self._body is None or not inner.can_ask(path):
            return self._mentioned(value)
        if isinstance(value, Mapping) and any(op.startswith("$") for op in value):
            return _and([self._asked(path, op, operand) for op, operand in value.items()])
        return self._asked(path, "$eq", value)

    def _asked(self, path: str, op: str, operand: Any) -> Condition:
        self._tests += 1
        if self._tests > _MAX_TESTS:
            return _UNKNOWN
        match op:
            case "$ne" | "$not" if not isinstance(operand, Mapping):
                return _not(self._asked(path, "$eq", operand))
            case "$not":
                return _not(_and([self._asked(path, inner_op, each) for inner_op, each in operand.items()]))
            case "$nin":
                return _not(self._asked(path, "$in", operand))
            case "$in":
                return self._in_body_any_of(path, operand)
            case "$exists":
                exists = self._ask(path, inner.Exists())
                return exists if operand else _not(exists)
        question = _question(op, operand)
        if question is None:
            return self._mentioned(operand) if op == "$eq" else _UNKNOWN
        found = self._ask(path, question)
        needed = _needed(question)
        return found if needed is None else self._with(needed, found)

    def _in_body_any_of(self, path: str, values: list[Any]) -> Condition:
        texts = [each for each in values if isinstance(each, str) and "*" not in each and is_storable(each)]
        self._values += len(texts)
        if self._values > _MAX_IN_BODY:
            return _UNKNOWN
        others = [self._asked(path, "$eq", each) for each in values if each not in texts]
        return _or([self._ask(path, inner.Is(tuple(texts))), *others]) if texts else _or(others)

    def _ask(self, path: str, question: Question) -> Condition:
        return Condition.asking(Inner(cast("sa.ColumnElement[Any]", self._body), path, question))

    def _with(self, text: str, found: Condition) -> Condition:
        """The condition of a match that has this text in it: most bodies then need not be read."""
        # a body that begins with a space was written otherwise, as `codec.dumps` says
        body = cast("sa.ColumnElement[Any]", self._body)
        mentioned = sa.or_(Within(body, sa.literal(text)), body < "!")
        return _and([Condition.exactly(mentioned), found])

    def _mentioned(self, value: Any) -> Condition:
        """A document whose value at some path is a text has that text in its body, as JSON writes it."""
        if isinstance(value, Mapping) and value.keys() == {"$eq"}:
            value = value["$eq"]
        if self._body is None or not isinstance(value, str) or "*" in value or not is_storable(value):
            return _UNKNOWN
        return self._with(_written(value), _UNKNOWN)

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
            case "$match" | "$regex" if isinstance(operand, str):
                return _matches(field, Matches(operand, glob=False))
            case "$exists":
                return _exists(field) if operand else _not(_exists(field))
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
        return _or([Condition.exactly(field.column.in_(plain)), *equal]) if plain else _or(equal)


def _and(conditions: list[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    sql = sa.and_(sa.true(), *(each.sql for each in conditions))
    asked = [each for each in conditions if not each.exact]
    if not asked:
        return Condition.exactly(sql)
    sure = sa.and_(sa.true(), *(each.sure for each in conditions))
    if len(asked) > 1 or asked[0].verdict is None or asked[0].among is None:
        return Condition(sql, sure)
    others = [each.sql for each in conditions if each.exact]
    return Condition(sql, sure, asked[0].verdict, sa.and_(asked[0].among, *others))


def _or(conditions: list[Condition]) -> Condition:
    sql = sa.or_(sa.false(), *(each.sql for each in conditions))
    if all(each.exact for each in conditions):
        return Condition.exactly(sql)
    return Condition(sql, sa.or_(sa.false(), *(each.sure for each in conditions)))


def _not(condition: Condition) -> Condition:
    if condition.exact:
        return Condition.exactly(_denied(condition.sql))
    denied = Condition(_denied(condition.sure), _denied(condition.sql))
    if condition.verdict is None or not isinstance(condition.among, sa.True_):
        return denied
    other = sa.case((condition.verdict == 1, 0), (condition.verdict == 0, 1), else_=2)
    return Condition(denied.sql, denied.sure, other, condition.among)


def _denied(sql: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    if isinstance(sql, (sa.True_, sa.False_)):
        return sa.not_(sql)
    return sa.not_(sa.func.coalesce(sql, sa.false()))  # in SQL, not null is null


def _question(op: str, operand: Any) -> Question | None:
    """What to ask of a value in a body; None for what SQL cannot tell."""
    text, compared = isinstance(operand, str), _COMPARED.get(op)
    if text and not is_storable(operand):
        return None
    if op == "$glob" or (op == "$eq" and text and "*" in operand):
        return Matches(str(operand), glob=True) if glob_is_plain(str(operand)) else None
    if op in ("$match", "$regex"):
        return Matches(operand, glob=False) if text else None
    if compared is None:
        return None
    if text:
        return inner.Is((operand,)) if compared == "=" else inner.Text(compared, operand)
    if isinstance(operand, bool):
        return inner.Truth(operand) if compared == "=" else None
    if isinstance(operand, (int, float)):
        return inner.Number(compared, operand) if _is_bindable(operand) else None
    return inner.Nothing() if operand is None and compared == "=" else None


def _needed(question: Question) -> str | None:
    """What the body of a match has in it, whatever else."""
    match question:
        case inner.Is((text,)):
            return _written(text)
        case Matches(pattern, glob):
            literal = required(pattern, glob=glob)
            return _written(literal)[1:-1] if literal else None
    return None


def _written(text: str) -> str:
    return dumps(text).strip()


def _exists(field: Field) -> Condition:
    """A column does not tell null from nothing."""
    return Condition(sa.true(), field.column.is_not(None))


def _matches(field: Field, question: Matches) -> Condition:
    if field.type is not str:
        return _NONE
    if not is_storable(question.pattern):
        return _UNKNOWN
    return Condition.asking(OfText(field.column, question))


def _equals(field: Field, value: Any) -> Condition:
    if value is None:
        return Condition.exactly(field.column.is_(None))
    if isinstance(value, str) and "*" in value:
        return _glob(field, value)
    if not _fits(field, value):
        return _NONE
    if not _is_bindable(value):
        return _NONE if isinstance(value, str) else _UNKNOWN
    if not _is_of_type(field, value):
        return _UNKNOWN
    return Condition.exactly(field.column.is_(value) if isinstance(value, bool) else field.column == value)


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
    return Condition.exactly(compared[op])


def _glob(field: Field, glob: str) -> Condition:
    """`prefix**` and `prefix*` exactly, any other glob by its prefix."""
    if field.type is not str:
        return _NONE
    prefix, star, _ = glob.partition("*")
    rest = glob[len(prefix) :]
    if not is_storable(prefix):
        return _NONE
    if not star:
        return Condition.exactly(field.column == prefix)
    starts = _starts_with(field.column, prefix)
    if rest == "**":
        return Condition.exactly(starts)
    if rest == "*" and len(prefix) < _MAX_LIKE:
        # LIKE may ignore case; after an exact prefix only the slash is left for it to decide
        return Condition.exactly(sa.and_(starts, field.column.not_like(f"{_escape(prefix)}%/%", escape="\\")))
    if not glob_is_plain(glob):
        return Condition.roughly(starts)
    found = _matches(field, Matches(glob, glob=True))
    return Condition(sa.and_(starts, found.sql), sa.and_(starts, found.sure))


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
