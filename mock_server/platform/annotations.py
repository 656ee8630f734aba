"""Annotations, as far as items need them: kept, queried, counted. What they mean is the client's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest
from dtlpipe.model.enums import TriggerAction as Action
from dtlpipe.model.enums import TriggerResource
from mock_server.platform.datasets import writable
from mock_server.platform.documents import merged, now, require
from mock_server.store.base import Document, Kind, Page, Query, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_ALL = 1000
_FIXED = frozenset({"id", "itemId", "datasetId", "creator", "createdAt", "url", "item"})


class Annotations:
    """The verbs of annotations. A document is the wire's annotation, without its urls."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def create(self, item_id: str, bodies: Sequence[Any], creator: str) -> list[Document]:
        """Raises NotFound for the item, BadRequest for a body without a `type`."""
        for index, body in enumerate(bodies):
            if not isinstance(body, Mapping):
                raise BadRequest("", errors=[{"path": [index], "message": "an object is needed here"}])
            if not isinstance(body.get("type"), str):
                raise BadRequest("", errors=[{"path": [index, "type"], "message": "an annotation needs a type"}])
            _check(body, [index])

        def intent(tx: Tx) -> list[Document]:
            item = require(tx, Kind.ITEM, item_id)
            dataset = writable(tx, item["datasetId"])
            at = now()
            made = [_new(body, item_id, item["datasetId"], creator, at) for body in bodies]
            for each in made:
                tx.insert(Kind.ANNOTATION, each)
            _recount(tx, item)
            self._tell(tx, dataset, made, Action.CREATED)
            return made

        return self._platform.write(intent)

    def get(self, annotation_id: str) -> Document:
        """Raises NotFound."""
        return require(self._store, Kind.ANNOTATION, annotation_id)

    def of_item(self, item_id: str) -> list[Document]:
        """All of the item's. Raises NotFound."""
        require(self._store, Kind.ITEM, item_id)
        return [*self._store.iterate(Kind.ANNOTATION, where={"itemId": item_id})]

    def query(self, dataset_id: str, query: Query) -> Page:
        """A page of the dataset's annotations. Raises NotFound for the dataset."""
        require(self._store, Kind.DATASET, dataset_id)
        return self._store.find(Kind.ANNOTATION, query, where={"datasetId": dataset_id})

    def update(self, annotation_id: str, patch: Mapping[str, Any], editor: str) -> Document:
        """Lays the patch over it; a null `type` or `metadata` says nothing. Raises NotFound, BadRequest."""
        _check(patch, [])
        kept = {key for key in _TYPES if patch.get(key) is None and key != "label"}
        changes = {key: value for key, value in patch.items() if key not in _FIXED | kept}

        def intent(tx: Tx) -> Document:
            document = require(tx, Kind.ANNOTATION, annotation_id)
            dataset = writable(tx, document["datasetId"])
            document = merged(document, changes) | {"updatedAt": now(), "updatedBy": editor}
            tx.put(Kind.ANNOTATION, document)
            self._tell(tx, dataset, [document], Action.UPDATED)
            return document

        return self._platform.write(intent)

    def delete(self, annotation_id: str) -> None:
        """Raises NotFound."""

        def intent(tx: Tx) -> None:
            document = require(tx, Kind.ANNOTATION, annotation_id)
            dataset = writable(tx, document["datasetId"])
            tx.delete(Kind.ANNOTATION, annotation_id)
            item = tx.get(Kind.ITEM, document["itemId"])
            if item is not None:
                _recount(tx, item)
            self._tell(tx, dataset, [document], Action.DELETED)

        self._platform.write(intent)

    def copy(self, tx: Tx, item_id: str, to_item_id: str, dataset: Document) -> dict[str, Any]:
        """Copies an item's annotations to another one, in that dataset, within a change; what it then says of them."""
        found = [
            {**each, "id": new_id(), "itemId": to_item_id, "datasetId": dataset["id"]}
            for each in tx.find(Kind.ANNOTATION, {"pageSize": _ALL}, where={"itemId": item_id}).items
        ]
        for each in found:
            tx.insert(Kind.ANNOTATION, each)
        self._tell(tx, dataset, found, Action.CREATED, Action.CLONE)
        return {"annotated": bool(found), "annotationsCount": len(found)}

    def remove_of(self, tx: Tx, item_id: str, dataset: Document) -> None:
        """Deletes all of an item's, which is in the dataset, within a change."""
        while found := tx.find(Kind.ANNOTATION, {"pageSize": _ALL}, where={"itemId": item_id}).items:
            for each in found:
                tx.delete(Kind.ANNOTATION, each["id"])
            self._tell(tx, dataset, found, Action.DELETED)

    def _tell(self, tx: Tx, dataset: Document, annotations: list[Document], *actions: Action) -> None:
        self._platform.firing.tell(tx, TriggerResource.ANNOTATION, dataset, annotations, *actions)


_TYPES: dict[str, tuple[type, str]] = {
    "type": (str, "a text"),
    "label": (str, "a text"),
    "metadata": (dict, "an object"),
}


def _check(body: Mapping[str, Any], path: list[Any]) -> None:
    for key, (kind, wanted) in _TYPES.items():
        if not isinstance(body.get(key), (kind, type(None))):
            raise BadRequest("", errors=[{"path": [*path, key], "message": f"{wanted} is needed here"}])


def _new(body: Mapping[str, Any], item_id: str, dataset_id: str, creator: str, at: str) -> Document:
    return {
        "label": None,
        "attributes": [],
        "coordinates": None,
        **body,
        "metadata": body.get("metadata") or {},
        "id": new_id(),
        "itemId": item_id,
        "datasetId": dataset_id,
        "creator": creator,
        "createdAt": at,
        "updatedBy": creator,
        "updatedAt": at,
    }


def _recount(tx: Tx, item: Document) -> None:
    total = tx.find(Kind.ANNOTATION, {"pageSize": 1}, where={"itemId": item["id"]}).total
    tx.put(Kind.ITEM, {**item, "annotated": total > 0, "annotationsCount": total, "updatedAt": now()})
