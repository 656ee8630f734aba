"""The repository as text and syntax, for tests about the source itself."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
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


@functools.cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, at its top or late, with the line.

    `from a.b import c` gives `a.b.c`: whether c is a module or a name in one, its prefix tells what is touched.
    """
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def within(module: str, *packages: str) -> bool:
    """Whether a dotted name is one of the packages or lies in one."""
    return any(module == package or module.startswith(package + ".") for package in packages)


def lines(offenders: Iterable[str]) -> str:
    """Offenders one a line, so that `== ""` fails with all of them in view."""
    return "\n".join(sorted(offenders))
