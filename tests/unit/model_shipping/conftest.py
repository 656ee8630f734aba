"""What the tests of shipping share: functions by kind, and a process elsewhere that knows none of them."""

import functools
import importlib.util
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def load(path: Path, name: str):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def kinds():
    module = load(HERE / "kinds.py", "kinds_of_functions")
    yield module
    del sys.modules["kinds_of_functions"]


ELSEWHERE = """
    import asyncio, base64, inspect, json, sys, types, traceback

    dtlpy = types.ModuleType("dtlpy")
    dtlpy.BaseServiceRunner = type("BaseServiceRunner", (), {})
    sys.modules["dtlpy"] = dtlpy

    def finish(value):
        return asyncio.run(value) if inspect.iscoroutine(value) else value

    def run(how, package, argument):
        if how == "pickle":
            import cloudpickle
            return finish(cloudpickle.loads(base64.b64decode(package["pickle"]))(argument))
        module = sys.modules["shipped"] = types.ModuleType("shipped")
        exec(compile(package["code"], "<shipped>", "exec"), module.__dict__)
        return finish(getattr(module.ServiceRunner(), package["name"])(argument))

    answers = []
    for job in json.load(sys.stdin):
        try:
            answers.append({"value": run(*job)})
        except BaseException:
            answers.append({"error": traceback.format_exc()})
    print(json.dumps(answers))
"""


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory):
    """Runs `[(how, package, argument), ...]` in another process, in another folder; gives values, or raises."""
    folder = tmp_path_factory.mktemp("elsewhere")
    root = HERE.parents[2]

    def run(jobs):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(ELSEWHERE)],
            input=json.dumps(jobs),
            capture_output=True,
            text=True,
            cwd=folder,
            env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
            check=True,
        )
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def functions_by_kind(kinds):
    """Every kind with its name: the function, and what it gives for 4."""
    adds, calls, indented_deeply, counts = kinds.closures()
    counter = kinds.Counter(20)
    return {
        "a plain function": (kinds.plain, 5),
        "defaults that name constants": (kinds.with_defaults, 14),
        "module constants": (kinds.uses_globals, [4, 3, [1, 2.5, None, True], "y", True]),
        "modules, also under other names and with submodules": (kinds.uses_modules, ["4", "a/4", "a"]),
        "names imported from modules": (kinds.uses_names, [4, 4, 1]),
        "patterns, loggers and paths": (kinds.uses_objects, [["4"], "/data/4"]),
        "helpers of the same module": (kinds.calls_helpers, 16),
        "the module's own classes": (kinds.uses_classes, [8, 6, "RED", 2, 4]),
        "a function that calls itself": (kinds.recursive, 24),
        "functions that call each other": (kinds.even, True),
        "imports inside": (kinds.imports_inside, "4/3"),
        "strings over many lines": (kinds.multiline, "first\n        second\n  third 4"),
        "comprehensions": (kinds.comprehends, 19),
        "an async function": (kinds.asynchronous, 20),
        "a decorator that wraps": (kinds.decorated, 15),
        "a decorator that does not say what it wraps": (kinds.decorated_barely, 105),
        "a cached function": (kinds.cached, 44),
        "annotations that need names": (kinds.annotated, 8),
        "names that classes would mangle": (kinds.mangled, 4),
        "a global that is assigned": (kinds.writes_global, 7),
        "two statements on one line": (kinds.with_two_statements, 12),
        "a lambda": (kinds.one, 5),
        "a second lambda of a line": (kinds.two, 7),
        "a lambda within a lambda": (kinds.nested_lambda, 7),
        "a closure over data": (adds, 16),
        "a closure over a function": (calls, 32),
        "a nested function with strings at the margin": (indented_deeply, "\n    kept\n14"),
        "a static method": (kinds.Counter.negate, -4),
        # no source does the same; the pickle does
        "a closure that assigns to the outer function": (counts, 4),
        "a method of an object": (counter.add, 24),
        "a class method": (kinds.Counter.name_of, "Counter 4"),
        "an object that can be called": (counter, 80),
        "a partial function": (functools.partial(kinds.with_defaults, scale=10), 70),
        "a builtin": (abs, 4),
    }


@pytest.fixture(scope="session")
def without_source():
    """The kinds that only a pickle can hold."""
    return [
        "a closure that assigns to the outer function",
        "a method of an object",
        "a class method",
        "an object that can be called",
        "a partial function",
        "a builtin",
    ]
