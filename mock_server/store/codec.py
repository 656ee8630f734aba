"""JSON text and rows, in and out. The law: what was put comes back equal.

orjson does nearly all of it. What it cannot write (integers beyond 64 bits, lone surrogates) the standard library does;
such text begins with a space, so that reading knows whom to ask.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import attrs
import orjson
import sqlalchemy as sa

from dtlpipe.errors import BadRequest
from dtlpipe.model import times
from mock_server.store.base import Event, ExecutionRow, LogLine, RunRow

Row = TypeVar("Row", RunRow, ExecutionRow, Event, LogLine)
Codec = Callable[[Any], Any]
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME


def dumps(value: Any) -> str:
    """JSON text. Raises BadRequest for what JSON cannot say; NaN becomes null, as JSON has no word for it."""
    try:
        return orjson.dumps(value, _plain, _OPTIONS).decode()
    except TypeError:
        pass
    try:
        return " " + json.dumps(value, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadRequest(f"this is not JSON: {error}") from error


def loads(text: str) -> Any:
    """The value of text that `dumps` wrote."""
    return json.loads(text) if text[0] == " " else orjson.loads(text)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return times.to_wire(value)
    raise TypeError(f"a {type(value).__name__} has no JSON")


def is_storable(text: str) -> bool:
    """Whether every database takes the text in a column: no NUL, no lone surrogates."""
    if "\0" in text:
        return False
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return True


def storable(text: str) -> str:
    """The text, with marks in place of what no column takes: code may print anything."""
    return text if is_storable(text) else text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


#: How fields that are not what their column holds are written and read.
_JSON: tuple[Codec, Codec] = (dumps, loads)
_TIME: tuple[Codec, Codec] = (times.to_wire, times.from_wire)
_BOOL: tuple[Codec, Codec] = (bool, bool)
_FIELDS: dict[str, tuple[Codec, Codec]] = {
    **dict.fromkeys(("inputs", "input", "output", "closed", "error", "transition_errors", "log", "body"), _JSON),
    **dict.fromkeys(("created_at", "updated_at", "started_at", "ended_at", "lease_until", "at"), _TIME),
    **dict.fromkeys(("test_mode", "to_terminate"), _BOOL),
    "message": (storable, str),
}


@attrs.frozen
class RowCodec(Generic[Row]):
    """Rows of one class in one table; fields and columns have the same names, in the order of the table's columns."""

    cls: type[Row]
    table: sa.Table
    names: tuple[str, ...] = attrs.field(init=False)
    _decoders: tuple[tuple[str, Codec | None], ...] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        names = tuple(self.table.c.keys())
        fields = {each.name for each in attrs.fields(self.cls)}
        if set(names) != fields:
            raise TypeError(f"{self.table.name}: columns and fields differ in {sorted(set(names) ^ fields)}")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "_decoders", tuple((name, _FIELDS.get(name, (None, None))[1]) for name in names))

    def encode(self, row: Row) -> dict[str, Any]:
        return self.encode_columns({name: getattr(row, name) for name in self.names})

    def encode_columns(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Column values as the driver takes them. Raises TypeError for a name that is no field."""
        encoded = {}
        for name, value in columns.items():
            if name not in self.table.c:
                raise TypeError(f"a {self.cls.__name__} has no field {name!r}")
            codec = _FIELDS.get(name)
            encoded[name] = value if codec is None or value is None else codec[0](value)
        return encoded

    def decode(self, values: Sequence[Any]) -> Row:
        return self.cls(
            **{
                name: value if decoder is None or value is None else decoder(value)
                for (name, decoder), value in zip(self._decoders, values, strict=True)
            }
        )

    def decode_all(self, rows: Iterable[Sequence[Any]]) -> list[Row]:
        return [self.decode(values) for values in rows]
