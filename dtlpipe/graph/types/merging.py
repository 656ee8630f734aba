"""The type that two types have in common: what may be given to two inputs at the same time.

Law: symmetric, in contrast to compatibility. Nothing is a subclass here, since one value has to suit both.

Haystack's rules: `Any` takes on the other type; of unions remain the arms that both sides know; generics are merged
argument by argument. Marks of variadic inputs do not count.
"""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any, Union, get_args, get_origin

from dtlpipe.graph.types.subtypes import origin_of

__all__ = ["merge_types"]

VARIADIC_MARKS = ("__haystack__variadic_t", "__haystack__greedy_variadic_t")


def merge_types(first: Any, second: Any) -> tuple[bool, Any]:
    """Return whether two types have values in common, by their declarations, and the type of these; else None."""
    return _merged(_without_marks(first), _without_marks(second))


def _without_marks(type_: Any) -> Any:
    origin, args = get_origin(type_), get_args(type_)
    if origin is Annotated and args[1] in VARIADIC_MARKS:
        return _without_marks(get_args(args[0])[0])
    return origin_of(type_)[tuple(map(_without_marks, args))] if args else type_


def _merged(first: Any, second: Any) -> tuple[bool, Any]:
    if first is Any:
        return True, second
    if second is Any or first == second:
        return True, first
    if Union in (origin_of(first), origin_of(second)):
        found = [_merged(one, other) for one, other in product(_arms(first), _arms(second))]
        common = tuple(type_ for fits, type_ in found if fits)
        return (True, Union[common]) if common else (False, None)  # noqa: UP007 (their number is not known)
    origin, args, others = get_origin(first), get_args(first), get_args(second)
    if origin is None or origin != get_origin(second) or len(args) != len(others):
        return False, None
    pairs = [_merged(one, other) for one, other in zip(args, others, strict=True)]
    return (True, origin[tuple(type_ for _, type_ in pairs)]) if all(fits for fits, _ in pairs) else (False, None)


def _arms(type_: Any) -> tuple[Any, ...]:
    return get_args(type_) if origin_of(type_) is Union else (type_,)
