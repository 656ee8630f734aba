# ruff: noqa: UP007, UP045 (both spellings of a type are the matter here)
from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Optional, Union

import pytest

from dtlpipe.graph.types.compatibility import types_are_compatible
from dtlpipe.graph.types.conversion import MESSAGE_MODULE, ConversionStrategy, conversion_of, converter

S = ConversionStrategy


class ChatMessage:
    """Stands in for Haystack's: made by `from_user`, with a `text`."""

    def __init__(self, text):
        self.text = text

    @classmethod
    def from_user(cls, text) -> ChatMessage:
        return cls(text)

    def __eq__(self, other):
        return type(other) is ChatMessage and self.text == other.text

    __hash__ = None


class NotOne(ChatMessage):
    pass


@pytest.fixture(autouse=True)
def haystack(monkeypatch):
    module = ModuleType(MESSAGE_MODULE)
    module.ChatMessage = ChatMessage
    monkeypatch.setitem(sys.modules, MESSAGE_MODULE, module)


M = ChatMessage

CONVERTED = [
    (M, str, S.CHAT_MESSAGE_TO_STR),
    (str, M, S.STR_TO_CHAT_MESSAGE),
    (M, Optional[str], S.CHAT_MESSAGE_TO_STR),
    # into a list
    (int, list[int], S.WRAP),
    (bool, list[int], S.WRAP),
    (str, list[Any], S.WRAP),
    (str, list[str | None], S.WRAP),
    (list[int], list[list[int]], S.WRAP),
    (None, list[None], S.WRAP),
    (M, list[str], S.WRAP_CHAT_MESSAGE_TO_STR),
    (str, list[M], S.WRAP_STR_TO_CHAT_MESSAGE),
    (M, list[str | None], S.WRAP_CHAT_MESSAGE_TO_STR),
    (str, list[Union[int, M]], S.WRAP_STR_TO_CHAT_MESSAGE),
    # out of a list
    (list[str], str, S.UNWRAP),
    (list[M], M, S.UNWRAP),
    (list[str], str | None, S.UNWRAP),
    (list[M], str, S.UNWRAP_CHAT_MESSAGE_TO_STR),
    (list[str], M, S.UNWRAP_STR_TO_CHAT_MESSAGE),
    # unions
    (int | float, list[int | float], S.WRAP),
    (int | str, list[Any], S.WRAP),
    (M, str | list[str], S.CHAT_MESSAGE_TO_STR),
    (M, list[M] | str, S.WRAP),
    (str, M | list[M], S.STR_TO_CHAT_MESSAGE),
    (list[str], M | list[list[str]], S.WRAP),
    (list[M], M | str, S.UNWRAP),
]

UNCONVERTED = [
    (int, str),
    (int, M),
    (M, int),
    (Any, list[int]),
    (int, list),
    (str, list[int]),
    (NotOne, str),
    (str, NotOne),
    (list[int], int),
    (list[NotOne], NotOne),
    (list, str),
    (list[list[str]], list[str]),
    (list[str | M], str),
    # all arms must go, and go the same way
    (M | None, str),
    (str | M, list[str]),
    (str | None, list[str]),
]


@pytest.mark.parametrize(("sender", "receiver", "strategy"), CONVERTED, ids=str)
def test_a_value_is_converted_where_that_is_unambiguous(sender, receiver, strategy):
    assert conversion_of(sender, receiver) is strategy
    assert types_are_compatible(sender, receiver) == (True, strategy)


@pytest.mark.parametrize(("sender", "receiver"), UNCONVERTED, ids=str)
def test_a_value_is_not_converted_where_that_would_be_a_guess(sender, receiver):
    assert conversion_of(sender, receiver) is None
    assert types_are_compatible(sender, receiver) == (False, None)


def test_no_type_is_a_message_while_haystack_is_not_loaded(monkeypatch):
    monkeypatch.delitem(sys.modules, MESSAGE_MODULE)
    assert conversion_of(M, str) is None
    assert conversion_of(str, M) is None
    assert conversion_of(None, str) is None
    assert conversion_of(list[str], str) is S.UNWRAP


