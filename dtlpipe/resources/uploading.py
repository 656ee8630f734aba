"""Uploading: what a user points at, as a list of parts to send; and the operation that sends one part.

'a.png'            the file, as /a.png
'photos'           everything below the folder, as /photos/...
'photos/*'         everything below the folder, as /...
'photos/**/*.png'  what matches, named from the last folder without a wildcard on
b'...', open file  as `remote_name` (or the file's own name)
"""

from __future__ import annotations

import io
import json
import mimetypes
import os
from collections.abc import Iterable, Iterator, Mapping
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import attrs

from dtlpipe.errors import NotAnItemPath, SDKError
from dtlpipe.resources.paths import remote_file, remote_folder
from dtlpipe.sansio.effects import Op, Request, Response, Source, Upload

if TYPE_CHECKING:
    from dtlpipe.resources.items import Item, Items
    from dtlpipe.sansio.operation import Colour

Local = str | Path | bytes | BinaryIO


@attrs.frozen
class Part:
    """One file to send: its source, the path that it gets, what to call it in errors, and its size in bytes."""

    source: Source = attrs.field(repr=False)
    remote: str
    label: str
    size: int | None


def plan(
    local: Local | Iterable[Local],
    *,
    remote_path: str | None,
    remote_name: str | Iterable[str] | None,
    file_types: Iterable[str] | None,
) -> tuple[list[Part], bool]:
    """The parts, and whether the user asked for one file only. Reads folders: call it through `Blocking`.

    Raises:
        NotAnItemPath: a path that is not there, or a name that no item can have.
    """
    folder = remote_folder(remote_path)
    suffixes = None if file_types is None else {each.lower() for each in file_types}
    if isinstance(local, (str, Path, bytes)) or hasattr(local, "read"):
        if remote_name is not None and not isinstance(remote_name, str):
            raise NotAnItemPath("one file takes one remote_name, a text")
        parts = list(_parts(local, folder, remote_name, suffixes))  # type: ignore[arg-type]
        return parts, not isinstance(local, (str, Path)) or Path(local).is_file()
    sources = list(local)
    names: list[str | None] = [None] * len(sources)
    if remote_name is not None:
        names = [remote_name] if isinstance(remote_name, str) else list(remote_name)
        if len(names) != len(sources):
            raise NotAnItemPath(f"{len(sources)} files take {len(sources)} names; remote_name has {len(names)}")
    parts = [part for each, name in zip(sources, names, strict=True) for part in _parts(each, folder, name, suffixes)]
    return parts, False


def _parts(local: Local, folder: str, name: str | None, suffixes: set[str] | None) -> Iterator[Part]:
    if isinstance(local, bytes):
        if not name:
            raise NotAnItemPath("bytes have no name", hint="give remote_name='name.ext'")
        yield Part(local, remote_file(folder, name), name, len(local))
    elif isinstance(local, (str, Path)):
        yield from _paths(str(local), folder, name, suffixes)
    elif hasattr(local, "read"):
        yield _open_file(local, folder, name)
    else:
        raise NotAnItemPath(f"cannot upload {type(local).__name__}", hint="a path, bytes, or a file open for reading")


def _open_file(file: BinaryIO, folder: str, name: str | None) -> Part:
    own = getattr(file, "name", None)
    name = name or (Path(own).name if isinstance(own, str) else None)
    if not name:
        raise NotAnItemPath("this open file has no name", hint="give remote_name='name.ext'")
    if hasattr(file, "encoding"):
        raise NotAnItemPath(f"{name} is open as text", hint="open it with mode 'rb'")
    remote = remote_file(folder, name)
    if isinstance(file, io.BytesIO):
        data = file.getvalue()
        return Part(data, remote, name, len(data))
    if not file.seekable():
        data = file.read()
        return Part(data, remote, name, len(data))
    return Part(file, remote, name, file.seek(0, os.SEEK_END))


def _paths(local: str, folder: str, name: str | None, suffixes: set[str] | None) -> Iterator[Part]:
    path = Path(local).expanduser()
    if path.is_file():
        yield _file(path, remote_file(folder, name or path.name))
        return
    if name is not None:
        raise NotAnItemPath(f"{local} is not one file, so that it cannot be called {name!r}")
    if path.is_dir():
        found, base = _below(path), path.absolute().parent
    elif has_magic(local):
        found, base = _matching(path)
    else:
        raise NotAnItemPath(f"there is no {local}", hint=f"relative paths start at {Path.cwd()}")
    for file in found:
        if suffixes is None or file.suffix.lower() in suffixes:
            yield _file(file, remote_file(folder, file.relative_to(base).as_posix()))


def _matching(pattern: Path) -> tuple[Iterator[Path], Path]:
    """The files that a pattern means, and the folder from which they are named."""
    parts = pattern.absolute().parts
    fixed = next(place for place, part in enumerate(parts) if has_magic(part))
    base = Path(*parts[:fixed])
    if not base.is_dir():
        raise NotAnItemPath(f"there is no folder {base}")
    if parts[fixed:] == ("*",):
        return _below(base), base
    return iter(sorted(each for each in base.glob(str(Path(*parts[fixed:]))) if each.is_file())), base


def _below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in order. Links to folders are not followed: they may lead in circles."""
    for root, folders, files in os.walk(folder.absolute()):
        folders.sort()
        for name in sorted(files):
            file = Path(root, name)
            if file.is_file():
                yield file


def _file(path: Path, remote: str) -> Part:
    return Part(path, remote, str(path), path.stat().st_size)


def send(
    items: Items[Colour],
    part: Part,
    *,
    mode: str,
    metadata: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> Op[Item[Colour]]:
    """The operation that uploads one part; an item of that path that exists is kept (`skip`) or replaced (`overwrite`).

    Raises:
        SDKError: the platform stored another number of bytes; the item was removed again.
    """
    fields = [("type", "file"), ("path", part.remote)]
    if metadata is not None:
        fields.append(("metadata", json.dumps(metadata)))
    if description is not None:
        fields.append(("description", description))
    response: Response = yield Upload(
        f"/datasets/{items.known_dataset_id()}/items",
        params={"mode": mode},
        source=part.source,
        filename=part.remote.rpartition("/")[2],
        content_type=mimetypes.guess_type(part.remote)[0] or "application/octet-stream",
        fields=fields,
    )
    item = items.item(response.json())
    if part.size is not None and item.size != part.size and response.headers.get("x-item-op") != "skip":
        yield Request("DELETE", f"/items/{item.id}")
        raise SDKError(
            f"{part.label}: the platform stored {item.size} of {part.size} bytes; the item was removed again",
            hint="was the file written to meanwhile?",
        )
    return item
