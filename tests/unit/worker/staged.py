"""A worker on a real store, with an executor that the test plays."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import attrs

from dtlpipe.model import times
from mock_server.executors import base as jobs
from mock_server.platform.actions.witness import Witness
from mock_server.platform.attendance import Attendance
from mock_server.platform.hub import Hub
from mock_server.platform.intents import Submission
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
            attendance=Attendance(),
            settings=SimpleNamespace(node_timeout=10.0, node_memory_limit=None, workers=1),
            items=None,
            tracing=SimpleNamespace(began=lambda job, run: job),
            worker_environment=dict,
        )
        platform.actions = SimpleNamespace(witness=Witness(platform))
        self.worker = Worker(platform, self.executor)
        if self.store.get(Kind.REVISION, "r1") is None:
            now = times.to_wire(times.now())
            self.store.write(lambda tx: tx.insert(Kind.REVISION, {**REVISION, "createdAt": now, "updatedAt": now}))
        self.worker.start()
        return self

    def close(self):
        self.worker.close()
        self.store.close()

    def begin(self, inputs=None, priority=0, **more):
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
            priority=priority,
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
