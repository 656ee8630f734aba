"""The run service: how soon a report is at 200 streams, how many reports a second, and ten thousand lines of log.

`python benchmarks/runs.py`

Streams are bare sockets of a process of their own, as listeners are; it also sends the reports that they are told of.
What counts is the time from the commit of a report, as the platform's process sees it, to its frame in each of them.
The reports that are counted are sent by one client in a process of its own, one after another, to the platform and to a
Flask application that only parses and answers JSON, behind the same HTTP server, in turn: the reports a second, and
what each costs the process that answers. A report goes past the application; how much that is worth is told by reports
that may not, since they bring a name of their own. What remains beside bare Flask is what that does not do: a run is
read, the report laid over it, an event appended, and all of it committed to disk, before it is answered.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import selectors
import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs
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
        path = f"{parts.path}/api/v1/runs/{run_id}/progress/stream"
        for number in range(count):
            sock = socket.create_connection((parts.hostname or "", parts.port or 80))
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            self._selector.register(sock, selectors.EVENT_READ, number)
            self._sockets.append(sock)

    def wait(self, frames: int) -> None:
        """Until each has so many."""
        while min(self.frames) < frames:
            for key, _ in self._selector.select():
                data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                count = data.count(b"\ndata: ")
                if count:
                    self.arrived[key.data] = time.perf_counter()
                    self.frames[key.data] += count

    def close(self) -> None:
        for each in self._sockets:
            each.close()
        self._selector.close()


def listen(url: str, run_id: str) -> list[list[float]]:
    """When each of the streams had its frame, report by report."""
    listeners = Listeners(url, run_id, STREAMS)
    listeners.wait(1)
    parts = urlsplit(f"{url}/api/v1/runs/{run_id}/progress")
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    arrived = []
    for number in range(REPORTS):
        connection.request("POST", parts.path, json.dumps(told(number / REPORTS)), {"content-type": "application/json"})
        listeners.wait(number + 2)
        assert connection.getresponse().read()
        arrived.append(list(listeners.arrived))
        time.sleep(0.02)
    connection.close()
    listeners.close()
    return arrived


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


def send(url: str, headers: dict[str, str]) -> float:
    """Reports a second of one client."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(headers)
        session.post(url, json=told(0.0), timeout=60).raise_for_status()
        started = time.perf_counter()
        for number in range(CALLS):
            session.post(url, json=told(number / CALLS), timeout=60).raise_for_status()
        return CALLS / (time.perf_counter() - started)


@attrs.define
class Reports:
    """Those that went to one place: how many a second, and the microseconds of processor that each cost."""

    url: str
    headers: dict[str, str] = attrs.field(factory=dict)
    rates: list[float] = attrs.field(factory=list)
    costs: list[float] = attrs.field(factory=list)

    def measure(self, elsewhere: ProcessPoolExecutor) -> None:
        """One round. Both places are in this process, and the client is in another one."""
        began = time.process_time()
        self.rates.append(elsewhere.submit(send, self.url, self.headers).result())
        self.costs.append((time.process_time() - began) / (CALLS + 1) * 1e6)

    def tell(self, what: str, other: Reports) -> None:
        """Two rows, each beside the other place's figure."""
        row(f"{what}: a second", spread(self.rates), f"{median(self.rates) / median(other.rates):.2f}")
        row(f"{what}: us of processor each", spread(self.costs), f"{median(self.costs) / median(other.costs):.2f}")


def main() -> None:
    """Measures, and prints a table."""
    with (
        LocalPlatform(synapse_port=0, durability="strict", faults=False) as platform,
        PipelineServiceClient(platform.run_service_url) as client,
        bare() as plain,
    ):
        pipeline = client.create_pipeline("bench", [{"name": "train", "entrypoint": "nowhere.Train"}])
        run = client.create_run(pipeline["id"])
        api = f"{platform.run_service_url}/api/v1/runs/{run['id']}"
        commits: list[float] = []
        lasted: list[float] = []

        def note(_changes: int, seconds: float) -> None:
            commits.append(time.perf_counter())
            lasted.append(seconds)

        platform.store.on_commit(note)
        ours, named = Reports(f"{api}/progress"), Reports(f"{api}/progress", {"X-Request-Id": "named"})
        theirs = Reports(f"{plain}/runs/x/progress")
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
            arrived = elsewhere.submit(listen, platform.run_service_url, run["id"]).result()
            lasted.clear()
            for _ in range(ROUNDS):
                for each in (ours, named, theirs):
                    each.measure(elsewhere)
        to_disk = median(lasted)
        to_streams = []
        for frames in arrived:
            committed = max(each for each in commits if each < min(frames))
            to_streams += [each - committed for each in frames]
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
    row("what", "measured", "goal, or beside bare Flask")
    row("---", "---", "---")
    row(f"from the commit of a report to its arrival, {STREAMS} streams", spread(to_streams, 1000, " ms"), "< 10 ms")
    ours.tell("reports", theirs)
    row("the COMMIT of a report", f"{to_disk * 1000:.3g} ms", "")
    named.tell("reports by way of the application", theirs)
    theirs.tell("bare Flask, which keeps nothing", theirs)
    row("10,000 lines appended, by 500", f"{appended:.3g} s", "")
    row("500 of them read back, by action and level", f"{filtered * 1000:.3g} ms", "")
    row("all of them read back", f"{everything * 1000:.3g} ms", "")


if __name__ == "__main__":
    main()
