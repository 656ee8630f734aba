"""Paths of items, and where they may land on this machine. Pure: nothing here touches a file.

Law: what a platform calls a file never decides where on this machine it is written, beyond the folder that the user
chose.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from dtlpipe.errors import NotAnItemPath


def remote_file(folder: str, name: str) -> str:
    """An item's whole path, `/folder/name`. Raises NotAnItemPath for one that climbs or that no platform takes."""
    return _checked(f"{folder}/{name}")


def remote_folder(folder: str | None) -> str:
    """A folder's path: `/` or `/a/b`, without a slash at its end."""
    return _checked(folder or "/", root=True)


def _checked(path: str, *, root: bool = False) -> str:
    if "\0" in path or "\\" in path or any(ord(sign) < 32 for sign in path):
        raise NotAnItemPath(f"{path!r} cannot be the path of an item: it holds a backslash or a control character")
    steps = [step for step in path.split("/") if step not in ("", ".")]
    if ".." in steps:
        raise NotAnItemPath(f"{path!r} cannot be the path of an item: it climbs with '..'")
    if not steps and not root:
        raise NotAnItemPath("an item needs a name", hint="give remote_name")
    return "/" + "/".join(steps)


def local_file(folder: Path, filename: str) -> Path:
    """Where below a folder an item of that path is written. Raises NotAnItemPath for one that would land elsewhere."""
    steps = PurePosixPath(_checked(filename)).parts[1:]
    return folder.joinpath(*steps)


def stays_within(folder: Path, file: Path) -> None:
    """Raises NotAnItemPath if a file is, through links, outside its folder. Both are resolved by the caller."""
    if not file.is_relative_to(folder):
        raise NotAnItemPath(f"{file} is outside {folder}: a link in that folder leads away from it")
