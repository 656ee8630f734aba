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
