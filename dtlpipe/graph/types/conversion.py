"""Conversions: what may be done to a value on its way between two sockets whose types do not fit as they are.

Law: a conversion loses nothing, or refuses. One that applies to the declared types can still meet a value that it
cannot convert; it then raises ValueError and leaves it to its caller to say where.

A message is Haystack's `ChatMessage`. Only whoever has imported Haystack can mention it in a type, so it is looked up
among the modules that are loaded, and never imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Union, get_args

from dtlpipe.graph.types.subtypes import is_strictly_compatible, origin_of

__all__ = ["ConversionStrategy", "conversion_of", "converter"]

MESSAGE_MODULE = "haystack.dataclasses.chat_message"


class ConversionStrategy(Enum):
    """How a value is converted between two sockets. Members and values are Haystack's."""

    CHAT_MESSAGE_TO_STR = "chat_message_to_str"
    STR_TO_CHAT_MESSAGE = "str_to_chat_message"
    WRAP = "wrap"
    WRAP_CHAT_MESSAGE_TO_STR = "wrap_chat_message_to_str"
    WRAP_STR_TO_CHAT_MESSAGE = "wrap_str_to_chat_message"
    UNWRAP = "unwrap"
    UNWRAP_STR_TO_CHAT_MESSAGE = "unwrap_str_to_chat_message"
    UNWRAP_CHAT_MESSAGE_TO_STR = "unwrap_chat_message_to_str"


# Of the conversions that the arms of a receiving union admit, the first of these is taken.
_PRIORITY = (
    ConversionStrategy.WRAP,
    ConversionStrategy.UNWRAP,
    ConversionStrategy.CHAT_MESSAGE_TO_STR,
    ConversionStrategy.STR_TO_CHAT_MESSAGE,
    ConversionStrategy.WRAP_CHAT_MESSAGE_TO_STR,
    ConversionStrategy.WRAP_STR_TO_CHAT_MESSAGE,
    ConversionStrategy.UNWRAP_CHAT_MESSAGE_TO_STR,
    ConversionStrategy.UNWRAP_STR_TO_CHAT_MESSAGE,
)


class _NoMessage:
    """Stands for the class of messages while there is none: no type is equal to it."""


def conversion_of(sender: Any, receiver: Any) -> ConversionStrategy | None:
    """Return the conversion that makes values of type `sender` fit `receiver`, or None if none does.

    Meant for types that do not fit as they are. A sending union converts if all its arms do so in the same way; for a
    receiving union one arm is enough.
    """
    return _conversion(sender, receiver, getattr(sys.modules.get(MESSAGE_MODULE), "ChatMessage", _NoMessage))


def _conversion(sender: Any, receiver: Any, message: Any) -> ConversionStrategy | None:
    if origin_of(sender) is Union:
        found = {_conversion(arm, receiver, message) for arm in get_args(sender)}
        return found.pop() if len(found) == 1 else None
    if origin_of(receiver) is Union:
        found = {_conversion(sender, arm, message) for arm in get_args(receiver)}
        return next((strategy for strategy in _PRIORITY if strategy in found), None)
    if sender is message and receiver is str:
        return ConversionStrategy.CHAT_MESSAGE_TO_STR
    if sender is str and receiver is message:
        return ConversionStrategy.STR_TO_CHAT_MESSAGE
    return _wrapping(sender, receiver, message) or _unwrapping(sender, receiver, message)


def _wrapping(sender: Any, receiver: Any, message: Any) -> ConversionStrategy | None:
    if not (items := _items_of(receiver)):
        return None
    item = items[0]
    if is_strictly_compatible(sender, item):
        return ConversionStrategy.WRAP
    if sender is message and _names(item, str):
        return ConversionStrategy.WRAP_CHAT_MESSAGE_TO_STR
    if sender is str and _names(item, message):
        return ConversionStrategy.WRAP_STR_TO_CHAT_MESSAGE
    return None


