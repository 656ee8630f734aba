"""Clients against a platform, as their users meet it.

A test marked `sdks("dtlpy", "dtlpipe")` runs once for each SDK, in that SDK's own process, which knows the platform by
environment variables alone. There the test's parameters mean: `dl` the SDK, `project`, `dataset`, `item` new ones of
the test's own, `folder` an empty folder, `said` what was printed. Other tests run here, where `project`, `dataset` and
`item` are dtlpipe's.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mock_server.testing import LocalPlatform
from tests.clients.bare import Bare, World, definition, node

PROCESS = Path(__file__).with_name("sdk_process.py")
IN_PROCESS = ("dl", "project", "dataset", "item", "folder", "said")
PATIENCE = 50.0  # seconds that one test may take in there


class SdkProcess:
    """One SDK in one process, started when it is first needed."""

    def __init__(self, sdk: str, environment: dict[str, str], folder: Path) -> None:
        self.sdk = sdk
        self._log = (folder / f"{sdk}.log").open("wb+")
        self._numbers = count()
        self._process = subprocess.Popen(
            [sys.executable, str(PROCESS), sdk],
            env={**os.environ, **environment, "PYTHONWARNINGS": "ignore", "PYTHONUNBUFFERED": "1"},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def run(self, file: str, function: str, arguments: dict[str, Any]) -> None:
        """Runs a test function there; fails as it fails."""
        number = next(self._numbers)
        asked = {"id": number, "file": file, "function": function, "arguments": arguments}
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(asked).encode() + b"\n")
        stdin.flush()
        answer = self._answer()
        record, failure = os.environ.get("RECORD_DTLPY_CALLS"), answer["failure"]
        if record and failure is None and answer["called"]:
            with Path(record).open("a") as lines:
                lines.write(json.dumps({"test": f"{Path(file).name}::{function}", "called": answer["called"]}) + "\n")
        if failure is not None:
            pytest.fail(f"in the process of {self.sdk}:\n{failure}", pytrace=False)

    def _answer(self) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None
        until = time.monotonic() + PATIENCE
        while not select.select([stdout], [], [], 1.0)[0]:
            if time.monotonic() > until:
                self.close()
                pytest.fail(f"the process of {self.sdk} did not answer; it wrote: {self._written()}", pytrace=False)
        line = stdout.readline()
        if not line:
            pytest.fail(f"the process of {self.sdk} ended; it wrote: {self._written()}", pytrace=False)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _written(self) -> str:
        self._log.seek(0)
        return self._log.read()[-6000:].decode(errors="replace")

    def close(self) -> None:
        """Ends it."""
        if self.alive:
            self._process.kill()
        self._process.wait()
        for each in (self._process.stdin, self._process.stdout, self._log):
            if each is not None and not each.closed:
                each.close()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sdks(*names): run once for each of these SDKs, in a process of its own")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("sdks")
    if marker is not None:
        metafunc.parametrize("dl", marker.args, indirect=True, ids=marker.args)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Tests of SDKs are called over there; what is theirs to make is made there, too."""
    if pyfuncitem.get_closest_marker("sdks") is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names if name not in IN_PROCESS}
    pyfuncitem.funcargs["dl"].run(str(pyfuncitem.path), pyfuncitem.originalname, arguments)
    return True


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPlatform]:
    """One for the session, with places for node code that a failed test leaves behind."""
    with LocalPlatform(tmp_path_factory.mktemp("platform"), durability="relaxed", workers=4, grace=1) as found:
        yield found


@pytest.fixture(scope="session")
def sdk_processes() -> Iterator[dict[str, SdkProcess]]:
    """Those that run, by SDK and variables."""
    found: dict[str, SdkProcess] = {}
    yield found
    for each in found.values():
        each.close()


@pytest.fixture(scope="module")
def sdk_variables(platform: LocalPlatform) -> dict[str, str]:
    """All that an SDK's process knows of the platform. A module may know something else."""
    return platform.environment()


@pytest.fixture
def dl(
    request: pytest.FixtureRequest,
    sdk_variables: dict[str, str],
    sdk_processes: dict[str, SdkProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> SdkProcess:
    """The SDK that the test is run with: here its process, in there the module."""
    name: str = request.param
    key = json.dumps([name, sdk_variables])
    found = sdk_processes.get(key)
    if found is None or not found.alive:
        if found is not None:
            found.close()
        found = sdk_processes[key] = SdkProcess(name, sdk_variables, tmp_path_factory.mktemp(name))
    return found


@pytest.fixture
def said() -> None:
    """What was printed, in the SDK's process."""


@pytest.fixture
def folder() -> None:
    """An empty folder, in the SDK's process."""


@pytest.fixture
def project(request: pytest.FixtureRequest) -> Any:
    """A new project: of dtlpipe here, or in the SDK's process."""
    if request.node.get_closest_marker("sdks") is not None:
        return None
    return request.getfixturevalue("client").projects.create(project_name=f"project-{uuid.uuid4().hex}")


@pytest.fixture
def dataset(project: Any) -> Any:
    """A new dataset in it."""
    return None if project is None else project.datasets.create(dataset_name="data")


@pytest.fixture
def item(dataset: Any) -> Any:
    """A new item in that."""
    if dataset is None:
        return None
    return dataset.items.upload(local_path=b"some bytes", remote_name="one.txt", remote_path="/in")


@pytest.fixture(scope="module")
def there(platform):
    with Bare(platform.url) as found:
        yield found


@pytest.fixture
def world(there):
    """A project with one of everything, and what all of it looks like."""
    project = there.ok("POST", "/projects", data={"name": f"project {uuid.uuid4().hex}"})
    dataset = there.ok("POST", "/datasets", json={"name": "data", "projects": [project["id"]]})
    item = there.ok(
        "POST",
        f"/datasets/{dataset['id']}/items",
        files={"file": ("a.txt", b"some bytes")},
        data={"path": "/a.txt", "type": "file"},
    )
    pipeline = there.ok("POST", "/pipelines", json={"projectId": project["id"], **definition(node("only"))})
    pipeline = there.ok("POST", f"/pipelines/{pipeline['id']}/install", json={})
    return World(there, project, dataset, item, pipeline)


@pytest.fixture
def unchanged(world):
    """The test leaves everything as it was."""
    before = world.looks()
    yield
    assert world.looks() == before
