"""JSON text and rows, in and out. The law: what was put comes back equal.

orjson does nearly all of it. What it cannot write (integers beyond 64 bits, lone surrogates) the standard library does;
such text begins with a space, so that reading knows whom to ask.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import attrs
import orjson

from dtlpipe.errors import BadRequest
from dtlpipe.model import times
from dtlpipe.model.enums import ExecutionStatus
from mock_server.store.base import Event, ExecutionRow, LogLine, RunRow

if TYPE_CHECKING:
    import sqlalchemy as sa

Row = TypeVar("Row", bound=RunRow | ExecutionRow | Event | LogLine)
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


time_text = times.to_wire


#: How fields that are not what their column holds are written and read.
_Both = tuple[Codec | None, Codec | None]
_AS_IS: _Both = (None, None)
_JSON: _Both = (dumps, loads)
_TIME: _Both = (time_text, times.from_wire)
_FIELDS: dict[str, _Both] = {
    **dict.fromkeys(("inputs", "input", "output", "closed", "error", "transition_errors", "log"), _JSON),
    **dict.fromkeys(("body", "extra"), _JSON),
    **dict.fromkeys(("created_at", "updated_at", "started_at", "ended_at", "at"), _TIME),
    **dict.fromkeys(("lease_until", "available_at", "deadline_at"), _TIME),
    **dict.fromkeys(("test_mode", "to_terminate", "paused"), (None, bool)),
    "message": (storable, None),
}


#: Fields whose values may be too large for their rows (see `values`): how many characters a row has room for, and how
#: the text of one that is kept elsewhere begins, as no JSON does.
LARGE = ("inputs", "input", "output")
LIMIT: Final = 8192
MARK: Final = "@"
#: Makes a shorter text of a value and its JSON text, and a value of a shorter text.
Shorten = Callable[[Any, str], str]
Whole = Callable[[str], Any]


_OVER = frozenset(status.value for status in ExecutionStatus if status.is_terminal)


class RowCodec(Generic[Row]):
    """Rows of one class in one table, `name`.

    Columns have the names of the fields, and are given in their order; where there is a status, one more comes after
    them, `over`, which says whether that is a terminal one, and is no field.
    """

    def __init__(self, cls: type[Row], name: str) -> None:
        self.cls = cls
        self.name = name
        self.names: tuple[str, ...] = tuple(each.name for each in attrs.fields(cls))
        self._has_over = "status" in self.names
        #: All columns.
        self.columns = (*self.names, "over") if self._has_over else self.names
        #: Where each column is in what `encode` gives.
        self.places = {name: index for index, name in enumerate(self.columns)}
        self._get = attrgetter(*self.names)
        self._write: dict[str, Codec | None] = {name: _FIELDS.get(name, _AS_IS)[0] for name in self.names}
        self._large = tuple((self.names.index(name), name) for name in self.names if name in LARGE)
        self._encoders = tuple((index, encode) for index, encode in enumerate(self._write.values()) if encode)
        decoders = (_FIELDS.get(name, _AS_IS)[1] for name in self.names)
        self._decoders = tuple((index, decode) for index, decode in enumerate(decoders) if decode)

    @cached_property
    def table(self) -> sa.Table:
        """As SQLAlchemy has it. Raises TypeError if its columns are others."""
        from mock_server.store.schema import metadata

        table = metadata.tables[self.name]
        columns = {column.name for column in table.c}
        if columns != set(self.columns):
            raise TypeError(f"{self.name}: columns and fields differ in {sorted(columns ^ set(self.columns))}")
        return table

    @cached_property
    def select(self) -> sa.Select[Any]:
        """All rows, their fields in order."""
        import sqlalchemy as sa

        return sa.select(*(self.table.c[name] for name in self.names))

    def encode(self, row: Row, shorten: Shorten) -> list[Any]:
        """The values of `columns`, as the driver takes them; `shorten` is asked for those that are large."""
        given = self._get(row)
        values = list(given)
        for index, encode in self._encoders:
            if values[index] is not None:
                values[index] = encode(values[index])
        for index, _ in self._large:
            text = values[index]
            if text is not None and len(text) > LIMIT:
                values[index] = shorten(given[index], text)
        if self._has_over:
            values.append(row.status in _OVER)  # type: ignore[union-attr]  # only rows that have a status have it
        return values

    def encode_columns(self, columns: Mapping[str, Any], shorten: Shorten) -> dict[str, Any]:
        """Some fields' values, as `encode` gives them. Raises TypeError for a name that is no field."""
        encoded = {}
        for name, value in columns.items():
            try:
                encode = self._write[name]
            except KeyError:
                raise TypeError(f"a {self.cls.__name__} has no field {name!r}") from None
            encoded[name] = value if encode is None or value is None else encode(value)
        for _, name in self._large:
            text = encoded.get(name)
            if text is not None and len(text) > LIMIT:
                encoded[name] = shorten(columns[name], text)
        if self._has_over and "status" in columns:
            encoded["over"] = columns["status"] in _OVER
        return encoded

    def decode(self, row: Sequence[Any], whole: Whole | None = None) -> Row:
        """What the row holds; `whole` is asked for what is too large for it."""
        return self.cls(**self.fields(row, whole))

    def fields(self, row: Sequence[Any], whole: Whole | None = None) -> dict[str, Any]:
        """The fields of what the row holds."""
        values = list(row)
        for index, decode in self._decoders:
            text = values[index]
            if text is not None:
                large = whole is not None and decode is loads and text[:1] == MARK
                values[index] = whole(text) if whole is not None and large else decode(text)
        return dict(zip(self.names, values, strict=True))

    def decode_all(self, rows: Iterable[Sequence[Any]], whole: Whole | None = None) -> list[Row]:
        return [self.decode(values, whole) for values in rows]
