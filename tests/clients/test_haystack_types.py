"""Which types fit and how they are converted: the same answers as Haystack's, for types drawn from a grammar."""
# ruff: noqa: UP006, UP007, UP045 (both spellings of a type are the matter here)

from __future__ import annotations

import functools
import importlib
import operator
import os
import random
import typing
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Generic, Literal, Optional, TypedDict, TypeVar, Union

import pytest

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from haystack.core import type_utils as theirs
from haystack.core.serialization_security import allow_deserialization_module
from haystack.dataclasses import ChatMessage, Document, ToolCall
from haystack.utils.type_serialization import deserialize_type as their_reading
from haystack.utils.type_serialization import serialize_type as their_writing
from hypothesis import given, settings
from hypothesis import strategies as st

from dtlpipe.graph.types.compatibility import is_strictly_compatible, types_are_compatible
from dtlpipe.graph.types.conversion import ConversionStrategy, converter
from dtlpipe.graph.types.names import deserialize_type, serialize_type, type_name

T = TypeVar("T")


class Base:
    pass


class Sub(Base):
    pass


class Message(ChatMessage):
    """A subclass: for both engines no message, as far as conversions go."""


class Box(Generic[T]):
    pass


class Row(TypedDict):
    name: str


class WiderRow(Row):
    size: int


# Texts, messages and lists make for conversions: they come up more often.
USUAL = [str, str, ChatMessage, ChatMessage, list[str], list[ChatMessage], int, Any, Base, Sub]
UNUSUAL = [
    *(bool, float, bytes, object, type(None), None, Message, Document, Path, Row, WiderRow, Box, T, "Unresolved"),
    *(list, dict, tuple, set, typing.List, typing.Dict, Sequence, Iterable, Callable, Mapping, tuple[()]),
    *(
        typing.Iterable,
        typing.Sequence,
        typing.Callable,
        Literal["a"],
        Literal["a", "b"],
        Literal[1],
        Literal[True, 0],
    ),
]


def barred(arms: list[Any]) -> Any:
    """`X | Y`, as far as these can be spelled so: two texts cannot."""
    try:
        return functools.reduce(operator.or_, arms)
    except TypeError:
        return Union[tuple(arms)]


