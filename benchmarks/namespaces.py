"""What a namespace costs a test: begun on a platform that runs, used or not, and ended.

    python benchmarks/namespaces.py [--rounds N]

Times are medians in milliseconds, beside the CPU that all of it took. `empty`: nothing was made. `project`: a project,
as most tests make. `run`: a pipeline that was installed and run once.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import dtlpipe as dl
from mock_server.testing import LocalPlatform


def answer() -> int:
    """What the pipeline does."""
    return 42


def nothing(_client: Any) -> None:
    """An empty namespace."""


def project(client: Any) -> Any:
    """A project in it."""
    return client.projects.create(project_name="same")


def run(client: Any) -> None:
    """A pipeline in it that has run."""
    made = project(client)
    pipeline = made.pipelines.create(name="p")
    pipeline.nodes.add(dl.CodeNode(name="answer", method=answer, project_id=made.id, project_name=made.name))
    assert pipeline.update().install().execute().wait().status == "success"


def measured(platform: LocalPlatform, client: Any, use: Callable[[Any], Any], rounds: int) -> list[tuple[float, float]]:
    """Seconds of the clock and of CPU that beginning and ending took, each round."""
    found = []
    for _ in range(rounds):
        began, spent = time.perf_counter(), time.process_time()
        platform.namespaces.begin()
        begun, so_far = time.perf_counter(), time.process_time()
        use(client)
        used, then = time.perf_counter(), time.process_time()
        platform.namespaces.end()
        ended, after = time.perf_counter(), time.process_time()
        found.append((begun - began + ended - used, so_far - spent + after - then))
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    print(f"{'namespace':<12}{'ms':>8}{'CPU ms':>8}")
    with LocalPlatform() as platform, platform.client() as client:
        with platform.namespace():
            run(client)  # workers are warm from now on
        for use in (nothing, project, run):
            found = measured(platform, client, use, rounds)
            clock, cpu = (1000 * statistics.median(each) for each in zip(*found, strict=True))
            print(f"{use.__name__:<12}{clock:>8.2f}{cpu:>8.2f}")


if __name__ == "__main__":
    main()
