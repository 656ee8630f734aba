"""What has to hold after every fault, read from the rows themselves.

| | invariant |
| --- | --- |
| I1 | every run that was acknowledged is there, and over |
| I2 | exactly one completion for each (run, node, visit), and none twice for an execution |
| I3 | no completion was taken from a start that another start had replaced: its fence is the last one's |
| I4 | the states of runs and executions are the fold of the event log |
| I5 | outputs equal those of a run without faults |
| I6 | the database finds itself intact, and the bytes of each item and of each large value are there with their hash |

Each `check` reads one snapshot; with `settled=False` of a store with work left in it, where I1 asks no more than that
runs are there.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs
import psycopg

OVER = ("success", "failed", "terminated")
#: What an event says of the state of what it is about; `ended` and `called_off` say it in their body.
SAYS = {
    "run.waiting": "pending",
    "run.started": "in-progress",
    "run.rerun": "rerun",
    "execution.started": "in-progress",
    "execution.retried": "created",
    "execution.requeued": "created",
}
SAID = ("run.ended", "run.called_off", "execution.ended")


@attrs.frozen
class Event:
    """One of the log, in its order."""

    id: int
    run_id: str | None
    execution_id: str | None
    kind: str
    body: dict[str, Any]


@attrs.frozen
class Seen:
    """All that there is: runs and executions by id."""

    runs: dict[str, dict[str, Any]]
    executions: dict[str, dict[str, Any]]
    events: list[Event]
    blobs: set[str]

    def of(self, run_id: str) -> list[dict[str, Any]]:
        return [each for each in self.executions.values() if each["run_id"] == run_id]


_QUERIES = {
    "run": "SELECT id, pipeline_id, status FROM run",
    "execution": "SELECT id, run_id, node_id, visit, status, fence, output FROM execution",
    "event": "SELECT id, run_id, execution_id, kind, body FROM event ORDER BY id",
    "blob": "SELECT blob FROM item WHERE blob IS NOT NULL UNION SELECT blob FROM large_value",
}


def read(place: Path | str, folder: Path | None = None) -> Seen:
    """One snapshot of the store in the folder, or of the database that the URL names; whether it is open or not.

    Without the `folder` of a database, its large values are the names of their files.
    """
    folder = place if isinstance(place, Path) else folder
    with _snapshot(place) as rows:
        runs, executions, events = rows("run"), rows("execution"), rows("event")
        return Seen(
            {each["id"]: each for each in runs},
            {each["id"]: each | {"output": _loaded(each["output"], folder)} for each in executions},
            [Event(**(each | {"body": _loaded(each["body"], folder)})) for each in events],
            {each["blob"] for each in rows("blob")},
        )


def _loaded(value: Any, folder: Path | None) -> Any:
    if not isinstance(value, str):
        return value
    if not value.startswith("@"):
        return json.loads(value)
    kept = json.loads(value[1:])  # of a large value, whose bytes are in files
    if folder is None:
        return kept
    if "blob" in kept:
        return json.loads(_file(folder, kept["blob"]).read_bytes())
    return kept["of"] | {key: json.loads(_file(folder, name).read_bytes()) for key, name in kept["blobs"].items()}


def _file(folder: Path, name: str) -> Path:
    return folder / "blobs" / name[:2] / name[2:]


@contextmanager
def _snapshot(place: Path | str) -> Iterator[Any]:
    if isinstance(place, Path):
        with closing(sqlite3.connect(place / "store.sqlite3", timeout=30, isolation_level=None)) as database:
            database.row_factory = sqlite3.Row
            database.execute("BEGIN")
            yield lambda name: [dict(each) for each in database.execute(_QUERIES[name])]
            database.execute("COMMIT")
        return
    with psycopg.connect(place, row_factory=psycopg.rows.dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield lambda name: connection.execute(_QUERIES[name]).fetchall()


def check(
    place: Path | str,
    acknowledged: Collection[str] = (),
    *,
    outputs: Mapping[str, Mapping[str, Any]] | None = None,
    settled: bool = True,
    folder: Path | None = None,
) -> Seen:
    """Asserts I1 to I6, and gives what was seen.

    Args:
        place: see `read`.
        acknowledged: ids of the runs that a client was told of.
        outputs: for runs by id, the output of each node by node id, as a run without faults gives it.
        settled: whether all that was begun should be over.
        folder: where the bytes of items are, if `place` is a database.
    """
    seen = read(place, folder)
    _acknowledged(seen, acknowledged, settled=settled)
    _completions(seen)
    _fences(seen)
    _fold(seen)
    _outputs(seen, outputs or {})
    _intact(place, folder, seen)
    return seen


def _acknowledged(seen: Seen, acknowledged: Collection[str], *, settled: bool) -> None:
    assert len(set(acknowledged)) == len(acknowledged), "I1: one id was given to two requests"
    missing = set(acknowledged) - set(seen.runs)
    assert not missing, f"I1: acknowledged runs are lost: {missing}"
    if settled:
        left = {id: seen.runs[id]["status"] for id in acknowledged if seen.runs[id]["status"] not in OVER}
        assert not left, f"I1: acknowledged runs did not end: {left}"
        done = {id for id, run in seen.runs.items() if run["status"] in OVER}
        orphans = [id for id, each in seen.executions.items() if each["status"] not in OVER and each["run_id"] in done]
        assert not orphans, f"I1: executions are open in runs that are over: {orphans}"


def _completions(seen: Seen) -> None:
    ends = Counter(event.execution_id for event in seen.events if event.kind == "execution.ended")
    assert max(ends.values(), default=1) == 1, f"I2: ended more than once: {[id for id, n in ends.items() if n > 1]}"
    again = {event.run_id for event in seen.events if event.kind == "run.rerun"}
    visits = Counter(
        (each["run_id"], each["node_id"], each["visit"])
        for each in seen.executions.values()
        if each["run_id"] is not None and each["run_id"] not in again
    )
    twice = [visit for visit, number in visits.items() if number > 1]
    assert not twice, f"I2: executed twice: {twice}"
    for each in seen.executions.values():
        assert (each["status"] in OVER) == (each["id"] in ends), f"I2: {each['id']} is {each['status']}"


def _fences(seen: Seen) -> None:
    last: dict[str, int] = defaultdict(int)
    for event in seen.events:
        id = event.execution_id
        if id is None or "fence" not in event.body:
            continue
        fence = event.body["fence"]
        if event.kind == "execution.started":
            assert fence > last[id], f"I3: {id} was started as {fence} after {last[id]}"
            last[id] = fence
        else:
            assert fence == last[id], f"I3: {id} was ended by start {fence}, and the last one is {last[id]}"
    for id, fence in last.items():
        assert seen.executions[id]["fence"] == fence, f"I3: {id} has fence {seen.executions[id]['fence']}, not {fence}"
    for event in seen.events:
        if event.kind == "execution.ended" and event.body["status"] == "success":
            assert "fence" in event.body, f"I3: {event.execution_id} was completed by no report"


def _fold(seen: Seen) -> None:
    states = dict.fromkeys(seen.executions, "created")
    for event in seen.events:
        about = event.execution_id or event.run_id
        if about is None:
            continue
        if event.kind in SAID:
            states[about] = event.body["status"]
        elif event.kind in SAYS:
            states[about] = SAYS[event.kind]
    for what in (seen.runs, seen.executions):
        for id, row in what.items():
            assert states.get(id) == row["status"], f"I4: {id} is {row['status']}, its events say {states.get(id)}"
    told = {event.run_id for event in seen.events if event.kind == "run.started"}
    assert told <= set(seen.runs), f"I4: events of runs that are not there: {told - set(seen.runs)}"


def _outputs(seen: Seen, expected: Mapping[str, Mapping[str, Any]]) -> None:
    for run_id, nodes in expected.items():
        status = seen.runs[run_id]["status"]
        assert status == "success", f"I5: run {run_id} is {status}"
        found = {each["node_id"]: _only(each["output"]) for each in seen.of(run_id)}
        assert found == dict(nodes), f"I5: run {run_id} gave {found}, not {dict(nodes)}"


def _only(output: Any) -> Any:
    """The value of an output of one port."""
    return next(iter(output.values())) if isinstance(output, dict) and len(output) == 1 else output


def _intact(place: Path | str, folder: Path | None, seen: Seen) -> None:
    if isinstance(place, Path):
        folder = place
        with closing(sqlite3.connect(place / "store.sqlite3", timeout=30)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "I6"
            assert database.execute("PRAGMA foreign_key_check").fetchall() == [], "I6"
    for name in seen.blobs if folder is not None else ():
        assert folder is not None
        data = _file(folder, name).read_bytes()
        assert sha256(data).hexdigest() == name, f"I6: blob {name} is not what its name says"
