"""Ids whose text sorts in the order of creation: keyset paging and "newest first" need nothing else.

Both shapes carry one tick: milliseconds, then a counter of 22 bits. A tick is never less than the one before, whatever
the clock does, so ids made in one process strictly increase; `start_after` carries the guard over a restart.
`new_id` looks as document stores' ids do (24 hex digits, the first 8 are seconds), `new_uuid` is a UUID of version 7.
`seed` has all of them follow from a value, for tests.
"""

from __future__ import annotations

import random  # its module-level generator is seeded anew in a forked child
import re
import time
from collections.abc import Callable
from threading import Lock

from dtlpipe.model import ids as unordered

_COUNTER_BITS = 22
_COUNTER = (1 << _COUNTER_BITS) - 1
_AHEAD = 31 * 24 * 3600  # seconds: an id from farther in the future is somebody's own text, not one of ours
_HEX = re.compile(r"[0-9a-f]{24}")

#: When ids that follow from a seed were made: 2024-01-01, in nanoseconds.
_SEEDED_AT = 1_704_067_200_000_000_000

_lock = Lock()
_last = 0
_clock: Callable[[], int] = time.time_ns
_bits: Callable[[int], int] = random.getrandbits


def _tick() -> int:
    global _last  # noqa: PLW0603 - the guard is the process's, as its clock is
    with _lock:
        _last = max(_clock() // 1_000_000 << _COUNTER_BITS, _last + 1)
        return _last


def new_id() -> str:
    """24 hex digits."""
    tick = _tick()
    seconds, milliseconds = divmod(tick >> _COUNTER_BITS, 1000)
    return f"{seconds:08x}{milliseconds << 54 | (tick & _COUNTER) << 32 | _bits(32):016x}"


def new_uuid() -> str:
    """The text of a UUIDv7."""
    tick = _tick()
    counter = tick & _COUNTER
    number = (tick >> _COUNTER_BITS) << 80 | 7 << 76 | counter >> 10 << 64
    number |= 2 << 62 | (counter & 0x3FF) << 52 | _bits(52)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def seed(value: str | int | None) -> None:
    """From now on ids follow from the value alone, in the order in which they are made; None: from time and chance.

    The same value gives the same ids again: what they name must be gone by then.
    """
    global _last, _clock, _bits
    with _lock:
        if value is None:
            _clock, _bits = time.time_ns, random.getrandbits
        else:
            _last, _clock, _bits = 0, lambda: _SEEDED_AT, random.Random(value).getrandbits  # noqa: S311 - no secret
        unordered.drawn_from(None if value is None else random.Random(f"unordered {value}").getrandbits)  # noqa: S311


def start_after(id: str) -> None:
    """Make all ids from now on greater than this one, if it is one of `new_id`'s. For ids found in a store at start."""
    global _last  # noqa: PLW0603 - see _tick
    if not _HEX.fullmatch(id):
        return
    seconds, rest = int(id[:8], 16), int(id[8:], 16)
    if seconds > time.time() + _AHEAD:
        return
    tick = (seconds * 1000 + (rest >> 54)) << _COUNTER_BITS | (rest >> 32) & _COUNTER
    with _lock:
        _last = max(_last, tick)
