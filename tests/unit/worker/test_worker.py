"""What the worker makes of a run: recorded steps, restarts, results that cannot be kept, cancels, logs."""

from __future__ import annotations

import pytest

from dtlpipe.errors import Conflict
from mock_server.executors import base as jobs
from mock_server.platform.intents import Idempotency
from tests.unit.worker.staged import Place


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path / "data").open()
    yield place
    place.close()


def test_a_run_goes_from_node_to_node_and_is_recorded(place):
    run, _ = place.begin({"x": 1})
    assert place.store.get_run(run).status == "in-progress"
    job = place.succeed("a", {"size": 9})
    assert [(each.name, each.value) for each in job.arguments] == [("x", 1)]
    job = place.succeed("b", "end")
    assert job.arguments[0].value == {"size": 9}
    assert place.settled(run).status == "success"
    rows = place.store.executions_of([run])[run]
    assert [(row.node_id, row.status, row.output) for row in rows] == [
        ("a", "success", {"y": {"size": 9}}),
        ("b", "success", {"y": "end"}),
    ]
    kinds = [event.kind for event in place.store.events(run)]
    assert kinds[0] == "run.started"
    assert kinds[-1] == "run.ended"


def test_a_condition_that_the_value_does_not_meet_ends_the_run_there(place):
    run, _ = place.begin()
    place.succeed("a", {"size": 3})
    assert place.settled(run).status == "success"
    (row,) = place.store.executions_of([run])[run]
    assert row.closed == [0]


def test_a_restarted_platform_goes_on_where_it_was(place):
    run, _ = place.begin({"x": 1})
    place.succeed("a", {"size": 9})
    first = place.executor.take("b")
    place.close()
    place.open()
    again = place.executor.take("b")
    assert again.execution_id == first.execution_id
    assert again.fence > first.fence
    place.worker.receive([jobs.Succeeded(first.execution_id, first.fence, {"y": "stale"})])
    place.worker.receive([jobs.Succeeded(again.execution_id, again.fence, {"y": "fresh"})])
    assert place.settled(run).status == "success"
    assert [row.output for row in place.store.executions_of([run])[run]] == [{"y": {"size": 9}}, {"y": "fresh"}]


def test_a_result_that_cannot_be_recorded_fails_the_execution_and_not_the_platform(place):
    run, _ = place.begin()
    other, _ = place.begin()
    bad = place.executor.take("a")
    place.worker.receive([jobs.Succeeded(bad.execution_id, bad.fence, {"y": object()})])
    assert place.settled(run).status == "failed"
    assert "could not be recorded" in place.store.get_run(run).error["message"]
    again = place.executor.take("a")  # memory was rebuilt from rows, and what ran is out again
    place.worker.receive([jobs.Succeeded(again.execution_id, again.fence, {"y": {"size": 1}})])
    assert place.settled(other).status == "success"


def test_the_same_idempotency_key_begins_one_run(place):
    def request(id, fingerprint="f"):
        return Idempotency("me:key", fingerprint, {"id": id})

    run, first = place.begin(idempotency=request("one"))
    _, second = place.begin(idempotency=request("two"))
    assert first is None
    assert second == {"id": "one"}
    with pytest.raises(Conflict, match="another request"):
        place.begin(idempotency=request("three", "other"))
    assert [row.id for row in place.store.open_runs()] == [run]


def test_canceling_a_run_withdraws_its_job(place):
    run, _ = place.begin()
    job = place.executor.take("a")
    assert place.worker.cancel_run(run, "enough").result(10) is True
    assert place.settled(run).status == "terminated"
    assert place.executor.canceled == [job.execution_id]
    assert place.worker.cancel_run(run, "again").result(10) is False


def test_logs_and_progress_are_kept_with_the_execution(place):
    run, _ = place.begin()
    job = place.executor.take("a")
    record = {"timestamp": "2026-01-01T00:00:00.000Z", "level": "INFO", "message": "hello", "stream": "stdout"}
    place.worker.receive(
        [
            jobs.Logged(job.execution_id, job.fence, [record]),
            jobs.Progressed(job.execution_id, job.fence, progress=40.0, message="on the way"),
            jobs.Logged(job.execution_id, job.fence - 1, [record]),
            jobs.Failed(
                job.execution_id,
                job.fence,
                {"type": "ValueError", "message": "no", "traceback": "Traceback ...", "cause": "exception"},
            ),
        ]
    )
    row = place.settled(run)
    assert row.status == "failed"
    assert row.error["node"] == "a"
    assert [line.message for line in place.store.logs(run_id=run)] == ["hello"]
    (execution,) = place.store.executions_of([run])[run]
    assert (execution.percent, execution.message) == (40.0, "on the way")
