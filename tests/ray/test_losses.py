"""Ray's processes, the bridge and the platform are killed: runs go on, and nothing is recorded twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

import dtlpipe as dl
from tests.ray.conftest import Hand, gone, until

pytestmark = pytest.mark.ray


def stay(folder: str, context: dl.Context) -> str:
    """Notes its process, with a child of its own, and waits for a file before it returns its key."""
    import os
    import subprocess
    import time
    from pathlib import Path

    child = subprocess.Popen(["sleep", "600"])
    begun = Path(folder, f"begun-{os.getpid()}")
    begun.with_name(begun.name + ".new").write_text(str(child.pid))
    begun.with_name(begun.name + ".new").rename(begun)
    print("here")
    while not Path(folder, "go").exists():
        time.sleep(0.02)
    child.kill()
    child.wait()
    return str(context.idempotency_key)


def begun(folder, but=()):
    """The node's process and its child, once there is one that is not among `but`."""

    def look():
        for file in folder.glob("begun-*[0-9]"):
            if (pid := int(file.name.removeprefix("begun-"))) not in but:
                return pid, int(file.read_text())
        return None

    return until(look)


def ray_worker_of(pid):
    return next(each for each in psutil.Process(pid).parents() if each.name().startswith("ray::"))


def test_a_killed_ray_worker_takes_all_it_started_with_it_and_the_node_is_tried_again(hand, tmp_path):
    run = hand.run(stay, given={"folder": str(tmp_path)}, max_attempts=2)
    pid, child = begun(tmp_path)
    ray_worker_of(pid).kill()
    second, _ = begun(tmp_path, but={pid})
    assert second != pid
    until(lambda: gone(pid) and gone(child))
    (tmp_path / "go").touch()
    run.wait(raise_on_failure=True)
    ((execution,),) = run.executions.values()
    assert execution["attempts"] == 2
    (node,) = run.nodes
    assert run.outputs() == {"n0": f"{run.id}:{node.id}"}


def test_a_killed_ray_worker_fails_a_node_of_one_attempt_with_the_cause(hand, tmp_path):
    run = hand.run(stay, given={"folder": str(tmp_path)})
    pid, _ = begun(tmp_path)
    ray_worker_of(pid).kill()
    assert run.wait().status == "failed"
    assert run.error["cause"] == "signal"
    assert run.error["type"] == "WorkerLost"
    assert "maxAttempts" in run.error["hint"]


def test_a_cancel_ends_the_node_and_all_it_started(hand, tmp_path):
    run = hand.run(stay, given={"folder": str(tmp_path)})
    pid, child = begun(tmp_path)
    run.terminate()
    assert run.wait().status == "terminated"
    until(lambda: gone(pid) and gone(child))


class Outer:
    """A platform in a process of its own, which is a client of the Ray of another one."""

    def __init__(self, folder, port):
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        ray = psutil.Process()
        found = next(each for each in ray.children(recursive=True) if each.name() == "raylet")
        address = next(each for each in found.cmdline() if each.startswith("--gcs-address=")).partition("=")[2]
        token = found.environ()["RAY_AUTH_TOKEN_PATH"]
        self.command = [sys.executable, "-m", "dtlpipe.cli", "platform", "start", "--log-level", "info"]
        self.command += ["--data", str(folder), "--port", str(port), "--executor", f"ray://{address}"]
        self.environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": token}
        self.process = None

    def start(self):
        with (self.folder.parent / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)
        until(self.answers)

    def answers(self):
        assert self.process.poll() is None, (self.folder.parent / "log").read_text()
        try:
            return requests.get(f"{self.url}/health", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def bridge(self):
        return next(
            (each for each in psutil.Process(self.process.pid).children() if "ray_bridge" in " ".join(each.cmdline())),
            None,
        )

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def outer(hand, tmp_path_factory):
    found = Outer(tmp_path_factory.mktemp("outer") / "data", free_port())
    try:
        found.start()
        yield found
    finally:
        found.close()


@pytest.fixture
def outside(outer):
    with dl.Client(url=outer.url) as client:
        yield Hand(outer, client)


def test_a_killed_platform_runs_again_what_was_running_and_finishes(outer, outside, tmp_path):
    run = outside.run(stay, given={"folder": str(tmp_path)})
    pid, child = begun(tmp_path)
    outer.process.kill()
    outer.process.wait(30)
    until(lambda: gone(pid) and gone(child))
    outer.start()
    begun(tmp_path, but={pid})
    (tmp_path / "go").touch()
    run = run.wait(raise_on_failure=True)
    ((execution,),) = run.executions.values()
    assert execution["attempts"] == 1, "a platform that stops is no failed attempt"
    assert run.outputs() == {"n0": f"{run.id}:{run.nodes[0].id}"}


def test_a_killed_bridge_is_built_again_and_what_was_lost_with_it_is_tried_again(outer, outside, tmp_path):
    run = outside.run(stay, given={"folder": str(tmp_path)}, max_attempts=2)
    pid, child = begun(tmp_path)
    assert next(iter(run.logs(follow=True))).message == "here"  # the platform has heard that it runs
    outer.bridge().kill()
    until(lambda: gone(pid) and gone(child))
    begun(tmp_path, but={pid})
    (tmp_path / "go").touch()
    ((execution,),) = run.wait(raise_on_failure=True).executions.values()
    assert execution["attempts"] == 2
    assert Path(outer.folder).exists()