def _unwrapping(sender: Any, receiver: Any, message: Any) -> ConversionStrategy | None:
    if not (items := _items_of(sender)):
        return None
    item = items[0]
    # Only of texts and messages: elsewhere a list that ends at a single value is more likely a mistake than a habit.
    if origin_of(receiver) is not list and item in (str, message) and is_strictly_compatible(item, receiver):
        return ConversionStrategy.UNWRAP
    match _conversion(item, receiver, message):
        case ConversionStrategy.STR_TO_CHAT_MESSAGE:
            return ConversionStrategy.UNWRAP_STR_TO_CHAT_MESSAGE
        case ConversionStrategy.CHAT_MESSAGE_TO_STR:
            return ConversionStrategy.UNWRAP_CHAT_MESSAGE_TO_STR
        case _:
            return None


def _items_of(type_: Any) -> tuple[Any, ...]:
    """Return T of `list[T]`, alone; nothing if `type_` is no list that says what is in it."""
    return get_args(type_)[:1] if origin_of(type_) is list else ()


def _names(type_: Any, wanted: Any) -> bool:
    return bool(type_ == wanted) or (origin_of(type_) is Union and wanted in get_args(type_))


def converter(strategy: ConversionStrategy) -> Callable[[Any], Any]:
    """Return the function that converts one value.

    The function raises ValueError if the value is not of the declared type, or if something of it would be lost: a list
    that does not hold exactly one item, a message without text.
    """
    return _CONVERTERS[strategy]


def _text_of(value: Any) -> str:
    try:
        text: str | None = value.text
    except AttributeError:
        raise ValueError(f"Cannot convert {type(value).__name__} to str: a ChatMessage is expected.") from None
    if text is None:
        raise ValueError("Cannot convert `ChatMessage` to `str` because it has no text.")
    return text


def _message_of(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 (it does not fit the declared type; the caller tells of one kind of failure)
            f"Cannot convert {type(value).__name__} to ChatMessage: a str is expected."
        )
    module = sys.modules.get(MESSAGE_MODULE)
    if module is None:
        raise ValueError("Cannot convert str to ChatMessage: haystack, which defines messages, is not imported.")
    return module.ChatMessage.from_user(value)


def _only_item_of(value: Any) -> Any:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise ValueError(  # noqa: TRY004 (as above)
            f"Cannot take the only item of {type(value).__name__}: a list is expected."
        )
    if not value:
        raise ValueError("Cannot get first item of an empty list.")
    if len(value) > 1:
        raise ValueError(
            f"Cannot unwrap a list of {len(value)} items to a single value: all but one would be lost. "
            "Send one item, or declare the receiving input as a list."
        )
    return value[0]


def _wrapped(value: Any) -> list[Any]:
    return [value]


def _wrapped_text_of(value: Any) -> list[str]:
    return [_text_of(value)]


def _wrapped_message_of(value: Any) -> list[Any]:
    return [_message_of(value)]


def _message_of_only_item(value: Any) -> Any:
    return _message_of(_only_item_of(value))


def _text_of_only_item(value: Any) -> str:
    return _text_of(_only_item_of(value))


_CONVERTERS: dict[ConversionStrategy, Callable[[Any], Any]] = {
    ConversionStrategy.CHAT_MESSAGE_TO_STR: _text_of,
    ConversionStrategy.STR_TO_CHAT_MESSAGE: _message_of,
    ConversionStrategy.WRAP: _wrapped,
    ConversionStrategy.WRAP_CHAT_MESSAGE_TO_STR: _wrapped_text_of,
    ConversionStrategy.WRAP_STR_TO_CHAT_MESSAGE: _wrapped_message_of,
    ConversionStrategy.UNWRAP: _only_item_of,
    ConversionStrategy.UNWRAP_STR_TO_CHAT_MESSAGE: _message_of_only_item,
    ConversionStrategy.UNWRAP_CHAT_MESSAGE_TO_STR: _text_of_only_item,
}
