"""A light module under the name `dtlpy`, for node code that says `import dtlpy as dl`.

Law: names that dtlpipe has are dtlpipe's; names it lacks are the real dtlpy's where that is installed (imported then,
not before: it takes seconds); names that neither has are refused with a word on what to do. Modules of the real dtlpy
see the real one, whoever else looks at the shim.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
import types
from collections.abc import Sequence
from typing import Any, Final

from dtlpipe.runtime import service

_OURS: Final = {
    "BaseServiceRunner": service.BaseServiceRunner,
    "Context": service.Context,
    "Progress": service.Progress,
}
_lock: Final = threading.RLock()
_state: Final[dict[str, Any]] = {"real": None, "spec": None, "looked": False}


class Shim(types.ModuleType):
    """What stands in `sys.modules["dtlpy"]`."""

    def __init__(self) -> None:
        super().__init__("dtlpy", "dtlpipe, under the name that node code written for dtlpy imports.")
        self.__path__ = []  # lets `import dtlpy.x` come to Submodules below

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        real = _state["real"]
        if real is not None and _asked_by_dtlpy():
            return getattr(real, name)
        found = _ours(name)
        if found is not _MISSING:
            return found
        real = load_real()
        if real is not None and hasattr(real, name):
            return getattr(real, name)
        raise AttributeError(_no_such(f"dl.{name}", installed=real is not None))

    def __setattr__(self, name: str, value: Any) -> None:
        """Takes patches; not the submodules that imports leave on their package: `dl.services` is no module here."""
        if not isinstance(value, types.ModuleType):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*_OURS, *dir(importlib.import_module("dtlpipe"))})


_MISSING: Final = object()
_OUR_MODULES: Final = frozenset({"dtlpy.exceptions"})
"""Modules that are dtlpipe's, whatever is installed: what is raised here must be what is caught."""


def _ours(name: str) -> Any:
    if name in _OURS:
        return _OURS[name]
    return getattr(importlib.import_module("dtlpipe"), name, _MISSING)


def _asked_by_dtlpy() -> bool:
    asker = sys._getframe(2).f_globals.get("__name__", "")  # noqa: SLF001 - the caller decides whose name it means
    return isinstance(asker, str) and (asker == "dtlpy" or asker.startswith("dtlpy."))


def _no_such(name: str, *, installed: bool) -> str:
    if installed:
        return f"Neither dtlpipe nor the installed dtlpy has {name}. Check the name."
    return (
        f"dtlpipe, which stands in for dtlpy here, has no {name}, and dtlpy itself is not installed. "
        f"Install dtlpy in the platform's environment, or use what dtlpipe offers."
    )


def load_real() -> types.ModuleType | None:
    """The real dtlpy, imported on the first call; None where it is not installed."""
    with _lock:
        if _state["real"] is None and _real_spec() is not None:
            shim = sys.modules.pop("dtlpy", None)
            try:
                _state["real"] = importlib.import_module("dtlpy")
            finally:
                if shim is not None:
                    sys.modules["dtlpy"] = shim
                    sys.modules.update({name: _ours(name.removeprefix("dtlpy.")) for name in _OUR_MODULES})
        real: types.ModuleType | None = _state["real"]
        return real


def _real_spec() -> importlib.machinery.ModuleSpec | None:
    if not _state["looked"]:
        _state["spec"] = importlib.machinery.PathFinder.find_spec("dtlpy")
        _state["looked"] = True
    spec: importlib.machinery.ModuleSpec | None = _state["spec"]
    return spec


class Submodules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `dtlpy.<module>`: a few are dtlpipe's, the others the real dtlpy's if that is installed."""

    _spec: importlib.machinery.ModuleSpec | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not fullname.startswith("dtlpy.") or not isinstance(sys.modules.get("dtlpy"), Shim):
            return None  # while the real one is being imported, its modules are found as usual
        if fullname in _OUR_MODULES:
            return importlib.machinery.ModuleSpec(fullname, self)
        real = load_real()
        if real is None:
            raise ModuleNotFoundError(_no_such(fullname, installed=False), name=fullname)
        if fullname in sys.modules:
            return importlib.machinery.ModuleSpec(fullname, self)
        return importlib.machinery.PathFinder.find_spec(fullname, real.__path__)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        found = sys.modules.get(spec.name)
        module: types.ModuleType = found if found is not None else _ours(spec.name.removeprefix("dtlpy."))
        self._spec = module.__spec__
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """The module has run already; only its own spec, which the import system replaced, is put back."""
        module.__spec__ = self._spec


def install() -> None:
    """Put the shim in place of dtlpy in this process, unless the real one is imported already."""
    if "dtlpy" not in sys.modules:
        sys.modules["dtlpy"] = Shim()
        sys.meta_path.insert(0, Submodules())
