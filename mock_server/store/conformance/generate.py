"""Documents and filters for the property tests: few values that meet often, and those that are hard on SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

# few texts, so that values, prefixes and globs meet; and those that text columns are known to trip over
STEMS = [
    "",
    "a",
    "ab",
    "a/",
    "a/b",
    "a/b/a",
    "A",
    "Ab",
    "_",
    "_b",
    "%",
    "%a",
    "\\",
    "\\a",
    "\\a/b",
    "%/a",
    "é",
    "aé",
    "*",
    "a*",
]
STEMS += ["\ud7ff", "\ud7ffa", "\ue000", "\U0010ffff", "\U0010ffffa", "a\U0010ffff", "b", "a\n"]
_text = st.sampled_from(STEMS) | st.text(alphabet="ab/A_%\\*\ud7ff\U0010ffff", max_size=4)
_folder = st.sampled_from(["/", "/a", "/a/b", "/A", "/a_b", "/a%", "/b"])
_ENDS = ["*", "**", "*a", "*b", "**a", "*/*", "/**", "*" * 3, ""]
GLOBS = [stem + end for stem in STEMS for end in _ENDS]
_globs = st.sampled_from(GLOBS) | st.builds("{}{}".format, _text, st.sampled_from(_ENDS))
_when = st.sampled_from(["2024-01-01T00:00:00.000Z", "2024-01-01T00:00:00.001Z", "2025-01-01T00:00:00.000Z"])
_scalars = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.5, 1.0, 2**63, -(2**70)]), _text)
_anything = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=2)
)
_sometimes_text = st.one_of(st.none(), _text)

#: Values that a body may have at some path, near each other and near what databases make of them.
INNER: list[Any] = [None, True, False, 0, 1, -1, 0.0, 0.1, 0.5, 1.0, 1.5, 1e-320, 5e-324, 1e22, 1e23, 1e308, 10**23]
INNER += [0.1 + 0.2, 0.3, 2**53, 2**53 + 1, float(2**53), 2**63 - 1, 2**63, -(2**63), 2**64 - 1, 2**64, {}, {"v": 1}]
INNER += [
    "",
    "a",
    "ab",
    "aB",
    "a/b",
    "a\nb",
    "ab\n",
    "a\0b",
    "\0",
    "\x01",
    "\ud800",
    "é",
    "e\u0301",
    "\uffff",
    "\U0001f600",
]
INNER += ["1", "true", "null", "[1]", "a.b", "a%b", "a_b", 'a"b', "a\\b", "x" * 300, "k7", "k77"]
METADATA: list[Any] = [None, [], {}, {"user": None}, *({"user": {"v": value}} for value in INNER)]
METADATA += [{"user": {"v": [value]}} for value in (1, "ab", None, [1], ["ab"], {"ab": 1}, "a\0b")]
METADATA += [[{"user": {"v": 1}}, {"user": {"v": "ab"}}], {"user": [[{"v": 1}]]}]
_COMPARED: list[Any] = [
    0,
    1,
    0.1,
    0.3,
    0.5,
    1.5,
    1e22,
    1e23,
    10**23,
    2**53,
    2**53 + 1,
    2**63 - 1,
    2**63,
    "",
    "a",
    "ab",
    "é",
    True,
]
_COMPARED += ["\uffff", "a\0b"]
_PATTERNS = [
    "a",
    "^a",
    "b$",
    "^ab$",
    "a.b",
    "a\\.b",
    "^k7",
    "^k7*",
    "k7+$",
    "a|k",
    "(?i)AB",
    "[a-c]b",
    "^$",
    "\\d",
    "x{2}",
    "é",
]
_PATTERNS += ["a\n", "^.*$", "_"]
INNER_QUESTIONS: list[Any] = [*INNER, [1], [], "a*", "*b", "**", "*", "k7*", "a**b", "é*", "a%*", "a_*"]
INNER_QUESTIONS += [{op: value} for op in ("$gt", "$gte", "$lt", "$lte", "$eq", "$ne") for value in _COMPARED]
INNER_QUESTIONS += [{op: text} for op in ("$regex", "$match") for text in _PATTERNS]
INNER_QUESTIONS += [
    {"$exists": True},
    {"$exists": False},
    {"$glob": "a*"},
    {"$not": {"$gt": 0.3, "$lt": 2}},
    {"$ne": None},
]
INNER_QUESTIONS += [
    {"$in": []},
    {"$in": ["a", "k7"]},
    {"$in": ["a", None, 0.1, 1, "k*"]},
    {"$nin": ["ab", 1]},
    {"$in": [[1]]},
]
INNER_QUESTIONS += [{"$exists": True, "$nin": ["a"]}, {"$gt": 0, "$lt": 1}]


def _keys(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


items = st.lists(
    _keys(
        name=_sometimes_text,
        dir=st.none() | _folder,
        type=st.sampled_from(["file", "dir"]),
        hidden=st.none() | st.booleans(),
        createdAt=st.none() | _when,
        size=_scalars,
        metadata=st.fixed_dictionaries({"user": _anything}),
        tags=st.lists(_text | st.dictionaries(st.just("name"), _text), max_size=3),
    ),
    max_size=12,
)
ITEM_PATHS = ["id", "name", "dir", "type", "hidden", "createdAt", "size", "metadata.user", "metadata.user.a", "tags"]
ITEM_PATHS += ["tags.name", "name.deeper", "nothing"]


def filters(paths: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Filters of all operators and shapes, over these paths."""
    value = st.one_of(
        _text, _folder, _globs, _when, _scalars, st.sampled_from(["file", "created", "success", "i3", "n1"])
    )
    values = st.lists(value, max_size=4)
    comparison = st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"])
    leaf = st.one_of(
        value,
        _anything.filter(lambda each: not isinstance(each, dict)),
        st.dictionaries(comparison, value, min_size=1, max_size=2),
        st.dictionaries(st.sampled_from(["$in", "$nin"]), values, min_size=1, max_size=2),
        st.fixed_dictionaries({"$exists": st.booleans()}),
        st.fixed_dictionaries({"$glob": _globs}),
        st.fixed_dictionaries({"$match": st.sampled_from(["a", "^a", "b$", "."])}),
        st.fixed_dictionaries({"$not": value | st.dictionaries(comparison, value, min_size=1, max_size=2)}),
    )
    predicate = st.dictionaries(st.sampled_from(paths), leaf, max_size=2)

    def combined(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        several = st.lists(inner, max_size=3)
        return st.one_of(
            st.fixed_dictionaries({"$and": several}),
            st.fixed_dictionaries({"$or": several}),
            st.fixed_dictionaries({"$and": several, "$or": several}),
            st.fixed_dictionaries({"$not": inner}),
        )

    return st.recursive(predicate, combined, max_leaves=6)


def sorts(paths: Sequence[str]) -> st.SearchStrategy[dict[str, str]]:
    """Up to two keys."""
    return st.dictionaries(st.sampled_from(paths), st.sampled_from(["ascending", "descending"]), max_size=2)
