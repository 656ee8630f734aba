"""From `execute()` to the end of the run as the client sees it: one trivial node, and a chain of ten.

`python benchmarks/latency.py`

dtlpipe and the real dtlpy, each with its own wait, in turn on the same platform (dtlpy in a process of its own, since
it keeps state for the whole process).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from chains import chain, once
from measure import machine, median, row, spread

import dtlpipe as dl

ROUNDS = 40
DTLPY_ROUNDS = 7
DTLPY = """
import sys, time, warnings
warnings.simplefilter("ignore")
import dtlpy as dl
pipeline = dl.pipelines.get(pipeline_id=sys.argv[1])
print("ready", flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    execution = pipeline.execute(execution_input={"x": 1})
    execution = execution.wait()
    took = time.perf_counter() - started
    print(f"took {took} {execution.status}", flush=True)
"""


def held(pipeline: dl.Pipeline) -> float:
    """As `once`, in one request."""
    started = time.perf_counter()
    execution = pipeline.execute(execution_input={"x": 1}, hold=20)
    took = time.perf_counter() - started
    assert execution.known_status == "success", execution.error
    return took


def main() -> None:
    """Measures, and prints a table."""
    with dl.LocalPlatform(durability="strict") as platform:
        client = platform.client()
        project = client.projects.create(project_name="latency")
        one, ten = chain(project, 1), chain(project, 10)
        for _ in range(10):
            once(one), once(ten)
        figures: dict[str, list[float]] = {"one": [], "ten": [], "held": [], "dtlpy": []}
        dtlpy = subprocess.Popen(
            [sys.executable, "-c", DTLPY, one.id],
            env={**os.environ, **platform.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert dtlpy.stdin is not None
        assert dtlpy.stdout is not None
        while not dtlpy.stdout.readline().startswith("ready"):
            pass
        for number in range(ROUNDS):
            figures["one"].append(once(one))
            figures["ten"].append(once(ten))
            figures["held"].append(held(ten))
            if number < DTLPY_ROUNDS:
                dtlpy.stdin.write("go\n")
                dtlpy.stdin.flush()
                while not (line := dtlpy.stdout.readline()).startswith("took"):
                    assert line
                figures["dtlpy"].append(float(line.split()[1]))
        dtlpy.stdin.close()
        dtlpy.wait()
    print(f"{machine()}; {ROUNDS} rounds ({DTLPY_ROUNDS} of dtlpy), in turn\n")
    row("what", "milliseconds", "goal", "beside dtlpy")
    row("---", "---", "---", "---")
    base = median(figures["dtlpy"])
    row("one node, dtlpipe", spread(figures["one"], 1000), "30", f"{median(figures['one']) / base:.3f}")
    row("ten nodes in a chain, dtlpipe", spread(figures["ten"], 1000), "60", "")
    row("ten nodes in a chain, dtlpipe, in one request", spread(figures["held"], 1000), "15", "")
    row("one node, dtlpy", spread(figures["dtlpy"], 1000), "", "1")


if __name__ == "__main__":
    main()
