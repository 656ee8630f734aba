"""Downloading: an item's bytes, resumed where they broke off, counted, and never seen as half a file."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dtlpipe.errors import ConnectionFailed, NotAnItemPath, SDKError
from dtlpipe.resources.paths import local_file, stays_within
from dtlpipe.sansio.effects import Blocking, ByteStream, Download, Effect, Op, StreamBroken

if TYPE_CHECKING:
    from dtlpipe.resources.items import Item

CHUNK = 1 << 20

#: How often a download is resumed without a single further byte before it is given up.
RESUMES = 3

E = TypeVar("E")


def pull(item: Item[Any], chunk_size: int, deliver: Callable[[bytes], E]) -> Generator[Effect | E, Any, int]:
    """Yields `deliver(chunk)` for all the item's bytes, in order and once each; the number of bytes.

    Raises:
        ConnectionFailed: it broke off again and again.
        SDKError: fewer or more bytes came than the item has.
    """
    got = fruitless = 0
    while item.size != 0:
        stream: ByteStream = yield Download(f"/items/{item.id}/stream", start=got, headers={"x-dl-sanitize": "0"})
        skip, before = got - stream.start, got
        promised = None if stream.length is None else stream.start + stream.length
        try:
            while True:
                chunk: bytes = yield Blocking(stream.read, chunk_size)
                if not chunk:
                    break
                if skip > 0:  # a platform that starts over, whatever range was asked for
                    skip, chunk = skip - len(chunk), chunk[skip:]
                if chunk:
                    yield deliver(chunk)
                    got += len(chunk)
            if promised is None or got >= promised:
                break
            detail = f"{got} of {promised} bytes came"
        except StreamBroken as broken:
            detail = broken.detail
        finally:
            stream.close()
        fruitless = 0 if got > before else fruitless + 1
        if fruitless > RESUMES:
            raise ConnectionFailed(f"the download of {item.filename} broke off at byte {got}: {detail}")
    if item.size is not None and got != item.size:
        raise SDKError(f"{item.filename} has {item.size} bytes, but {got} came")
    return got


def into_file(item: Item[Any], target: Path) -> Op[str]:
    """Writes an item to a file, which appears only when it is whole; its path."""
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    file = yield Blocking(_create, part)
    try:
        try:
            yield from pull(item, CHUNK, lambda chunk: Blocking(file.write, chunk))
        finally:
            file.close()
        yield Blocking(os.replace, part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return str(target)


def _create(part: Path) -> Any:
    part.parent.mkdir(parents=True, exist_ok=True)
    return part.open("wb")


def target_of(item: Item[Any], local_path: str | Path | None, *, to_items_folder: bool, many: bool = False) -> Path:
    """Where an item goes: the file `local_path`, or below the folder `local_path` by its own path. Looks at the disk.

    A path that is no folder yet means a file if it ends as the item does (`.png`).

    Raises:
        NotAnItemPath: the item's path would lead out of the folder.
    """
    if item.type == "dir":
        raise NotAnItemPath(f"{item.filename} is a folder", hint="download its items: dataset.items.download(filters)")
    if local_path is None:
        folder = Path.home() / ".dtlpipe" / "datasets" / (item.dataset_id or "items")
    else:
        folder = Path(local_path).expanduser()
        if not many and not folder.is_dir() and folder.suffix and folder.suffix == item.suffix:
            return folder
    if to_items_folder:
        folder = folder / "items"
    target = local_file(folder, item.filename)
    stays_within(folder.resolve(), target.resolve())
    return target
