"""dtlpipe beside hayhooks as servers of the same five wrappers, in turn within each round.

`python benchmarks/serving/compare.py [--rounds 3] [--seconds 3] [--jobs 300]`

hayhooks is installed once into an environment of its own under .bench/ ($HAYHOOKS_PYTHON names another), and runs with
its defaults but for `HAYHOOKS_STARTUP_DEPLOY_STRATEGY=sequential`, as its parallel start loses wrappers. Both listen on
this machine; the load comes from a process of its own (load.py), and is the same for both.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from measure import machine, row

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENT = ROOT / ".bench" / "hayhooks"
WRAPPERS = HERE / "wrappers"
BODY = '{"text": "hello"}'
CONNECTIONS = (1, 16, 64)
IDLE = 200


def free_port() -> int:
    """One that nobody listens at now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@attrs.define
class Peer:
    """A server, and the command that calls a pipeline of it."""

    name: str
    python: Path
    port: int = attrs.field(factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        where = ["--port", str(self.port), "--pipelines-dir", str(WRAPPERS)]
        if self.name == "hayhooks":
            return [str(self.python.parent / "hayhooks"), "run", "--host", "127.0.0.1", *where]
        return [str(self.python.parent / "dtlpipe"), "serve", "run", *where]

    def call(self) -> list[str]:
        run = ["pipeline", "run", "quick", "--param", "text=hello"]
        if self.name == "hayhooks":
            return [str(self.python.parent / "hayhooks"), *run]
        return [str(self.python.parent / "dtlpipe"), "serve", *run]

    def environment(self) -> dict[str, str]:
        own = {"HAYHOOKS_STARTUP_DEPLOY_STRATEGY": "sequential", "HAYHOOKS_HOST": "127.0.0.1"}
        own |= {"HAYHOOKS_PORT": str(self.port), "DTLPIPE_URL": f"http://127.0.0.1:{self.port}"}
        return {**os.environ, **own, "HAYSTACK_TELEMETRY_ENABLED": "False"}

    def get(self, path: str, timeout: float = 60.0) -> dict[str, Any] | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            found = json.loads(answer.read())
            return found if answer.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def post(self, path: str, body: dict[str, Any], timeout: float = 120.0) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def running(peer: Peer) -> Iterator[float]:
    """The server, with all wrappers loaded; seconds from its start to its first 200."""
    data = tempfile.mkdtemp(prefix="bench-serving-")
    command = peer.command() + (["--data", data] if peer.name == "dtlpipe" else [])
    with (Path(data) / "log").open("wb") as log:
        began = time.perf_counter()
        peer.process = subprocess.Popen(command, env=peer.environment(), stdout=log, stderr=log)
        try:
            while peer.get("/status", 5.0) is None:
                if peer.process.poll() is not None:
                    raise SystemExit(f"{peer.name} ended: {(Path(data) / 'log').read_text()[-2000:]}")
                time.sleep(0.005)
            first = time.perf_counter() - began
            for name in ("quick", "quick_async", "idle"):
                while peer.post(f"/{name}/run", {} if name != "idle" else {"seconds": 0.0})[0] != 200:
                    time.sleep(0.05)
            yield first
        finally:
            peer.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                peer.process.wait(30)
            if peer.process.poll() is None:
                peer.process.kill()
                peer.process.wait()
            shutil.rmtree(data, ignore_errors=True)


def load(peer: Peer, path: str, connections: int, seconds: float) -> dict[str, float]:
    """What load.py measured."""
    command = [sys.executable, str(HERE / "load.py"), str(peer.port), path, str(connections), str(seconds), BODY]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def first_token(peer: Peer) -> float:
    """Milliseconds to the first word of a chat that is streamed, the median of many."""
    took = []
    body = json.dumps({"model": "talker", "messages": [{"role": "user", "content": "go"}], "stream": True})
    for _ in range(60):
        connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60)
        connection.connect()
        began = time.perf_counter()
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        while b"word 0" not in answer.readline():
            pass
        took.append((time.perf_counter() - began) * 1000)
        answer.read()
        connection.close()
    return statistics.median(took)


def status_while_blocked(peer: Peer) -> float:
    """Milliseconds of the slowest of many looks at /status while a wrapper blocks for a second."""
    blocked = threading.Thread(target=peer.post, args=("/blocker/run", {"seconds": 1.0}))
    blocked.start()
    took = []
    while blocked.is_alive():
        began = time.perf_counter()
        peer.get("/status")
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.005)
    blocked.join()
    took.sort()
    return took[min(len(took) - 1, int(len(took) * 0.99))]


