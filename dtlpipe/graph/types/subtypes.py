"""Whether every value of one type is a value of another, as far as the two types tell.

Law: types alone decide. Nothing is converted here, and no type is imported to be compared with.

The rules are Haystack's, to the letter, since which sockets `connect` finds depends on them. They are a judgement about
annotations, not a type checker:

- equal types fit; everything fits `Any`; `Any` fits nothing else; a subclass fits its bases.
- What is no union fits a union if it fits one of its arms. Two unions are compared arm by arm, in the order written.
- Generics fit if their origins are the same and their arguments fit one by one; a bare generic stands for `Any`
  arguments. Of origins that differ, only `list[T]` fits `Iterable[T]`.
- Callables fit if their results fit and their parameters, as many on both sides, fit one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import UnionType
from typing import Any, Union, get_args, get_origin

__all__ = ["is_strictly_compatible", "origin_of"]


def origin_of(type_: Any) -> Any:
    """Return what a generic is made of, a class itself, `Union` for both spellings of one, and None for the rest."""
    origin = get_origin(type_) or (type_ if isinstance(type_, type) else None)
    return Union if origin is UnionType else origin


def is_strictly_compatible(sender: Any, receiver: Any) -> bool:
    """Return whether a value of type `sender` can be given where `receiver` is declared, without a conversion."""
    if sender == receiver or receiver is Any:
        return True
    if sender is Any:
        return False
    return _is_subclass(sender, receiver) or _fits_by_parts(sender, receiver)


def _is_subclass(sender: Any, receiver: Any) -> bool:
    try:
        return issubclass(sender, receiver)
    except TypeError:  # one of them is no class: its parts decide
        return False


def _fits_by_parts(sender: Any, receiver: Any) -> bool:
    sender_origin, receiver_origin = origin_of(sender), origin_of(receiver)
    sender_args, receiver_args = get_args(sender), get_args(receiver)
    if receiver_origin is Union and sender_origin is not Union:
        return any(is_strictly_compatible(sender, arm) for arm in receiver_args)
    if sender_origin is list and receiver_origin is Iterable:
        return not receiver_args or (len(sender_args) == 1 and is_strictly_compatible(sender_args[0], receiver_args[0]))
    if sender_origin is None or sender_origin != receiver_origin:
        return False
    if sender_origin is Union and not (sender_args and receiver_args):
        return False  # the class of unions itself was given for a type
    if sender_origin is Callable:
        return not receiver_args or _callables_fit(sender_args, *receiver_args)
    sender_args = sender_args or (Any,)
    receiver_args = receiver_args or (Any,) * len(sender_args)
    return len(sender_args) <= len(receiver_args) and all(map(is_strictly_compatible, sender_args, receiver_args))


def _callables_fit(sender_args: tuple[Any, ...], receiver_parameters: Any, receiver_result: Any) -> bool:
    if sender_args:
        sender_parameters, sender_result = sender_args
    elif isinstance(receiver_parameters, list):
        sender_parameters, sender_result = [Any] * len(receiver_parameters), Any
    else:
        sender_parameters, sender_result = ..., Any
    if not is_strictly_compatible(sender_result, receiver_result):
        return False
    if sender_parameters is ... or receiver_parameters is ...:
        return True
    if not (isinstance(sender_parameters, list) and isinstance(receiver_parameters, list)):
        return bool(sender_parameters == receiver_parameters)  # a ParamSpec or Concatenate has no positions to compare
    return len(sender_parameters) == len(receiver_parameters) and all(
        map(is_strictly_compatible, sender_parameters, receiver_parameters)
    )
