"""Codebases: folders of code, as zips among a project's hidden items."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dtlpipe.errors import ConfigurationError, NotFound
from dtlpipe.sansio.effects import Blocking, Op, Request, Response, Upload

#: The hidden dataset that each project has.
BINARIES = "Binaries"
#: What no zip of code has in it.
_LEFT_OUT = frozenset({"__pycache__", ".git", ".venv", ".dataloop", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
#: Of each file within: the same folder gives the same bytes.
_MOMENT = (2020, 1, 1, 0, 0, 0)

#: A folder, or texts by file name.
Code = str | Path | Mapping[str, str]


def kept(project_id: str, name: str, code: Code) -> Op[dict[str, Any]]:
    """The operation that zips code and uploads it; what it gives is what a package says of its `codebase`.

    Raises:
        ConfigurationError: there is no such folder, or nothing in it.
        NotFound: the project has no place for code.
    """
    data = yield Blocking(zipped, code)
    binaries = yield from _binaries(project_id)
    folder = f"/codebases/{name}"
    address = f"/datasets/{quote(binaries, safe='')}"
    asked = {"filter": {"$and": [{"dir": folder}]}, "page": 0, "pageSize": 1, "resource": "items"}
    response: Response = yield Request("POST", f"{address}/query", json=asked, idempotent=True)
    file = f"{response.json()['totalItemsCount']}.zip"
    fields = [("type", "file"), ("path", f"{folder}/{file}")]
    response = yield Upload(
        f"{address}/items", source=data, filename=file, content_type="application/zip", fields=fields
    )
    return {"type": "item", "itemId": response.json()["id"]}


def _binaries(project_id: str) -> Op[str]:
    body = {
        "filter": {"$and": [{"name": BINARIES}]},
        "context": {"projects": [project_id]},
        "page": 0,
        "pageSize": 1,
        "resource": "datasets",
        "systemSpace": True,
    }
    response: Response = yield Request("POST", "/datasets/query", json=body, idempotent=True)
    found = response.json()["items"]
    if not found:
        raise NotFound(f"project {project_id} has no dataset {BINARIES!r} to keep code in")
    return str(found[0]["id"])


def zipped(code: Code) -> bytes:
    """The zip. Reads files: call it through `Blocking`."""
    if isinstance(code, Mapping):
        files = {name: text.encode() for name, text in code.items()}
    else:
        folder = Path(code).expanduser()
        if not folder.is_dir():
            raise ConfigurationError(f"there is no folder {folder} to take code from")
        files = {
            each.relative_to(folder).as_posix(): each.read_bytes()
            for each in sorted(folder.rglob("*"))
            if each.is_file() and _LEFT_OUT.isdisjoint(each.relative_to(folder).parts)
        }
    if not files:
        raise ConfigurationError(f"there is no file in {code}")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()
