"""Waiting in numbers: an unchanged dtlpy's excess, a thousand runs waited for together, a batch of ten thousand.

`python benchmarks/waiting.py [--runs N] [--batch N] [dtlpy] [together] [batch]`

The platform is a process of its own, but for dtlpy, which is one itself: how long its own `wait()` takes over a
command, a run and a service's call that take 0.5, 3 and 7 s. Plain polling returns after 2, 6 and 14 s.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil
from measure import machine, row

import dtlpipe as dl
from dtlpipe.model.enums import CommandStatus
from dtlpipe.transports.httpx import HttpxTransport
from mock_server.local import State
from mock_server.store.base import Kind
from mock_server.store.ids import new_id
from mock_server.testing import LocalPlatform

if TYPE_CHECKING:
    from collections.abc import Iterator

DURATIONS = (0.5, 3.0, 7.0)

DTLPY = """
import json, sys, time
import dtlpy as dl
pipeline = dl.pipelines.get(pipeline_id=sys.argv[1])
service = dl.services.get(service_name=pipeline.nodes[0].namespace.service_name)

def run(seconds):
    return pipeline.execute(execution_input={"seconds": seconds})

def call(seconds):
    return service.execute(execution_input={"seconds": seconds}, project_id=pipeline.project.id)

run(0.01).wait()
call(0.01).wait()
print("[]", flush=True)
for line in sys.stdin:
    what, seconds = json.loads(line)
    if what == "command":
        found = dl.commands.wait(command_id=seconds)
    elif what == "run":
        found = run(seconds).wait()
    else:
        found = call(seconds)
        found = found.wait() if what == "call" else dl.executions.wait(execution=found)
    print(json.dumps([found.id, time.time()]), flush=True)
"""


def nap(seconds: float) -> float:
    """Node code."""
    import time

    time.sleep(seconds)
    return seconds


def hangs(item: dl.Item) -> dl.Item:
    """Node code."""
    import time

    time.sleep(3600)
    return item


class Counting(HttpxTransport):
    """Counts requests and streams."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.sent: Counter[str] = Counter()

    def send(self, request: Any) -> Any:
        self.sent["requests"] += 1
        return super().send(request)

    def listen(self, request: Any) -> Any:
        self.sent["streams"] += 1
        return super().listen(request)


