"""Ten thousand who wait for the end of a run: what they cost, and what those notice who do not wait.

`python benchmarks/waiters.py [WAITERS]`

A platform in a process of its own; each waiter is a connection that streams the events of one of 200 runs which hang
at a gate. Submits are timed without waiters and with all of them; then the gate opens, and every waiter must be told of
its run's end. Void unless each of them is.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests
from chains import chain
from measure import machine, row

import dtlpipe as dl
from mock_server.local import State

WAITERS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
RUNS = 200
SUBMITS = 200
AT_ONCE = 200  # connections in the making


def held(gate: str) -> str:
    """Node code: goes on once the gate is there."""
    import pathlib
    import time

    while not pathlib.Path(gate).exists():
        time.sleep(0.05)
    return gate


def quick(x: int) -> int:
    """Node code."""
    return x


async def wait_for_end(host: str, port: int, run_id: str, making: asyncio.Semaphore, there: list[int]) -> int:
    """1 if the stream told of the run's end."""
    async with making:
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 14)
        request = (
            f"GET /api/v1/platform/runs/{run_id}/events HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n"
        )
        writer.write(request.encode())
        await reader.readuntil(b"run.started")
    there[0] += 1
    told = 0
    with contextlib.suppress(ConnectionError):
        while line := await reader.readline():
            told |= b'"run.ended"' in line
    writer.close()
    return told


def submits(session: requests.Session, url: str, pipeline_id: str) -> list[float]:
    """Seconds of each, in order of size."""
    found = []
    for _ in range(SUBMITS):
        started = time.perf_counter()
        answer = session.post(
            f"{url}/api/v1/pipelines/{pipeline_id}/execute", json={"pipeline": {"input": {"x": 1}}}, timeout=60
        )
        assert answer.status_code < 300, answer.text
        found.append(time.perf_counter() - started)
    return sorted(found)


def told(figures: list[float]) -> str:
    """Median and 99th percentile in ms."""
    return f"{figures[len(figures) // 2] * 1e3:.1f} / {figures[int(len(figures) * 0.99)] * 1e3:.1f} ms"


async def measure(url: str, process: psutil.Process, folder: Path) -> None:
    """The whole of it."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 0
    gate = folder / "gate"
    with dl.Client(url=url) as client, requests.Session() as session:
        session.trust_env = False
        project = client.projects.create(project_name="waiters")
        slow, fast = chain(project, 1, held, "held"), chain(project, 1, quick, "quick")
        runs = [slow.execute(execution_input={"gate": str(gate)}).id for _ in range(RUNS)]
        before = await asyncio.to_thread(submits, session, url, fast.id)
        small = process.memory_info().rss
        making, there = asyncio.Semaphore(AT_ONCE), [0]
        began = time.perf_counter()
        tasks = [
            asyncio.create_task(wait_for_end(host, port, runs[number % RUNS], making, there))
            for number in range(WAITERS)
        ]
        while there[0] < WAITERS:
            await asyncio.sleep(0.05)
            broken = [each for each in tasks if each.done() and each.exception() is not None]
            assert not broken, getattr(broken[0].exception(), "partial", broken[0].exception())
        connected = time.perf_counter() - began
        large = process.memory_info().rss
        during = await asyncio.to_thread(submits, session, url, fast.id)
        threads = process.num_threads()
        opened = time.perf_counter()
        gate.touch()
        ends = await asyncio.gather(*tasks)
        finished = time.perf_counter() - opened
    assert sum(ends) == WAITERS, f"{WAITERS - sum(ends)} waiters were not told"
    row("", "figure")
    row("---", "---")
    row("waiters, all told of their run's end", f"{WAITERS}")
    row("connecting them", f"{connected:.1f} s")
    row("memory of the platform for each", f"{(large - small) / WAITERS / 1024:.1f} KiB")
    row("threads of the platform with all of them", str(threads))
    row("submit without waiters, median / p99", told(before))
    row("submit with all of them, median / p99", told(during))
    row(f"from the gate to the last end ({RUNS} runs)", f"{finished:.1f} s")


def main() -> None:
    """Starts the platform, measures, stops it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard > WAITERS + 200, f"this machine allows {hard} files a process; {WAITERS + 200} are needed"
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [
            sys.executable,
            "-m",
            "dtlpipe.cli",
            "platform",
            "start",
            "--data",
            str(folder / "data"),
            "--port",
            "0",
        ]
        platform = subprocess.Popen([*command, "--workers", "4"], stdout=subprocess.DEVNULL)
        try:
            while (state := State.read(folder / "data")) is None:
                assert platform.poll() is None, "the platform did not start"
                time.sleep(0.05)
            asyncio.run(measure(state.url, psutil.Process(platform.pid), folder))
        finally:
            platform.send_signal(signal.SIGTERM)
            platform.wait()


if __name__ == "__main__":
    main()
