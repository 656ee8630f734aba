"""Prefect with a local API server on SQLite; flows run in the caller's process."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from protocol import STEPS, WIDTH, Peer, expect, serve

folder = tempfile.TemporaryDirectory()
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
os.environ |= {
    "PREFECT_HOME": folder.name,
    "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}

from prefect import flow, task


@task
def step(x: int) -> int:
    return x + 1


@flow
def ten(x: int) -> int:
    for _ in range(STEPS):
        x = step(x)
    return x


@flow
def wide(x: int) -> int:
    first = step(x)
    return sum(future.result() for future in [step.submit(first) for _ in range(WIDTH)])


class WithServer(Peer):
    callers = 6

    def __init__(self) -> None:
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes = (self.server.pid,)
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5):
                    break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if time.monotonic() > deadline or self.server.poll() is not None:
                    raise
                time.sleep(0.1)

    def chain(self) -> None:
        expect(ten(0), STEPS)

    def fan(self) -> None:
        expect(wide(0), 2 * WIDTH)

    def close(self) -> None:
        self.server.terminate()
        self.server.wait(30)
        folder.cleanup()


if __name__ == "__main__":
    serve(WithServer)
