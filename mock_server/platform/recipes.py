"""Recipes and ontologies, as far as datasets need them: which labels there are, and where they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest
from mock_server.platform.documents import merged, now, require
from mock_server.store.base import Document, Kind, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_OWN = frozenset({"id", "createdAt", "creator"})


class Recipes:
    """The verbs of recipes and ontologies."""

    def __init__(self, platform: Platform) -> None:
        self._store = platform.store

    def create_recipe(self, body: Mapping[str, Any], creator: str) -> Document:
        """A recipe of the ontologies in `ontologyIds`. Raises BadRequest for wrong types."""
        _check(body)
        return self._create(Kind.RECIPE, new_recipe(body, creator))

    def create_ontology(self, body: Mapping[str, Any], creator: str) -> Document:
        """An ontology with the labels in `roots`. Raises BadRequest for wrong types."""
        _check(body)
        return self._create(Kind.ONTOLOGY, new_ontology(body, creator))

    def get(self, kind: Kind, id: str) -> Document:
        """Raises NotFound."""
        return require(self._store, kind, id)

    def update(self, kind: Kind, id: str, patch: Mapping[str, Any]) -> Document:
        """Lays the patch over it. Raises NotFound, and BadRequest for wrong types."""
        _check(patch)

        def intent(tx: Tx) -> Document:
            document = merged(require(tx, kind, id), {key: patch[key] for key in patch if key not in _OWN})
            document["updatedAt"] = now()
            tx.put(kind, document)
            return document

        return self._store.write(intent)

    def delete(self, kind: Kind, id: str) -> None:
        """Raises NotFound."""

        def intent(tx: Tx) -> None:
            require(tx, kind, id)
            tx.delete(kind, id)

        self._store.write(intent)

    def set_labels(self, ontology_id: str, labels: Sequence[Any], *, upsert: bool) -> Document:
        """Adds labels `{"tag", "displayData"?, "color"?}`. Those that exist are kept, or with `upsert` replaced."""
        nodes = [_node(each, index) for index, each in enumerate(labels)]

        def intent(tx: Tx) -> Document:
            document = require(tx, Kind.ONTOLOGY, ontology_id)
            roots: list[dict[str, Any]] = list(document.get("roots") or [])
            places = {root.get("value", {}).get("tag"): index for index, root in enumerate(roots)}
            for node in nodes:
                place = places.get(node["value"]["tag"])
                if place is None:
                    places[node["value"]["tag"]] = len(roots)
                    roots.append(node)
                elif upsert:
                    roots[place] = {**node, "children": roots[place].get("children", [])}
            document = {**document, "roots": roots, "updatedAt": now()}
            tx.put(Kind.ONTOLOGY, document)
            return document

        return self._store.write(intent)

    def remove_labels(self, ontology_id: str, tags: Sequence[Any]) -> Document:
        """Takes the labels out, wherever they are. Raises NotFound for the ontology."""
        gone = {tag for tag in tags if isinstance(tag, str)}

        def intent(tx: Tx) -> Document:
            document = require(tx, Kind.ONTOLOGY, ontology_id)
            document = {**document, "roots": _without(document.get("roots") or [], gone), "updatedAt": now()}
            tx.put(Kind.ONTOLOGY, document)
            return document

        return self._store.write(intent)

    def _create(self, kind: Kind, document: Document) -> Document:
        self._store.write(lambda tx: tx.insert(kind, document))
        return document


def new_recipe(body: Mapping[str, Any], creator: str) -> Document:
    """A recipe that is in no store yet."""
    at = now()
    return {
        "id": new_id(),
        "title": str(body.get("title") or "Recipe"),
        "projectIds": list(body.get("projectIds") or body.get("projects") or []),
        "ontologyIds": list(body.get("ontologyIds") or []),
        "instructions": body.get("instructions") or [],
        "examples": body.get("examples") or [],
        "customActions": body.get("customActions") or [],
        "uiSettings": body.get("uiSettings") or {},
        "metadata": body.get("metadata") or {},
        "creator": creator,
        "createdAt": at,
        "updatedAt": at,
    }


def new_ontology(body: Mapping[str, Any], creator: str) -> Document:
    """An ontology that is in no store yet."""
    at = now()
    return {
        "id": new_id(),
        "title": str(body.get("title") or "Ontology"),
        "roots": list(body.get("roots") or []),
        "attributes": list(body.get("attributes") or []),
        "projectIds": list(body.get("projectIds") or []),
        "metadata": body.get("metadata") or {},
        "creator": creator,
        "createdAt": at,
        "updatedAt": at,
    }


_TYPES: dict[str, tuple[type, str]] = {
    "title": (str, "a text"),
    "projectIds": (list, "a list of ids"),
    "ontologyIds": (list, "a list of ids"),
    "roots": (list, "a list of labels"),
    "attributes": (list, "a list of attributes"),
    "uiSettings": (dict, "an object"),
    "metadata": (dict, "an object"),
}


def _check(body: Mapping[str, Any]) -> None:
    errors = [
        {"path": [key], "message": f"{wanted} is needed here"}
        for key, (kind, wanted) in _TYPES.items()
        if not isinstance(body.get(key), (kind, type(None)))
    ]
    roots = body.get("roots")
    errors += _root_errors(roots, ["roots"]) if isinstance(roots, list) else []
    if errors:
        raise BadRequest("", errors=errors)


def _root_errors(roots: Any, path: list[Any]) -> list[dict[str, Any]]:
    if not isinstance(roots, list):
        return [{"path": path, "message": "a list of labels is needed here"}]
    errors: list[dict[str, Any]] = []
    for index, root in enumerate(roots):
        if not isinstance(root, Mapping) or not isinstance(root.get("value"), Mapping):
            errors.append({"path": [*path, index], "message": "a label is an object {'value', 'children'}"})
        elif root.get("children"):
            errors += _root_errors(root["children"], [*path, index, "children"])
    return errors


def _node(label: Any, index: int) -> dict[str, Any]:
    tag = label.get("tag") if isinstance(label, Mapping) else None
    if not isinstance(tag, str) or not tag:
        raise BadRequest("", errors=[{"path": ["labelsNode", index, "tag"], "message": "a label needs a tag"}])
    value = {
        "tag": tag,
        "displayLabel": label.get("displayLabel") or tag,
        "displayData": label.get("displayData") or {},
        "attributes": label.get("attributes") or [],
        "color": label.get("color") or _color(tag),
    }
    children = [_node(child, at) for at, child in enumerate(label.get("children") or ())]
    return {"value": value, "children": children}


def _color(tag: str) -> str:
    """A color that a label always gets again."""
    return f"#{sum(ord(each) * 131**at for at, each in enumerate(tag)) % 0xFFFFFF:06x}"


def _without(roots: Sequence[dict[str, Any]], gone: set[str]) -> list[dict[str, Any]]:
    return [
        {**root, "children": _without(root.get("children") or [], gone)}
        for root in roots
        if root.get("value", {}).get("tag") not in gone
    ]