def beside_streams(peer: Peer, seconds: float) -> float:
    """Requests a second of `quick` while that many streams are open and silent; nan if they cannot be."""
    body = b'{"seconds": 60}'
    head = f"POST /idle/run HTTP/1.1\r\nHost: 127.0.0.1:{peer.port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    streams: list[socket.socket] = []
    try:
        for _ in range(IDLE):
            sock = socket.create_connection(("127.0.0.1", peer.port), timeout=10)
            streams.append(sock)
            sock.sendall(request)
        for sock in streams:
            data = b""
            while b"first" not in data:
                more = sock.recv(4096)
                if not more:
                    return float("nan")
                data += more
        return load(peer, "/quick/run", 16, seconds)["rps"]
    except OSError:
        return float("nan")
    finally:
        for sock in streams:
            sock.close()


def memory(peer: Peer) -> float:
    """MiB that the server's processes have to themselves, with what they share counted once."""
    if peer.process is None:
        return float("nan")
    whole = psutil.Process(peer.process.pid)
    shares = [each.memory_full_info().pss for each in (whole, *whole.children(recursive=True))]
    return float(sum(shares) / 2**20)


def command_line(peer: Peer) -> float:
    """Seconds of one call from the command line."""
    began = time.perf_counter()
    subprocess.run(peer.call(), env=peer.environment(), check=True, capture_output=True)
    return time.perf_counter() - began


def jobs(peer: Peer, number: int) -> float:
    """Jobs a second from the first submission to the end of the last; ours alone."""
    began = time.perf_counter()
    ids = [json.loads(peer.post("/quick/jobs", {"text": "x"})[1])["id"] for _ in range(number)]
    for id in ids:
        while (peer.get(f"/quick/jobs/{id}?wait=30") or {}).get("status") not in ("completed", "failed"):
            pass
    return number / (time.perf_counter() - began)


def hayhooks_python() -> Path:
    """The interpreter of an environment that has hayhooks."""
    named = os.environ.get("HAYHOOKS_PYTHON")
    if named:
        return Path(named)
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "hayhooks==2.1.0"], check=True)
    return python


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--jobs", type=int, default=300)
    asked = parser.parse_args()
    peers = (Peer("dtlpipe", Path(sys.executable)), Peer("hayhooks", hayhooks_python()))
    figures: dict[str, dict[str, list[float]]] = {}

    def note(what: str, peer: Peer, value: float) -> None:
        figures.setdefault(what, {}).setdefault(peer.name, []).append(value)

    def each(what: str, measure: Callable[[Peer], float]) -> None:
        for peer in peers:
            note(what, peer, measure(peer))

    for _ in range(asked.rounds):
        for peer in peers:
            with running(peer) as seconds:
                note("start to first 200, five wrappers (s)", peer, seconds)
    with running(peers[0]), running(peers[1]):
        for _ in range(asked.rounds):
            for route in ("quick", "quick_async"):
                for connections in CONNECTIONS:
                    for peer in peers:
                        found = load(peer, f"/{route}/run", connections, asked.seconds)
                        if found["bad"]:
                            print(f"{peer.name}: {found['bad']:g} answers of {route} at {connections} were no 200")
                        note(f"{route}, {connections} connections (requests/s)", peer, found["rps"])
                        note(f"{route}, {connections} connections, p99 (ms)", peer, found["p99"])
            each("first token of a chat (ms)", first_token)
            each("/status p99 while a wrapper blocks (ms)", status_while_blocked)
            each("quick beside 200 idle streams (requests/s)", lambda peer: beside_streams(peer, asked.seconds))
            each("a call from the command line (s)", command_line)
            each("memory, all processes (MiB)", memory)
        note("jobs, submitted one by one (jobs/s)", peers[0], jobs(peers[0], asked.jobs))
    print(machine())
    row("", "dtlpipe", "hayhooks", "ratio")
    row("---", "---", "---", "---")
    for what, found in figures.items():
        ours, theirs = (statistics.median(found.get(peer.name, [float("nan")])) for peer in peers)
        row(what, f"{ours:.3g}", f"{theirs:.3g}", f"{ours / theirs:.2f}")


if __name__ == "__main__":
    main()
