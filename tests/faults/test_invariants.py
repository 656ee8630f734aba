"""The invariants themselves: each of them can fail."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.faults import invariants


@pytest.fixture(scope="module")
def done(inner):
    """A platform on which a run of two nodes has ended, and an item was uploaded."""
    project = inner.project()
    run = inner.settled(inner.execute(inner.pipeline(project, "return x", "return x + 1"), x=1))
    inner.upload(inner.dataset(project), "a.txt", b"some bytes").raise_for_status()
    return inner, run["id"]


def copy(platform, tmp_path):
    """The store as it is, in a folder of its own."""
    with closing(sqlite3.connect(platform.place / "store.sqlite3")) as database:
        database.execute("VACUUM INTO ?", (str(tmp_path / "store.sqlite3"),))
    (tmp_path / "blobs").symlink_to(platform.place / "blobs")
    return tmp_path


def test_they_hold_where_nothing_went_wrong(done):
    platform, run = done
    seen = invariants.check(platform.place, [run], outputs={run: {"n0": 1, "n1": 2}})
    assert seen.blobs


SPOILT = {
    "I1: acknowledged runs are lost": "DELETE FROM run",
    "I1: acknowledged runs did not end": "UPDATE run SET status = 'in-progress'",
    "I1: executions are open": "UPDATE execution SET status = 'created' WHERE node_id = 'n1'",
    "I2: ended more than once": "INSERT INTO event SELECT id + 100, run_id, execution_id, kind, at, body FROM event "
    "WHERE kind = 'execution.ended'",
    "I2: executed twice": "UPDATE execution SET node_id = 'n0'",
    "I3: .* was ended by start": "UPDATE event SET body = json_set(body, '$.fence', 0) WHERE kind = 'execution.ended'",
    "I3: .* was started as": "UPDATE event SET body = json_set(body, '$.fence', 0) WHERE kind = 'execution.started'",
    "I3: .* was completed by no report": "UPDATE event SET body = json_remove(body, '$.fence') "
    "WHERE kind = 'execution.ended'",
    "I3: .* has fence": "UPDATE execution SET fence = 7",
    "I4": "UPDATE event SET body = '{\"status\": \"failed\"}' WHERE kind = 'run.ended'",
    "I5": "UPDATE execution SET output = '{\"y\": 7}' WHERE node_id = 'n1'",
}


@pytest.mark.parametrize("told", SPOILT)
def test_each_of_them_can_fail(done, tmp_path, told):
    platform, run = done
    place = copy(platform, tmp_path)
    with closing(sqlite3.connect(place / "store.sqlite3", isolation_level=None)) as database:
        assert database.execute(SPOILT[told]).rowcount
    with pytest.raises(AssertionError, match=told):
        invariants.check(place, [run], outputs={run: {"n0": 1, "n1": 2}})


def test_bytes_that_are_not_what_they_were_are_found(done, tmp_path):
    platform, run = done
    place = copy(platform, tmp_path)
    (place / "blobs").unlink()
    (name,) = invariants.read(place).blobs
    (place / "blobs" / name[:2]).mkdir(parents=True)
    (place / "blobs" / name[:2] / name[2:]).write_bytes(b"other bytes")
    with pytest.raises(AssertionError, match="I6"):
        invariants.check(place, [run])
