"""Runs that go: by age, by number, and never one that is open."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dtlpipe.model import times
from mock_server.platform import pruning, repeats
from mock_server.store.base import ExecutionRow, Kind, LogLine, RunRow
from mock_server.store.ids import new_id

DAY = 86400.0


@pytest.fixture
def run(platform):
    """Makes a run with an execution, an event and a line, that ended so many days ago."""

    def make(days, status="success", pipeline="p1"):
        at = times.now() - timedelta(days=days)
        mine = {"creator": "me", "created_at": at, "updated_at": at, "status": status, "project_id": "pr1"}
        ended = at if status == "success" else None
        row = RunRow(id=new_id(), pipeline_id=pipeline, revision_id="r1", ended_at=ended, **mine)
        execution = ExecutionRow(id=new_id(), run_id=row.id, node_id="n", function_name="run", ended_at=ended, **mine)
        line = {"service_id": None, "at": at, "level": "INFO", "message": "hello", "stream": "stdout"}

        def intent(tx):
            tx.insert_runs([row])
            tx.insert_executions([execution])
            tx.append_event(row.id, None, "run.ended", {})
            tx.append_logs([LogLine(execution_id=execution.id, run_id=row.id, **line)])

        platform.store.write(intent)
        return row.id

    return make


def left(platform):
    rows, _ = platform.store.find_runs({"pageSize": 1000, "sort": {"id": "ascending"}})
    return [row.id for row in rows]


def test_old_runs_go_with_all_that_is_theirs(platform, run):
    old, recent = run(10), run(1)
    assert platform.pruning.prune(older_than=5 * DAY).runs == 1
    assert left(platform) == [recent]
    assert platform.store.executions_of([old]) == {old: []}
    assert platform.store.events(old) == []
    assert platform.store.logs(run_id=old) == []
    assert len(platform.store.logs(run_id=recent)) == 1


def test_what_is_open_stays_however_old_it_is(platform, run):
    open_ = [run(100, "in-progress"), run(99, "pending"), run(98, "rerun")]
    run(97)
    assert platform.pruning.prune(older_than=DAY, beyond=0).runs == 1
    assert left(platform) == open_


def test_of_many_the_latest_are_kept(platform, run, monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 3)
    runs = [run(1) for _ in range(10)]
    other = run(1, pipeline="p2")
    assert platform.pruning.prune(beyond=2, pipeline_id="p1").runs == 8
    assert left(platform) == [*runs[-2:], other]


def test_it_stops_when_it_is_told(platform, run):
    run(10)
    assert platform.pruning.prune(older_than=DAY, stopped=lambda: True).runs == 0


def test_nothing_goes_if_the_settings_say_nothing_but_keys_of_long_ago(platform, run):
    run(1000)
    for id, days in ((f"{repeats.PREFIX}me:old", 3), (f"{repeats.PREFIX}me:new", 0.9), ("idempotency:me:old", 3)):
        at = times.to_wire(times.now() - timedelta(days=days))
        note = {"id": id, "createdAt": at, "updatedAt": at}
        platform.store.write(lambda tx, note=note: tx.insert(Kind.SETTING, note))
    pruned = platform.pruning.tick()
    assert (pruned.runs, pruned.keys) == (0, 2)
    assert platform.store.get(Kind.SETTING, f"{repeats.PREFIX}me:new") is not None