@contextmanager
def platform(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A platform, and its process."""
    command = [sys.executable, "-m", "dtlpipe.cli", "platform", "start", "--data", str(folder), "--port", "0"]
    with subprocess.Popen([*command, "--workers", "2"], stdout=subprocess.DEVNULL) as process:
        try:
            while (state := State.read(folder)) is None:
                assert process.poll() is None, "the platform did not start"
                time.sleep(0.05)
            yield state.url, psutil.Process(process.pid)
        finally:
            process.terminate()


def napping(client: dl.Client) -> dl.Pipeline:
    """A pipeline that takes as long as it is told."""
    project = client.projects.create("waiting")
    pipeline = project.pipelines.create("naps")
    port = [dl.PipelineNodeIO(input_type=dl.PackageInputType.FLOAT, name="seconds", display_name="seconds")]
    pipeline.nodes.add(dl.CodeNode(name="nap", method=nap, project_id=project.id, inputs=port, outputs=port))
    pipeline.update()
    pipeline.install()
    return pipeline


def dtlpy() -> None:
    """How long after its end an unchanged dtlpy returns; the end is when the platform has noted it."""
    with tempfile.TemporaryDirectory() as folder, LocalPlatform(workers=2) as platform, platform.client() as client:
        pipeline = napping(client)
        command = [sys.executable, "-c", DTLPY, pipeline.id]
        environment = {**os.environ, **platform.environment()}
        with subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            answer(process.stdout)
            for what in ("command", "run", "call", "call, by its entity"):
                for seconds in DURATIONS:
                    ends: list[float] = []
                    told: Any = working(platform, seconds, ends) if what == "command" else seconds
                    process.stdin.write(json.dumps([what, told]) + "\n")
                    process.stdin.flush()
                    line = process.stdout.readline()
                    while not line.startswith("["):  # a progress bar
                        line = process.stdout.readline()
                    id, returned = json.loads(line)
                    ended = ends[0] if ends else ended_at(platform, what, id)
                    row(
                        f"dtlpy waits for a {what} of {seconds:g} s",
                        f"{(returned - ended) * 1000:.0f} ms after its end",
                    )
            process.stdin.close()


def answer(lines: IO[str]) -> list[Any]:
    """What dtlpy's process says next; a progress bar may be in between."""
    for line in lines:
        if line.startswith("[") and not line.startswith("[20"):
            found: list[Any] = json.loads(line)
            return found
    raise RuntimeError("dtlpy's process ended")


def ended_at(platform: LocalPlatform, what: str, id: str) -> float:
    """When the platform noted the end."""
    found: Any = platform.store.get_run(id) if what == "run" else platform.store.get_execution(id)
    return float(found.ended_at.timestamp())


def working(platform: LocalPlatform, seconds: float, ends: list[float]) -> str:
    """A command that is over in so many seconds."""
    commands = platform.platform.commands
    made = commands.made("Test", "us", {}, status=CommandStatus.IN_PROGRESS, progress=0)
    platform.store.write(lambda tx: tx.insert(Kind.COMMAND, made))

    def end() -> None:
        commands.advance(made["id"], status=CommandStatus.SUCCESS)
        ends.append(time.time())

    threading.Timer(seconds, end).start()
    return str(made["id"])


def together(url: str, pipeline: dl.Pipeline, count: int) -> None:
    """All of them begun, then waited for in one program."""
    with dl.Client(url=url) as plain, dl.Client(url=url, transport=Counting(plain.settings)) as client:
        counter: Any = client._session._transport
        mine = client.pipelines.get(pipeline_id=pipeline.id)
        runs = [mine.execute(execution_input={"seconds": 0.01}) for _ in range(count)]
        counter.sent.clear()
        process = psutil.Process()
        cpu, began = sum(process.cpu_times()[:2]), time.perf_counter()
        found = sum(1 for _ in client.pipeline_executions.as_completed(runs, timeout=600))
        assert found == count, found
        took, cost = time.perf_counter() - began, sum(process.cpu_times()[:2]) - cpu
        told = f"{counter.sent['streams']} stream, {counter.sent['requests']} requests, {cost:.2f} s of CPU here"
        row(f"as_completed over {count} runs", f"{took:.2f} s", told)


def seeded(folder: Path, count: int) -> str:
    """Items without bytes in a platform's folder; the id of their dataset."""
    with LocalPlatform(folder) as platform, platform.client() as client:
        project = client.projects.create("batches")
        dataset = project.datasets.create("data")
        like = dataset.items.upload(b"x", remote_name="first.txt")
        document = platform.store.get(Kind.ITEM, like.id, private=True)
        assert document is not None
        for first in range(1, count, 2000):
            several = []
            for number in range(first, min(first + 2000, count)):
                path = f"/f{number % 50}/{number}.txt"
                named = {"filename": path, "dir": path.rpartition("/")[0], "name": f"{number}.txt"}
                several.append({**document, "id": new_id(), **named})
            platform.store.write(lambda tx, several=several: [tx.insert(Kind.ITEM, each) for each in several])
        return str(dataset.id)


def batch(client: dl.Client, process: psutil.Process, dataset_id: str) -> None:
    """All runs of a batch until they are begun, what that costs in memory, what is seen of it; and their end."""
    project = client.projects.get("batches")
    pipeline = project.pipelines.create("batch")
    pipeline.nodes.add(dl.CodeNode(name="hangs", method=hangs, project_id=project.id, project_name=project.name))
    pipeline.update()
    pipeline.install()
    before, peak, over = process.memory_info().rss, [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    seen: list[int] = []
    cpu, began = sum(process.cpu_times()[:2]), time.perf_counter()
    found = pipeline.execute_batch(
        filters=dl.Filters(context={"datasets": [dataset_id]}), on_progress=lambda done, _: seen.append(done)
    )
    took, cost = time.perf_counter() - began, sum(process.cpu_times()[:2]) - cpu
    over.set()
    watcher.join()
    more = (peak[0] - before) / 2**20
    told = f"{cost:.1f} s of CPU and {more:.0f} MiB more in the platform; seen on the way: {len(seen)} times"
    row(f"execute_batch: {len(found)} runs begun", f"{took:.2f} s", told)
    began = time.perf_counter()
    ended = found.cancel()
    row(f"batch.cancel(): {ended} runs ended", f"{time.perf_counter() - began:.2f} s", "one request")


def main() -> None:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", default=["dtlpy", "together", "batch"])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=10_000)
    asked = parser.parse_args()
    print(machine())
    row("what", "", "")
    row("---", "---", "---")
    if "dtlpy" in asked.what:
        dtlpy()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        dataset_id = seeded(folder, asked.batch) if "batch" in asked.what else ""
        with platform(folder) as (url, process), dl.Client(url=url) as client:
            if "together" in asked.what:
                together(url, napping(client), asked.runs)
            if "batch" in asked.what:
                batch(client, process, dataset_id)


if __name__ == "__main__":
    main()
