"""Values that are too large for their rows: kept once, as blobs by their hash, and given back as if they had not been.

The law: a blob is on the disk before the row that names it is committed, and as long as that row is there. A column
then has, in place of the JSON text of what it holds, a text that begins with `@`, which no JSON does. What names a blob
is written down in a table of its own (`large_value`) by the same transaction, so that sweeping, copying and looking
for what is lost need not read the rows.

What a node gives is what the next one takes: each value of an object is a blob by itself, so that both name the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import attrs

from dtlpipe.errors import InsufficientStorage
from mock_server.store.base import StoreError, StoreFull
from mock_server.store.blobs import BlobStore
from mock_server.store.codec import LIMIT, MARK, dumps, loads

#: The table of who names which blob, and its columns.
TABLE: Final = "large_value"
COLUMNS: Final = ("owner", "blob")


@attrs.frozen
class Short:
    """What a column holds of a large value, and the blobs that it names."""

    text: str
    blobs: tuple[str, ...]


class Values:
    """The blobs of one store. To read them, its folder is enough. Safe from many threads."""

    def __init__(self, folder: Path, blobs: BlobStore | None = None) -> None:
        self._folder = folder
        self._blobs = blobs

    def shorten(self, value: Any, text: str) -> Short:
        """The value, whose JSON text this is, as its row is to have it; its blobs are on the disk then, and held.

        Raises StoreFull, or StoreError, if they cannot be.
        """
        if isinstance(value, Mapping):
            texts = {key: dumps(each) for key, each in value.items()}
            large = {key: each for key, each in texts.items() if len(each) > LIMIT}
            rest = dumps({key: None if key in large else each for key, each in value.items()})
            if large and len(rest) <= LIMIT:
                names = {key: self._put(each) for key, each in large.items()}
                return Short(f"{MARK}{dumps({'of': loads(rest), 'blobs': names})}", tuple(names.values()))
        name = self._put(text)
        return Short(f"{MARK}{dumps({'blob': name})}", (name,))

    def _put(self, text: str) -> str:
        if self._blobs is None:
            raise RuntimeError("values are only read here")
        data = text.encode()
        name = sha256(data).hexdigest()
        self._blobs.hold(name)
        try:
            self._blobs.put(data)
        except InsufficientStorage as error:
            raise StoreFull(error.message, hint="free some disk space, then send the request again") from error
        except OSError as error:
            raise StoreError(f"a large value could not be written: {error}", retry_after=1.0) from error
        self._blobs.passing("before row")
        return name

    def settled(self, blobs: Iterable[str]) -> None:
        """Whether rows name them is decided: sweeping may look at these from now on."""
        if self._blobs is not None:
            self._blobs.let_go(blobs)

    def whole(self, text: str) -> Any:
        """The value of a column's text, which begins with the mark. Raises StoreError if its blob is not there."""
        kept = loads(text[len(MARK) :])
        if "blob" in kept:
            return self._read(kept["blob"])
        return {**kept["of"], **{key: self._read(name) for key, name in kept["blobs"].items()}}

    def _read(self, name: str) -> Any:
        try:
            return loads((self._folder / name[:2] / name[2:]).read_text("utf-8"))
        except OSError as error:
            raise StoreError(
                f"the file of a large value cannot be read: {name} under {self._folder}: {error.strerror}",
                hint="`dtlpipe platform doctor` tells which files are lost; restore them from a copy",
            ) from error
