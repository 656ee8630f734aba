"""Entities as values: on the way they are references (`{"item_id": ...}`); here is what they refer to.

A reference is an id, `{"<type>_id": id}`, possibly with other ids beside it, or the entity's whole JSON. One to what
was deleted, as the platform itself makes them, carries the last JSON of it: `{"item_id": ..., "deleted": {...}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mock_server.store.base import Kind

if TYPE_CHECKING:
    from mock_server.store.base import Document, Reads

#: The key under which a reference carries an entity that is gone.
DELETED = "deleted"

#: The kinds of documents that values can refer to, by port type.
KINDS = {
    "Item": Kind.ITEM,
    "Dataset": Kind.DATASET,
    "Project": Kind.PROJECT,
    "Annotation": Kind.ANNOTATION,
    "Service": Kind.SERVICE,
    "Package": Kind.PACKAGE,
    "Recipe": Kind.RECIPE,
}


def element(type: str | None) -> tuple[str | None, bool]:
    """The type without its list mark, and whether it had one: "Item[]" is ("Item", True)."""
    return (type[:-2], True) if type is not None and type.endswith("[]") else (type, False)


def reference_id(type: str, value: Any) -> str | None:
    """The id that a value of an entity type refers to, or None if it is no reference."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        found = value.get(f"{type.lower()}_id") or value.get("id")
        return found if isinstance(found, str) else None
    return None


def normalised(type: str | None, value: Any) -> Any:
    """References in the one form in which they are kept; other values as they are."""
    name, many = element(type)
    if many:
        return [normalised(name, each) for each in value] if isinstance(value, list) else value
    if name not in KINDS:
        return value
    id = reference_id(name, value)
    if id is None:
        return value
    kept = {key: each for key, each in value.items() if key.endswith("_id")} if isinstance(value, Mapping) else {}
    return {**kept, f"{name.lower()}_id": id}


def lookup(reads: Reads, type: str | None, value: Any) -> Any:
    """The JSON of the entity (a list of them for a list type), or None where there is none to be found here."""
    name, many = element(type)
    if name not in KINDS or value is None:
        return None
    if many:
        return [lookup(reads, name, each) for each in value] if isinstance(value, list) else None
    id = reference_id(name, value)
    found = None if id is None else reads.get(KINDS[name], id)
    return value.get(DELETED) if found is None and isinstance(value, Mapping) else found


def document(reads: Reads, type: str | None, value: Any) -> Document:
    """What a condition sees: the entity's JSON, an object as it is, or `{"value": ...}` for anything else.

    Conditions built as item queries carry the predicates `hidden: false` and `type: file`; values that are not items
    satisfy these.
    """
    entity = lookup(reads, type, value)
    if isinstance(entity, dict):
        return entity
    plain = dict(value) if isinstance(value, Mapping) else {"value": value}
    return {"hidden": False, "type": "file", **plain}
