"""Code that was pushed as a codebase: from a package's zip to what a worker can load, at the revision of its service.

A codebase is an item, and an item's bytes never change under their hash: so the source made of one is kept by it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, NotFound
from mock_server.executors.base import Code
from mock_server.store.base import Kind

if TYPE_CHECKING:
    from mock_server.store.base import Reads, Store

#: Bytes of the largest codebase that is sent to workers.
LARGEST = 64 << 20
ENTRY_POINT = "main.py"
CLASS_NAME = "ServiceRunner"
#: A service that names no revision of its package, or this one, runs the newest.
LATEST = "latest"

_SOURCE = """\
from dtlpipe.runtime import archives

globals().update(archives.entry({digest!r}, {entry!r}, {archive!r}))
"""


def at_revision(package: Mapping[str, Any], revision: Any) -> Mapping[str, Any]:
    """The package as it was at that version; as it is, if none is named or that one is not remembered."""
    if revision in (None, "", LATEST) or str(revision) == str(package.get("version")):
        return package
    earlier = package.get("_history") or ()
    return next((each for each in earlier if str(each.get("version")) == str(revision)), package)


def functions_of(package: Mapping[str, Any], module_name: Any) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Modules and their functions, those of the service's own module first."""
    modules = [each for each in package.get("modules") or () if isinstance(each, Mapping)]
    for module in sorted(modules, key=lambda each: each.get("name") != module_name):
        for function in module.get("functions") or ():
            yield module, function


def packaged_code(
    store: Store, service: Mapping[str, Any], package: Mapping[str, Any], function_name: str, init: Mapping[str, Any]
) -> Code:
    """The code of a function of a pushed package. Raises NotFound, BadRequest, saying what is missing of it."""
    what = f"package {package.get('name')!r} of service {service.get('name')!r}"
    module = next(
        (
            each
            for each, function in functions_of(package, service.get("moduleName"))
            if function["name"] == function_name
        ),
        {},
    )
    entry = str(module.get("entryPoint") or ENTRY_POINT)
    class_name = str(module.get("className") or CLASS_NAME)
    digest = _digest(store, package, what)
    path = store.blobs.path(digest)
    if path.stat().st_size > LARGEST:
        raise BadRequest(f"{what} has a codebase of more than {LARGEST >> 20} MiB", hint="leave data out of it")
    parts = [digest, entry, class_name, function_name, dict(init)]
    return Code(
        hash=hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest(),
        function_name=function_name,
        source=_source(str(path), digest, entry),
        class_name=class_name,
        name=package.get("name"),
        init_inputs=dict(init),
    )


def _digest(reads: Reads, package: Mapping[str, Any], what: str) -> str:
    codebase = package.get("codebase")
    if not isinstance(codebase, Mapping):
        raise NotFound(f"{what} has no code on this platform", hint="packages.push(src_path=...) brings it")
    kind = codebase.get("type", "item")
    if kind != "item":
        raise NotFound(f"{what} has a codebase of type {kind!r}", hint="this platform runs codebases of type 'item'")
    item_id = codebase.get("itemId") or codebase.get("item_id") or ""
    item = reads.get(Kind.ITEM, str(item_id), private=True)
    if item is None or not item.get("_blob"):
        raise NotFound(f"{what} has its code in item {item_id!r}, which is gone", hint="push the package again")
    return str(item["_blob"])


@lru_cache(maxsize=8)
def _source(path: str, digest: str, entry: str) -> str:
    archive = base64.b64encode(Path(path).read_bytes()).decode("ascii")
    return _SOURCE.format(digest=digest, entry=entry, archive=archive)
