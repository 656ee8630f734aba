"""What a run leaves behind, and what a step costs when a million runs have been left.

`python benchmarks/growth.py`: rows by table, and bytes of the database, of runs of ten nodes in a chain, each of which
writes one line, on SQLite: the growth over many runs, so that what is there once does not count.

`python benchmarks/growth.py stored [MOST]`: what a step costs the platform in processor time, and what lists and starts
take, beside 1,000, 10,000, ... stored runs. The stored ones are copies of a real one, made by the database itself.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil
import requests
from chains import chain
from measure import machine, median, row

import dtlpipe as dl
from mock_server.local import State

RUNS = 300
STORED = (1_000, 10_000, 100_000, 1_000_000)
MEASURED = 40  # runs of ten nodes beside what is stored


def step(x: int) -> int:
    """Node code that says one line."""
    print("a line of some forty characters, or so.")
    return x + 1


def counted(folder: str) -> dict[str, int]:
    """Rows by table, and bytes under "bytes", once all is in the database file itself."""
    with closing(sqlite3.connect(Path(folder, "store.sqlite3"))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = [connection.execute(f'SELECT count(*) FROM "{name}"') for name in tables]  # noqa: S608 - its own names
        found = {name: int(count.fetchone()[0]) for name, count in zip(tables, counts, strict=True)}
        pages, size = (int(connection.execute(f"PRAGMA {what}").fetchone()[0]) for what in ("page_count", "page_size"))
    return {**found, "bytes": pages * size}


def execute(pipeline: dl.Pipeline, runs: int) -> None:
    """So many runs, to their end."""
    started = [pipeline.execute(execution_input={"x": 1}) for _ in range(runs)]
    for run in started:
        assert run.wait(timeout=300).status == "success", run.error


def left_behind() -> None:
    """Measures, and prints a table."""
    with tempfile.TemporaryDirectory() as folder:
        with dl.LocalPlatform(folder) as platform, platform.client() as client:
            pipeline = chain(client.projects.create(project_name="growth"), 10, step)
            execute(pipeline, 20)
        first = counted(folder)
        with dl.LocalPlatform(folder) as platform, platform.client() as client:
            execute(client.pipelines.get(pipeline_id=pipeline.id), RUNS)
        last = counted(folder)
    print(f"{machine()}; {RUNS} runs of ten nodes, a line each\n")
    row("what", "a run", "a step")
    row("---", "---", "---")
    for name, count in sorted(last.items(), key=lambda item: -item[1]):
        if grown := count - first.get(name, 0):
            row(name, f"{grown / RUNS:.4g}", f"{grown / RUNS / 10:.4g}")


# --- beside a million -------------------------------------------------------------------------------------------------


class Copier:
    """Copies of one run, its execution and all that is noted of them, each with ids of its own, a month old."""

    def __init__(self, store: Path, run_id: str) -> None:
        self._store, self._run, self.made = store, run_id, 0
        self._began = int(time.time()) - 30 * 86400

    def fill(self, wanted: int) -> float:
        """Until there are so many; seconds a thousand."""
        began, first = time.monotonic(), self.made
        with closing(sqlite3.connect(self._store, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = OFF")
            ((execution,),) = database.execute("SELECT id FROM execution WHERE run_id = ?", (self._run,)).fetchall()
            while self.made < wanted:
                last = min(wanted, self.made + 20_000)
                database.execute("BEGIN")
                for table, where in (
                    ("run", "id = :run"),
                    ("execution", "run_id = :run"),
                    ("event", "run_id = :run"),
                    ("log_line", "run_id = :run"),
                    ("setting", "instr(id, :run) OR instr(id, :execution)"),
                ):
                    names = {"run": self._run, "execution": execution}
                    numbers = {"first": self.made + 1, "last": last, "began": self._began}
                    self._copy(database, table, where, names | numbers)
                database.execute("COMMIT")
                self.made = last
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return (time.monotonic() - began) / (self.made - first) * 1000

    def _copy(self, database: sqlite3.Connection, table: str, where: str, given: dict[str, object]) -> None:
        columns = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
        if table in ("event", "log_line"):  # numbers of their own
            columns.remove("id")
        ids = {"id", "run_id", "execution_id", "body"}
        quoted = [f'"{name}"' for name in columns]
        shown = [
            f"replace(replace({text}, :run, printf('%08x%016x', :began + i / 50, i * 2)), "
            f":execution, printf('%08x%016x', :began + i / 50, i * 2 + 1))"
            if name in ids
            else text
            for name, text in zip(columns, quoted, strict=True)
        ]
        database.execute(
            f"INSERT INTO {table} ({', '.join(quoted)}) "  # noqa: S608 - the schema's own names
            "WITH RECURSIVE n(i) AS (VALUES (:first) UNION ALL SELECT i + 1 FROM n WHERE i < :last) "
            f"SELECT {', '.join(shown)} FROM n, (SELECT * FROM {table} WHERE {where})",
            given,
        )


class Platform:
    """One in a process of its own, on the folder."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "dtlpipe.cli", "platform", "start", "--data", str(folder), "--port", "0"]
        self._process = subprocess.Popen([*command, "--workers", "2"], stdout=subprocess.DEVNULL)
        while (state := State.read(folder)) is None:
            assert self._process.poll() is None, "the platform did not start"
            time.sleep(0.02)
        self.url, self.process = state.url, psutil.Process(self._process.pid)

    @property
    def seconds(self) -> float:
        """Of processor time, of this process alone."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        """Stops it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


