"""What a query means: `matches(filter, document)`, written once for listing, for batches and for connection conditions.

A document is wire JSON. A predicate is `{path: value}` or `{path: {"$op": value}}`; predicates in one object are
joined by AND, as are those under `$and`; `$or` joins by OR, `$not` denies. A dotted path walks objects, and lists
by any element. Equality with a text that holds `*` is a glob: `*` stays within one folder, `**` crosses folders.
`$match` takes a regular expression, or an object that one element of a list is to be like: `{"id": 1, "at": {"k": 2}}`.

A pattern that would look at one text for ever (`(a+)+$`) is given up in a moment, as BadRequest: whoever may ask a
query may not stop everybody else by it. The standard library's `re` cannot be stopped, and so is not used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest

if TYPE_CHECKING:
    import regex

Predicate = Callable[[Mapping[str, Any]], bool]
MISSING = object()
#: Seconds that a pattern may take for one text.
PATIENCE = 0.2

OPERATORS = ("$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte", "$exists", "$match", "$regex", "$glob", "$not")


def matches(query: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether the document satisfies the predicates. Raises BadRequest for a query that is none."""
    return compile_query(query)(document)


def compile_query(query: Any, path: str = "filter") -> Predicate:
    """The query as a function of a document; everything wrong with it is found here, before any document is read."""
    if not isinstance(query, Mapping):
        raise BadRequest(
            f"{path}: a query is an object such as {{'$and': [{{'dir': '/a'}}]}}, not {type(query).__name__}"
        )
    tests = [_clause(key, value, path) for key, value in query.items()]
    if len(tests) == 1:
        return tests[0]
    return lambda document: all(test(document) for test in tests)


def _clause(key: str, value: Any, path: str) -> Predicate:
    where = f"{path}.{key}"
    if key in ("$and", "$or"):
        if not isinstance(value, list):
            raise BadRequest(f"{where}: takes a list of predicates, not {type(value).__name__}")
        tests = [compile_query(each, f"{where}[{index}]") for index, each in enumerate(value)]
        if key == "$and":
            return lambda document: all(test(document) for test in tests)
        return lambda document: not tests or any(test(document) for test in tests)
    if key == "$not":
        inner = compile_query(value, where)
        return lambda document: not inner(document)
    if key.startswith("$"):
        raise BadRequest(f"{where}: unknown operator; at this place there are $and, $or and $not")
    steps = tuple(key.split("."))
    if isinstance(value, Mapping) and any(op.startswith("$") for op in value):
        tests_of_value = [_operator(op, operand, f"{where}.{op}") for op, operand in value.items()]
        return lambda document: all(test(_found(document, steps)) for test in tests_of_value)
    equal = _equals(value, where)
    return lambda document: equal(_found(document, steps))


def _found(document: Any, steps: tuple[str, ...]) -> list[Any]:
    """Every value at the path: one for objects, one an element where the path crosses a list; [] when it is absent."""
    return list(_walk(document, steps))


