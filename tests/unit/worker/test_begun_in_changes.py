"""Work that begins within somebody else's change lives and dies with that change."""

from __future__ import annotations

import pytest

from dtlpipe.errors import BadRequest
from dtlpipe.model import times
from mock_server.executors import base as jobs
from mock_server.platform.intents import Submission
from mock_server.store.base import Kind, RunRow
from mock_server.store.ids import new_id
from tests.unit.worker.staged import REVISION, Place


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path / "data").open()
    yield place
    place.close()


def row(revision_id="r1"):
    now = times.now()
    return RunRow(
        id=new_id(),
        pipeline_id="p1",
        project_id="pr1",
        revision_id=revision_id,
        status="pending",
        creator="me",
        created_at=now,
        updated_at=now,
    )


def noted(place, id):
    return place.store.get(Kind.SETTING, id) is not None


def changing(place, run, *, then=lambda: None):
    """A change of something, in which a run begins."""

    def intent(tx):
        now = times.to_wire(times.now())
        tx.put(Kind.SETTING, {"id": f"changed:{run.id}", "createdAt": now, "updatedAt": now})
        place.worker.begin(tx, Submission(runs=(run,)))
        then()

    place.store.write(place.worker.guarded(intent))


def test_a_run_that_began_in_a_change_runs_once_that_is_committed(place):
    run = row()
    changing(place, run)
    assert noted(place, f"changed:{run.id}")
    place.succeed("a", {"size": 1})
    assert place.settled(run.id).status == "success"


def test_a_change_that_fails_after_all_takes_its_run_along_and_no_other(place):
    other, _ = place.begin()
    lost = row()

    def fail():
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        changing(place, lost, then=fail)
    assert place.store.get_run(lost.id) is None
    assert not noted(place, f"changed:{lost.id}")
    following = row()
    changing(place, following)
    assert place.worker.open_runs == 2
    for _ in range(2):
        job = place.executor.take("a")
        place.worker.receive([jobs.Succeeded(job.execution_id, job.fence, {"y": {"size": 1}})])
    assert {place.settled(each).status for each in (other, following.id)} == {"success"}


def test_a_revision_that_is_made_in_the_same_change_can_be_run_in_it(place):
    run = row("r2")

    def intent(tx):
        now = times.to_wire(times.now())
        tx.insert(Kind.REVISION, {**REVISION, "id": "r2", "createdAt": now, "updatedAt": now})
        place.worker.begin(tx, Submission(runs=(run,)))

    place.store.write(place.worker.guarded(intent))
    place.succeed("a", {"size": 1})
    assert place.settled(run.id).status == "success"


def test_what_cannot_run_is_refused_before_anything_begins(place):
    def add(tx):
        now = times.to_wire(times.now())
        cut = {**REVISION, "id": "r3", "nodes": REVISION["nodes"][:1], "createdAt": now, "updatedAt": now}
        tx.insert(Kind.REVISION, cut)

    place.store.write(add)
    with pytest.raises(BadRequest, match="joins a node"):
        changing(place, row("r3"))
    assert place.worker.open_runs == 0
    run, _ = place.begin()
    place.succeed("a", {"size": 1})
    assert place.settled(run).status == "success"
