"""What `import dtlpipe` costs beside `import dtlpy`, and what naming things adds: time and memory of new processes.

`python benchmarks/import_cost.py`
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from measure import alternately, machine, median, row, spread

ROUNDS = 9
REPORT = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
SUBJECTS = {
    "python alone": "pass",
    "import dtlpipe": "import dtlpipe as dl",
    "import dtlpipe, names of a script touched": (
        "import dtlpipe as dl; dl.Client(url='http://127.0.0.1:1'); "
        "dl.Filters; dl.CodeNode; dl.FunctionIO; dl.exceptions.NotFound"
    ),
    "import dtlpy": "import dtlpy as dl",
}


def main() -> None:
    """Measures, and prints a table."""
    memory: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DATALOOP_PATH": folder, "PYTHONWARNINGS": "ignore"}

        def subject(name: str, code: str):  # noqa: ANN202
            def run() -> float:
                started = time.perf_counter()
                done = subprocess.run(
                    [sys.executable, "-c", code + REPORT], env=environment, capture_output=True, check=True, text=True
                )
                memory[name].append(float(done.stdout.split()[-1]) / 1024)
                return time.perf_counter() - started

            return run

        subjects = [subject(name, code) for name, code in SUBJECTS.items()]
        for each in subjects:
            each()  # warms the disk's cache and the .pyc files
        figures = dict(zip(SUBJECTS, alternately(ROUNDS, *subjects), strict=True))
    print(f"{machine()}; {ROUNDS} rounds, in turn\n")
    row("what", "wall", "MiB", "time / dtlpy", "memory / dtlpy")
    row("---", "---", "---", "---", "---")
    for name in SUBJECTS:
        time_ratio = median(figures[name]) / median(figures["import dtlpy"])
        memory_ratio = median(memory[name]) / median(memory["import dtlpy"])
        row(
            name,
            spread(figures[name], 1000, " ms"),
            f"{median(memory[name]):.1f}",
            f"{time_ratio:.3f}",
            f"{memory_ratio:.3f}",
        )


if __name__ == "__main__":
    main()
