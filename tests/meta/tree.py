"""The repository as text and syntax, for tests about the source itself."""

from __future__ import annotations

import ast
import functools
import gc
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("dtlpipe", "mock_server")
PYTHON = (*PRODUCT, "tests", "examples", "benchmarks", "tools")


def name_of(path: Path) -> str:
    """The path as people write it, for test ids."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def modules(*folders: str) -> tuple[Path, ...]:
    """All Python files below these folders of the repository."""
    return tuple(sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")))


def syntax(path: Path) -> ast.Module:
    """Not kept: the trees of all files would be gone through by each collection of garbage for the rest of the process.

    Nor is garbage looked for meanwhile: a tree has no cycles, and making one would set off several collections.
    """
    text = path.read_text(encoding="utf-8")
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text, filename=str(path))
    finally:
        if collecting:
            gc.enable()


@functools.cache
def docstring(path: Path) -> str:
    """A module's docstring as one line."""
    return " ".join((ast.get_docstring(syntax(path)) or "").split())


@functools.cache
def imports(path: Path) -> tuple[tuple[str, int], ...]:
    """Every module that a file imports, at its top or late, with the line.

    `from a.b import c` gives `a.b.c`: whether c is a module or a name in one, its prefix tells what is touched.
    """
    found: list[tuple[str, int]] = []
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            found += ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found += ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
    return tuple(found)


def within(module: str, *packages: str) -> bool:
    """Whether a dotted name is one of the packages or lies in one."""
    return any(module == package or module.startswith(package + ".") for package in packages)


def lines(offenders: Iterable[str]) -> str:
    """Offenders one a line, so that `== ""` fails with all of them in view."""
    return "\n".join(sorted(offenders))
