# ruff: noqa: UP006, UP007, UP035, UP045 (both spellings of a type are the matter here)
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, List, Literal, Optional, Union

import pytest

from dtlpipe.graph import GreedyVariadic, Variadic
from dtlpipe.graph.types.merging import merge_types

COMMON = [
    (int, int, int),
    (int, Any, int),
    (Any, Any, Any),
    (None, None, None),
    (int, int | str, int),
    (Optional[int], int | str, int),
    (int | str | None, Union[None, str], str | None),
    (list[int], list[Any], list[int]),
    (List[int], list[int], list[int]),
    (dict[str, Any], dict[Any, int], dict[str, int]),
    (list[int | str], list[str | bytes], list[str]),
    (list[int] | None, list[Any], list[int]),
    (Variadic[int], int, int),
    (Variadic[int], GreedyVariadic[int | None], int),
    (list[Variadic[int]], list[int], list[int]),
    (Annotated[int, "metres"], Annotated[Any, "metres"], Annotated[int, "metres"]),
    (Callable[[int], Any], Callable[[int], str], Callable[[int], str]),
    (Literal["a"], Literal["a"], Literal["a"]),
]

NOTHING_COMMON = [
    (int, str),
    (int, bool),
    (int, None),
    (list, list[int]),
    (list[int], list[str]),
    (list[int], Iterable[int]),
    (tuple[int], tuple[int, int]),
    (int | str, bytes | None),
    (Callable[[int], str], Callable[[str], str]),
    (Literal["a"], Literal["b"]),
    ("Unresolved", "Other"),
]


@pytest.mark.parametrize(("one", "other", "common"), COMMON, ids=str)
def test_what_suits_both_types_is_the_same_from_either_side(one, other, common):
    assert merge_types(one, other) == (True, common)
    assert merge_types(other, one) == (True, common)


@pytest.mark.parametrize(("one", "other"), NOTHING_COMMON, ids=str)
def test_nothing_suits_both_types(one, other):
    assert merge_types(one, other) == (False, None)
    assert merge_types(other, one) == (False, None)
