"""Laws about the text of the source: length, names, docstrings, what must not be mentioned.

Each test asserts an empty list of offenders, so a failure names every file that it is about.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.meta.tree import PRODUCT, PYTHON, ROOT, docstring, lines, modules, name_of, syntax

A_REASON = re.compile(r"longer than 400 lines because \w+", re.IGNORECASE)
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "shared"}
TEXTS = (".py", ".md", ".cfg", ".toml", ".js", ".css", ".html", ".in", ".ini", ".mako")
# Where somebody's checkout lies is nobody else's business. The pattern does not match its own text.
HOST_PATHS = re.compile(r"(?<![\w.:/~-])/(?:work|home|root|Users|workspace)/(?=[\w.-])")


def length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_a_file_over_400_lines_names_its_reason():
    """Its docstring must say 'Longer than 400 lines because ...'."""
    long = (path for path in modules(*PYTHON) if length(path) > 400)
    assert (
        lines(f"{name_of(path)}: {length(path)} lines" for path in long if not A_REASON.search(docstring(path))) == ""
    )


def test_no_file_is_over_600_lines():
    assert lines(f"{name_of(path)}: {length(path)} lines" for path in modules(*PYTHON) if length(path) > 600) == ""


def test_no_module_is_a_drawer_for_odds_and_ends():
    found = [path for path in modules(*PYTHON) if path.stem in DRAWERS or path.stem.startswith("base_")]
    assert lines(name_of(path) for path in found) == ""


def test_every_module_states_its_one_idea():
    assert lines(name_of(path) for path in modules(*PRODUCT) if len(docstring(path).split()) < 4) == ""


def test_every_package_states_what_belongs_there_and_what_it_may_know():
    packages = (path for path in modules(*PRODUCT) if path.name == "__init__.py")
    assert lines(name_of(path) for path in packages if len(docstring(path).split()) < 12) == ""


def test_every_folder_with_modules_is_a_package():
    """Else setuptools would leave it out of the wheel."""
    folders = {path.parent for path in modules(*PRODUCT) if "migrations" not in path.parts}
    assert lines(name_of(folder) for folder in folders if not (folder / "__init__.py").exists()) == ""


def documents() -> Iterator[Path]:
    for folder in (*PYTHON, "docs", ".ci"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS or path.name == "run")
    yield from (path for path in ROOT.iterdir() if path.suffix in TEXTS or path.name == "Makefile")


def test_no_file_mentions_a_path_of_the_machine_it_was_written_on():
    texts = {path: path.read_text(encoding="utf-8") for path in documents() if path.is_file()}
    found = [(path, match, text) for path, text in texts.items() for match in HOST_PATHS.finditer(text)]
    assert lines(f"{name_of(path)}:{text.count(chr(10), 0, match.start()) + 1}" for path, match, text in found) == ""


@pytest.mark.parametrize("text", ["see {}home/ann/x.py", "cd {}work/tree", '"{}root/.cache"', "({}Users/bob/repo)"])
def test_a_path_of_a_machine_is_recognised(text: str):
    assert HOST_PATHS.search(text.format("/"))


@pytest.mark.parametrize(
    "text", ["GET /api/v1/home/x", "http://host/work/1", "tests/home/x", "/homework/1", "~/work/x"]
)
def test_other_slashes_are_left_in_peace(text: str):
    assert not HOST_PATHS.search(text)


def names_of_tests(path: Path) -> Iterator[str]:
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


def test_the_name_of_every_test_is_a_sentence():
    """Say what happens, not what is called."""
    files = (path for path in modules("tests") if path.name.startswith("test_"))
    short = [(path, name) for path in files for name in names_of_tests(path) if len(name.split("_")) < 4]
    assert lines(f"{name_of(path)}: {name}" for path, name in short) == ""
