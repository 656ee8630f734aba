"""Half an hour at half load: does what the platform needs of memory grow with what it has done?

`python benchmarks/soak.py [MINUTES] [RUNS_A_SECOND]`

Runs of ten nodes in a chain, on SQLite as it is by default. Half load is half of what eight clients in a hurry got
through in the first twenty seconds, unless a rate is given. Each minute: the proportional set size of the platform's
process and of the node processes, threads, open files, and how long a run took. The first minutes fill caches; whether
it grows is told by a line through the figures of the second half. Void unless each run succeeded.
"""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import requests
from chains import chain
from measure import machine, median, row

import dtlpipe as dl
from mock_server.local import State

MINUTES = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
CLIENTS = 8
CALIBRATION = 20.0  # seconds


class Load:
    """Clients that begin a run when they are told to, and wait for its end."""

    def __init__(self, url: str, pipeline_id: str) -> None:
        self._path = f"{url}/api/v1/pipelines/{pipeline_id}/execute?wait=30"
        self._orders: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._seconds: list[float] = []
        self.done = 0
        self.errors: list[str] = []
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(CLIENTS)]
        for each in self._threads:
            each.start()

    def _work(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while self._orders.get():
                began = time.perf_counter()
                answer = session.post(self._path, json={"pipeline": {"input": {"x": 1}}}, timeout=120)
                status = answer.json().get("status") if answer.ok else answer.text
                with self._lock:
                    self.done += 1
                    self._seconds.append(time.perf_counter() - began)
                    if status != "success":
                        self.errors.append(str(status))

    def begin(self) -> None:
        """One more run."""
        self._orders.put(True)

    @property
    def waiting(self) -> int:
        """Runs that no client has come to yet."""
        return self._orders.qsize()

    def taken(self) -> list[float]:
        """Seconds of each run since this was asked last."""
        with self._lock:
            found, self._seconds = self._seconds, []
        return found

    def close(self) -> None:
        """Once all that was begun is over."""
        for _ in self._threads:
            self._orders.put(False)
        for each in self._threads:
            each.join()


def saturated(load: Load) -> float:
    """Runs a second of clients in a hurry."""
    began, before = time.monotonic(), load.done
    while time.monotonic() - began < CALIBRATION:
        if load.waiting < CLIENTS:
            load.begin()
        else:
            time.sleep(0.005)
    return (load.done - before) / (time.monotonic() - began)


def size(process: psutil.Process) -> float:
    """MiB, of which what is shared with others is counted in parts."""
    return float(process.memory_full_info().pss) / (1 << 20)


def growth(figures: list[float]) -> float:
    """A minute, by the least squares."""
    mid = (len(figures) - 1) / 2
    middle = sum(figures) / len(figures)
    spread = sum((at - mid) ** 2 for at in range(len(figures)))
    return sum((at - mid) * (each - middle) for at, each in enumerate(figures)) / spread if spread else 0.0


def minute(load: Load, rate: float, begun: int, since: float) -> int:
    """Begins runs at that rate for a minute; how many have been begun in all."""
    end = time.monotonic() + 60
    while (now := time.monotonic()) < end:
        while begun < rate * (now - since):
            load.begin()
            begun += 1
        time.sleep(0.01)
    return begun


def soak(load: Load, process: psutil.Process, rate: float) -> None:
    """Prints a line each minute, and what came of it."""
    row(
        "minute",
        "runs",
        "platform, MiB",
        "node processes, MiB",
        "threads",
        "files",
        "a run, median ms",
        "not begun yet",
    )
    row(*["---"] * 8)
    sizes, begun, since = [], 0, time.monotonic()
    load.taken()
    for number in range(1, int(MINUTES) + 1):
        begun = minute(load, rate, begun, since)
        sizes.append(size(process))
        others = sum(size(each) for each in process.children(recursive=True))
        took = load.taken()
        cells = (process.num_threads(), process.num_fds(), round(median(took) * 1e3 if took else 0), load.waiting)
        row(str(number), str(load.done), f"{sizes[-1]:.1f}", f"{others:.1f}", *map(str, cells))
        sys.stdout.flush()
    assert not load.errors, f"{len(load.errors)} runs did not succeed: {load.errors[0]}"
    half = sizes[len(sizes) // 2 :]
    print(f"\ngrowth of the platform in the second half: {growth(half) * 1024:+.0f} KiB a minute")


def main() -> None:
    """Starts the platform, loads it, stops it."""
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "data")
        command = [sys.executable, "-m", "dtlpipe.cli", "platform", "start", "--data", str(folder), "--port", "0"]
        platform = subprocess.Popen([*command, "--workers", "2"], stdout=subprocess.DEVNULL)
        try:
            while (state := State.read(folder)) is None:
                assert platform.poll() is None, "the platform did not start"
                time.sleep(0.05)
            with dl.Client(url=state.url) as client:
                pipeline = chain(client.projects.create(project_name="soak"), 10)
            load = Load(state.url, pipeline.id)
            rate = float(sys.argv[2]) if len(sys.argv) > 2 else saturated(load) / 2
            print(f"{rate:.1f} runs a second, of ten nodes each\n", flush=True)
            soak(load, psutil.Process(platform.pid), rate)
            load.close()
        finally:
            platform.send_signal(signal.SIGTERM)
            platform.wait()


if __name__ == "__main__":
    main()