@pytest.mark.parametrize(
    ("strategy", "value", "converted"),
    [
        (S.CHAT_MESSAGE_TO_STR, M("hi"), "hi"),
        (S.CHAT_MESSAGE_TO_STR, M(""), ""),
        (S.STR_TO_CHAT_MESSAGE, "hi", M("hi")),
        (S.WRAP, None, [None]),
        (S.WRAP, [1], [[1]]),
        (S.WRAP_CHAT_MESSAGE_TO_STR, M("hi"), ["hi"]),
        (S.WRAP_STR_TO_CHAT_MESSAGE, "hi", [M("hi")]),
        (S.UNWRAP, ["hi"], "hi"),
        (S.UNWRAP, ("hi",), "hi"),
        (S.UNWRAP_CHAT_MESSAGE_TO_STR, [M("hi")], "hi"),
        (S.UNWRAP_STR_TO_CHAT_MESSAGE, ["hi"], M("hi")),
    ],
)
def test_every_strategy_converts(strategy, value, converted):
    assert converter(strategy)(value) == converted


@pytest.mark.parametrize("strategy", [S.UNWRAP, S.UNWRAP_CHAT_MESSAGE_TO_STR, S.UNWRAP_STR_TO_CHAT_MESSAGE])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "Cannot get first item of an empty list"),
        (["one", "two"], "Cannot unwrap a list of 2 items.*declare the receiving input as a list"),
        ("a", "the only item of str: a list is expected"),
        (b"a", "the only item of bytes: a list is expected"),
        (None, "the only item of NoneType: a list is expected"),
        ({0: "a"}, "the only item of dict: a list is expected"),
    ],
)
def test_nothing_is_lost_of_a_list_silently(strategy, value, said):
    with pytest.raises(ValueError, match=said):
        converter(strategy)(value)


@pytest.mark.parametrize(
    ("strategy", "value"),
    [
        (S.CHAT_MESSAGE_TO_STR, M(None)),
        (S.WRAP_CHAT_MESSAGE_TO_STR, M(None)),
        (S.UNWRAP_CHAT_MESSAGE_TO_STR, [M(None)]),
    ],
)
def test_a_message_without_text_has_no_text_to_give(strategy, value):
    with pytest.raises(ValueError, match="Cannot convert `ChatMessage` to `str` because it has no text"):
        converter(strategy)(value)


@pytest.mark.parametrize(
    ("strategy", "value", "said"),
    [
        (S.CHAT_MESSAGE_TO_STR, 5, "convert int to str: a ChatMessage is expected"),
        (S.WRAP_CHAT_MESSAGE_TO_STR, None, "convert NoneType to str"),
        (S.UNWRAP_CHAT_MESSAGE_TO_STR, ["hi"], "convert str to str"),
        (S.STR_TO_CHAT_MESSAGE, 5, "convert int to ChatMessage: a str is expected"),
        (S.WRAP_STR_TO_CHAT_MESSAGE, None, "convert NoneType to ChatMessage"),
        (S.UNWRAP_STR_TO_CHAT_MESSAGE, [[]], "convert list to ChatMessage"),
    ],
)
def test_a_value_that_is_not_of_its_declared_type_is_named(strategy, value, said):
    with pytest.raises(ValueError, match=said):
        converter(strategy)(value)


def test_no_message_is_made_while_haystack_is_not_loaded(monkeypatch):
    monkeypatch.delitem(sys.modules, MESSAGE_MODULE)
    with pytest.raises(ValueError, match="haystack, which defines messages, is not imported"):
        converter(S.STR_TO_CHAT_MESSAGE)("hi")


def test_strategies_have_the_values_that_haystack_writes():
    assert {strategy.name.lower(): strategy.value for strategy in S} == {
        strategy.value: strategy.value for strategy in S
    }
    assert len(S) == 8
