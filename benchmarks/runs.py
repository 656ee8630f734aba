"""The run service: how soon a report is at 200 streams, how many reports a second, and ten thousand lines of log.

`python benchmarks/runs.py`

Streams are bare sockets that one thread reads. Reports are sent by one client, one after another, to the platform and
to a Flask application that only parses and answers JSON, behind the same HTTP server, in turn.
"""

from __future__ import annotations

import json
import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import flask
import requests
from measure import machine, median, row, spread

from dtlpipe.runs import LogEntry, PipelineServiceClient
from mock_server.server import Server
from mock_server.testing import LocalPlatform

STREAMS = 200
REPORTS = 50
ROUNDS = 5
CALLS = 200
LINES = 10_000


class Listeners:
    """So many streams of one run; `arrived` has the time at which each got its latest frame."""

    def __init__(self, url: str, run_id: str, count: int) -> None:
        parts = urlsplit(url)
        self._selector = selectors.DefaultSelector()
        self._sockets = []
        self.frames = [0] * count
        self.arrived = [0.0] * count
        self.changed = threading.Condition()
        path = f"{parts.path}/api/v1/runs/{run_id}/progress/stream"
        for number in range(count):
            sock = socket.create_connection((parts.hostname or "", parts.port or 80))
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            self._selector.register(sock, selectors.EVENT_READ, number)
            self._sockets.append(sock)
        self._over = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._over:
            for key, _ in self._selector.select(0.2):
                data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                count = data.count(b"\ndata: ")
                if count:
                    with self.changed:
                        self.arrived[key.data] = time.perf_counter()
                        self.frames[key.data] += count
                        self.changed.notify_all()

    def wait(self, frames: int) -> None:
        """Until each has so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: min(self.frames) >= frames, 60), min(self.frames)

    def close(self) -> None:
        self._over = True
        self._thread.join()
        for each in self._sockets:
            each.close()
        self._selector.close()


@contextmanager
def bare() -> Iterator[str]:
    """A Flask application that does nothing with what it is told."""
    app = flask.Flask("bare")

    @app.post("/runs/<run_id>/progress")
    def progress(run_id: str) -> flask.Response:
        return flask.jsonify({"id": run_id, "progress": [flask.request.get_json()]})

    with tempfile.TemporaryDirectory() as folder:
        server = Server(
            app,
            host="127.0.0.1",
            port=0,
            threads=8,
            spool=Path(folder),
            body_limit=lambda _: 1 << 20,
            error_body=lambda status, text: json.dumps({"status": status, "detail": text}).encode(),
        )
        server.start()
        yield f"http://127.0.0.1:{server.port}"
        server.close()


def told(share: float) -> dict[str, object]:
    """A report."""
    progress = {"name": "train", "status": "running", "progress": share, "metrics": {"loss": 1 - share}}
    return {"current_action": "train", "current_action_index": 0, "action_progress": progress}


def a_second(url: str) -> float:
    """Reports a second of one client."""
    with requests.Session() as session:
        session.trust_env = False
        session.post(url, json=told(0.0), timeout=60).raise_for_status()
        started = time.perf_counter()
        for number in range(CALLS):
            session.post(url, json=told(number / CALLS), timeout=60).raise_for_status()
        return CALLS / (time.perf_counter() - started)


def main() -> None:
    """Measures, and prints a table."""
    with (
        LocalPlatform(synapse_port=0, durability="strict") as platform,
        PipelineServiceClient(platform.run_service_url) as client,
        bare() as plain,
    ):
        pipeline = client.create_pipeline("bench", [{"name": "train", "entrypoint": "nowhere.Train"}])
        run = client.create_run(pipeline["id"])
        api = f"{platform.run_service_url}/api/v1/runs/{run['id']}"
        listeners = Listeners(platform.run_service_url, run["id"], STREAMS)
        listeners.wait(1)
        to_answer, to_streams = [], []
        with requests.Session() as session:
            session.trust_env = False
            for number in range(REPORTS):
                sent = time.perf_counter()
                session.post(f"{api}/progress", json=told(number / REPORTS), timeout=60).raise_for_status()
                answered = time.perf_counter()
                listeners.wait(number + 2)
                to_answer.append(answered - sent)
                to_streams += [each - sent for each in listeners.arrived]
                time.sleep(0.02)
        listeners.close()
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(a_second(f"{api}/progress"))
            theirs.append(a_second(f"{plain}/runs/x/progress"))
        entries = [
            LogEntry(f"line {number}", "error" if number % 10 == 0 else "info", f"a{number % 4}")
            for number in range(LINES)
        ]
        started = time.perf_counter()
        for first in range(0, LINES, 500):
            client.append_logs(run["id"], entries[first : first + 500])
        appended = time.perf_counter() - started
        started = time.perf_counter()
        found = client.get_logs(run["id"], action_name="a0", level="error", limit=10_000)
        filtered = time.perf_counter() - started
        assert len(found) == LINES // 20
        started = time.perf_counter()
        assert len(client.get_logs(run["id"], limit=10_000)) == LINES
        everything = time.perf_counter() - started
    print(f"{machine()}; {REPORTS} reports to {STREAMS} streams, {ROUNDS} rounds of {CALLS} calls\n")
    row("what", "measured", "goal")
    row("---", "---", "---")
    beyond = median(to_streams) - median(to_answer)
    row("report sent to its arrival, 200 streams", spread(to_streams, 1000, " ms"), "")
    row("report sent to its answer, which is after the commit", spread(to_answer, 1000, " ms"), "")
    row("the one beyond the other", f"{beyond * 1000:.3g} ms", "< 10 ms")
    row("reports a second, one client", spread(ours), "")
    row("bare Flask, which keeps nothing", spread(theirs), f"{median(ours) / median(theirs):.2f} of it")
    row("10,000 lines appended, by 500", f"{appended:.3g} s", "")
    row("500 of them read back, by action and level", f"{filtered * 1000:.3g} ms", "")
    row("all of them read back", f"{everything * 1000:.3g} ms", "")


if __name__ == "__main__":
    main()