def _walk(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    for index, step in enumerate(steps):
        if isinstance(value, list):
            for each in value:
                yield from _walk(each, steps[index:])
            return
        if not isinstance(value, Mapping) or step not in value:
            return
        value = value[step]
    yield value


def _operator(op: str, operand: Any, path: str) -> Callable[[list[Any]], bool]:
    if op == "$eq":
        return _equals(operand, path)
    if op == "$ne":
        equal = _equals(operand, path)
        return lambda found: not equal(found)
    if op in ("$in", "$nin"):
        if not isinstance(operand, list):
            raise BadRequest(f"{path}: takes a list, not {type(operand).__name__}")
        equal = _any_of(operand, path)
        wanted = op == "$in"
        return lambda found: equal(found) is wanted
    if op == "$exists":
        return lambda found: bool(found) is bool(operand)
    if op in ("$match", "$regex"):
        return _like(operand, path) if op == "$match" and isinstance(operand, Mapping) else _search(operand, path)
    if op == "$glob":
        return _glob(str(operand), path)
    if op == "$not":
        inner = _operators(operand, path)
        return lambda found: not inner(found)
    compare = _COMPARE.get(op)
    if compare is None:
        raise BadRequest(f"{path}: unknown operator; there are {', '.join(OPERATORS)}")
    return lambda found: any(_comparable(each, operand) and compare(each, operand) for each in _flat(found))


def _search(operand: Any, path: str) -> Callable[[list[Any]], bool]:
    search = _patiently(_pattern(operand, path).search, operand, path)
    return lambda found: any(isinstance(each, str) and search(each) for each in _flat(found))


def _like(operand: Mapping[str, Any], path: str) -> Callable[[list[Any]], bool]:
    fits = compile_query(dict(_dotted(operand)), path)
    return lambda found: any(isinstance(each, Mapping) and fits(each) for each in _flat(found))


def _dotted(query: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """What an object is to be like, as predicates: objects that hold no operator stand for the paths below them."""
    for key, value in query.items():
        if isinstance(value, Mapping) and value and not any(op.startswith("$") for op in value):
            yield from _dotted(value, f"{within}{key}.")
        else:
            yield (key if key.startswith("$") else within + key), value


def _operators(operand: Any, path: str) -> Callable[[list[Any]], bool]:
    if not isinstance(operand, Mapping):
        return _equals(operand, path)
    tests = [_operator(op, value, f"{path}.{op}") for op, value in operand.items()]
    return lambda found: all(test(found) for test in tests)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda left, right: left > right,
    "$gte": lambda left, right: left >= right,
    "$lt": lambda left, right: left < right,
    "$lte": lambda left, right: left <= right,
}


def _comparable(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool)
    if isinstance(left, (int, float)):
        return isinstance(right, (int, float))
    return isinstance(left, str) and isinstance(right, str)


def _flat(found: list[Any]) -> Iterator[Any]:
    """A list value is tested as a whole and element by element, as document stores do."""
    for each in found:
        if isinstance(each, list):
            yield from each
        yield each


def _equals(value: Any, path: str) -> Callable[[list[Any]], bool]:
    if isinstance(value, str) and "*" in value:
        return _glob(value, path)
    if value is None:
        return lambda found: not found or any(each is None for each in _flat(found))
    return lambda found: any(_same(each, value) for each in _flat(found))


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _glob(glob: str, path: str) -> Callable[[list[Any]], bool]:
    fits = _patiently(glob_pattern(glob).fullmatch, glob, path)
    return lambda found: any(isinstance(each, str) and fits(each) for each in _flat(found))


def _any_of(values: list[Any], path: str) -> Callable[[list[Any]], bool]:
    """Lists of ids may be long, so that plain values are looked up and not compared one by one."""
    plain = frozenset(each for each in values if _is_plain(each) and not (isinstance(each, str) and "*" in each))
    tests = [_equals(each, path) for each in values if not (_is_plain(each) and each in plain)]

    def equal(found: list[Any]) -> bool:
        return any(_is_plain(each) and each in plain for each in _flat(found)) or any(test(found) for test in tests)

    return equal


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


@lru_cache(maxsize=512)
def glob_pattern(glob: str) -> regex.Pattern[str]:
    """`*` is any text within one folder, `**` any text; `/a/**` holds everything below `/a`."""
    import regex

    parts = re.split(r"(\*\*|\*)", glob)
    text = "".join({"**": ".*", "*": "[^/]*"}.get(part) or re.escape(part) for part in parts)
    return regex.compile(text, regex.DOTALL)


def _pattern(operand: Any, path: str) -> regex.Pattern[str]:
    import regex  # here, as few queries need it

    if not isinstance(operand, str):
        raise BadRequest(f"{path}: takes a text, not {type(operand).__name__}")
    try:
        return regex.compile(operand)
    except (regex.error, RecursionError) as error:
        raise BadRequest(f"{path}: {operand!r:.200} is not a regular expression: {error}") from None


def _patiently(match: Callable[..., object | None], pattern: str, path: str) -> Callable[[str], bool]:
    """Whether it matches a text. After PATIENCE it is BadRequest."""

    def matched(text: str) -> bool:
        try:
            return match(text, timeout=PATIENCE) is not None
        except TimeoutError:
            raise BadRequest(
                f"{path}: {pattern!r:.200} takes too long to look for",
                hint="no repetition within a repetition, such as (a+)+; fewer stars",
            ) from None

    return matched
