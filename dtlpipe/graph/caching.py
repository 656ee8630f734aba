"""Caches of what components returned, by what they are and what they were given.

Law: a cache may forget, and never invents. What it gives back is equal to what it was given and shared with nobody.
What cannot be told apart by a fingerprint, or cannot be kept whole, is not cached, and the component runs.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs

from dtlpipe.graph.copies import copied
from dtlpipe.graph.errors import DeserializationError, PipelineValidationError, SerializationError
from dtlpipe.graph.fingerprints import NoFingerprint, fingerprint

__all__ = ["Cache", "DiskCache", "MemoryCache", "cache_from_dict", "cache_to_dict"]

logger = logging.getLogger(__name__)

FORMAT = 1


class Cache(Protocol):
    """Anything that keeps outputs by key. It may be used by several threads at once."""

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the outputs kept under a key, or None."""
        ...

    def put(self, key: str, outputs: Mapping[str, Any]) -> None:
        """Keep outputs, or do not, if they cannot be kept whole."""
        ...


@attrs.define(eq=False)
class MemoryCache:
    """A cache for as long as the process lives. It forgets what was used longest ago.

    Args:
        max_entries: so many outputs are kept.
    """

    max_entries: int = attrs.field(default=1024)
    _kept: OrderedDict[str, dict[str, Any]] = attrs.field(init=False, factory=OrderedDict, repr=False)
    _lock: threading.Lock = attrs.field(init=False, factory=threading.Lock, repr=False)

    @max_entries.validator
    def _check(self, _: Any, value: int) -> None:
        if value < 1:
            raise PipelineValidationError(f"A cache keeps at least one entry, not {value}.")

    def get(self, key: str) -> dict[str, Any] | None:
        """Return a copy of the outputs kept under a key, or None."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            outputs = self._kept[key]
        return copied(outputs)

    def put(self, key: str, outputs: Mapping[str, Any]) -> None:
        """Keep a copy of outputs, if all of them are of kinds that can be copied and told apart."""
        try:
            fingerprint(dict(outputs))
        except NoFingerprint as error:
            logger.debug("Outputs are not cached: %s", error)
            return
        own = copied(dict(outputs))
        with self._lock:
            self._kept[key] = own
            self._kept.move_to_end(key)
            while len(self._kept) > self.max_entries:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)

    # A pipeline may be copied and pickled; what its cache holds stays behind.
    def __getstate__(self) -> int:
        return self.max_entries

    def __setstate__(self, state: int) -> None:
        self.__init__(state)  # type: ignore[misc]


@attrs.frozen
class DiskCache:
    """A cache in a directory, for other processes and later days. It keeps outputs that are plain JSON data, exactly.

    A file is written whole or not at all. One that cannot be read counts as missing. Nothing is ever removed but by
    `clear`.

    Args:
        path: the directory; it is made when it is needed.
    """

    path: Path = attrs.field(converter=Path)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the outputs kept under a key, or None."""
        file = self._file(key)
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            logger.warning("The cached outputs in %s cannot be read, and are made anew: %s", file, error)
            return None
        match content:
            case {"format": int(version), "key": str(own), "outputs": dict(outputs)} if (version, own) == (FORMAT, key):
                return outputs
            case _:
                logger.warning("%s holds no cached outputs of this version; they are made anew.", file)
                return None

    def put(self, key: str, outputs: Mapping[str, Any]) -> None:
        """Keep outputs, if they are plain JSON data. If they cannot be written, a warning is logged."""
        file = self._file(key)
        try:
            if not _is_plain(dict(outputs)):
                logger.debug("Outputs are not cached on disk: they are not plain JSON data.")
                return
            file.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(file, json.dumps({"format": FORMAT, "key": key, "outputs": dict(outputs)}))
        except (OSError, ValueError, RecursionError) as error:
            logger.warning("Outputs cannot be cached in %s: %s", file, error)

    def clear(self) -> None:
        """Forget everything."""
        for file in self.path.glob("??/*.json"):
            file.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.path / key[:2] / f"{key}.json"


def _write_whole(file: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as part:
            part.write(text)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _is_plain(value: Any) -> bool:
    """Whether a value comes back from JSON as it went in."""
    kind = type(value)
    if kind is dict:
        return all(type(key) is str for key in value) and all(map(_is_plain, value.values()))
    if kind is list:
        return all(map(_is_plain, value))
    return value is None or kind in {str, int, float, bool}


def cache_to_dict(cache: Cache) -> dict[str, Any]:
    """Return a cache as data: what kind it is, not what it holds.

    Raises:
        SerializationError: it is a cache of another kind than those of this module.
    """
    match cache:
        case MemoryCache(max_entries=max_entries):
            return {"type": "memory", "max_entries": max_entries}
        case DiskCache(path=path):
            return {"type": "disk", "path": str(path)}
        case _:
            raise SerializationError(
                f"A {type(cache).__qualname__} cannot be written: only MemoryCache and DiskCache can. Set the cache "
                "after the pipeline was loaded."
            )


def cache_from_dict(data: Any) -> Cache:
    """Return the cache that `cache_to_dict` described.

    Raises:
        DeserializationError: the data describes none.
    """
    match data:
        case {"type": "memory", "max_entries": int(max_entries), **rest} if not rest and max_entries > 0:
            return MemoryCache(max_entries)
        case {"type": "disk", "path": str(path), **rest} if not rest:
            return DiskCache(path)
        case _:
            raise DeserializationError(
                f"{data!r:.200} describes no cache: {{'type': 'memory', 'max_entries': 1024}} and "
                "{'type': 'disk', 'path': '...'} do."
            )