class Types:
    """Draws types. Not a strategy of Hypothesis, which would take a minute for what this does in a second."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def one(self, depth: int = 3) -> Any:
        chance = self._random
        if depth == 0 or chance.random() < 0.3:
            return chance.choice(USUAL if chance.random() < 0.6 else UNUSUAL)
        part, other = self.one(depth - 1), self.one(depth - 1)
        some = [part, other, self.one(depth - 1)][: chance.randint(1, 3)]
        return chance.choice(
            [
                *(lambda: list[part], lambda: list[part], lambda: typing.List[part]),
                *(lambda: barred(some), lambda: Union[tuple(some)], lambda: Optional[part]),
                *(lambda: Iterable[part], lambda: typing.Sequence[part], lambda: Box[part], lambda: dict[part, other]),
                *(lambda: tuple[tuple(some)], lambda: tuple[part, ...], lambda: Annotated[part, "mark"]),
                *(lambda: Callable[some, other], lambda: Callable[[], other], lambda: Callable[..., part]),
                *(lambda: typing.Callable[some, other], lambda: Literal[tuple(chance.sample(["a", "b", 1, True], 2))]),
            ]
        )()

    def two(self) -> tuple[Any, Any]:
        """Two types, mostly related: two alike would hardly ever be drawn otherwise."""
        one, other, usual = (self.one(self._random.randint(0, depth)) for depth in (3, 3, 0))
        arms = [arg for arg in typing.get_args(one) if not isinstance(arg, list)]
        related = [one, other, usual, list[one], list[usual], Union[other, one], Union[one, usual, None], Iterable[one]]
        related += arms
        pair = [one, self._random.choice(related)]
        self._random.shuffle(pair)
        return pair[0], pair[1]


def their_answer(sender: Any, receiver: Any) -> tuple[bool, str | None]:
    compatible, strategy = theirs._types_are_compatible(sender, receiver)
    return compatible, strategy and strategy.value


def our_answer(sender: Any, receiver: Any) -> tuple[bool, str | None]:
    compatible, strategy = types_are_compatible(sender, receiver)
    return compatible, strategy and strategy.value


@given(st.integers())
def test_the_same_types_fit_by_the_same_conversions(seed):
    types = Types(seed)
    for sender, receiver in (types.two() for _ in range(100)):
        assert our_answer(sender, receiver) == their_answer(sender, receiver), (sender, receiver)
        assert is_strictly_compatible(sender, receiver) == theirs._strict_types_are_compatible(sender, receiver)


def test_the_types_that_are_drawn_have_all_answers():
    types = Types(0)
    answers = Counter(their_answer(*types.two()) for _ in range(2000))
    assert {strategy for _, strategy in answers} == {None, *(each.value for each in ConversionStrategy)}
    assert min(answers[True, None], answers[False, None]) > 400


SMALL = [
    *(str, int, bool, Any, None, type(None), ChatMessage, Base, Sub, list, Callable, Iterable),
    *(list[str], list[int], list[ChatMessage], list[Any], list[list[str]], list[Sub], list[str | ChatMessage]),
    *(str | None, ChatMessage | None, Union[str, ChatMessage], Union[ChatMessage, str], int | str, str | list[str]),
    *(list[str | None], list[ChatMessage | None], list[str] | None, list[ChatMessage] | list[str], Iterable[str]),
    *(Iterable[Any], Sequence[str], Callable[..., Any], Callable[[Any], Any], Callable[[str], str], list[None]),
    *(list[ToolCall], dict[str, Any], dict, dict[str, int], Literal["a"], Literal["a", "b"], list[Union[str, int]]),
]


@pytest.mark.parametrize("sender", SMALL, ids=str)
def test_all_pairs_of_the_usual_types_are_answered_alike(sender):
    assert [our_answer(sender, receiver) for receiver in SMALL] == [
        their_answer(sender, receiver) for receiver in SMALL
    ]


def test_strategies_are_the_same():
    assert {each.name: each.value for each in ConversionStrategy} == {
        each.name: each.value for each in theirs.ConversionStrategy
    }


def converted(convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except ValueError:
        return ValueError


TEXTS = st.text(max_size=5)
MESSAGES = st.one_of(
    TEXTS.map(ChatMessage.from_user),
    TEXTS.map(ChatMessage.from_assistant),
    TEXTS.map(ChatMessage.from_system),
    st.just(ChatMessage.from_assistant(tool_calls=[ToolCall(tool_name="search", arguments={})])),
)
VALUES_FOR = {
    "chat_message_to_str": MESSAGES,
    "str_to_chat_message": TEXTS,
    "wrap": st.one_of(TEXTS, MESSAGES, st.none(), st.lists(st.integers())),
    "wrap_chat_message_to_str": MESSAGES,
    "wrap_str_to_chat_message": TEXTS,
    "unwrap": st.lists(st.one_of(TEXTS, MESSAGES), max_size=3),
    "unwrap_str_to_chat_message": st.lists(TEXTS, max_size=2),
    "unwrap_chat_message_to_str": st.lists(MESSAGES, max_size=2),
}


@settings(max_examples=2 * settings.default.max_examples)
@given(st.data())
def test_values_of_the_declared_type_are_converted_to_equal_values_or_refused_alike(data):
    name = data.draw(st.sampled_from(sorted(VALUES_FOR)))
    value = data.draw(VALUES_FOR[name])
    ours = converted(converter(ConversionStrategy(name)), value)
    assert ours == converted(lambda each: theirs._convert_value(each, theirs.ConversionStrategy(name)), value)


@settings(max_examples=2 * settings.default.max_examples)
@given(
    st.sampled_from(sorted(VALUES_FOR)),
    st.one_of(st.none(), st.integers(), TEXTS, st.binary(), MESSAGES, st.lists(st.none()), st.lists(st.integers())),
)
def test_where_haystack_fails_on_a_value_of_another_type_we_say_that_it_does_not_fit(name, value):
    try:
        theirs._convert_value(value, theirs.ConversionStrategy(name))
    except Exception:
        with pytest.raises(ValueError, match="Cannot"):
            converter(ConversionStrategy(name))(value)


def simply_named(type_: Any) -> bool:
    """Whether Haystack shows all of a type: it drops None, `...` and the parameters of callables."""
    if type_ is ... or isinstance(type_, list | typing.ForwardRef):
        return False
    args = typing.get_args(type_)
    optional = typing.get_origin(type_) is UnionType or (typing.get_origin(type_) is Union and len(args) == 2)
    return (optional or type(None) not in args) and all(map(simply_named, args))


@given(st.integers())
def test_types_are_shown_alike(seed):
    types = Types(seed)
    for type_ in filter(simply_named, (types.one() for _ in range(30))):
        assert type_name(type_) == theirs._type_name(type_)


def imported(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return globals()[attribute] if module == __name__ else getattr(importlib.import_module(module), attribute)


PORTABLE = [
    *(str, Any, None, Document, ChatMessage, Path, list, typing.List, list[str], typing.List[str], dict[str, Any]),
    *(list[Document], Optional[str], str | None, Union[str, int, None], list[list[Document] | None]),
    *(Callable[[int, str], Document], Callable[..., None], typing.Callable[[], str], tuple[int, ...]),
    *(Literal["a", "b,]"], Literal[1, True], Sequence[Document], typing.Iterable[str], set[int]),
    *(typing.List[Union[str, Document]], dict[str, list[Document | str]], Optional[Literal["x"]]),
]


@pytest.mark.parametrize("type_", PORTABLE, ids=str)
def test_each_reads_what_the_other_has_written(type_):
    assert deserialize_type(their_writing(type_), imported) == type_
    allow_deserialization_module("pathlib")
    assert their_reading(serialize_type(type_)) == type_
    assert serialize_type(type_) == their_writing(type_)
