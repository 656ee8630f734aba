"""Text in a picture: how wide it will be, how much of it is shown, and how it is written into SVG.

Law: any text may come, in any script, with control characters and quotes; what goes out is well-formed XML. Widths are
estimates, made without fonts, and rather too wide than too narrow.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate

__all__ = ["clean", "escape", "mono_width", "sans_width", "shorten"]

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPACES = re.compile(r"\s+")

MONO_CELL = 0.63
"""The width of a character in a fixed-width font, in parts of the font's size."""

_SANS = dict.fromkeys("iIjlrtf.,:;'|!()[]/ ", 0.36) | dict.fromkeys("mwMW@%", 0.98)
_SANS_UPPER, _SANS_LOWER = 0.8, 0.7


def clean(text: str) -> str:
    """Return a text in one line, with U+FFFD for what XML has no place for."""
    return _SPACES.sub(" ", _NOT_IN_XML.sub("\ufffd", text)).strip()


def escape(text: str) -> str:
    """Return a clean text for use between tags or in a quoted attribute."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(character, entity)
    return text


def _cells(character: str) -> int:
    """Return how many places of a fixed-width font a character takes."""
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def mono_width(text: str, size: float) -> float:
    """Return the width of a text in a fixed-width font, in pixels."""
    return sum(map(_cells, text)) * MONO_CELL * size


def sans_width(text: str, size: float) -> float:
    """Return the width of a text in a bold proportional font, in pixels."""
    return size * sum(
        _SANS.get(character, _SANS_UPPER if character.isupper() else _SANS_LOWER) * _cells(character)
        for character in text
    )


def shorten(text: str, limit: int) -> str:
    """Return a text of at most `limit` fixed-width places; an ellipsis stands for what is left out of its middle."""
    if sum(map(_cells, text)) <= limit:
        return text
    tail = limit // 3
    return f"{text[: _fitting(text, limit - 1 - tail)]}…{text[len(text) - _fitting(text[::-1], tail) :]}"


def _fitting(text: str, limit: int) -> int:
    """Return how many characters, from the first on, take no more than so many places."""
    return sum(width <= limit for width in accumulate(map(_cells, text)))
