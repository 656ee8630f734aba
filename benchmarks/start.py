"""From the start of the platform's process to the moment at which it is ready, without open runs and with many.

`python benchmarks/start.py [open runs, 10000 if not said]`

Ready is what `/ready` says. Beside the time there are the seconds of processor until then, and what the platform and
its zygote hold a second later (PSS: what is shared counts in parts). Each start but the first finds what the last one
left, which was killed.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
from measure import machine, row, spread

import dtlpipe as dl

ROUNDS = 5
CALLERS = 8
PATIENCE = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")
HOLD = "import os, time\nwhile not os.path.exists({go!r}):\n    time.sleep(0.05)\nreturn x\n"


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def ready(url: str) -> bool:
    """Whether it says that it is."""
    try:
        with urllib.request.urlopen(f"{url}/ready", timeout=5) as answer:  # noqa: S310 - its own address
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def processor(pid: int) -> float:
    """Seconds that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def held(pid: int) -> float:
    """MiB of the process, and of its zygote without the workers."""
    pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    kilobytes = 0
    for each in pids:
        lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        kilobytes += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], float, float]]:
    """A platform on the folder, once it is ready: its url, its process, seconds, and seconds of processor."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "dtlpipe.cli", "platform", "start", "--data", str(folder), "--port", str(port)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            while not ready(url):
                if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                    raise RuntimeError("the platform did not become ready")
                time.sleep(0.005)
            yield url, process, time.perf_counter() - began, processor(process.pid)
        finally:
            process.kill()


def begin(url: str, runs: int, go: Path) -> None:
    """So many runs that wait for a file."""
    with dl.Client(url=url) as client:
        project = client.projects.create(project_name="start")
        pipeline = project.pipelines.create(name="waiting")
        source = "def step(x: int) -> int:\n" + "".join(
            f"    {line}\n" for line in HOLD.format(go=str(go)).splitlines()
        )
        path = go.with_name("waiting_step.py")
        path.write_text(source)
        sys.path.insert(0, str(path.parent))
        from waiting_step import step  # type: ignore[import-not-found]  # it was just written

        first = dl.CodeNode(name="first", method=step, project_id=project.id, project_name=project.name)
        second = dl.CodeNode(name="second", method=step, project_id=project.id, project_name=project.name)
        pipeline.nodes.add(first)
        first.connect(second)
        pipeline.update()
        pipeline.install()
    with httpx.Client(timeout=60) as http, ThreadPoolExecutor(CALLERS) as pool:

        def submit(number: int) -> None:
            body = {"pipeline": {"input": {"x": number}}}
            http.post(f"{url}/api/v1/pipelines/{pipeline.id}/execute", json=body).raise_for_status()

        for _ in pool.map(submit, range(runs)):
            pass


def measured(folder: Path) -> tuple[list[float], list[float], list[float]]:
    """Seconds, seconds of processor and MiB of some starts."""
    seconds, used, memory = [], [], []
    for _ in range(ROUNDS):
        with running(folder) as (_url, process, took, processed):
            seconds.append(took)
            used.append(processed)
            time.sleep(1)
            memory.append(held(process.pid))
    return seconds, used, memory


def main() -> None:
    """Measures, and prints a table."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(f"{machine()}; {ROUNDS} starts each\n")
    row("what", "start to ready, s", "of processor, s", "MiB (PSS)", "goal")
    row("---", "---", "---", "---", "---")
    with tempfile.TemporaryDirectory() as name:
        empty, full, go = Path(name, "empty"), Path(name, "full"), Path(name, "go")
        with running(empty):
            pass
        figures = measured(empty)
        row("no open runs", *(spread(each) for each in figures), "1 s, 80 MiB")
        with running(full) as (url, _process, _took, _processed):
            begin(url, wanted, go)
        figures = measured(full)
        row(f"{wanted:,} open runs", *(spread(each) for each in figures), "1 s")


if __name__ == "__main__":
    main()
