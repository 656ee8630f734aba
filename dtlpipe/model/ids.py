"""Ids for what is made before the platform has heard of it: nodes, ports, start nodes. Tests may have them repeat."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable


def any_uuid() -> str:
    """The text of a UUID of version 4."""
    return str(uuid.UUID(int=_bits(128), version=4))


def drawn_from(bits: Callable[[int], int] | None) -> None:
    """From now on ids in this process are made of these dice's bits; None: of the system's chance."""
    global _bits  # noqa: PLW0603 - ids are the process's
    _bits = bits or _chance


def _chance(size: int) -> int:
    return int.from_bytes(os.urandom(size // 8), "big")


_bits: Callable[[int], int] = _chance
