"""Orders to run again, on a real store: chunk by chunk, killed in between, called off, refused."""

from __future__ import annotations

import attrs
import pytest

from dtlpipe.errors import BadRequest, Conflict, NotFound
from mock_server.config import Settings
from mock_server.executors import base as jobs
from mock_server.platform import rerunning
from mock_server.platform.platform import Platform
from mock_server.store import open_store
from mock_server.worker import reruns
from mock_server.worker.worker import Worker
from tests.unit.platform.building import code_node, definition, port
from tests.unit.worker.staged import Played

ME = "me@example.com"
EVERYTHING = {"filter": {}, "resource": "pipelineState"}


def json_node(id):
    return code_node(id, inputs=[port("x", "Json")], outputs=[port("y", "Json")], name=id)


@attrs.define(eq=False)
class Site:
    """A whole platform but for its processes, which the test plays."""

    folder: object
    platform: Platform = None
    worker: Worker = None
    executor: Played = None
    pipeline: dict = None

    def open(self):
        store = open_store(self.folder, relaxed=True)
        self.platform = Platform(store, Settings(data_dir=self.folder))
        self.executor = Played()
        self.worker = self.platform.scheduler = Worker(self.platform, self.executor)
        self.worker.start()
        return self

    def close(self):
        self.worker.close()
        self.platform.feed.close()
        self.platform.store.close()

    def again(self):
        """Another platform on what this one left on disk."""
        self.close()
        return self.open()

    def begin(self, **inputs):
        return self.platform.runs.start(self.pipeline["id"], inputs=inputs, creator=ME)["id"]

    def succeed(self, node, value):
        job = self.executor.take(node)
        self.worker.receive([jobs.Succeeded(job.execution_id, job.fence, {"y": value})])

    def fail(self, node):
        job = self.executor.take(node)
        error = {"type": "ValueError", "message": "no", "traceback": "", "cause": "exception"}
        self.worker.receive([jobs.Failed(job.execution_id, job.fence, error)])

    def ended(self, **inputs):
        run = self.begin(**inputs)
        self.succeed("a", "from a")
        self.succeed("b", "from b")
        return self.settled(run)["id"]

    def settled(self, run):
        found = self.run(run, wait=10)
        assert found["status"] in ("success", "failed", "terminated")
        return found

    def run(self, run, wait=0.0):
        return self.platform.runs.get(self.pipeline["id"], run, wait=wait)

    def rerun(self, *runs, **how):
        query = {"filter": {"id": {"$in": list(runs)}}} if runs else EVERYTHING
        return self.platform.runs.rerun(self.pipeline["id"], query=query, creator=ME, **how)

    def status(self, run):
        return self.run(run)["status"]


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path / "data").open()
    project = site.platform.projects.create("project", ME)
    body = definition(json_node("a"), json_node("b"), edges=[("a.y", "b.x")], projectId=project["id"])
    made = site.platform.pipelines.create(body, ME)
    site.pipeline = site.platform.pipelines.install(made["id"], None, ME)
    yield site
    site.close()


@pytest.fixture
def halted(site, monkeypatch):
    """The site, whose orders are noted and do not begin, as if the platform was killed right then."""
    monkeypatch.setattr(rerunning, "AT_ONCE", 0.0)
    monkeypatch.setattr(site.worker._reruns, "post", lambda intent: None)
    return site


def outputs(run):
    return {node: [each["output"] for each in found] for node, found in run["executions"].items()}


def test_an_order_is_over_when_its_runs_have_begun_again(site):
    run = site.ended(x=1)
    command = site.rerun(run)
    assert command["status"] == "success"
    assert command["progress"] == 100
    assert command["spec"]["cycleOptions"] == {"method": "startFromBeginning", "startNodeIds": []}
    assert site.status(run) == "in-progress"
    assert site.executor.take("a").arguments[0].value == 1


def test_from_a_node_the_rest_stays_and_what_was_replaced_can_still_be_read(site):
    run = site.ended(x=1)
    before = site.run(run)["executions"]
    site.rerun(run, method="startFromNodes", nodes=["b"])
    site.succeed("b", "new")
    after = site.settled(run)
    assert after["status"] == "success"
    assert outputs(after) == {"a": ["from a"], "b": ["new"]}
    assert after["executions"]["a"] == before["a"]
    (replaced,) = after["reruns"][0]["replaced"]
    assert replaced == before["b"][0]["_id"]
    assert site.platform.executions.get(replaced)["output"] == "from b"
    assert site.platform.runs.query(EVERYTHING)["totalItemsCount"] == 1


def test_from_what_failed_nothing_is_done_where_nothing_did(site):
    good = site.ended()
    bad = site.begin()
    site.succeed("a", 7)
    site.fail("b")
    site.settled(bad)
    command = site.rerun(method="startFromFailedExecutions")
    assert (command["status"], command["spec"]["cycles"], command["spec"]["unchanged"]) == ("success", 1, 1)
    assert site.status(good) == "success"
    assert site.run(bad)["error"] is None
    site.succeed("b", "mended")
    assert outputs(site.settled(bad)) == {"a": [7], "b": ["mended"]}
    again = site.rerun(bad, method="startFromFailedExecutions")
    assert (again["status"], again["spec"]["cycles"]) == ("success", 0)
    assert site.status(bad) == "success"


def test_a_run_that_is_not_over_refuses_the_whole_order(site):
    over = site.ended()
    running = site.begin()
    with pytest.raises(Conflict, match=f"{running}.*in-progress"):
        site.rerun()
    assert site.status(over) == "success"
    assert "reruns" in site.run(over)
    assert site.run(over)["reruns"] == []


