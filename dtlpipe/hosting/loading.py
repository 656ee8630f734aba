"""From a folder to a wrapper's class; what goes wrong is told with file, line and reason.

Law: nothing is left half loaded: the process ends with its deployment, so a failed one is a process that has ended.
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from dtlpipe.hosting.wrappers import BASE, own_methods

MODULE: Final = "pipeline_wrapper.py"
CLASS: Final = "PipelineWrapper"

_NUMBERS: Final = itertools.count(1)


class LoadError(Exception):
    """A deployment that cannot be served. `file` is relative to the deployment's folder."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, trace: str = "") -> None:
        super().__init__(message)
        self.message, self.file, self.line, self.trace = message, file, line, trace

    def to_wire(self) -> dict[str, Any]:
        """As the platform is told."""
        return {"message": self.message, "file": self.file, "line": self.line, "traceback": self.trace}


def failure(what: str, error: BaseException, folder: Path) -> LoadError:
    """The LoadError for what the user's code raised, at the innermost place in its own files."""
    if isinstance(error, LoadError):
        return error
    file, line = _place(error, folder)
    where = f" ({file}, line {line})" if file is not None else ""
    said = error.msg if isinstance(error, SyntaxError) else str(error)  # whose text has the place, too
    named = f"{type(error).__name__}: {said}" if said else type(error).__name__
    trace = "".join(traceback.format_exception(error))
    return LoadError(f"{what}: {named}{where}", file=file, line=line, trace=trace)


def _place(error: BaseException, folder: Path) -> tuple[str | None, int | None]:
    if isinstance(error, SyntaxError) and error.filename:
        return _relative(error.filename, folder) or error.filename, error.lineno
    found: tuple[str | None, int | None] = (None, None)
    for frame in traceback.extract_tb(error.__traceback__):
        inside = _relative(frame.filename, folder)
        if inside is not None:
            found = inside, frame.lineno
    return found


def _relative(file: str, folder: Path) -> str | None:
    path = Path(file)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else None


def load_class(name: str, folder: Path) -> type:
    """The wrapper's class of the deployment `name` in this folder. Raises LoadError."""
    path = folder / MODULE
    if not path.exists():
        raise LoadError(f"Required file '{MODULE}' not found in the files of '{name}'", file=MODULE)
    module = _import(name, path, folder)
    kind = _find(module)
    if kind is None:
        raise LoadError(
            f"Module '{name}' does not define a '{CLASS}' class ({MODULE}); write "
            f"`class {CLASS}({BASE}):` with a setup() and a run method",
            file=MODULE,
        )
    own = own_methods(kind)
    if not any(own.values()):
        raise LoadError(
            f"Pipeline wrapper '{name}' implements no run method ({MODULE}): at least one of run_api, "
            "run_chat_completion, run_response, or one of their _async twins, is needed",
            file=MODULE,
        )
    return kind


def _import(name: str, path: Path, folder: Path) -> ModuleType:
    """The module, imported as a package of the deployment's name, so that `from .other import x` finds its files."""
    taken = name in sys.modules or name in sys.stdlib_module_names
    package = f"deployment_{next(_NUMBERS)}_{name}" if taken else name
    for entry in (str(folder.parent), str(folder)):
        if entry not in sys.path:
            sys.path.append(entry)
    spec = importlib.util.spec_from_file_location(package, path, submodule_search_locations=[str(folder)])
    if spec is None or spec.loader is None:
        raise LoadError(f"Failed to load pipeline module '{name}': {MODULE} is no module", file=MODULE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[package] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise failure(f"Failed to load pipeline module '{name}' - {_reason(error)}", error, folder) from error
    return module


def _reason(error: BaseException) -> str:
    return "its code raised" if not isinstance(error, (SyntaxError, ImportError)) else "it cannot be imported"


def _find(module: ModuleType) -> type | None:
    """The class of the right name, or else the only one that the module derives from the base class."""
    named = getattr(module, CLASS, None)
    if isinstance(named, type):
        return named
    derived = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and any(each.__name__ == BASE for each in value.__mro__[1:])
    ]
    return derived[0] if len(derived) == 1 else None
