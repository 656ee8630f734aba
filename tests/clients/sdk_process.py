"""Runs test functions with one SDK, in a process of its own: `python sdk_process.py dtlpy|dtlpipe`.

The field's SDK takes seconds to import and keeps global state, so it lives here and not in the process of the tests.
Each line on standard input names a function, `{"id", "file", "function", "arguments"}`; each line of the answer says
how it went, `{"id", "failure", "called"}`, on what was standard output when this process began. What functions print
goes elsewhere. `called` is what of the SDK's repositories came to a good end meanwhile, if that is asked for.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import io
import json
import os
import sys
import tempfile
import traceback
import uuid
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

RECORD = "RECORD_DTLPY_CALLS"


class Given:
    """What a function can ask for by the name of a parameter; each is made when it is first asked for."""

    def __init__(self, dl: ModuleType, said: io.StringIO) -> None:
        self.dl = dl
        self.said = said

    @cached_property
    def project(self) -> Any:
        return self.dl.projects.create(project_name=f"project-{uuid.uuid4().hex}")

    @cached_property
    def dataset(self) -> Any:
        return self.project.datasets.create(dataset_name="data")

    @cached_property
    def item(self) -> Any:
        return self.dataset.items.upload(local_path=b"some bytes", remote_name="one.txt", remote_path="/in")

    @cached_property
    def folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=Path.cwd()))


def loaded(file: str, modules: dict[str, ModuleType]) -> ModuleType:
    if file not in modules:
        name = f"in_sdk_process.{Path(file).stem}"
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        modules[file] = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(modules[file])
    return modules[file]


def run(function: Callable[..., None], arguments: dict[str, Any], dl: ModuleType) -> str | None:
    """Calls the function; tells what it raised, with the values of the names in it."""
    said = io.StringIO()
    given = Given(dl, said)
    try:
        with redirect_stdout(said):
            wanted = inspect.signature(function).parameters
            function(**{name: arguments[name] if name in arguments else getattr(given, name) for name in wanted})
    except BaseException as error:
        return told(error) + f"\n--- printed ---\n{said.getvalue()[-4000:]}"
    return None


def told(error: BaseException) -> str:
    exception = traceback.TracebackException.from_exception(error, capture_locals=True)
    here = Path(__file__).name
    exception.stack = traceback.StackSummary.from_list([each for each in exception.stack if here not in each.filename])
    for frame in exception.stack:
        shown = frame.locals if Path(frame.filename).parent == Path(__file__).parent else None
        frame.locals = {name: value[:400] for name, value in shown.items()} if shown else None
    return "".join(exception.format())


def main(sdk: str) -> None:
    """Answers line by line until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    dl = importlib.import_module(sdk)
    modules: dict[str, ModuleType] = {}
    called = recorded() if os.environ.get(RECORD) and sdk == "dtlpy" else set()
    for line in sys.stdin:
        asked = json.loads(line)
        function = getattr(loaded(asked["file"], modules), asked["function"])
        called.clear()
        failure = run(function, asked["arguments"], dl)
        answers.write(json.dumps({"id": asked["id"], "failure": failure, "called": sorted(called)}) + "\n")


def recorded() -> set[str]:
    """Has each method of the SDK's repositories put its name there when it returns."""
    from tests.clients.dtlpy_methods import repositories

    called: set[str] = set()

    def noted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            called.add(name)
            return result

        return wrapper

    for cls, methods in repositories():
        for name in methods:
            method = vars(cls)[name]
            plain = isinstance(method, staticmethod)
            wrapped = noted(f"{cls.__name__}.{name}", method.__func__ if plain else method)
            setattr(cls, name, staticmethod(wrapped) if plain else wrapped)
    return called


if __name__ == "__main__":
    main(sys.argv[1])
