"""The platform is killed while jobs run: all of them end, each with one result, and each is told of once at least."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.conftest import PIPELINES, Http
from tests.serving.test_job_terms import Receiver
from tests.serving.test_jobs import finished

JOBS = 12


class Killable:
    """`dtlpipe serve run` in a process of its own."""

    def __init__(self, data: Path) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        command = [str(Path(sys.executable).parent / "dtlpipe"), "serve", "run", "--port", str(self.port)]
        self.command = [*command, "--data", str(data), "--pipelines-dir", str(PIPELINES)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout is not None
        assert b"serving" in self.process.stdout.readline()  # it says so once it listens

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def close(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            self.process.communicate(timeout=60)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_jobs_end_once_each_however_often_their_platform_is_killed(tmp_path: Path):
    receiver, platform = Receiver(), Killable(tmp_path / "data")
    try:
        platform.start()
        ids = []
        with Http(platform.url) as http:
            for number in range(JOBS):
                body = {"kind": "count", "number": number % 4}
                body = {"kind": "dies"} if number % 6 == 5 else body
                query = {"callback": receiver.url}
                ids.append(http.post("/lasting/run-durable", json=body, params=query).json()["execution_id"])
            plain = [http.post("/worker/jobs", json={"number": n}, params=query).json()["id"] for n in range(JOBS)]
        for _ in range(3):
            platform.kill()
            platform.start()
        with Http(platform.url) as http:
            for number, id in enumerate(ids):
                job = finished(http, http.get(f"/lasting/jobs/{id}").json())
                expected = {"died": True} if number % 6 == 5 else number % 4
                assert (job["error"], job["status"], job["result"]) == (None, "completed", {"value": expected})
            for number, id in enumerate(plain):
                job = finished(http, http.get(f"/worker/jobs/{id}").json())
                assert (job["status"], job["result"]) == ("completed", number * 2)
                assert http.get(f"/worker/jobs/{id}").json()["result"] == number * 2
            assert http.get("/worker/jobs", params={"limit": 100}).json()["total"] == JOBS
        receiver.wait(2 * JOBS)
    finally:
        platform.close()
        receiver.close()
