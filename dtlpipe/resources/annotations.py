"""Annotations: marks on items, uploaded, found, changed and deleted."""

from __future__ import annotations

import builtins
import copy
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import BadRequest
from dtlpipe.model import annotation as nouns
from dtlpipe.model.enums import FiltersResource
from dtlpipe.model.filters import Filters
from dtlpipe.model.struct import Struct
from dtlpipe.resources.entity import Entity, required
from dtlpipe.sansio.effects import Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, operation
from dtlpipe.sansio.pages import Pages, listing, query_pages


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Annotation(Entity[Colour], nouns.Annotation):  # type: ignore[misc]  # entities are hashed by id
    """A mark on an item. Change it here, and `update()`."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Annotation

    def _address(self) -> str:
        return f"/annotations/{quote(self.id, safe='')}"

    @operation
    def refresh(self) -> Op[Annotation[Colour]]:
        """Takes over what the platform knows now; changes that were not sent are lost."""
        response: Response = yield Request("GET", self._address())
        return self._absorb(response.json())

    @operation
    def update(self) -> Op[Annotation[Colour]]:
        """Sends what was changed here since the platform last answered. Raises NotFound, Forbidden."""
        changed = self._changes()
        if changed:
            response: Response = yield Request("PUT", self._address(), json=changed)
            self._absorb(response.json())
        return self

    @operation
    def delete(self) -> Op[bool]:
        """Deletes it. Raises NotFound."""
        yield Request("DELETE", self._address())
        return True


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Annotations(Bound[Colour]):
    """The annotations of an item, or of a dataset."""

    item_id: str | None = None
    dataset_id: str | None = None

    def _annotation(self, data: Mapping[str, Any]) -> Annotation[Colour]:
        return Annotation.from_wire(data, session=self._session)

    def _query(self, filters: Filters | None) -> tuple[str, Filters]:
        dataset = required(self.dataset_id, "a dataset: dataset.annotations, or item.annotations")
        query = Filters(resource=FiltersResource.ANNOTATION) if filters is None else copy.deepcopy(filters)
        if self.item_id is not None and not query.has_field("itemId"):
            query.add("itemId", self.item_id)
        return f"/datasets/{quote(dataset, safe='')}/query", query

    @operation
    def get(self, annotation_id: str) -> Op[Annotation[Colour]]:
        """The annotation of that id. Raises NotFound."""
        response: Response = yield Request("GET", f"/annotations/{quote(annotation_id, safe='')}")
        return self._annotation(response.json())

    @listing
    def list(self, filters: Filters | None = None) -> Pages[Annotation[Colour], Colour]:
        """The annotations that match. Raises BadRequest if neither an item nor a dataset is known."""
        path, query = self._query(filters)
        return query_pages(self._session, path, query, self._annotation, keyset=True)

    @operation
    def upload(
        self, annotations: Mapping[str, Any] | nouns.Annotation | Iterable[Mapping[str, Any] | nouns.Annotation]
    ) -> Op[builtins.list[Annotation[Colour]]]:
        """Puts marks on the item: one or several, as nouns or as JSON data with a `type` and a `label`.

        Raises BadRequest for what is none, and if no item is known: `item.annotations.upload(...)`.
        """
        item = required(self.item_id, "an item: item.annotations.upload(...)")
        several = [annotations] if isinstance(annotations, (Mapping, nouns.Annotation)) else list(annotations)
        body = [each.to_wire() if isinstance(each, nouns.Annotation) else dict(each) for each in several]
        path = f"/items/{quote(item, safe='')}/annotations"
        response: Response = yield Request("POST", path, json=body, once=True)
        return [self._annotation(each) for each in response.json()]

    @operation
    def delete(self, filters: Filters | None = None, *, annotation_id: str | None = None) -> Op[int]:
        """Deletes those that match, or the one of that id; how many they were. Raises BadRequest without either."""
        if annotation_id is not None:
            yield Request("DELETE", f"/annotations/{quote(annotation_id, safe='')}")
            return 1
        if filters is None:
            raise BadRequest("give filters or annotation_id", hint="dl.Filters(resource='annotations') is all of them")
        path, query = self._query(filters)
        body = {**query.prepare(), "delete": True}
        response: Response = yield Request("POST", path, json=body, idempotent=True)
        return int((response.json() or {}).get("deleted") or 0)
