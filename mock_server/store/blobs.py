"""Bytes by their hash: a blob is written once, whole, and never changed.

The law: a name in the store is a finished file. Bytes are streamed beside their place, hashed and fsynced, and then
renamed; whatever a crash leaves is under `tmp`, which is emptied at open. Names are sha256 in hex and nothing else, so
no name can lead out of the folder.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Protocol

from dtlpipe.errors import BadRequest, InsufficientStorage, NotFound, PayloadTooLarge
from mock_server.store.crashes import Probe

_HASH = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20
_LEFTOVER = 24 * 3600.0  # seconds


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int = ..., /) -> bytes: ...


class BlobStore:
    """Blobs in a folder. Safe from many threads.

    One process at a time, which the data folder's lock sees to; several if `shared`, and then only what is a day old is
    taken for a crash's leftover.
    """

    def __init__(self, root: Path, *, relaxed: bool = False, shared: bool = False, probe: Probe | None = None) -> None:
        self.root = self._root = root
        self._probe = probe
        self._tmp = root / "tmp"
        self._durable = not relaxed
        self._sweeping = Lock()
        self._held: Counter[str] = Counter()
        self._tmp.mkdir(parents=True, exist_ok=True)
        deadline = time.time() - _LEFTOVER if shared else None
        for leftover in self._tmp.iterdir():
            with suppress(FileNotFoundError):  # it was not one, or another process was faster
                if deadline is None or leftover.stat().st_mtime < deadline:
                    leftover.unlink()

    def put(self, data: bytes | Readable, limit: int | None = None) -> tuple[str, int]:
        """Keep the bytes; their sha256 and their number. Equal bytes are kept once.

        Raises PayloadTooLarge beyond `limit` bytes, InsufficientStorage when the disk is full; nothing is left behind.
        """
        if isinstance(data, bytes) and (limit is None or len(data) <= limit):
            digest = sha256(data).hexdigest()
            if self._has(self.path(digest)):
                return digest, len(data)
        descriptor, name = tempfile.mkstemp(dir=self._tmp)
        temporary = Path(name)
        try:
            self.passing("before blob")
            with os.fdopen(descriptor, "wb") as file:
                digest, size = _copy(data, file, limit)
                if self._durable:
                    file.flush()
                    os.fsync(file.fileno())
            self._adopt(temporary, self.path(digest))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise InsufficientStorage(f"no room for a blob under {self._root}: {error.strerror}") from error
            raise
        finally:
            with suppress(FileNotFoundError):  # adopted
                temporary.unlink()
        return digest, size

    def hold(self, name: str) -> None:
        """Spare the blob from all sweeps, whatever the clock says, until it is let go of."""
        with self._sweeping:
            self._held[name] += 1

    def let_go(self, names: Iterable[str]) -> None:
        """A row names them now, or none will."""
        with self._sweeping:
            self._held -= Counter(names)

    def _adopt(self, temporary: Path, target: Path) -> None:
        new_folder = not target.parent.exists()
        target.parent.mkdir(exist_ok=True)
        if self._has(target):
            return
        with self._sweeping:
            self.passing("before rename")
            temporary.rename(target)
            self.passing("after rename")
        self._sync(target, new_folder=new_folder)

    def _has(self, target: Path) -> bool:
        """Whether it is there, for a while at least: a sweep spares what was put lately."""
        with self._sweeping:
            if not target.exists():
                return False
            os.utime(target)
        self._sync(target, new_folder=True)  # whoever made it may not have come to that yet
        return True

    def _sync(self, target: Path, *, new_folder: bool) -> None:
        if self._durable:
            _sync_folder(target.parent)
            if new_folder:
                _sync_folder(self._root)

    def passing(self, point: str) -> None:
        """Here a crash is worth trying; see `crashes`."""
        if self._probe is not None:
            self._probe(point)

    def path(self, hash: str) -> Path:
        """Where the blob is, if it is. Raises BadRequest for a text that is no sha256."""
        if not _HASH.fullmatch(hash):
            raise BadRequest(f"{hash!r} is not the name of a blob: a name is a sha256, 64 hex digits")
        return self._root / hash[:2] / hash[2:]

    def open(self, hash: str) -> BinaryIO:
        """The blob, for reading. Raises NotFound."""
        try:
            return self.path(hash).open("rb")
        except FileNotFoundError:
            raise NotFound(f"there is no blob {hash}") from None

    def __contains__(self, hash: str) -> bool:
        return self.path(hash).is_file()

    def __iter__(self) -> Iterator[str]:
        for folder in self._root.iterdir():
            if len(folder.name) == 2:
                for file in folder.iterdir():
                    yield folder.name + file.name

    def sweep(self, keep: Container[str], older_than: float = 3600.0) -> int:
        """Delete the blobs that are not in `keep` and were not put within `older_than` seconds; how many they were.

        The grace is for blobs whose document is still on its way. Whoever came to name one meanwhile has held it or has
        its row by now, so that `keep` is asked once more before it goes, and no clock need be right.
        """
        deadline = time.time() - older_than
        swept = 0
        for name in self:
            if name in keep:
                continue
            path = self.path(name)
            with self._sweeping:
                if name not in self._held and path.stat().st_mtime <= deadline and name not in keep:
                    path.unlink()
                    swept += 1
        return swept


def _copy(data: bytes | Readable, file: BinaryIO, limit: int | None) -> tuple[str, int]:
    digest, size = sha256(), 0
    for chunk in _chunks(data):
        size += len(chunk)
        if limit is not None and size > limit:
            raise PayloadTooLarge(f"more than the {limit} bytes that are allowed")
        digest.update(chunk)
        file.write(chunk)
    return digest.hexdigest(), size


def _chunks(data: bytes | Readable) -> Iterator[bytes]:
    if isinstance(data, (bytes, bytearray, memoryview)):
        yield data
        return
    while chunk := data.read(_CHUNK):
        yield chunk


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