def beside(folder: Path, stored: int, pipelines: tuple[str, str]) -> list[str]:
    """The cells of a line."""
    platform = Platform(folder)
    try:
        started = platform.seconds
        chained, listed = pipelines
        with requests.Session() as session:
            session.trust_env = False

            def ask(path: str, body: object) -> float:
                before = time.perf_counter()
                answer = session.post(f"{platform.url}/api/v1{path}", json=body, timeout=120)
                assert answer.ok, answer.text
                assert answer.json().get("status", "success") == "success", answer.text
                return time.perf_counter() - before

            def run() -> float:
                return ask(f"/pipelines/{chained}/execute?wait=30", {"pipeline": {"input": {"x": 1}}})

            for _ in range(5):
                run()
            before = platform.seconds
            took = [run() for _ in range(MEASURED)]
            step_ms = (platform.seconds - before) / MEASURED / 10 * 1000
            page = {"resource": "pipelineState", "filter": {"pipelineId": listed}, "page": 0, "pageSize": 100}
            lists = [ask("/pipelines/query", page) for _ in range(5)]
        memory = platform.process.memory_full_info().pss / (1 << 20)
    finally:
        platform.close()
    size = (folder / "store.sqlite3").stat().st_size / (1 << 20)
    figures = (step_ms, median(took) * 1e3, median(lists) * 1e3, started, memory, size)
    return [f"{stored:,}", *(f"{figure:.3g}" for figure in figures)]


def beside_stored(most: int) -> None:
    """Measures, and prints a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "data")
        platform = Platform(folder)
        try:
            with dl.Client(url=platform.url) as client:
                project = client.projects.create(project_name="growth")
                chained, single = chain(project, 10), chain(project, 1, step)
                run = single.execute(execution_input={"x": 1})
                assert run.wait(timeout=60).status == "success", run.error
        finally:
            platform.close()
        print(f"{machine()}; runs of one node are stored, those of ten are measured\n")
        heads = ("stored runs", "a step, ms of processor", "a run of ten, ms", "a page of 100 runs, ms")
        row(*heads, "start, s of processor", "memory, MiB", "database, MiB")
        row(*["---"] * 7)
        copier = Copier(folder / "store.sqlite3", run.id)
        row(*beside(folder, 1, (chained.id, single.id)))
        for wanted in STORED:
            if wanted <= most:
                copier.fill(wanted)
                row(*beside(folder, wanted, (chained.id, single.id)))
                sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["stored"]:
        beside_stored(int(sys.argv[2]) if len(sys.argv) > 2 else STORED[-1])
    else:
        left_behind()
