"""An item's document: how it begins, what a client may change of it, and where it stands among the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from dtlpipe.errors import BadRequest
from mock_server.platform import paths
from mock_server.platform.documents import merged, now, object_at
from mock_server.store.base import Document, Kind, Tx
from mock_server.store.ids import new_id

#: What describes the bytes, and so is never taken over from a client.
FIXED_SYSTEM = ("size", "encoding")

_MIMETYPE = re.compile(r"[!#$&^_.+\w-]{1,127}/[!#$&^_.+\w-]{1,127}(?:\s*;[\x20-\x7e]{0,256})?", re.ASCII)


@attrs.frozen
class Change:
    """What a patch may do to an item."""

    metadata: dict[str, Any]
    description: str | None
    describes: bool
    path: str | None

    @classmethod
    def read(cls, patch: Mapping[str, Any], *, system: bool) -> Change:
        metadata = dict(checked_metadata(object_at(patch, "metadata")))
        if system:
            below = object_at(metadata, "system")
            if below.get("mimetype") is not None and mimetype(below["mimetype"]) is None:
                where = ["metadata", "system", "mimetype"]
                raise BadRequest("", errors=[{"path": where, "message": "a type such as image/png is needed here"}])
            metadata["system"] = {key: value for key, value in below.items() if key not in FIXED_SYSTEM}
        else:
            metadata.pop("system", None)
        description = patch.get("description")
        if description is not None and not isinstance(description, str):
            raise BadRequest("", errors=[{"path": ["description"], "message": "a text is needed here"}])
        path = patch.get("filename")
        if path is not None and not isinstance(path, str):
            raise BadRequest("", errors=[{"path": ["filename"], "message": "a text is needed here"}])
        return cls(metadata, description, "description" in patch, None if path is None else paths.file_path(path))

    def apply(self, document: Document, editor: str) -> Document:
        changed = {**document, "updatedAt": now(), "updatedBy": editor}
        changed["metadata"] = merged(document.get("metadata") or {}, self.metadata)
        if self.describes:
            changed["description"] = self.description
        return changed


def new_item(dataset: Document, path: str, type: str, creator: str, at: str) -> Document:
    """An item (`type` is "file") or a folder ("dir") that is in no store yet."""
    folder, name = paths.split(path)
    return {
        "id": new_id(),
        "datasetId": dataset["id"],
        "projectId": dataset["projects"][0],
        "filename": path,
        "name": name,
        "dir": folder,
        "type": type,
        "hidden": False,
        "metadata": {"system": {}, "user": {}} if type == "dir" else {},
        "annotated": False,
        "annotationsCount": 0,
        "spec": None,
        "creator": creator,
        "createdAt": at,
        "updatedAt": at,
        "updatedBy": creator,
        "description": None,
        "srcItem": None,
    }


def item_at(tx: Tx, dataset_id: str, path: str) -> Document | None:
    """The item or folder that has the path, if any has."""
    found = tx.find(Kind.ITEM, {"pageSize": 1}, where={"datasetId": dataset_id, "filename": path}).items
    return found[0] if found else None


def make_folders(tx: Tx, dataset: Document, path: str, creator: str, at: str) -> None:
    """The folders above the path, those that are missing; the innermost first, as mostly all are there."""
    missing: list[str] = []
    for folder in reversed(paths.parents(path)):
        found = item_at(tx, dataset["id"], folder)
        if found is not None:
            if found["type"] != "dir":
                raise BadRequest(f"path: {folder!r} is a file of this dataset, so nothing can be in it")
            break
        missing.append(folder)
    for folder in reversed(missing):
        tx.insert(Kind.ITEM, new_item(dataset, folder, "dir", creator, at))


def mimetype(value: Any) -> str | None:
    """The value, if it can be said in a header that it is the type of some bytes."""
    return value if isinstance(value, str) and _MIMETYPE.fullmatch(value) else None


def checked_metadata(metadata: Any) -> Mapping[str, Any]:
    """The metadata that a client sent. Raises BadRequest if it, or its `system`, is not an object."""
    if not isinstance(metadata, Mapping):
        raise BadRequest("", errors=[{"path": ["metadata"], "message": "an object is needed here"}])
    system = metadata.get("system", {})
    if system is not None and not isinstance(system, Mapping):
        raise BadRequest("", errors=[{"path": ["metadata", "system"], "message": "an object is needed here"}])
    return {key: value for key, value in metadata.items() if value is not None or key != "system"}
