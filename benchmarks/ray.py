"""What a step costs on Ray beside what it costs in the platform's own processes, on the same machine.

`python benchmarks/ray.py`, once `make test-ray` has installed Ray. Two platforms with two places each, both durable, in
turn: from `execute()` to the end of the run as a client sees it, and steps a second when many runs are under way.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from chains import chain, once
from measure import alternately, machine, median, row, spread

sys.path.pop(0)  # this file's folder, in which it would be the `ray` that is looked for

import dtlpipe as dl

ROUNDS = 11
BURSTS = 3
RUNS = 40
CLIENTS = 8


class Subject:
    """A platform with its executor."""

    def __init__(self, stack: ExitStack, executor: str) -> None:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        started = time.perf_counter()
        platform = stack.enter_context(dl.LocalPlatform(folder, executor=executor, workers=2))
        client = stack.enter_context(platform.client())
        project = client.projects.create(project_name="ray")
        self.one, self.ten = chain(project, 1), chain(project, 10)
        self.pool = stack.enter_context(ThreadPoolExecutor(CLIENTS))
        once(self.one, 300)
        self.ready = time.perf_counter() - started
        self.burst()

    def node(self) -> float:
        """Seconds of a run of one node."""
        return once(self.one, 300)

    def chain(self) -> float:
        """Seconds of ten nodes in a chain."""
        return once(self.ten, 300)

    def burst(self) -> float:
        """Steps a second of many chains at once."""
        started = time.perf_counter()
        for _ in self.pool.map(lambda _: once(self.ten, 300), range(RUNS)):
            pass
        return RUNS * 10 / (time.perf_counter() - started)


def main() -> None:
    """Measures, and prints a table."""
    if importlib.util.find_spec("ray") is None:
        raise SystemExit("Ray is not installed: make test-ray, or pip install 'dtlpipe[platform,ray]'")
    with ExitStack() as stack:
        subjects = [Subject(stack, executor) for executor in ("processes", "ray")]
        nodes = alternately(ROUNDS, *(each.node for each in subjects))
        chains = alternately(ROUNDS, *(each.chain for each in subjects))
        bursts = alternately(BURSTS, *(each.burst for each in subjects))
    print(f"{machine()}; {ROUNDS} rounds ({BURSTS} of bursts), in turn\n")
    row("what", "processes", "Ray", "ratio")
    row("---", "---", "---", "---")
    row("until the first run is over, s (once)", *(f"{each.ready:.1f}" for each in subjects), "")
    for what, figures, scale in (
        ("one node, ms", nodes, 1000.0),
        ("ten nodes in a chain, ms", chains, 1000.0),
        (f"steps/s, {RUNS} chains of ten, {CLIENTS} at once", bursts, 1.0),
    ):
        own, ray = figures
        row(what, spread(own, scale), spread(ray, scale), f"{median(ray) / median(own):.2f}")


if __name__ == "__main__":
    main()
