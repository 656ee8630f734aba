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

_LONGEST_TAG = 256
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
        if isinstance(body.get("projectIds"), str):  # as the field's SDK has it, if there are no attributes
            body = {**body, "projectIds": [body["projectIds"]]}
        _check(body)
        return self._create(Kind.ONTOLOGY, new_ontology(body, creator))

    def get(self, kind: Kind, id: str) -> Document:
        """Raises NotFound."""
        return require(self._store, kind, id)

    def list(self, kind: Kind, projects: Sequence[str], ids: Sequence[str]) -> list[Document]:
        """Those of any of the projects, and with one of the ids; all, if none are named."""
        return [
            each
            for each in self._store.iterate(kind, {"filter": {"id": {"$in": [*ids]}}} if ids else {})
            if not projects or set(projects) & set(each.get("projectIds") or ())
        ]

    def clone_recipe(self, recipe_id: str, creator: str, *, shallow: bool = False) -> Document:
        """A second recipe of the same; with ontologies of its own, unless `shallow`. Raises NotFound."""

        def intent(tx: Tx) -> Document:
            source = require(tx, Kind.RECIPE, recipe_id)
            ontologies = []
            for each in () if shallow else source.get("ontologyIds") or ():
                ontology = tx.get(Kind.ONTOLOGY, each)
                if ontology is not None:
                    copy = {**ontology, **_stamped(creator)}
                    tx.insert(Kind.ONTOLOGY, copy)
                    ontologies.append(copy["id"])
            recipe = {**source, **_stamped(creator), "title": f"{source['title']} copy"}
            recipe["ontologyIds"] = source.get("ontologyIds") if shallow else ontologies
            tx.insert(Kind.RECIPE, recipe)
            return recipe

        return self._store.write(intent)

    def set_attributes(self, ontology_id: str, attributes: Sequence[Any]) -> Document:
        """Adds attributes `{"key", "type", ...}`, or replaces those of the same key. Raises NotFound, BadRequest."""
        for index, each in enumerate(attributes):
            if not isinstance(each, Mapping) or not isinstance(each.get("key"), str) or not each["key"]:
                raise BadRequest("", errors=[{"path": ["items", index, "key"], "message": "a text is needed here"}])
        return self._change_attributes(ontology_id, {each["key"]: dict(each) for each in attributes}, frozenset())

    def remove_attributes(self, ontology_id: str, keys: Sequence[Any]) -> Document:
        """Takes attributes out, by their keys. Raises NotFound, BadRequest for what is no key."""
        wrong = [index for index, key in enumerate(keys) if not isinstance(key, str)]
        if wrong:
            raise BadRequest("", errors=[{"path": ["keys", wrong[0]], "message": "a key is needed here"}])
        return self._change_attributes(ontology_id, {}, frozenset(keys))

    def _change_attributes(self, ontology_id: str, new: Mapping[str, Any], gone: frozenset[str]) -> Document:
        def intent(tx: Tx) -> Document:
            document = require(tx, Kind.ONTOLOGY, ontology_id)
            kept = {_key(each, index): each for index, each in enumerate(document.get("attributes") or ())}
            found = [each for key, each in {**kept, **new}.items() if key not in gone]
            document = {**document, "attributes": found, "updatedAt": now()}
            tx.put(Kind.ONTOLOGY, document)
            return document

        return self._store.write(intent)

    def update(self, kind: Kind, id: str, patch: Mapping[str, Any]) -> Document:
        """Lays the patch over it; a null says nothing. Raises NotFound, and BadRequest for wrong types."""
        _check(patch)
        changes = {key: value for key, value in patch.items() if key not in _OWN and value is not None}

        def intent(tx: Tx) -> Document:
            document = merged(require(tx, kind, id), changes)
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
        """Adds labels `{"tag", "displayData"?, "color"?}`. Those that exist are kept, or with `upsert` replaced.

        Raises NotFound for the ontology, and BadRequest for what is no label.
        """
        nodes = [_node(each, ["labelsNode", index]) for index, each in enumerate(labels)]

        def intent(tx: Tx) -> Document:
            document = require(tx, Kind.ONTOLOGY, ontology_id)
            roots: list[dict[str, Any]] = list(document.get("roots") or [])
            places = {_tag(root): index for index, root in enumerate(roots)}
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
        """Takes the labels out, wherever they are. Raises NotFound for the ontology, BadRequest for what is no tag."""
        wrong = [index for index, tag in enumerate(tags) if not isinstance(tag, str)]
        if wrong:
            raise BadRequest("", errors=[{"path": ["labelNames", wrong[0]], "message": "a tag is needed here"}])
        gone = set(tags)

        def intent(tx: Tx) -> Document:
            document = require(tx, Kind.ONTOLOGY, ontology_id)
            document = {**document, "roots": _without(document.get("roots") or [], gone), "updatedAt": now()}
            tx.put(Kind.ONTOLOGY, document)
            return document

        return self._store.write(intent)

    def _create(self, kind: Kind, document: Document) -> Document:
        self._store.write(lambda tx: tx.insert(kind, document))
        return document


