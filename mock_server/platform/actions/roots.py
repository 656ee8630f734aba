"""Code roots: folders on this machine whose modules have actions in them.

Law: the platform looks, it never imports. Whether an entrypoint is there is read from the source: the module's file
exists, and has a class or function of that name (or imports one). Whether it then works shows where it is run.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import UnprocessableEntity
from mock_server.platform.documents import now
from mock_server.runners.action import ROOT_PREFIX, roots_in
from mock_server.store.base import Document, Kind, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


class CodeRoots:
    """The verbs."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def add(self, folder: str | Path) -> Document:
        """Registers a folder; runs that waited for its code begin. Raises UnprocessableEntity if there is none."""
        path = Path(folder).expanduser()
        if not path.is_absolute() or not path.is_dir():
            raise UnprocessableEntity(f"{str(folder)!r} is no folder on the platform's machine, by its whole path")
        path = path.resolve()
        at = now()
        digest = hashlib.sha256(str(path).encode()).hexdigest()[:32]
        document = {"id": f"{ROOT_PREFIX}{digest}", "path": str(path), "createdAt": at, "updatedAt": at}
        self._store.write(lambda tx: tx.put(Kind.SETTING, document))
        self._platform.actions.taking.begin_waiting()
        return _shown(document)

    def list(self) -> Sequence[Document]:
        """All of them, the oldest first."""
        return [_shown(each) for each in roots_in(self._store)]

    def remove(self, root_id: str) -> bool:
        """Takes one back: nothing new begins with its code. Says whether there was one."""

        def intent(tx: Tx) -> bool:
            return tx.delete(Kind.SETTING, f"{ROOT_PREFIX}{root_id}")

        return self._store.write(intent)

    def paths(self) -> Sequence[str]:
        """Where code is looked for, in order."""
        return [each["path"] for each in roots_in(self._store)]

    def unresolved(self, actions: Sequence[Mapping[str, Any]]) -> Sequence[int]:
        """The places of the actions whose code is not at hand: neither shipped with them nor in a root."""
        roots = self.paths()
        return [
            index
            for index, each in enumerate(actions)
            if not each.get("code") and not is_there(roots, each.get("entrypoint") or "")
        ]


def is_there(roots: Iterable[str], entrypoint: str) -> bool:
    """Whether `pkg.mod.Class` or `pkg.mod:Class` is in one of the folders."""
    module, _, name = entrypoint.replace(":", ".").rpartition(".")
    if not module or not all(part.isidentifier() for part in (*module.split("."), name)):
        return False
    for root in roots:
        base = Path(root, *module.split("."))
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            try:
                stamp = file.stat().st_mtime_ns
            except OSError:
                continue
            if name in _names(str(file), stamp):
                return True
    return False


@lru_cache(maxsize=256)
def _names(file: str, stamp: int) -> frozenset[str]:
    """What a module's source binds at its top; everything, if that cannot be told: its import will say why."""
    del stamp  # a file that was changed is read again
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return _Everything()
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.If | ast.Try):  # bound under a condition: whoever imports it will see
            found.update(each.name for each in ast.walk(node) if isinstance(each, ast.ClassDef | ast.FunctionDef))
    return _Everything() if "*" in found else frozenset(found)


class _Everything(frozenset[str]):
    """A set that has all names in it."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


def _shown(document: Mapping[str, Any]) -> Document:
    return {"id": document["id"].removeprefix(ROOT_PREFIX), "path": document["path"]}