def test_nodes_that_are_not_there_or_were_not_reached_are_refused(site):
    run = site.begin()
    site.fail("a")
    site.settled(run)
    with pytest.raises(NotFound, match="no node 'z'"):
        site.rerun(run, nodes=["z"])
    with pytest.raises(BadRequest, match="no inputs to start from"):
        site.rerun(run, nodes=["b"])
    assert site.status(run) == "failed"


def test_a_pipeline_that_is_not_installed_runs_nothing_again(site):
    run = site.ended()
    site.platform.pipelines.uninstall(site.pipeline["id"], None, ME)
    with pytest.raises(BadRequest, match="not installed"):
        site.rerun(run)


def test_an_order_for_nothing_is_over_at_once(site):
    command = site.rerun("0" * 24)
    assert (command["status"], command["spec"]["cycles"]) == ("success", 0)


def test_the_same_key_runs_again_once(site):
    run = site.ended()
    first = site.rerun(run, idempotency_key="k")
    site.succeed("a", 1)
    site.succeed("b", 2)
    site.settled(run)
    assert site.rerun(run, idempotency_key="k")["id"] == first["id"]
    assert site.status(run) == "success"
    assert len(site.run(run)["reruns"]) == 1


def test_runs_are_noted_before_any_of_them_begins_and_a_new_platform_begins_them(halted):
    site = halted
    runs = [site.ended(x=number) for number in range(3)]
    command = site.rerun()
    assert (command["status"], command["progress"], command["spec"]["begun"]) == ("in-progress", 0, 0)
    assert {site.status(run) for run in runs} == {"rerun"}
    assert not site.executor.jobs
    shown = site.run(runs[0])
    assert (shown["endedAt"], outputs(shown)) == (None, {"a": ["from a"], "b": ["from b"]})
    site.again()
    done = site.platform.commands.get(command["id"], wait=10)
    assert (done["status"], done["spec"]["begun"]) == ("success", 3)
    for _ in runs:
        site.succeed("a", "again a")
        site.succeed("b", "again b")
    for run in runs:
        assert outputs(site.settled(run)) == {"a": ["again a"], "b": ["again b"]}
    assert not site.executor.jobs


def test_an_order_that_was_killed_between_two_chunks_begins_no_run_twice(site, monkeypatch):
    monkeypatch.setattr(reruns, "CHUNK", 1)
    monkeypatch.setattr(rerunning, "AT_ONCE", 0.0)
    runs = [site.ended(x=number) for number in range(3)]
    posted = []
    monkeypatch.setattr(site.worker._reruns, "post", posted.append)
    command = site.rerun()
    (chunk,) = posted
    site.worker._store.write(site.worker.guarded(chunk))
    seen = site.platform.commands.get(command["id"])
    assert (seen["progress"], seen["spec"]["begun"]) == (33, 1)
    assert [site.status(run) for run in runs] == ["in-progress", "rerun", "rerun"]
    site.again()
    assert site.platform.commands.get(command["id"], wait=10)["status"] == "success"
    for _ in runs:
        site.succeed("a", "again a")
        site.succeed("b", "again b")
    for run in runs:
        found = site.settled(run)
        assert outputs(found) == {"a": ["again a"], "b": ["again b"]}
        assert len(found["reruns"]) == 1
        assert len(site.platform.store.executions_of([run])[run]) == 4


def test_a_platform_that_is_killed_while_a_run_runs_again_goes_on_with_what_counts(site):
    run = site.ended()
    site.rerun(run, method="startFromNodes", nodes=["a"])
    site.succeed("a", "new a")
    lost = site.executor.take("b")
    site.again()
    job = site.executor.take("b")
    assert (job.execution_id, job.fence > lost.fence) == (lost.execution_id, True)
    site.worker.receive([jobs.Succeeded(lost.execution_id, lost.fence, {"y": "late"})])
    site.worker.receive([jobs.Succeeded(job.execution_id, job.fence, {"y": "new b"})])
    assert outputs(site.settled(run)) == {"a": ["new a"], "b": ["new b"]}


def test_an_order_that_is_aborted_leaves_the_runs_that_did_not_begin_as_they_were(halted):
    site = halted
    good, bad = site.ended(), site.begin()
    site.fail("a")
    error = site.settled(bad)["error"]
    command = site.rerun()
    site.platform.commands.abort(command["id"])
    site.again()
    assert site.platform.commands.get(command["id"])["status"] == "aborted"
    assert site.settled(good)["status"] == "success"
    assert (site.settled(bad)["status"], site.settled(bad)["error"]) == ("failed", error)
    assert not site.executor.jobs


def test_a_run_that_is_to_begin_again_can_be_terminated_and_not_be_run_again(halted):
    site = halted
    run = site.ended()
    command = site.rerun(run)
    with pytest.raises(Conflict, match="before it is over"):
        site.rerun(run)
    assert site.platform.runs.terminate(site.pipeline["id"], run, ME)["status"] == "terminated"
    site.again()
    assert site.platform.commands.get(command["id"], wait=10)["status"] == "success"
    assert site.status(run) == "terminated"
    assert not site.executor.jobs


def test_a_run_whose_revision_is_gone_fails_and_keeps_no_other_from_beginning(halted):
    site = halted
    lost, fine = site.ended(), site.ended()
    site.rerun()
    site.platform.store.write(lambda tx: tx.update_run(lost, revision_id="nowhere"))
    site.again()
    assert site.settled(lost)["error"]["message"].startswith("the run cannot be taken up again")
    site.succeed("a", 1)
    site.succeed("b", 2)
    assert outputs(site.settled(fine)) == {"a": [1], "b": [2]}
