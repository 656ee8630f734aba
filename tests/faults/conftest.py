"""A platform in a process of its own, that can be killed, and pipelines of bare source, put there by `requests`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import pytest
import requests

SOURCE = """import dtlpy as dl


class ServiceRunner(dl.BaseServiceRunner):
    @staticmethod
    def run({parameters}):
{body}
"""


class Killable:
    """`dtlpipe platform start` on a folder and a port, started again and again."""

    def __init__(self, folder, port, *options):
        self.folder, self.port, self.options, self.process = folder, port, options, None
        self.api = f"http://127.0.0.1:{port}/api/v1"
        self.errors = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - closed with the session
        self.session = requests.Session()
        self.session.trust_env = False

    def start(self):
        return self.launch().ready()

    def launch(self):
        command = [sys.executable, "-m", "dtlpipe.cli", "platform", "start", *self.options]
        self.errors.truncate(0)
        self.process = subprocess.Popen(
            [*command, "--data", str(self.folder), "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=self.errors,  # a pipe that nobody reads would stop a platform that has much to say
            env={**os.environ},
        )
        return self

    def ready(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log()
            if self.answers():
                return self
            time.sleep(0.05)
        raise AssertionError("the platform did not become ready")

    def answers(self):
        try:
            return self.session.get(f"http://127.0.0.1:{self.port}/health", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def said(self, text):
        """Returns once it has said so, on standard error."""
        deadline = time.monotonic() + 30
        while text not in self.log():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def log(self):
        """What it has said on standard error since it was started."""
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode()

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def stop(self, by=signal.SIGTERM):
        self.process.send_signal(by)
        return self.process.wait(30)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.session.close()
        self.errors.close()

    def ok(self, method, path, **more):
        answer = self.session.request(method, self.api + path, timeout=60, **more)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def project(self):
        return self.ok("POST", "/projects", data={"name": f"faults-{time.time_ns()}"})

    def pipeline(self, project, *bodies, parameters="x=None", config=None):
        """A chain of one node a body of code; installed."""
        nodes = [
            {
                "id": f"n{number}",
                "name": f"node{number}",
                "type": "code",
                "projectId": project["id"],
                "namespace": {"functionName": "run", "projectName": project["name"]},
                "inputs": [{"portId": f"i{number}", "type": "Json", "name": "x", "displayName": "x"}],
                "outputs": [{"portId": f"o{number}", "type": "Json", "name": "y", "displayName": "y"}],
                "metadata": {"position": {"x": number, "y": 0, "z": 0}, "serviceConfig": config or {}},
                "config": {"package": _package(parameters, body)},
            }
            for number, body in enumerate(bodies)
        ]
        connections = [
            {"src": {"nodeId": f"n{n}", "portId": f"o{n}"}, "tgt": {"nodeId": f"n{n + 1}", "portId": f"i{n + 1}"}}
            for n in range(len(bodies) - 1)
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

    def execute(self, pipeline, **inputs):
        return self.ok("POST", f"/pipelines/{pipeline['id']}/execute", json={"pipeline": {"input": inputs}})

    def settled(self, run):
        """The run, once it is over."""
        for _ in range(10):
            run = self.ok("GET", f"/pipelines/{run['pipelineId']}/executions/{run['id']}?wait=10")
            if run["status"] in ("success", "failed", "terminated"):
                return run
        raise AssertionError(f"the run did not end: {run}")


def _package(parameters, body):
    return {"code": SOURCE.format(parameters=parameters, body=_indented(body)), "name": "run", "type": "code"}


def _indented(body):
    return "\n".join(" " * 8 + line for line in body.strip("\n").splitlines())


@contextmanager
def _killable(folder, *options):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = Killable(folder, port, *options)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def make_killable():
    """`with make_killable(folder, *options) as platform:`, not yet started."""
    return _killable


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """One a module: it is started again where it was stopped."""
    with _killable(tmp_path_factory.mktemp("faults") / "data") as found:
        yield found.start()
