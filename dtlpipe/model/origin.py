"""Where a module comes from: installed, and so found wherever the same packages are, or the user's own.

Law: what is installed travels by name, what is the user's own travels by value. "Installed" means the standard library,
site-packages, and the SDKs themselves, even while those are run from a checkout.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

#: Top-level packages that every worker has, wherever they were imported from here.
SDKS: Final = frozenset({"dtlpipe", "dtlpy", "mock_server"})


def is_installed(name: str) -> bool:
    """Whether the module of this dotted name is found by name in another process with the same packages."""
    root = name.partition(".")[0]
    if root in SDKS or root in sys.stdlib_module_names:
        return True
    if root in {"__main__", "__mp_main__"}:
        return False
    places = _places(sys.modules.get(name)) or _places(sys.modules.get(root))
    return any(_is_library(place) for place in places)


def own_modules() -> list[ModuleType]:
    """The imported modules that are the user's own, `__main__` aside."""
    found = []
    for name, module in list(sys.modules.items()):
        if name in {"__main__", "__mp_main__"} or getattr(module, "__name__", None) != name:  # None blocks an import
            continue
        if _places(module) and not is_installed(name):
            found.append(module)
    return found


def requirements(modules: Iterable[str]) -> list[str]:
    """The distributions that hold these modules, as `name==version`, sorted; not the SDKs."""
    roots = {name.partition(".")[0] for name in modules} - SDKS - set(sys.stdlib_module_names)
    if not roots:
        return []
    found = {f"{name}=={version}" for root in roots for name, version in _distributions_of(root)}
    return sorted(found)


@cache
def _distributions_of(root: str) -> list[tuple[str, str]]:
    """The distributions that hold a top-level module. Mostly it has their name, and looking through all takes long."""
    from importlib import metadata

    try:
        distribution = metadata.distribution(root)
        if root in (distribution.read_text("top_level.txt") or root).split():
            return [(distribution.name, distribution.version)]
    except metadata.PackageNotFoundError:
        pass
    return [(name, metadata.version(name)) for name in _distributions().get(root, ())]


@cache
def _distributions() -> dict[str, list[str]]:
    from importlib import metadata

    return {root: sorted(set(names)) for root, names in metadata.packages_distributions().items()}


def _places(module: ModuleType | None) -> list[str]:
    """The files or folders that a module was read from; nothing for modules that were made in memory."""
    if module is None:
        return []
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return [file]
    try:
        return [str(each) for each in module.__path__]
    except (AttributeError, TypeError, KeyError):  # a namespace package whose parent is gone raises KeyError
        return []


@cache
def _is_library(place: str) -> bool:
    path = Path(place)
    if {"site-packages", "dist-packages"} & set(path.parts):
        return True
    resolved = path.resolve()
    return any(resolved.is_relative_to(folder) for folder in _library_folders())


@cache
def _library_folders() -> tuple[Path, ...]:
    return tuple({Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib")})
