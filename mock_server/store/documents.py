"""A document as a row: its body, the fields that are promoted to columns, and what is private.

The law: a promoted column says what the body says, or null where the body says nothing or null. That is why a value
that does not fit its column is refused: SQL would otherwise find other documents than the query language does.
"""

from __future__ import annotations

from typing import Any

from dtlpipe.errors import BadRequest
from mock_server.store.base import Document, Kind
from mock_server.store.codec import dumps, is_storable, loads
from mock_server.store.shapes import PROMOTED, SHAPES, Promoted


def to_row(kind: Kind, doc: Document) -> dict[str, Any]:
    """The row's columns. Raises BadRequest if the id is missing, or a promoted field is of the wrong type."""
    row = {each.column: _value(kind, each, doc) for each in PROMOTED[kind].values()}
    if not row["id"]:
        raise BadRequest(f"a {kind} needs a text as its `id`")
    private = private_part(doc)
    if private:
        row["body"] = dumps({key: value for key, value in doc.items() if key not in private})
        row["private"] = dumps(private)
    else:
        row["body"] = dumps(doc)
        row["private"] = None
    return row


def private_part(doc: Document) -> Document:
    """The keys that begin with `_`."""
    return {key: value for key, value in doc.items() if key[:1] == "_"}


def from_row(body: str, private: str | None = None) -> Document:
    """The document; with its private keys, if their text is given."""
    document: Document = loads(body)
    if private is not None:
        document.update(loads(private))
    return document


def conflict(kind: Kind, doc: Document) -> str:
    """The text of a Conflict: whatever may have stood in the way."""
    unique = SHAPES[kind].unique
    also = f", or a {kind} with the same {' and '.join(unique)}" if unique else ""
    named = ", ".join(f"{key} {doc[key]!r}" for key in unique if key in doc)
    return f"a {kind} with the id {doc.get('id')!r} exists already{also}" + (f" ({named})" if named else "")


def _value(kind: Kind, field: Promoted, doc: Document) -> Any:
    value = field.read(doc)
    if value is None:
        return None
    if not isinstance(value, field.type) or (field.type is int and isinstance(value, bool)):
        raise BadRequest(f"{kind}.{field.key} is a {field.type.__name__}, not {value!r}")
    if isinstance(value, int) and value.bit_length() > 63:
        raise BadRequest(f"{kind}.{field.key} is beyond 64 bits: {value}")
    if isinstance(value, str) and not is_storable(value):
        raise BadRequest(f"{kind}.{field.key} has characters that no text may have: {value!r}")
    return value
