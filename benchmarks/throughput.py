"""A thousand items through `execute_batch`, until all runs have ended; and what that does to the platform's memory.

`python benchmarks/throughput.py`
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from chains import chain
from measure import machine, row, spread

import dtlpipe as dl

ITEMS = 1000
ROUNDS = 12
PORT_WAIT = 20.0


def step(item: dl.Item) -> str:
    """Node code."""
    return item.name


def resident(pid: int) -> float:
    """MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return float(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def main() -> None:
    """Measures, and prints a table."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "dtlpipe.cli", "platform", "start", "--data", folder, "--port", "18411"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=dict(os.environ))
        url = "http://127.0.0.1:18411"
        deadline = time.monotonic() + PORT_WAIT
        while True:
            try:
                urllib.request.urlopen(f"{url}/health").close()  # noqa: S310
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        try:
            measured(dl.Client(url=url), process.pid)
        finally:
            process.terminate()
            process.wait(30)


def measured(client: dl.Client, pid: int) -> None:
    """Uploads, runs the batches, prints the table."""
    project = client.projects.create(project_name="throughput")
    dataset = project.datasets.create(dataset_name="items")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ITEMS):
            Path(folder, f"{number:04d}.txt").write_text(str(number))
        started = time.perf_counter()
        dataset.items.upload(local_path=f"{folder}/*", remote_path="/in")
        uploaded = time.perf_counter() - started
    pipeline = chain(project, 1, step)
    filters = dl.Filters(field="dir", values="/in", context={"datasets": [dataset.id]})
    rates, memory = [], [resident(pid)]
    for _ in range(ROUNDS):
        started = time.perf_counter()
        batch = pipeline.execute_batch(filters=filters, wait=False)
        batch.wait(timeout=300)
        rates.append(ITEMS / (time.perf_counter() - started))
        assert batch.counts() == {"success": ITEMS}, batch.counts()
        memory.append(resident(pid))
    print(f"{machine()}; {ROUNDS} batches of {ITEMS}\n")
    row("what", "figure", "goal")
    row("---", "---", "---")
    row("runs/s, all ended", spread(rates), "200")
    row("uploads/s", f"{ITEMS / uploaded:.0f}", "")
    row("platform's memory in MiB, before and after each batch", " ".join(f"{each:.0f}" for each in memory), "flat")


if __name__ == "__main__":
    main()
