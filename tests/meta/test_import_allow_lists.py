"""Laws about imports that name what is allowed; import-linter can only name what is forbidden."""

from __future__ import annotations

import ast
import configparser
import functools
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.meta.tree import ROOT, imports, lines, modules, name_of, syntax, within

STDLIB = sys.stdlib_module_names


def foreign(path: Path, *allowed: str) -> list[str]:
    """Imports of a file that are neither the standard library nor in the allowed packages."""
    return [
        f"{name_of(path)}:{line} imports {module}"
        for module, line in imports(path)
        if module.partition(".")[0] not in STDLIB and not within(module, *allowed)
    ]


def test_the_engine_imports_the_standard_library_and_attrs_and_its_errors_alone():
    allowed = ("attr", "attrs", "dtlpipe.graph", "dtlpipe.errors")
    assert lines(crime for path in modules("dtlpipe/graph") for crime in foreign(path, *allowed)) == ""


def test_the_wire_framing_of_workers_imports_the_standard_library_alone():
    assert lines(foreign(ROOT / "dtlpipe/runtime/protocol.py")) == ""


FRAMEWORKS = ("flask", "httpx", "requests", "pydantic", "sqlalchemy", "cloudpickle", "asyncio")


def loaded_after(statement: str, names: tuple[str, ...]) -> set[str]:
    """Which of these modules a fresh interpreter has loaded after the statement."""
    probe = f"import sys; {statement}; print(*(name for name in {names!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_engine_loads_no_framework():
    frameworks = tuple(name for name in FRAMEWORKS if name != "asyncio")
    assert loaded_after("import dtlpipe.graph", frameworks) == set()


def test_importing_dtlpipe_loads_nothing_heavy():
    assert loaded_after("import dtlpipe", FRAMEWORKS) == set()


PROCESS_VERBS = re.compile(r"^(fork|forkpty|posix_spawnp?|exec[lv]p?e?|spawn[lv]p?e?|system|popen|kill|killpg)$")


def process_verbs(path: Path) -> list[str]:
    """Where a file starts, signals or ends processes through `os`; `os.kill(pid, 0)` only asks whether one lives."""
    tree = syntax(path)
    asking = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and len(node.args) == 2
        if isinstance(node.args[1], ast.Constant) and node.args[1].value == 0
    }
    return [
        f"{name_of(path)}:{node.lineno} uses os.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
        if PROCESS_VERBS.match(node.attr) and id(node) not in asking
    ]


def test_only_executors_start_or_signal_or_end_processes():
    outside = (path for path in modules("mock_server") if not name_of(path).startswith("mock_server/executors/"))
    assert lines(crime for path in outside for crime in process_verbs(path)) == ""


def test_asking_whether_a_process_lives_is_not_ending_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    module = tmp_path / "module.py"
    module.write_text("import os\nos.kill(1, 0)\nos.kill(1, 9)\nos.fork()\n")
    monkeypatch.setattr("tests.meta.tree.ROOT", tmp_path)
    assert process_verbs(module) == ["module.py:3 uses os.kill", "module.py:4 uses os.fork"]


def requirements() -> dict[str, set[str]]:
    """Distributions that setup.cfg asks for: `sdk` for a plain install, then extra by extra."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lists = {"sdk": config["options"]["install_requires"], **config["options.extras_require"]}
    named = re.compile(r"^\s*([A-Za-z0-9_.-]+)", re.MULTILINE)
    return {extra: {normal(name) for name in named.findall(text)} for extra, text in lists.items()}


# Libraries that are part of a declared one, as its own documentation uses them.
PART_OF = {"pydantic_core": "pydantic", "werkzeug": "flask", "urllib3": "requests"}


@functools.cache
def distributions(module: str) -> frozenset[str]:
    """Distributions that provide a top-level module; its own name if none is installed."""
    return frozenset(normal(name) for name in KNOWN.get(module, [module])) | {PART_OF.get(module, module)}


KNOWN = packages_distributions()


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def undeclared(path: Path) -> list[str]:
    """Imports of a file that no requirement of its part of the product answers for."""
    declared, ours = requirements(), name_of(path)
    allowed = set(declared["sdk"])
    if ours.startswith("mock_server/"):
        allowed |= {name for extra in declared.keys() - {"sdk", "dev", "tracing"} for name in declared[extra]}
    if ours.startswith("dtlpipe/integrations/"):  # each is for an extra, or for what the user has installed anyway
        allowed |= {*declared["tracing"], "haystack-ai"}
    if ours.startswith(("dtlpipe/testing", "mock_server/testing")):
        allowed.add("pytest")
    if ours.startswith("mock_server/store/conformance/"):  # a suite for the authors of stores, who run it with these
        allowed |= {"pytest", "hypothesis"}
    return [
        f"{ours}:{line} imports {module}"
        for module, line in imports(path)
        if (top := module.partition(".")[0]) not in STDLIB | {"dtlpipe", "mock_server"}
        if not allowed & distributions(top)
    ]


def test_every_library_that_is_imported_is_a_declared_requirement():
    assert lines(crime for path in modules("dtlpipe", "mock_server") for crime in undeclared(path)) == ""
