"""The worker on a real store, with an executor that the test plays."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import attrs
import pytest

from dtlpipe.errors import Conflict
from dtlpipe.model import times
from mock_server.executors import base as jobs
from mock_server.platform.hub import Hub
from mock_server.platform.intents import Idempotency, Submission
from mock_server.store import open_store
from mock_server.store.base import Kind, RunRow
from mock_server.store.ids import new_id
from mock_server.worker.worker import Worker


class Played:
    """An executor whose jobs the test ends."""

    capacity = 4

    def __init__(self):
        self.jobs: dict[str, jobs.Job] = {}
        self.canceled: list[str] = []
        self.arrived = threading.Condition()

    def start(self):
        pass

    def close(self, grace=0.0):
        pass

    def submit(self, job):
        with self.arrived:
            self.jobs[job.execution_id] = job
            self.arrived.notify_all()

    def cancel(self, execution_id, fence):
        self.canceled.append(execution_id)

    def take(self, node):
        with self.arrived:
            assert self.arrived.wait_for(lambda: any(job.node == node for job in self.jobs.values()), timeout=10)
            id = next(id for id, job in self.jobs.items() if job.node == node)
            return self.jobs.pop(id)


def port(id, type="Json"):
    return {"portId": id, "name": id.split(".")[1], "type": type}


REVISION = {
    "id": "r1",
    "pipelineId": "p1",
    "nodes": [
        {
            "id": name,
            "name": name,
            "type": "code",
            "inputs": [port(f"{name}.x")],
            "outputs": [port(f"{name}.y")],
            "namespace": {"functionName": "run"},
            "metadata": {},
            "config": {"package": {"code": "def run(x): return x", "name": "run"}},
        }
        for name in ("a", "b")
    ],
    "connections": [
        {
            "src": {"nodeId": "a", "portId": "a.y"},
            "tgt": {"nodeId": "b", "portId": "b.x"},
            "condition": '{"$and": [{"hidden": false}, {"size": {"$gt": 5}}]}',
        }
    ],
    "startNodes": [{"nodeId": "a", "type": "root"}],
}


@attrs.define
class Place:
    """A store in a folder, and a worker on it that may come and go."""

    folder: object
    store: object = None
    worker: object = None
    executor: object = None

    def open(self):
        self.store = open_store(self.folder)
        self.executor = Played()
        platform = SimpleNamespace(
            store=self.store,
            hub=Hub(),
            settings=SimpleNamespace(node_timeout=10.0, node_memory_limit=None, workers=1),
            items=None,
            worker_environment=dict,
        )
        self.worker = Worker(platform, self.executor)
        if self.store.get(Kind.REVISION, "r1") is None:
            now = times.to_wire(times.now())
            self.store.write(lambda tx: tx.insert(Kind.REVISION, {**REVISION, "createdAt": now, "updatedAt": now}))
        self.worker.start()
        return self

    def close(self):
        self.worker.close()
        self.store.close()

    def begin(self, inputs=None, **more):
        now = times.now()
        row = RunRow(
            id=new_id(),
            pipeline_id="p1",
            project_id="pr1",
            revision_id="r1",
            status="pending",
            creator="me",
            created_at=now,
            updated_at=now,
            inputs=inputs or {},
        )
        return row.id, self.worker.submit(Submission(runs=(row,), **more)).result(10)

    def succeed(self, node, value):
        job = self.executor.take(node)
        self.worker.receive([jobs.Succeeded(job.execution_id, job.fence, {"y": value})])
        return job

    def settled(self, run_id):
        return self.worker._platform.hub.wait(
            run_id,
            lambda: self.store.get_run(run_id),
            lambda row: row.status in ("success", "failed", "terminated"),
            10,
        )


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
