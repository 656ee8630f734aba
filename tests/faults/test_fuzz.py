"""Row 12: whatever is sent, the platform answers, and what went wrong is said to be the sender's."""

from __future__ import annotations

import json
import logging
import time
import traceback
from random import Random

import pytest

from dtlpipe import CodeNode
from tests.faults import invariants
from tests.faults.fuzzing import Fuzzer, Recorder
from tests.faults.platforms import Inner
from tests.faults.rows import SHARE

#: What is no failure of the platform's, though its status is 5xx: what it says it does not offer, and that it is full.
MEANT = (501, 503)
#: Nor is a pipeline that was called by its name and whose code raised, which in that vocabulary is a 500.
NODE_CODE_FAILED = b'{"detail":"Pipeline execution failed: '


def add_one(x: int) -> int:
    return x + 1


class World:
    """A platform, its application, what a client has sent to it, and ids of what is there."""

    def __init__(self, platform, app, recorder):
        self.platform, self.app, self.http = platform, app, app.test_client()
        self.ids: dict[str, list[str]] = {}
        self.witness = Witness()
        self.populate()
        self.fuzzer = Fuzzer(app, recorder, self.ids)
        self.slowest, self.sent, self.statuses = 0.0, 0, {}
        self.failures: dict[str, str] = {}

    def populate(self):
        """As people do, through the SDK: each endpoint is sent something that makes sense."""
        with self.platform.local.client() as client:
            project = client.projects.create(project_name=f"fuzz {time.time_ns()}")
            dataset = project.datasets.create(dataset_name=f"d{time.time_ns()}")
            item = dataset.items.upload(local_path=__file__, remote_path="/a")
            pipeline = project.pipelines.create(name=f"p{time.time_ns()}")
            node = CodeNode(name="n", method=add_one, project_id=project.id, project_name=project.name)
            pipeline.nodes.add(node)
            pipeline.update()
            pipeline.install()
            run = pipeline.execute(execution_input={"x": 1})
            run.wait(timeout=60)
            executions = self.platform.ok("POST", "/query/faas", json={"resource": "executions", "filter": {}})
            services = self.platform.ok("POST", "/query/faas", json={"resource": "services", "filter": {}})
            service = services["items"][0]["id"]
            trigger = self._trigger(project, pipeline)
            self._queries(project, dataset, pipeline)
        found = {
            "project_id": project.id,
            "dataset_id": dataset.id,
            "item_id": item.id,
            "pipeline_id": pipeline.id,
            "run_id": run.id,
            "execution_id": executions["items"][0]["id"],
            "service_id": service,
            "trigger_id": trigger,
        }
        self.ids.update({name: [id] for name, id in found.items()})

    def _trigger(self, project, pipeline):
        spec = {"cron": "0 0 * * *", "operation": {"type": "pipeline", "id": pipeline.id}, "input": {}}
        body = {"name": "t", "type": "Cron", "projectId": project.id, "active": False, "spec": spec}
        return self.platform.session.post(f"{self.platform.api}/triggers", json=body, timeout=60).json().get("id", "x")

    def _queries(self, project, dataset, pipeline):
        send = self.platform.session.post
        api = self.platform.api
        query = {"filter": {"$and": [{"name": {"$in": ["a"]}}]}, "page": 0, "pageSize": 5, "sort": {"id": "ascending"}}
        send(f"{api}/datasets/{dataset.id}/query", json={**query, "resource": "items", "join": {}}, timeout=60)
        send(f"{api}/pipelines/query", json={**query, "resource": "pipelineState"}, timeout=60)
        send(f"{api}/query/faas", json={**query, "resource": "executions", "context": {"projects": []}}, timeout=60)
        batch = {"batch": {"query": {"filter": {"type": "file"}, "context": {"datasets": [dataset.id]}}, "args": {}}}
        send(f"{api}/pipelines/{pipeline.id}/execute", json=batch, timeout=60)
        rerun = {"pipeline": {"method": "startFromBeginning"}, "batch": {"query": {"filter": {}}}}
        send(f"{api}/pipelines/{pipeline.id}/executions/rerun", json=rerun, timeout=60)

    def send(self, seed, route=None):
        """The request of this seed; what fails is kept, the first of each kind."""
        spoilt = self.fuzzer.request(Random(seed), route)
        began = time.monotonic()
        answer = self.http.open(
            spoilt.path,
            method=spoilt.method,
            query_string=spoilt.query,
            headers=spoilt.headers,
            data=spoilt.body,
            base_url=self.platform.local.url,
        )
        try:
            body = b"" if answer.is_streamed and answer.mimetype != "application/json" else answer.get_data()
        finally:
            answer.close()
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.sent += 1
        status = answer.status_code
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if self.sent % 200 == 0:
            self.populate()
        if status >= 500 and status not in MEANT and not body.startswith(NODE_CODE_FAILED):
            where = self.witness.last or f"{spoilt.method} {status} {body[:200]!r}"
            self.failures.setdefault(
                where.strip().splitlines()[-1] + where[-300:],
                f"seed {seed}: {spoilt.method} {spoilt.path}?{spoilt.query} {spoilt.headers} {spoilt.body[:600]!r}\n"
                f"{status}: {where[-1500:]}",
            )
        if status >= 400 and body and answer.mimetype == "application/json":
            json.loads(body)


class Witness(logging.Handler):
    """Keeps the last traceback that was logged."""

    last = ""

    def emit(self, record):
        if record.exc_info:
            self.last = "".join(traceback.format_exception(record.exc_info[1]))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    import mock_server.app

    made, recorder, create = [], Recorder(), mock_server.app.create_app

    def recording(platform):
        app = create(platform)
        recorder.install(app)
        made.append(app)
        return app

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mock_server.app, "create_app", recording)
        place = tmp_path_factory.mktemp("fuzz") / "data"
        with Inner(place, max_wait=0.02, hold_timeout=0.02, max_body=1 << 20, max_upload=1 << 20) as platform:
            found, log = World(platform, made[0], recorder), logging.getLogger("dtlpipe.platform")
            log.addHandler(found.witness)
            yield found
            log.removeHandler(found.witness)


def still_whole(world):
    """Nothing that was sent has harmed it: real work goes on."""
    assert not world.failures, f"{len(world.failures)} kinds of failure:\n\n" + "\n\n".join(world.failures.values())
    with world.platform.local.client() as client:
        assert client.projects.create(project_name=f"after {time.time_ns()}").name
    invariants.check(world.platform.place, settled=False)


def test_no_request_makes_the_platform_fail(world):
    for seed in range(500):
        world.send(seed)
    still_whole(world)


@pytest.mark.slow
def test_no_request_to_any_route_makes_the_platform_fail(world, record_row):
    before, each = world.sent, max(5, int(200 * SHARE))
    for number, route in enumerate(world.fuzzer.routes):
        for seed in range(each):
            world.send(1000 * number + seed, route)
    still_whole(world)
    taken = sum(number for status, number in world.statuses.items() if status < 300)
    record_row(
        "12",
        "spoilt requests to every route and method",
        times=world.sent - before,
        gate="0 5xx, 0 longer than 5 s",
        measured=f"{len(world.fuzzer.routes)} routes, {each} each, 0 5xx ({taken} were taken), "
        f"slowest {world.slowest:.2f} s",
        held=world.slowest <= 5,
    )