def _stamped(creator: str) -> Document:
    at = now()
    return {"id": new_id(), "creator": creator, "createdAt": at, "updatedAt": at}


def _key(attribute: Any, index: int) -> str:
    """What tells an attribute from others. Old ones may be texts, or have no key."""
    key = attribute.get("key") if isinstance(attribute, Mapping) else attribute
    return key if isinstance(key, str) else f"#{index}"


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
    "projects": (list, "a list of ids"),
    "ontologyIds": (list, "a list of ids"),
    "instructions": (list, "a list of instructions"),
    "examples": (list, "a list of examples"),
    "customActions": (list, "a list of actions"),
    "roots": (list, "a list of labels"),
    "attributes": (list, "a list of attributes"),
    "uiSettings": (dict, "an object"),
    "metadata": (dict, "an object"),
}


def _check(body: Mapping[str, Any]) -> None:
    errors: list[dict[str, Any]] = [
        {"path": [key], "message": f"{wanted} is needed here"}
        for key, (kind, wanted) in _TYPES.items()
        if not isinstance(body.get(key), (kind, type(None)))
    ]
    for key in ("projectIds", "projects", "ontologyIds"):
        ids = body.get(key)
        wrong = [index for index, id in enumerate(ids) if not isinstance(id, str)] if isinstance(ids, list) else ()
        errors += [{"path": [key, index], "message": "an id is needed here"} for index in wrong]
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
        elif not isinstance(root["value"].get("tag"), str | None):
            errors.append({"path": [*path, index, "value", "tag"], "message": "a label's tag is a text"})
        elif root.get("children"):
            errors += _root_errors(root["children"], [*path, index, "children"])
    return errors


_LABEL: dict[str, tuple[type, str]] = {
    "displayLabel": (str, "a text"),
    "displayData": (dict, "an object"),
    "attributes": (list, "a list"),
    "color": (str, "a text such as #00ff7f"),
    "children": (list, "a list of labels"),
}


def _node(label: Any, path: list[Any]) -> dict[str, Any]:
    tag = label.get("tag") if isinstance(label, Mapping) else None
    if not isinstance(tag, str) or not 0 < len(tag) <= _LONGEST_TAG:
        message = f"a label needs a tag, of at most {_LONGEST_TAG} characters"
        raise BadRequest("", errors=[{"path": [*path, "tag"], "message": message}])
    for key, (kind, wanted) in _LABEL.items():
        if not isinstance(label.get(key), (kind, type(None))):
            raise BadRequest("", errors=[{"path": [*path, key], "message": f"{wanted} is needed here"}])
    value = {
        "tag": tag,
        "displayLabel": label.get("displayLabel") or tag,
        "displayData": label.get("displayData") or {},
        "attributes": label.get("attributes") or [],
        "color": label.get("color") or _color(tag),
    }
    children = [_node(child, [*path, "children", at]) for at, child in enumerate(label.get("children") or ())]
    return {"value": value, "children": children}


def _color(tag: str) -> str:
    """A color that a label always gets again."""
    return f"#{sum(ord(each) * 131**at for at, each in enumerate(tag)) % 0xFFFFFF:06x}"


def _tag(root: Mapping[str, Any]) -> str | None:
    """A label's tag; None for what was stored as a label and is none."""
    tag = (root.get("value") or {}).get("tag")
    return tag if isinstance(tag, str) else None


def _without(roots: Sequence[dict[str, Any]], gone: set[str]) -> list[dict[str, Any]]:
    return [
        {**root, "children": _without(root.get("children") or [], gone)} for root in roots if _tag(root) not in gone
    ]
