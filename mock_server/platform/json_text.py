"""JSON that somebody sent, read only so deep as all that is done with it can follow.

Law: whatever copies, compares, patches or checks a value may recurse, so that a value must not be deeper than the stack
is. What is, is refused where it comes in; the parser's own limit is far beyond that.
"""

from __future__ import annotations

from typing import Any

import orjson

LEVELS = 100  # of objects and lists in each other


class TooDeep(ValueError):
    """Objects and lists are nested more than LEVELS deep."""

    def __init__(self, key: str | None) -> None:
        super().__init__(f"{'it' if key is None else repr(key)} is nested more than {LEVELS} levels deep")


def parse(text: bytes | str) -> Any:
    """The value. Raises orjson.JSONDecodeError for what is not JSON and TooDeep; both are a ValueError."""
    value = orjson.loads(text)
    brackets = text.count(b"[") + text.count(b"{") if isinstance(text, bytes) else text.count("[") + text.count("{")
    if brackets > LEVELS and _is_too_deep(value):
        keys = [key for key, each in value.items() if _is_too_deep({key: each})] if isinstance(value, dict) else []
        raise TooDeep(keys[0] if keys else None)
    return value


def _is_too_deep(value: Any) -> bool:
    """Looks level by level, so that it needs no stack itself."""
    level = [value]
    for _ in range(LEVELS):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        level = [each for each in inner if isinstance(each, (dict, list))]
        if not level:
            return False
    return True
