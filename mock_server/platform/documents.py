"""What all documents share: how they are found, stamped and patched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.model import times
from mock_server.store.base import Document, Kind, Reads


def require(reads: Reads, kind: Kind, id: str, *, private: bool = False) -> Document:
    """The document. Raises NotFound."""
    found = reads.get(kind, id, private)
    if found is None:
        raise NotFound(f"there is no {kind.value} {id!r}", hint="it may have been deleted; list what there is")
    return found


def now() -> str:
    """The time, as on the wire."""
    return times.to_wire(times.now())


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the patch laid over it, object by object; a null in the patch removes the key (RFC 7396)."""
    found = dict(base)
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping):
            below = found.get(key)
            found[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            found[key] = value
    return found


def name(value: Any, noun: str, *, longest: int = 256) -> str:
    """A name that people gave. Raises BadRequest for one that is blank, too long, or has control characters."""
    if not isinstance(value, str) or not value.strip():
        raise BadRequest(f"a {noun} needs a name", errors=[{"path": ["name"], "message": "a text is needed here"}])
    if len(value) > longest:
        raise BadRequest(f"name: a {noun}'s name has at most {longest} characters, this one has {len(value)}")
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise BadRequest(f"name: {value!r} has control characters")
    return value.strip()


def object_at(patch: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under the key; `{}` for null and for absence. Raises BadRequest for anything else."""
    value = patch.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadRequest("", errors=[{"path": [key], "message": "an object is needed here"}])
    return value
