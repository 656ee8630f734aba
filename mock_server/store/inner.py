"""What a document has at a path, asked of its JSON text by the database itself.

The law: the answer is 1 if the document satisfies the question, 0 if it does not, and 2 if the database cannot know:
`dtlpipe.model.query` is then asked. So 2 is what there is where a path crosses a list, where text has characters that
databases lose, where two numbers differ by less than a database's own reading of them, and where a document was written
otherwise (it then begins with a space, as `codec.dumps` says).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import attrs
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from mock_server.store.patterns import native, required

Op = Literal["=", "<", "<=", ">", ">="]
#: Steps that both databases read as the key of an object, without any quoting to think of.
_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_ -]*")
_EXACT = 1 << 53  # integers up to here are doubles, too


@attrs.frozen
class Is:
    """The value is one of the texts."""

    texts: tuple[str, ...]


@attrs.frozen
class Text:
    """The value is a text, and is so compared to this one by code points."""

    op: Op
    text: str


@attrs.frozen
class Number:
    """The value is a number, and is so compared to this one."""

    op: Op
    number: int | float


@attrs.frozen
class Truth:
    """The value is this truth value."""

    value: bool


@attrs.frozen
class Nothing:
    """There is no value, or it is null."""


@attrs.frozen
class Exists:
    """There is a value, if only null."""


@attrs.frozen
class Matches:
    """The value is a text that the glob fits as a whole, or in which the regular expression is found."""

    pattern: str
    glob: bool


Question = Is | Text | Number | Truth | Nothing | Exists | Matches


def can_ask(path: str) -> bool:
    """Whether a path is one that questions may be about."""
    return all(_STEP.fullmatch(step) for step in path.split("."))


class Inner(sa.sql.functions.FunctionElement[int]):
    """0, 1 or 2 for a question about what a JSON text has at a path."""

    inherit_cache: bool | None = False
    type: sa.types.TypeEngine[int] = sa.Integer()

    def __init__(self, body: sa.ColumnElement[Any], path: str, question: Question) -> None:
        super().__init__(body)
        self.steps, self.question = path.split("."), question


class OfText(sa.sql.functions.FunctionElement[int]):
    """0, 1 or 2 for a pattern and a column of texts."""

    inherit_cache: bool | None = False
    type: sa.types.TypeEngine[int] = sa.Integer()

    def __init__(self, column: sa.ColumnElement[Any], question: Matches) -> None:
        super().__init__(column)
        self.question = question


class Within(sa.sql.functions.FunctionElement[bool]):
    """Whether the first text has the second one in it."""

    inherit_cache: bool | None = True
    type: sa.types.TypeEngine[bool] = sa.Boolean()


@compiles(Within)
def _in_sqlite(element: Within, compiler: Any, **options: Any) -> str:
    return f"(instr({compiler.process(element.clauses, **options)}) > 0)"


@compiles(Within, "postgresql")
def _in_postgres(element: Within, compiler: Any, **options: Any) -> str:
    return f"(strpos({compiler.process(element.clauses, **options)}) > 0)"


Bind = Callable[[Any], str]


class _Sqlite:
    """The words of SQLite. A document is parsed once, however often it is asked."""

    texts, integers, reals = "text", "integer", "real"
    numbers: tuple[str, ...] = (integers, reals)

    def __init__(self, body: str, bind: Bind) -> None:
        self._body = body
        self.bind = bind

    @staticmethod
    def _path(steps: Sequence[str]) -> str:
        return "'$" + "".join(f'."{step}"' for step in steps) + "'"

    def whole(self, answer: str) -> str:
        return f"(CASE WHEN {self._body} < '!' THEN 2 ELSE {answer} END)"

    def kind(self, steps: Sequence[str]) -> str:
        return f"json_type({self._body}, {self._path(steps)})"

    def value(self, steps: Sequence[str]) -> str:
        return f"json_extract({self._body}, {self._path(steps)})"

    text = value

    def truth(self, steps: Sequence[str], value: bool) -> list[tuple[str, str]]:  # noqa: FBT001
        return [("true" if value else "false", "1")]

    def _lost(self, otherwise: str) -> str:
        """SQLite ends a text at a NUL."""
        return f"CASE WHEN instr({self._body}, {self.bind(chr(92) + 'u0000')}) > 0 THEN 2 ELSE {otherwise} END"

    def equal(self, value: str, texts: str) -> str:
        return f"CASE WHEN {value} IN ({texts}) THEN {self._lost('1')} ELSE 0 END"

    def one_of(self, steps: Sequence[str], texts: str) -> str:
        each = f"SELECT 1 FROM json_each({self._body}, {self._path(steps)}) AS each"  # noqa: S608
        found = f"EXISTS ({each} WHERE each.type = 'text' AND each.value IN ({texts}))"
        return f"CASE WHEN {found} THEN {self._lost('1')} ELSE 0 END"

    def compared(self, value: str, op: Op, text: str) -> str:
        return self._lost(f"CASE WHEN {value} {op} {text} THEN 1 ELSE 0 END")

    def number(self, kind: str, value: str, op: Op, number: float) -> str:
        if kind == self.integers and abs(number) < _EXACT:
            return f"CASE WHEN {value} {op} {self.bind(number)} THEN 1 ELSE 0 END"
        if kind == self.integers and isinstance(number, int):  # an integer of more than 64 bits is read as a real
            exactly = f"CASE WHEN {value} {op} {self.bind(number)} THEN 1 ELSE 0 END"
            return f"CASE WHEN typeof({value}) = 'integer' THEN {exactly} ELSE 2 END"
        return _about(value, op, *(self.bind(each) for each in _around(number)))

    def matches(self, value: str, question: Matches) -> str:
        return self._lost(self.of_text(value, question))

    def of_text(self, value: str, question: Matches) -> str:
        name = "dtl_glob" if question.glob else "dtl_search"
        return f"coalesce({name}({self.bind(question.pattern)}, {value}), 2)"


class _Postgres:
    """The words of PostgreSQL. A document is parsed once for each question."""

    texts, numbers = "string", ("number",)

    def __init__(self, body: str, bind: Bind) -> None:
        self._body = body
        self.bind = bind

    @staticmethod
    def _path(steps: Sequence[str]) -> str:
        return "'{" + ",".join(f'"{step}"' for step in steps) + "}'"

    def whole(self, answer: str) -> str:
        escape = self.bind(chr(92) + "u")  # of a NUL, which no text may have here; and of what else is rare
        readable = f"{self._body} >= '!' AND strpos({self._body}, {escape}) = 0"
        json = f"SELECT CASE WHEN {readable} THEN {self._body}::jsonb END AS j OFFSET 0"
        return f"(SELECT CASE WHEN parsed.j IS NULL THEN 2 ELSE {answer} END FROM ({json}) AS parsed)"  # noqa: S608

    def kind(self, steps: Sequence[str]) -> str:
        return f"jsonb_typeof(parsed.j #> {self._path(steps)})"

    def value(self, steps: Sequence[str]) -> str:
        return f"(parsed.j #>> {self._path(steps)})::numeric"

    def text(self, steps: Sequence[str]) -> str:
        return f'(parsed.j #>> {self._path(steps)}) COLLATE "C"'

    def truth(self, steps: Sequence[str], value: bool) -> list[tuple[str, str]]:  # noqa: FBT001
        wanted = "true" if value else "false"
        return [("boolean", f"CASE WHEN parsed.j #> {self._path(steps)} = '{wanted}'::jsonb THEN 1 ELSE 0 END")]

    def equal(self, value: str, texts: str) -> str:
        return f"CASE WHEN {value} IN ({texts}) THEN 1 ELSE 0 END"

    def one_of(self, steps: Sequence[str], texts: str) -> str:
        found = f"jsonb_exists_any(parsed.j #> {self._path(steps)}, ARRAY[{texts}]::text[])"
        return f"CASE WHEN {found} THEN 1 ELSE 0 END"

    def compared(self, value: str, op: Op, text: str) -> str:
        return f"CASE WHEN {value} {op} {text} THEN 1 ELSE 0 END"

    def number(self, kind: str, value: str, op: Op, number: float) -> str:
        def operand(each: float) -> str:
            return f"CAST({self.bind(repr(each))} AS numeric)"

        if abs(number) < _EXACT:
            return f"CASE WHEN {value} {op} {operand(number)} THEN 1 ELSE 0 END"
        return _about(value, op, *map(operand, _around(number)))

    def matches(self, value: str, question: Matches) -> str:
        return self.of_text(value, question)

    def of_text(self, value: str, question: Matches) -> str:
        pattern = native(question.pattern, glob=question.glob)
        if pattern is not None:
            found = f"CASE WHEN {value} ~ {self.bind(pattern)} THEN 1 ELSE 0 END"
            return found if question.glob else f"CASE WHEN strpos({value}, chr(10)) > 0 THEN 2 ELSE {found} END"
        needed = required(question.pattern, glob=question.glob)
        return f"CASE WHEN strpos({value}, {self.bind(needed)}) > 0 THEN 2 ELSE 0 END" if needed else "2"


Words = _Sqlite | _Postgres


@compiles(Inner)
def _inner_in_sqlite(element: Inner, compiler: Any, **options: Any) -> str:
    return _render(element, _Sqlite(compiler.process(element.clauses, **options), _binder(compiler, options)))


@compiles(Inner, "postgresql")
def _inner_in_postgres(element: Inner, compiler: Any, **options: Any) -> str:
    return _render(element, _Postgres(compiler.process(element.clauses, **options), _binder(compiler, options)))


@compiles(OfText)
def _text_in_sqlite(element: OfText, compiler: Any, **options: Any) -> str:
    column, bind = compiler.process(element.clauses, **options), _binder(compiler, options)
    return f"(CASE WHEN {column} IS NULL THEN 0 ELSE {_Sqlite('', bind).of_text(column, element.question)} END)"


@compiles(OfText, "postgresql")
def _text_in_postgres(element: OfText, compiler: Any, **options: Any) -> str:
    column, bind = compiler.process(element.clauses, **options), _binder(compiler, options)
    return f"(CASE WHEN {column} IS NULL THEN 0 ELSE {_Postgres('', bind).of_text(column, element.question)} END)"


def _binder(compiler: Any, options: dict[str, Any]) -> Bind:
    types: dict[type, sa.types.TypeEngine[Any]] = {str: sa.Text(), int: sa.BigInteger(), float: sa.Double()}

    def bind(value: Any) -> str:
        text: str = compiler.process(sa.bindparam(None, value, types[type(value)]), **options)
        return text

    return bind


def _render(element: Inner, words: Words) -> str:
    steps, question = element.steps, element.question
    crossed = [f"{words.kind(steps[:length])} = 'array'" for length in range(1, len(steps))]
    absent = "1" if isinstance(question, Nothing) else "0"
    if crossed:
        absent = f"CASE WHEN {' OR '.join(crossed)} THEN 2 ELSE {absent} END"
    kind = words.kind(steps)
    if isinstance(question, Exists):
        return words.whole(f"CASE WHEN {kind} IS NULL THEN {absent} ELSE 1 END")
    cases = "".join(f" WHEN '{name}' THEN {answer}" for name, answer in _cases(words, element))
    return words.whole(f"CASE WHEN {kind} IS NULL THEN {absent} ELSE CASE {kind}{cases} ELSE 0 END END")


def _cases(words: Words, element: Inner) -> list[tuple[str, str]]:
    """For each kind of value that may satisfy the question: whether it does. Lists do so by their elements."""
    steps, bind = element.steps, words.bind
    unknown = [("array", "2")]
    match element.question:
        case Is(texts):
            wanted = ", ".join(map(bind, texts))
            return [(words.texts, words.equal(words.text(steps), wanted)), ("array", words.one_of(steps, wanted))]
        case Text(op, text):
            return [(words.texts, words.compared(words.text(steps), op, bind(text))), *unknown]
        case Number(op, number):
            return [*((kind, words.number(kind, words.value(steps), op, number)) for kind in words.numbers), *unknown]
        case Truth(value):
            return [*words.truth(steps, value), *unknown]
        case Nothing():
            return [("null", "1"), *unknown]
        case Matches() as question:
            return [(words.texts, words.matches(words.text(steps), question)), *unknown]
    return unknown


def _around(number: float) -> tuple[float, float]:
    """Between which a value may be this number: what a database reads as one may be wrong by that much."""
    margin = max(abs(float(number)) * 1e-12, 1e-300)
    return float(number) - margin, float(number) + margin


def _about(value: str, op: Op, low: str, high: str) -> str:
    below, above = {"=": ("0", "0"), "<": ("1", "0"), "<=": ("1", "0"), ">": ("0", "1"), ">=": ("0", "1")}[op]
    return f"CASE WHEN {value} > {high} THEN {above} WHEN {value} < {low} THEN {below} ELSE 2 END"
