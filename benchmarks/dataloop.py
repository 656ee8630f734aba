"""The Dataloop surface in numbers: queries over a hundred thousand items, a batch of ten thousand runs, commands.

`python benchmarks/dataloop.py [--items N] [--runs N]`

A command that ends after a while is a batch's rerun of one run, whose node code takes that long; how long an unchanged
dtlpy waits for it is measured in a process of its own.
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
from pathlib import Path
from typing import Any

import httpx
from measure import machine, row, spread, timed

import dtlpipe as dl
from mock_server.platform.documents import now
from mock_server.store.base import Kind
from mock_server.store.ids import new_id
from mock_server.testing import LocalPlatform

CHUNK = 2000
ROUNDS = 7


def resident() -> float:
    """MiB of this process, which is the platform's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return float(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def seed(platform: LocalPlatform, dataset: dl.Dataset, count: int) -> None:
    """Items without bytes, straight into the store: what a query reads of them is the same."""
    store = platform.platform.store
    at = now()
    for first in range(0, count, CHUNK):
        documents = []
        for number in range(first, min(first + CHUNK, count)):
            folder, name = f"/f{number % 50}", f"{number}.txt"
            documents.append(
                {
                    "id": new_id(),
                    "datasetId": dataset.id,
                    "projectId": dataset.project.id,
                    "filename": f"{folder}/{name}",
                    "dir": folder,
                    "name": name,
                    "type": "file",
                    "hidden": False,
                    "metadata": {
                        "system": {"size": 10, "mimetype": "text/plain", "originalname": name, "refs": []},
                        "user": {"kind": f"k{number % 100}", "score": number / count, "tags": ["a", "b"]},
                    },
                    "annotated": False,
                    "annotationsCount": 0,
                    "creator": "us@example.com",
                    "createdAt": at,
                    "updatedAt": at,
                }
            )

        def intent(tx: Any, documents: list[dict[str, Any]] = documents) -> None:
            for each in documents:
                tx.insert(Kind.ITEM, each)

        store.write(intent)


def queries(client: httpx.Client, dataset: dl.Dataset) -> None:
    """First pages, over HTTP."""
    path = f"/datasets/{dataset.id}/query"
    asked = {
        "by a promoted field: dir": {"dir": "/f7"},
        "by a path and its prefix: filename": {"filename": "/f7/**"},
        "by metadata, 1 % match": {"metadata.user.kind": "k7"},
        "by metadata, none match": {"metadata.user.kind": "none"},
        "by metadata, a number, half match": {"metadata.user.score": {"$gt": 0.5}},
        "by metadata and dir": {"$and": [{"dir": "/f7"}, {"metadata.user.kind": "k7"}]},
        "by metadata, with a regular expression": {"metadata.user.kind": {"$regex": "^k7"}},
    }
    for size in (20, 1000):
        for what, wanted in asked.items():
            body = {"filter": wanted, "page": 0, "pageSize": size, "resource": "items", "sort": {"id": "ascending"}}
            answer = ask(client, path, body)
            figures = [timed(lambda body=body: ask(client, path, body)) for _ in range(ROUNDS)]
            row(f"query {what}, page of {size}", f"{answer['totalItemsCount']} found", spread(figures, 1000, " ms"))


def ask(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the platform answers."""
    answer = client.post(path, json=body)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def same(item: dl.Item) -> dl.Item:
    """Node code."""
    return item


def batch(project: dl.Project, dataset: dl.Dataset, count: int) -> None:
    """All runs of a batch, until they are created; and what that costs in memory."""
    pipeline = project.pipelines.create("batch")
    pipeline.nodes.add(dl.CodeNode(name="same", method=same, project_id=project.id))
    pipeline.install()
    folders = [f"/f{n}" for n in range(-(-count // 2000))]
    filters = dl.Filters("dir", folders, operator="in", context={"datasets": [dataset.id]})
    before, peak, over = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    found = pipeline.execute_batch(filters=filters)
    created = time.perf_counter() - began
    over.set()
    watcher.join()
    row(f"execute_batch: {len(found)} runs created", f"{created:.2f} s", f"{peak[0] - before:.0f} MiB more at most")
    after = timed(found.cancel)
    row(f"batch.cancel(): {len(found)} runs", f"{after:.2f} s", "")


WAITER = """
import sys, time
import dtlpy as dl
pipeline = dl.pipelines.get(pipeline_id=sys.argv[1])
for seconds in map(float, sys.argv[2:]):
    began = time.perf_counter()
    call = pipeline.execute(execution_input={"seconds": seconds})
    done = call.wait()
    print(seconds, time.perf_counter() - began, done.status, flush=True)
"""


def nap(seconds: float) -> float:
    """Node code."""
    import time as clock

    clock.sleep(seconds)
    return seconds


def waits(platform: LocalPlatform, project: dl.Project) -> None:
    """How long an unchanged dtlpy takes over work that takes 0.5, 3 and 7 s; plain polling takes 2, 6 and 14 s."""
    pipeline = project.pipelines.create("naps")
    port = [dl.PipelineNodeIO(input_type=dl.PackageInputType.FLOAT, name="seconds", display_name="seconds")]
    pipeline.nodes.add(dl.CodeNode(name="nap", method=nap, project_id=project.id, inputs=port, outputs=port))
    pipeline.install()
    command = [sys.executable, "-c", WAITER, pipeline.id, "0.01", "0.5", "3", "7"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **platform.environment()}
        done = subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines()[1:]:
        seconds, waited, status = line.split()
        over = (float(waited) - float(seconds)) * 1000
        row(f"dtlpy waits for a run of {seconds} s", status, f"{over:.0f} ms after its end, with all that begins it")


def main() -> None:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=10_000)
    asked = parser.parse_args()
    print(machine())
    row("what", "", "")
    row("---", "---", "---")
    with tempfile.TemporaryDirectory() as folder, LocalPlatform(Path(folder), durability="relaxed") as platform:
        client = dl.Client(url=platform.url)
        project = client.projects.create("bench")
        dataset = project.datasets.create("data")
        seeded = timed(lambda: seed(platform, dataset, asked.items))
        row(f"{asked.items} items seeded", f"{seeded:.1f} s", json.dumps({"in folders": 50}))
        with httpx.Client(base_url=client.settings.url, timeout=60) as bare:
            queries(bare, dataset)
        batch(project, dataset, asked.runs)
        waits(platform, project)
        client.close()


if __name__ == "__main__":
    main()
