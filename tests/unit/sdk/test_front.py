"""`import dtlpipe as dl`: cheap, complete, and the same to a type checker as at run time."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import dtlpipe as dl
from dtlpipe import errors

SOURCE = Path(dl.__file__)


def fresh(code: str):
    """What code prints as JSON, in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=SOURCE.parents[1]
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_it_imports_nothing_else():
    added = fresh(
        "import sys, json; old = set(sys.modules); import dtlpipe; print(json.dumps(sorted(set(sys.modules) - old)))"
    )
    assert {name for name in added if not name.startswith("dtlpipe")} <= {"__future__"}


# httpx itself imports click and rich where they are installed
HEAVY = {"pydantic", "flask", "sqlalchemy", "mock_server", "numpy", "pandas", "cloudpickle", "dtlpy"}


def test_an_ordinary_call_imports_no_heavy_library():
    code = """
import json, sys
import dtlpipe as dl
def app(environ, start):
    start("200 OK", [("content-type", "application/json")])
    return [b'[{"id": "1", "name": "x"}]']
client = dl.Client(app=app)
assert client.projects.get("x").name == "x" and len(list(client.projects.list())) == 1
client.close()
dl.Filters("a", 1); dl.exceptions.NotFound; dl.PackageInputType.ITEM
print(json.dumps(sorted(sys.modules)))
"""
    loaded = set(fresh(code))
    assert loaded.isdisjoint(HEAVY)


def test_a_client_that_was_not_used_imports_no_http_library():
    code = (
        "import json, sys, dtlpipe as dl; dl.Client('http://127.0.0.1:1').projects; print(json.dumps([*sys.modules]))"
    )
    loaded = set(fresh(code))
    assert loaded.isdisjoint({"httpx", "requests", "pydantic", "mock_server", "asyncio", "ssl", "logging"})


@pytest.mark.parametrize("name", [name for name in dl.__all__ if name != "LocalPlatform"])
def test_every_name_is_there(name):
    assert getattr(dl, name) is not None
    assert name in dir(dl)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        dl.nonsense  # noqa: B018


def test_what_type_checkers_see_is_what_there_is():
    tree = ast.parse(SOURCE.read_text())
    seen = {}
    for block in tree.body:
        if isinstance(block, ast.If):
            for line in block.body:
                if isinstance(line, ast.ImportFrom):
                    seen |= {each.asname: line.module for each in line.names if each.asname}
                elif isinstance(line, ast.AnnAssign):
                    seen[line.target.id] = None
    assert set(seen) == set(dl.__all__)
    assert {name: module for name, module in seen.items() if module not in (None, "dtlpipe")} == dl._HOME


def test_without_the_platform_its_name_says_how_to_get_it(monkeypatch):
    monkeypatch.delitem(dl.__dict__, "LocalPlatform", raising=False)
    monkeypatch.setitem(sys.modules, "mock_server.testing", None)
    with pytest.raises(ImportError, match=r"pip install 'dtlpipe\[platform\]'"):
        dl.LocalPlatform  # noqa: B018


def test_the_local_platform_is_the_platform_s_own():
    from mock_server.testing import LocalPlatform

    assert dl.LocalPlatform is LocalPlatform


def test_exceptions_have_every_error_and_dtlpy_s_names():
    ours = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert ours <= set(dir(dl.exceptions))
    for name in (
        "BadRequest",
        "ExceptionMain",
        "FailedDependency",
        "NotFound",
        "PlatformException",
        "SDKError",
        "TokenExpired",
    ):
        assert issubclass(getattr(dl.exceptions, name), dl.exceptions.DtlpipeError)
    assert issubclass(dl.exceptions.PipelineNotFound, dl.exceptions.NotFound)


def test_old_names_of_enum_members_mean_what_they_mean_in_dtlpy():
    import dtlpy

    common = [name for name in dir(dtlpy) if name.startswith(tuple(dl._PREFIXES))]
    assert len(common) > 60
    for name in common:
        assert getattr(dl, name) == getattr(dtlpy, name).value, name
    assert dl.CommandsStatus is dl.CommandStatus
    with pytest.raises(AttributeError):
        dl.PACKAGE_INPUT_TYPE_NONSENSE  # noqa: B018


# CommandStatus has another name there; FiltersResource names parts of the cloud that nothing here speaks of
@pytest.mark.parametrize("enum", sorted(set(dl._PREFIXES.values()) - {"CommandStatus", "FiltersResource"}))
def test_enums_have_the_members_of_dtlpy_s(enum):
    import dtlpy

    theirs = {name: member.value for name, member in getattr(dtlpy, enum).__members__.items()}
    ours = {name: member.value for name, member in getattr(dl, enum).__members__.items()}
    missing = theirs.items() - ours.items()
    assert not missing


def test_names_and_arguments_are_those_of_dtlpy():
    """A script written for dtlpy passes the same arguments by the same names in the same places."""
    import inspect

    path = Path(importlib.util.find_spec("dtlpy").origin).parent
    theirs = {}
    for file, cls in (
        ("repositories/projects", "Projects"),
        ("repositories/datasets", "Datasets"),
        ("repositories/items", "Items"),
    ):
        for node in ast.parse((path / f"{file}.py").read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name == cls:
                for verb in node.body:
                    if isinstance(verb, ast.FunctionDef):
                        theirs[cls, verb.name] = [each.arg for each in verb.args.args]
    from dtlpipe.resources.datasets import Datasets
    from dtlpipe.resources.items import Items
    from dtlpipe.resources.projects import Projects

    leaves_out = {
        "checkout",
        "fetch",
        "log_error",
        "is_dir",
        "dataset",
        "labels",
        "attributes",
        "ontology_ids",
        "driver",
    }
    for cls in (Projects, Datasets, Items):
        for name in ("create", "get", "list", "update", "delete", "make_dir"):
            verb = getattr(cls, name, None)
            if verb is None:
                continue
            ours = [
                each.name
                for each in inspect.signature(verb).parameters.values()
                if each.kind is each.POSITIONAL_OR_KEYWORD
            ]
            wanted = [each for each in theirs[cls.__name__, name] if each not in leaves_out or each in ours]
            assert ours == wanted[: len(ours)], f"{cls.__name__}.{name}"
