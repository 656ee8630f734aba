"""Paths of items: where a name is inside a dataset, and nowhere else.

Law: a path begins with `/` and has no part that means another place, here or on a machine that downloads it. What does
not comply is refused, not mended.
"""

from __future__ import annotations

import posixpath
import re

from dtlpipe.errors import BadRequest

MAX_PATH = 1024  # bytes
MAX_PART = 255  # bytes, as in the file systems that items are downloaded to

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")


def item_path(text: str) -> str:
    """The path, beginning with `/`, without empty parts. Raises BadRequest for one that is none."""
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    if _CONTROL.search(text):
        raise BadRequest(f"path: {shown!r} has control characters")
    if "\\" in text:
        raise BadRequest(f"path: {shown!r} has a backslash", hint="folders are parted by '/'")
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise BadRequest(f"path: {shown!r} is not Unicode text") from None
    if size > MAX_PATH:
        raise BadRequest(f"path: {shown!r} is longer than {MAX_PATH} bytes")
    parts = [part for part in text.split("/") if part]
    for part in parts:
        if part.strip() in (".", "..") or part.strip(". ") == "":
            raise BadRequest(f"path: {shown!r} has a part {part!r}, which would lead out of the dataset")
        if len(part.encode("utf-8")) > MAX_PART:
            raise BadRequest(f"path: {shown!r} has a part of more than {MAX_PART} bytes")
    if parts and _DRIVE.match(parts[0]):
        raise BadRequest(f"path: {shown!r} names a drive")
    return "/" + "/".join(parts)


def file_path(text: str) -> str:
    """The path of a file: as `item_path`, with a name at its end."""
    path = item_path(text)
    if path == "/":
        raise BadRequest(f"path: {text!r} has no file name at its end")
    return path


def file_name(text: str) -> str:
    """The name that a client gave its file. Raises BadRequest for one that would lead elsewhere."""
    if text.startswith(("/", "~")):
        raise BadRequest(f"filename: {text[:80]!r} is a path of another machine", hint="send the file's name alone")
    return posixpath.basename(item_path(text))


def split(path: str) -> tuple[str, str]:
    """The folder and the name in it: `("/a", "b.txt")` for `/a/b.txt`, `("/", "b.txt")` for `/b.txt`."""
    folder, name = posixpath.split(path)
    return folder, name


def parents(path: str) -> list[str]:
    """The folders above the path, outermost first, without the root."""
    parts = path.strip("/").split("/")[:-1]
    return ["/" + "/".join(parts[: index + 1]) for index in range(len(parts))]
