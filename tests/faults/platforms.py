"""What tests of faults ask of a platform over HTTP, and a platform in this process. Pipelines are of bare source."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from mock_server.testing import LocalPlatform

OVER = ("success", "failed", "terminated")
SOURCE = """import dtlpy as dl


class ServiceRunner(dl.BaseServiceRunner):
    @staticmethod
    def run({parameters}):
{body}
"""


class Caller:
    """What tests ask of a platform over HTTP; `place` is where its store is: a folder, or a database's URL."""

    api: str
    place: Path | str

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False

    def ok(self, method: str, path: str, **more: Any) -> Any:
        answer = self.session.request(method, self.api + path, **({"timeout": 60} | more))
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def project(self) -> dict[str, Any]:
        return self.ok("POST", "/projects", data={"name": f"faults-{time.time_ns()}"})

    def pipeline(
        self,
        project: Mapping[str, Any],
        *bodies: str,
        parameters: str = "x=None",
        config: Mapping[str, Any] | None = None,
        wires: list[tuple[int, int]] | None = None,
    ) -> dict[str, Any]:
        """One node a body of code, installed: a chain, unless `wires` says which node leads to which."""
        nodes = [
            {
                "id": f"n{number}",
                "name": f"node{number}",
                "type": "code",
                "projectId": project["id"],
                "namespace": {"functionName": "run", "projectName": project["name"]},
                "inputs": [{"portId": f"i{number}", "type": "Json", "name": "x", "displayName": "x"}],
                "outputs": [{"portId": f"o{number}", "type": "Json", "name": "y", "displayName": "y"}],
                "metadata": {"position": {"x": number, "y": 0, "z": 0}, "serviceConfig": dict(config or {})},
                "config": {"package": _package(parameters, body)},
            }
            for number, body in enumerate(bodies)
        ]
        if wires is None:
            wires = [(number, number + 1) for number in range(len(bodies) - 1)]
        connections = [
            {"src": {"nodeId": f"n{one}", "portId": f"o{one}"}, "tgt": {"nodeId": f"n{two}", "portId": f"i{two}"}}
            for one, two in wires
        ]
        made = self.ok(
            "POST",
            "/pipelines",
            json={
                "name": f"p{time.time_ns()}",
                "projectId": project["id"],
                "nodes": nodes,
                "connections": connections,
                "startNodes": [{"nodeId": "n0", "type": "root"}],
                "variables": [],
            },
        )
        return self.ok("POST", f"/pipelines/{made['id']}/install", json={})

    def execute(self, pipeline: Mapping[str, Any], **inputs: Any) -> dict[str, Any]:
        return self.ok("POST", f"/pipelines/{pipeline['id']}/execute", json={"pipeline": {"input": inputs}})

    def submit(
        self, pipeline: Mapping[str, Any], key: str, session: requests.Session | None = None, **inputs: Any
    ) -> requests.Response:
        """One request to begin a run, under an idempotency key, whatever comes of it."""
        return (session or self.session).post(
            f"{self.api}/pipelines/{pipeline['id']}/execute",
            json={"pipeline": {"input": inputs}},
            headers={"Idempotency-Key": key},
            timeout=60,
        )

    def settled(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """The run, once it is over."""
        found: dict[str, Any] = {}
        for _ in range(10):
            found = self.ok("GET", f"/pipelines/{run['pipelineId']}/executions/{run['id']}?wait=10")
            if found["status"] in OVER:
                return found
        raise AssertionError(f"the run did not end: {found}")

    def upload(self, dataset: Mapping[str, Any], name: str, data: bytes) -> requests.Response:
        return self.session.post(
            f"{self.api}/datasets/{dataset['id']}/items",
            files={"file": (name, data)},
            data={"path": f"/{name}", "type": "file"},
            headers={"Idempotency-Key": name},  # who has none is told 500 for a 507, lest it sends all of it again
            timeout=60,
        )

    def dataset(self, project: Mapping[str, Any]) -> dict[str, Any]:
        return self.ok("POST", "/datasets", json={"name": f"d{time.time_ns()}", "projects": [project["id"]]})

    def close(self) -> None:
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _package(parameters: str, body: str) -> dict[str, Any]:
    return {"code": SOURCE.format(parameters=parameters, body=_indented(body)), "name": "run", "type": "code"}


def _indented(body: str) -> str:
    return "\n".join(" " * 8 + line for line in body.strip("\n").splitlines())


class Inner(Caller):
    """A platform in this process, for faults that are made from within."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__()
        self.local = LocalPlatform(folder, **({"durability": "relaxed", "workers": 2} | settings))
        self.place = settings.get("store") or folder
        self.start()

    def start(self) -> Self:
        self.local.start()
        self.api = self.local.api_url
        return self

    def close(self) -> None:
        super().close()
        self.local.close()


def until(found: Callable[[], Any], what: str, timeout: float = 60.0) -> Any:
    """What `found` gives, as soon as that is something."""
    deadline = time.monotonic() + timeout
    while not (seen := found()):
        assert time.monotonic() < deadline, what
        time.sleep(0.005)
    return seen
