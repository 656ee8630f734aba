"""A deployment's files: what they may be called, how they are kept, and how they come to lie in a folder.

Law: a name is one word that leads nowhere, a file's name stays below its folder. What a user keeps on disk is read, and
never written or deleted.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any, Final

from dtlpipe.errors import UnprocessableEntity

MODULE: Final = "pipeline_wrapper.py"
YAML: Final = (".yml", ".yaml")
LARGEST: Final = 64 << 20
"""Bytes of all files of one deployment."""

#: First segments of paths that are the platform's own.
RESERVED: Final = frozenset(
    {
        *("api", "token", "login", "get_jwt", "v1", "synapse", "health", "ready", "metrics", "console"),
        *("status", "deploy_files", "deploy-yaml", "undeploy", "draw", "docs", "redoc", "openapi.json", "traces"),
        *("workers", "ops", "admin", "deployments", "jobs"),
    }
)
_NAME: Final = re.compile(r"[^\s/\\?#%\x00-\x1f\x7f]{1,128}")
_IGNORED: Final = ("*.pyc", "*.pyo", "*.pyd", "__pycache__", "*.so", "*.egg", "*.egg-info", ".git", ".DS_Store")


def checked_name(name: Any) -> str:
    """The name. Raises UnprocessableEntity for one that cannot stand in a path, or is the platform's own."""
    if not isinstance(name, str) or not name or name in (".", "..") or PureWindowsPath(name).drive:
        raise UnprocessableEntity("Pipeline name must be a single non-empty name without path separators")
    if not _NAME.fullmatch(name):
        raise UnprocessableEntity(
            f"Pipeline name must be a single non-empty name without path separators or spaces, not {name[:80]!r}"
        )
    if name.lower() in RESERVED:
        raise UnprocessableEntity(
            f"Pipeline name {name!r} is refused: /{name.lower()} is a path of the platform's own; choose another name"
        )
    return name


def checked_files(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """The files. Raises UnprocessableEntity for names that lead out of their folder, and for too many bytes."""
    for name in files:
        parts = name.split("/")
        if (
            not name
            or "\\" in name
            or any(ord(character) < 32 for character in name)
            or PureWindowsPath(name).drive
            or any(part in ("", ".", "..") or len(part.encode()) > 200 for part in parts)
        ):
            raise UnprocessableEntity(f"Pipeline file must be a relative path without traversal: {name[:200]!r}")
    for name in files:
        folders = {"/".join(name.split("/")[:depth]) for depth in range(1, name.count("/") + 1)}
        if clash := folders & files.keys():
            raise UnprocessableEntity(f"Pipeline file {min(clash)!r} is also a folder of {name!r}")
    size = sum(map(len, files.values()))
    if size > LARGEST:
        raise UnprocessableEntity(f"the files of a deployment have at most {LARGEST} bytes, these have {size}")
    return files


def fingerprint(files: Mapping[str, bytes]) -> str:
    """The same for the same files."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{len(name)}:{name}:{len(files[name])}:".encode())
        digest.update(files[name])
    return digest.hexdigest()


def packed(files: Mapping[str, bytes]) -> dict[str, str]:
    """As JSON."""
    return {name: base64.b64encode(data).decode() for name, data in files.items()}


def unpacked(files: Mapping[str, str]) -> dict[str, bytes]:
    """From JSON."""
    return {name: base64.b64decode(text) for name, text in files.items()}


def lay_out(files: Mapping[str, bytes], folder: Path) -> None:
    """Put the files into the folder, all of them or, if that fails, no folder."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".laying-", dir=folder.parent))
    try:
        for name, data in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        temporary.replace(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def read_folder(folder: Path) -> dict[str, bytes]:
    """All files below a user's folder that belong to a deployment. Raises UnprocessableEntity if they are too large."""
    found: dict[str, bytes] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(fnmatch.fnmatch(part, pattern) for part in relative.parts for pattern in _IGNORED):
            continue
        if path.is_file():
            size += path.stat().st_size
            if size > LARGEST:
                raise UnprocessableEntity(f"the files in {folder} are more than {LARGEST} bytes")
            found[relative.as_posix()] = path.read_bytes()
    return found


def in_directory(directory: Path) -> dict[str, dict[str, bytes] | Exception]:
    """The deployments of a user's directory: folders with a wrapper, and YAML files; or why one cannot be read."""
    found: dict[str, dict[str, bytes] | Exception] = {}
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):
            continue
        try:
            if path.is_dir() and (path / MODULE).is_file():
                found[path.name] = read_folder(path)
            elif path.is_file() and path.suffix in YAML:
                found[path.stem] = {path.name: path.read_bytes()}
        except (OSError, UnprocessableEntity) as error:
            found[path.name] = error
    return found


def imports(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Slow packages that the files mention, which are best imported before their process is forked."""
    text = b"\n".join(data for name, data in files.items() if name.endswith((".py", *YAML)))
    slow = [name for name in ("haystack", "hayhooks", "numpy", "openai") if name.encode() in text]
    engine = ["dtlpipe.hosting.yaml_pipelines"] if any(name.endswith(YAML) for name in files) else []
    return (*slow, *engine)
