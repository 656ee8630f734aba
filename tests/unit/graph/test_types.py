# ruff: noqa: UP006, UP007, UP035, UP045 (both spellings of a type are the matter here)
from __future__ import annotations

from abc import ABC
from collections import abc
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Concatenate, Generic, List, Literal, Optional, ParamSpec, TypedDict, TypeVar, Union

import pytest

from dtlpipe.graph.types import compatibility
from dtlpipe.graph.types.compatibility import is_strictly_compatible, types_are_compatible
from dtlpipe.graph.types.conversion import ConversionStrategy

T = TypeVar("T")
P = ParamSpec("P")


class Base:
    pass


class Sub(Base):
    pass


class Box(Generic[T]):
    pass


class Row(TypedDict):
    name: str


FITTING = [
    (int, int),
    (bool, int),
    (Sub, Base),
    (int, Any),
    (Any, Any),
    (None, None),
    (list, Iterable),
    (str, Sequence),
    (Row, Row),
    ("Unresolved", "Unresolved"),
    # unions
    (int, int | str),
    (int, Union[int, str]),
    (int, Optional[int]),
    (Sub, Base | None),
    (list[int], str | list[int]),
    (Union[int, str], int | str),
    (bool | str, int | str),
    (T, Optional[T]),
    # generics
    (list[int], list[int]),
    (list[bool], list[int]),
    (List[int], list[int]),
    (list[int], list),
    (list, list[Any]),
    (dict[str, list[Sub]], dict[str, list[Base]]),
    (tuple[int, ...], tuple[int, ...]),
    (Box[Sub], Box[Base]),
    (Box[int], Box),
    (Literal["a"], Literal["a", "b"]),
    # lists are iterable
    (list[int], Iterable[int]),
    (list[int], Iterable),
    (list[int], Iterable[Any]),
    (list[Sub], Iterable[Base]),
    # callables
    (Callable[[int], str], Callable),
    (Callable[[int], str], abc.Callable[[int], str]),
    (Callable[[Sub], Sub], Callable[[Base], Base]),
    (Callable[[int], str], Callable[..., str]),
    (Callable[..., str], Callable[[int], str]),
    (Callable, Callable[[Any], Any]),
    (Callable, Callable[..., Any]),
    (Callable, Callable[P, Any]),
    (Callable[P, bool], Callable[P, int]),
]

UNFITTING = [
    (int, str),
    (int, bool),
    (Base, Sub),
    (Any, int),
    (Any, int | str),
    ("Unresolved", int),
    (str, "Unresolved"),
    (Row, TypedDict("Other", {"name": str})),
    # unions
    (int, str | None),
    (int | str, int),
    (Optional[str], str),
    (int | str | None, int | str),
    (UnionType, int | str),
    (int | str, UnionType),
    # generics
    (list, list[int]),
    (list[int], list[str]),
    (list[int], set[int]),
    (tuple[int, str], tuple[int]),
    (dict[str, Any], dict[str, int]),
    (Box[Base], Box[Sub]),
    (Literal["c"], Literal["a", "b"]),
    # of what is no list, nothing is known but its class
    (list[int], Iterable[str]),
    (list, Iterable[int]),
    (set[int], Iterable[int]),
    (list[int], Sequence[int]),
    # callables
    (Callable, Callable[[int], Any]),
    (Callable, Callable[[Any], int]),
    (Callable[[int], str], Callable[[int], int]),
    (Callable[[int], str], Callable[[int, int], str]),
    (Callable[[int], str], Callable[[str], str]),
    (Callable[P, int], Callable[[int], int]),
    (Callable[[int], int], Callable[Concatenate[int, P], int]),
]


@pytest.mark.parametrize(("sender", "receiver"), FITTING, ids=str)
def test_a_type_fits_where_all_its_values_are_welcome(sender, receiver):
    assert is_strictly_compatible(sender, receiver)
    assert types_are_compatible(sender, receiver) == (True, None)


@pytest.mark.parametrize(("sender", "receiver"), UNFITTING, ids=str)
def test_a_type_does_not_fit_where_some_of_its_values_may_not_be_welcome(sender, receiver):
    assert not is_strictly_compatible(sender, receiver)


def test_two_unions_are_compared_arm_by_arm_in_the_order_written():
    assert is_strictly_compatible(int | str, int | str | None)
    assert not is_strictly_compatible(str | int, int | str | None)


def test_answers_for_equal_unions_of_different_order_are_kept_apart():
    one, other = int | str, str | int
    assert one == other
    receiver = int | str | None
    assert types_are_compatible(one, receiver) == (True, None)
    assert types_are_compatible(other, receiver) == (False, None)


def test_types_that_do_not_fit_may_be_converted():
    assert types_are_compatible(int, list[int]) == (True, ConversionStrategy.WRAP)
    assert types_are_compatible(int, str) == (False, None)


def test_without_validation_everything_fits_and_nothing_is_converted():
    assert types_are_compatible(int, list[int], False) == (True, None)
    assert types_are_compatible(int, Path, type_validation=False) == (True, None)


def test_a_class_that_becomes_a_subclass_later_fits_from_then_on():
    class Abstract(ABC):  # noqa: B024 (it is only there to be registered with)
        pass

    class Late:
        pass

    assert types_are_compatible(Late, Abstract) == (False, None)
    Abstract.register(Late)
    assert types_are_compatible(Late, Abstract) == (True, None)


def test_a_question_is_answered_once(monkeypatch):
    sender, receiver = list[Sub], list[Base]
    first = types_are_compatible(sender, receiver)
    monkeypatch.setattr(compatibility, "_compatibility", None)
    assert types_are_compatible(sender, receiver) is first


def test_more_types_than_are_kept_are_answered_all_the_same(monkeypatch):
    monkeypatch.setattr(compatibility, "ENTRIES_LIMIT", 3)
    for _ in range(2):
        for arm in (int, str, bytes, float, Path):
            assert types_are_compatible(list[arm], list[arm | None]) == (True, None)
            assert types_are_compatible(list[arm | None], list[arm]) == (False, None)
    assert len(compatibility._answers._entries) <= 3
