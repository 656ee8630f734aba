"""Documents that never change are read once.

The law: a kind is here only if its documents are inserted and never put again or deleted. What is remembered is shared
by all who ask: they look at it, and leave it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from mock_server.store.base import Document, Kind

LASTING: Final = frozenset({Kind.REVISION})
_KEPT: Final = 64


class Lasting:
    """The documents of such kinds that were asked for lately. From any thread: a dict's single steps are atomic."""

    def __init__(self) -> None:
        self._known: dict[str, Document] = {}

    def get(self, id: str) -> Document | None:
        return self._known.get(id)

    def among(self, ids: Iterable[str]) -> dict[str, Document]:
        """Those of the ids that are known."""
        return {id: found for id in ids if (found := self._known.get(id)) is not None}

    def keep(self, found: Mapping[str, Document]) -> None:
        """Remember what was read of committed data."""
        if len(self._known) >= _KEPT:
            self._known = {}
        self._known.update(found)
