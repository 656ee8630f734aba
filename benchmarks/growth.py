"""What a run leaves behind: rows by table, and bytes of the database.

`python benchmarks/growth.py`. Runs of ten nodes in a chain, each of which writes one line, on SQLite: the growth over
many runs, so that what is there once does not count.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from chains import chain
from measure import machine, row

import dtlpipe as dl

RUNS = 300


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


def main() -> None:
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


if __name__ == "__main__":
    main()
