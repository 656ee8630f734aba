"""The methods that attrs writes for classes, compiled once and kept, as Python keeps the bytecode of modules.

attrs writes the methods of a class as source and compiles it whenever the class is made, which is at each import: two
hundred classes take a tenth of a platform's start, and of a command. What has been compiled here is kept in the folder
of this package's bytecode, under the whole source that it was made of, so that it can never be that of another.

Only programs of ours ask for this. Where Python keeps no bytecode, or may not, nothing is kept.
"""

from __future__ import annotations

import atexit
import contextlib
import marshal
import os
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType
from typing import Any, Final

_NAME: Final = f"attrs.{sys.implementation.cache_tag}.kept"
_LARGEST: Final = 8 << 20
"""Bytes; classes that are no more are forgotten, with all others, once there are so many."""


class Kept:
    """Compiles what it has not compiled before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _read(path)
        self._new: dict[tuple[str, str], bytes] = {}

    def compile(self, source: str, filename: str, mode: str, *more: Any, **options: Any) -> Any:
        """As the builtin, which it stands before."""
        # A __hash__ has a number in it that is another one in each process.
        if mode != "exec" or more or options or "def __hash__" in source:
            return compile(source, filename, mode, *more, **options)
        key = (filename, source)
        kept = self._known.get(key)
        if kept is not None:
            return marshal.loads(kept)  # noqa: S302 - as Python does with bytecode, from the same folder
        made: CodeType = compile(source, filename, mode, dont_inherit=True)
        self._known[key] = self._new[key] = marshal.dumps(made)
        return made

    def save(self) -> None:
        """Write what is new, beside what others have written meanwhile. Raises nothing: it is a convenience."""
        if not self._new or sys.dont_write_bytecode:
            return
        new, self._new = self._new, {}
        data = MAGIC_NUMBER + marshal.dumps(_read(self._path) | new)
        if len(data) > _LARGEST:
            data = MAGIC_NUMBER + marshal.dumps(new)
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):  # a folder that is not ours to write
            self._path.parent.mkdir(exist_ok=True)
            temporary.write_bytes(data)
            temporary.replace(self._path)


_in_use: list[Kept] = []


def keep_attrs_code() -> None:
    """From now on, in this process. To be called before classes are made, by the program that the process is for."""
    import attr._make

    if not _in_use:
        _in_use.append(Kept(Path(cache_from_source(__file__)).with_name(_NAME)))
        attr._make.__dict__["compile"] = _in_use[0].compile  # a name of its module goes before the builtin one
        atexit.register(settle)


def settle() -> None:
    """The classes are made: write down what was new, and let go of the rest. Nothing happens where nothing is kept."""
    import attr._make

    while _in_use:
        attr._make.__dict__.pop("compile", None)
        _in_use.pop().save()


def _read(path: Path) -> dict[tuple[str, str], bytes]:
    """What is kept; nothing, if it is of another Python or cannot be read."""
    try:
        data = path.read_bytes()
        if data.startswith(MAGIC_NUMBER):
            found: dict[tuple[str, str], bytes] = marshal.loads(memoryview(data)[len(MAGIC_NUMBER) :])  # noqa: S302
            return found
    except (OSError, ValueError, EOFError, TypeError):
        pass
    return {}
