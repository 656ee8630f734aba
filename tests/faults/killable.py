"""A platform in a process of its own, that can be killed and started again; bred, so that a start costs little."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from tests.faults.platforms import Caller

ROOT = Path(__file__).parents[2]


class Breeder:
    """The test's end of tests/faults/breeder.py, which is started when it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._started: Future[int] | None = None
        self._ends: dict[int, Future[int]] = {}
        self._thread: threading.Thread | None = None

    def start(self, arguments: list[str], environment: Mapping[str, str], errors: Path) -> Bred:
        with self._lock:
            process = self._running()
            self._started = Future()
            order = {"arguments": arguments, "environment": dict(environment), "errors": str(errors)}
            assert process.stdin is not None
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
            pid = self._started.result(60)
            return Bred(pid, self._ends[pid])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.breeder"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            self._thread = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
            self._thread.start()
        return self._process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said = json.loads(line)
            if "started" in said:
                assert self._started is not None
                self._ends[said["started"]] = Future()
                self._started.set_result(said["started"])
            else:
                self._ends.pop(said["ended"]).set_result(said["status"])

    def close(self) -> None:
        if self._process is not None and self._thread is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            self._process.wait(30)
            self._thread.join(30)
            self._process.stdout.close()
            self._process = None


class Bred:
    """A process of the breeder's, as `subprocess.Popen` has them."""

    def __init__(self, pid: int, end: Future[int]) -> None:
        self.pid = pid
        self._end = end

    def poll(self) -> int | None:
        return self._end.result() if self._end.done() else None

    def wait(self, timeout: float | None = None) -> int:
        return self._end.result(timeout)

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Killable(Caller):
    """`dtlpipe platform start` on a folder and a port, in a process of its own, started again and again."""

    def __init__(
        self, breeder: Breeder, folder: Path, port: int, *options: str, environment: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.breeder, self.folder, self.port, self.options = breeder, folder, port, options
        self.environment = dict(environment or {})
        self.place = options[options.index("--store") + 1] if "--store" in options else folder
        self.api = f"http://127.0.0.1:{port}/api/v1"
        self.errors = tempfile.NamedTemporaryFile("a+b")  # noqa: SIM115 - closed with the session
        self._process: Bred | None = None

    @property
    def process(self) -> Bred:
        assert self._process is not None, "it was not started"
        return self._process

    def start(self, **environment: str) -> Self:
        return self.launch(**environment).ready()

    def launch(self, **environment: str) -> Self:
        self.errors.truncate(0)
        arguments = ["platform", "start", *self.options, "--data", str(self.folder), "--port", str(self.port)]
        self._process = self.breeder.start(arguments, self.environment | environment, Path(self.errors.name))
        return self

    def ready(self) -> Self:
        deadline = time.monotonic() + 60
        while not self.answers():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, f"the platform did not become ready: {self.log()}"
            time.sleep(0.01)
        return self

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def said(self, text: str) -> None:
        """Returns once it has said so, on standard error."""
        deadline = time.monotonic() + 30
        while text not in self.log():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def log(self) -> str:
        """What it has said on standard error since it was started."""
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode(errors="replace")

    def node_processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def kill_all(self) -> None:
        """Kills it, and sees that no node process outlives it."""
        workers = self.node_processes()
        self.kill()
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert not alive, "node processes outlived the platform"

    def stop(self, by: int = signal.SIGTERM) -> int:
        self.process.send_signal(by)
        return self.process.wait(60)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        super().close()
        self.errors.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
