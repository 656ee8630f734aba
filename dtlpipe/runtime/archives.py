"""Packages of several files, as clients zip them: each in a world of its own, whatever its modules are called.

Law: what one archive imports by the name of one of its own files is that file, even if another archive that this worker
has loaded has a file of that name. Its modules live under a name made of the archive's hash, and find each other by an
`__import__` of their own; `importlib.import_module("<a file of it>")` is not served, `import` is.
"""

from __future__ import annotations

import atexit
import base64
import builtins
import importlib
import io
import shutil
import sys
import tempfile
import types
import zipfile
from collections.abc import Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path, PurePosixPath
from typing import Any, Final

PREFIX: Final = "dtlpipe_package_"
#: Bytes that an archive may have when it is unpacked.
LARGEST: Final = 1 << 30
#: The folder in which the executor's workers have theirs begins like this, and goes when the platform stops.
_WORK: Final = "dtlpipe-work-"


def entry(digest: str, entry_point: str, archive: str) -> dict[str, Any]:
    """What the archive's entry module defines, imported at the first call.

    Args:
        digest: the archive's sha256.
        entry_point: the module's file, relative to the archive's root, such as `main.py`.
        archive: the zip, in base64.

    Raises:
        ImportError: the archive has no such file, or is no archive; what the module itself raises.
    """
    root = f"{PREFIX}{digest}"
    if root not in sys.modules:
        _root(root, _unpacked(digest, archive))
    path = PurePosixPath(entry_point.replace("\\", "/"))
    if path.suffix != ".py" or path.is_absolute() or ".." in path.parts:
        raise ImportError(f"the entry point {entry_point!r} is no Python file within the package")
    name = ".".join(path.with_suffix("").parts)
    try:
        module = importlib.import_module(f"{root}.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or not f"{root}.{name}".startswith(error.name):
            raise
        found = ", ".join(sorted(each.name for each in Path(sys.modules[root].__path__[0]).iterdir())[:20]) or "nothing"
        raise ImportError(f"the package has no file {entry_point!r}; at its root there is: {found}") from None
    return {key: value for key, value in vars(module).items() if not key.startswith("__")}


def _unpacked(digest: str, archive: str) -> Path:
    """A folder with the archive's files; it goes with the worker, or with the platform."""
    beside = Path.cwd().parent
    if beside.name.startswith(_WORK):
        folder = Path(tempfile.mkdtemp(prefix=f"package-{digest[:16]}-", dir=beside))
    else:
        folder = Path(tempfile.mkdtemp(prefix=f"dtlpipe-package-{digest[:16]}-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(archive))) as file:
            if sum(each.file_size for each in file.infolist()) > LARGEST:
                raise ImportError(f"the package is larger than {LARGEST >> 20} MiB when it is unpacked")
            file.extractall(folder)  # it drops `..` and roots by itself
    except zipfile.BadZipFile as error:
        raise ImportError(f"the package is no zip archive: {error}") from None
    return folder


def _root(name: str, folder: Path) -> None:
    """The package whose modules are the archive's files."""
    if not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    module = types.ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module


class _Finder:
    """Finds modules of archives, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        del target
        if not fullname.startswith(PREFIX):
            return None
        for each in path or ():
            finder = FileFinder(each, (_Loader, [".py"]), (ExtensionFileLoader, EXTENSION_SUFFIXES))
            spec = finder.find_spec(fullname)
            if spec is not None:
                return spec
        return None


class _Loader(SourceFileLoader):
    """Gives a module the archive's own `__import__`, and so to everything that is compiled in it."""

    def exec_module(self, module: types.ModuleType) -> None:
        own = dict(vars(builtins))
        own["__import__"] = _Import(module.__name__.partition(".")[0])
        module.__dict__["__builtins__"] = own
        super().exec_module(module)


class _Import:
    """`__import__` that looks among the archive's files first."""

    def __init__(self, root: str) -> None:
        self._root = root
        folder = Path(sys.modules[root].__path__[0])
        self._names = {
            each.stem.partition(".")[0] for each in folder.iterdir() if each.is_dir() or each.suffix in (".py", ".so")
        }

    def __call__(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        top = name.partition(".")[0]
        if level or top not in self._names or not _is_importable(sys.modules[self._root].__path__[0], top):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        found = builtins.__import__(f"{self._root}.{name}", globals, locals, fromlist or (), 0)
        return found if fromlist else sys.modules[f"{self._root}.{top}"]


def _is_importable(folder: str, name: str) -> bool:
    """Folders without Python in them (`data`, `docs`) hide no module of that name."""
    path = Path(folder, name)
    return not path.is_dir() or any(path.glob("*.py")) or Path(folder, f"{name}.py").exists()
