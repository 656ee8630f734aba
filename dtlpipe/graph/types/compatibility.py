"""Which output may feed which input, and by which conversion: asked thousands of times while a pipeline is built.

Law: the answer is a function of the two types. Answers are kept by the identity of the types, not by equality: equal
unions may list their arms in different orders, and the order counts.
"""

from __future__ import annotations

from abc import get_cache_token
from typing import Any, TypeAlias

from dtlpipe.graph.types.conversion import ConversionStrategy, conversion_of
from dtlpipe.graph.types.subtypes import is_strictly_compatible

__all__ = ["Compatibility", "is_strictly_compatible", "types_are_compatible"]

Compatibility: TypeAlias = tuple[bool, ConversionStrategy | None]
"""Whether the types fit, and the conversion that they need for it; without one they fit as they are, or not at all."""

# A pipeline of a thousand components knows a few dozen types. The bound keeps types made on the way from piling up.
ENTRIES_LIMIT = 4096

_FITS: Compatibility = (True, None)
_FITS_NOT: Compatibility = (False, None)


class _Answers:
    """What was answered so far. An entry holds its two types, so that their ids stay theirs."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, int], tuple[Any, Any, Compatibility]] = {}
        self._token = get_cache_token()

    def get(self, sender: Any, receiver: Any) -> Compatibility:
        if self._token != get_cache_token():  # a class was registered with an abstract one: subclasses have changed
            self._token = get_cache_token()
            self._entries = {}
        key = (id(sender), id(receiver))
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= ENTRIES_LIMIT:
                self._entries = {}
            entry = self._entries[key] = (sender, receiver, _compatibility(sender, receiver))
        return entry[2]


_answers = _Answers()


def types_are_compatible(sender: Any, receiver: Any, type_validation: bool = True) -> Compatibility:  # noqa: FBT001, FBT002 (Haystack's signature)
    """Return whether an output of type `sender` may feed an input of type `receiver`, and the conversion it needs.

    Args:
        sender: the type of the output.
        receiver: the type of the input; of one value, if the input is variadic.
        type_validation: False takes everything for compatible, and converts nothing.
    """
    return _answers.get(sender, receiver) if type_validation else _FITS


def _compatibility(sender: Any, receiver: Any) -> Compatibility:
    if is_strictly_compatible(sender, receiver):
        return _FITS
    strategy = conversion_of(sender, receiver)
    return _FITS_NOT if strategy is None else (True, strategy)
