"""Globs and regular expressions in the databases' hands.

The law: what is said here of a pattern is true of it as `dtlpipe.model.query` reads it, or nothing is said. A pattern
that takes too long for a text gives no answer, and the query language then refuses it in its own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from dtlpipe.model.query import PATIENCE, glob_pattern

if TYPE_CHECKING:
    import sqlite3

    import regex

_PLAIN = r"[A-Za-z0-9 _/@,:;=!#&'<>~-]"
_LITERAL = re.compile(rf"(\^?)((?:{_PLAIN}|\\\.)*)(.*)", re.DOTALL)
#: Expressions that mean the same to PostgreSQL, for texts without line ends.
_COMMON = re.compile(
    rf"\^?(?:(?:{_PLAIN}|\\\.|\.|\[[A-Za-z0-9_]+\]|\[[a-z]-[a-z]\]|\[[A-Z]-[A-Z]\]|\[0-9\])[*+?]?)*\$?"
)
_SPECIAL = re.compile(r"([^A-Za-z0-9 _/])")
_REMEMBERED = 4096  # short texts and patterns
_SHORT = 200  # characters
_GIVEN_UP: set[str] = set()
_MAX_GIVEN_UP = 1000


def required(pattern: str, *, glob: bool) -> str:
    """A text that whatever matches must have in it; empty if none is known."""
    if glob:
        return max(pattern.split("*"), key=len)
    if "|" in pattern or "(?" in pattern:
        return ""
    found = _LITERAL.fullmatch(pattern)
    if found is None:  # pragma: no cover - it matches everything
        return ""
    literal, rest = re.findall(rf"{_PLAIN}|\\\.", found[2]), found[3]
    if rest[:1] in ("*", "?", "{"):  # the last one need not be there
        literal = literal[:-1]
    return "".join(literal).replace("\\.", ".")


def native(pattern: str, *, glob: bool) -> str | None:
    """The pattern in PostgreSQL's words; None for one that may mean something else to it."""
    if glob:
        if not glob_is_plain(pattern):
            return None
        parts = re.split(r"(\*\*|\*)", pattern)
        text = "".join({"**": ".*", "*": "[^/]*"}.get(part) or _SPECIAL.sub(r"\\\1", part) for part in parts)
        return f"^(?:{text})$"
    return pattern if _COMMON.fullmatch(pattern) else None


def glob_is_plain(glob: str) -> bool:
    """Whether nothing in it but stars could have a meaning of its own, to anybody."""
    return glob.isascii() and glob.isprintable()


def _search(pattern: str, text: str) -> bool | None:
    return _asked(f"search {pattern}", _compiled(pattern).search, text)


def _glob(glob: str, text: str) -> bool | None:
    return _asked(f"glob {glob}", glob_pattern(glob).fullmatch, text)


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> regex.Pattern[str]:
    import regex

    return regex.compile(pattern)


def _asked(name: str, match: Callable[..., object | None], text: str) -> bool | None:
    """None if it takes too long, and from then on: thousands of texts, each for so long, would be too many."""
    if name in _GIVEN_UP:
        return None
    try:
        return match(text, timeout=PATIENCE) is not None
    except TimeoutError:
        if len(_GIVEN_UP) >= _MAX_GIVEN_UP:
            _GIVEN_UP.clear()
        _GIVEN_UP.add(name)
        return None


def _remembering(function: Callable[[str, str], bool | None]) -> Callable[[str, str], bool | None]:
    """The same values occur often; long ones take more room than time."""
    remembered = lru_cache(_REMEMBERED)(function)
    return lambda pattern, text: remembered(pattern, text) if len(text) < _SHORT else function(pattern, text)


def teach(connection: sqlite3.Connection) -> None:
    """Give SQLite the words that `inner` uses."""
    for name, function in _WORDS.items():
        connection.create_function(name, 2, function, deterministic=True)


_WORDS = {"dtl_search": _remembering(_search), "dtl_glob": _remembering(_glob)}
