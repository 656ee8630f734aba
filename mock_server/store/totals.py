"""What earlier pages have counted, so that the next page of a filter that SQL cannot count need not count again.

A client that reads a large dataset page by page sends the same filter with a growing cursor. Without this, each page
would read all documents. What is remembered holds until a document of the same tables changes.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from threading import Lock

import attrs

_MAX_KNOWN = 500


@attrs.frozen
class Known:
    """All matches of a filter, and how many of them come before a place in their order."""

    total: int
    before: int


class Totals:
    """Safe from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._changes: Counter[str] = Counter()
        self._known: OrderedDict[Hashable, Known] = OrderedDict()
        self._forgotten = 0

    def version(self, table: str) -> int:
        """Another number after each change of the table."""
        return self._changes[table] + self._forgotten

    def changed(self, table: str) -> None:
        """To be told after the change is committed, and before anybody hears that it is."""
        with self._lock:
            self._changes[table] += 1

    def forget(self) -> None:
        """Anything may have changed."""
        with self._lock:
            self._changes.update(self._changes.keys())
            self._forgotten += 1
            self._known.clear()

    def now(self) -> Moment:
        """To be asked for before the snapshot is taken in which one then counts."""
        with self._lock:
            return Moment(self, dict(self._changes))

    def get(self, key: Hashable) -> Known | None:
        with self._lock:
            return self._known.get(key)

    def set(self, key: Hashable, known: Known) -> None:
        with self._lock:
            self._known[key] = known
            if len(self._known) > _MAX_KNOWN:
                self._known.popitem(last=False)


@attrs.frozen
class Moment:
    """The contents of all tables at one time, as far as their changes have been counted.

    A place is a filter, and the id after which a page of it begins.
    """

    _totals: Totals
    _changes: Mapping[str, int]

    def recall(self, tables: Iterable[str], place: Hashable) -> Known | None:
        return self._totals.get(self._key(tables, place))

    def remember(self, tables: Iterable[str], place: Hashable, known: Known) -> None:
        self._totals.set(self._key(tables, place), known)

    def _key(self, tables: Iterable[str], place: Hashable) -> Hashable:
        return tuple((table, self._changes.get(table, 0)) for table in tables), place
