"""Shelves: small documents of a kind that has no table of its own, kept among the settings under ids with a prefix.

Law: outside of here nobody sees the prefix. What is on a shelf is few and seldom asked for: a query reads all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from dtlpipe.errors import NotFound
from dtlpipe.model.query import compile_query
from mock_server.platform.documents import now
from mock_server.store.base import Document, Kind, Page, Query, Reads, Tx
from mock_server.store.ids import new_id

_ALL = 1000


@attrs.frozen
class Shelf:
    """The documents of one noun. `noun` is also the prefix."""

    noun: str

    def _key(self, id: str) -> str:
        return f"{self.noun}:{id}"

    def _bare(self, document: Document) -> Document:
        return {**document, "id": str(document["id"]).partition(":")[2]}

    def new(self, body: Mapping[str, Any], creator: str) -> Document:
        """A document that is on no shelf yet, with what all documents have."""
        at = now()
        return {**body, "id": new_id(), "creator": creator, "createdAt": at, "updatedAt": at}

    def get(self, reads: Reads, id: str) -> Document:
        """Raises NotFound."""
        found = reads.get(Kind.SETTING, self._key(id))
        if found is None:
            raise NotFound(f"there is no {self.noun} {id!r}", hint="it may have been deleted; list what there is")
        return self._bare(found)

    def put(self, tx: Tx, document: Document) -> None:
        """Inserts or replaces it."""
        tx.put(Kind.SETTING, {**document, "id": self._key(document["id"])})

    def delete(self, tx: Tx, id: str) -> None:
        """Raises NotFound."""
        if not tx.delete(Kind.SETTING, self._key(id)):
            raise NotFound(f"there is no {self.noun} {id!r}")

    def find(self, reads: Reads, query: Query, **equal: Any) -> Page:
        """The page of matches that also have these values."""
        mine: list[Any] = [{"id": f"{self.noun}:**"}, *({key: value} for key, value in equal.items())]
        asked = narrowed(query)
        asked["filter"] = {"$and": [*mine, self._prefixed(query.get("filter") or {})]}
        page = reads.find(Kind.SETTING, asked)
        return attrs.evolve(page, items=[self._bare(each) for each in page.items])

    def every(self, reads: Reads, **equal: Any) -> Iterator[Document]:
        """All that have these values, by id."""
        number, page = 0, None
        while page is None or page.has_next:
            page = self.find(reads, {"pageSize": _ALL, "page": number, "sort": {"id": "ascending"}}, **equal)
            yield from page.items
            number += 1

    def clear(self, tx: Tx, **equal: Any) -> None:
        """Deletes all that have these values."""
        for each in [*self.every(tx, **equal)]:
            self.delete(tx, each["id"])

    def _prefixed(self, filter: Any) -> Any:
        """The filter with ids as they are kept. What is no filter stays as it is, and is refused by the store."""
        if isinstance(filter, list):
            return [self._prefixed(each) for each in filter]
        if not isinstance(filter, Mapping):
            return filter
        return {
            key: _mapped(value, self._key) if key == "id" else self._prefixed(value) if key[:1] == "$" else value
            for key, value in filter.items()
        }


def _mapped(value: Any, to: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return to(value)
    if isinstance(value, list):
        return [_mapped(each, to) for each in value]
    if isinstance(value, Mapping):
        return {key: each if key == "$exists" else _mapped(each, to) for key, each in value.items()}
    return value


def narrowed(query: Query, *predicates: Mapping[str, Any]) -> dict[str, Any]:
    """The query, for what also satisfies the predicates. Raises BadRequest if its filter is none."""
    compile_query(query.get("filter") or {})  # here, so that what is wrong is found where the client has put it
    return {**query, "filter": {"$and": [query.get("filter") or {}, *predicates]}}
