"""What was looked at before a run began may be gone when it begins: then nothing begins."""

from __future__ import annotations

import pytest

from dtlpipe.errors import BadRequest, Conflict, NotFound
from mock_server.store.base import Kind
from mock_server.testing import LocalPlatform
from tests.clients.bare import definition, node


@pytest.fixture(scope="module")
def running():
    with LocalPlatform(workers=1, grace=0) as found:
        yield found


@pytest.fixture
def platform(running):
    return running.platform


@pytest.fixture
def pipeline(platform, request):
    project = platform.projects.create(f"of {request.node.name}", "me")
    made = platform.pipelines.create({"projectId": project["id"], **definition(node("only"))}, "me")
    return platform.pipelines.install(made["id"], {}, "me")


def items_of(platform, pipeline):
    dataset = platform.datasets.create({"name": "data", "projects": [pipeline["projectId"]]}, "me")
    platform.items.make_folder(dataset["id"], "/a", "me")
    return {"context": {"datasets": [dataset["id"]]}, "filter": {}}


@pytest.fixture
def meanwhile(platform, monkeypatch):
    """Does something between the look at a pipeline and the commit of what is begun."""

    def set_up(act):
        submit = platform.submit

        def late(submission):
            act()
            return submit(submission)

        monkeypatch.setattr(type(platform), "submit", lambda _self, submission: late(submission))

    return set_up


def begun(platform, pipeline):
    return platform.store.find_runs({"filter": {"pipelineId": pipeline["id"]}})[1]


def terminating(platform, pipeline):
    """As a deletion leaves it that was cut short, or is still ending runs."""

    def close(tx):
        tx.put(Kind.PIPELINE, {**tx.get(Kind.PIPELINE, pipeline["id"], True), "status": "Terminating"})

    platform.store.write(close)


@pytest.mark.parametrize("test_mode", [False, True])
def test_a_pipeline_that_was_deleted_meanwhile_gets_no_run(platform, pipeline, meanwhile, test_mode):
    meanwhile(lambda: platform.pipelines.delete(pipeline["id"]))
    with pytest.raises(NotFound, match=pipeline["id"]):
        platform.runs.start(pipeline["id"], creator="me", test_mode=test_mode)
    assert begun(platform, pipeline) == 0


def test_a_pipeline_that_was_deleted_meanwhile_gets_no_batch_and_no_command(platform, pipeline, meanwhile):
    query, commands = items_of(platform, pipeline), len(platform.commands.list())
    meanwhile(lambda: platform.pipelines.delete(pipeline["id"]))
    with pytest.raises(NotFound):
        platform.runs.start_batch(pipeline["id"], query=query, creator="me")
    assert begun(platform, pipeline) == 0
    assert len(platform.commands.list()) == commands


@pytest.mark.parametrize("test_mode", [False, True])
def test_a_pipeline_that_is_being_deleted_gets_no_run(platform, pipeline, meanwhile, test_mode):
    meanwhile(lambda: terminating(platform, pipeline))
    for _ in range(2):  # the second time it is seen at the first look
        with pytest.raises(Conflict, match="being deleted"):
            platform.runs.start(pipeline["id"], creator="me", test_mode=test_mode)
    assert begun(platform, pipeline) == 0


def test_a_pipeline_that_was_paused_meanwhile_gets_no_run(platform, pipeline, meanwhile):
    meanwhile(lambda: platform.pipelines.uninstall(pipeline["id"], {}, "me"))
    with pytest.raises(BadRequest, match="not installed"):
        platform.runs.start(pipeline["id"], creator="me")
    assert begun(platform, pipeline) == 0


def test_a_service_that_went_or_was_paused_meanwhile_gets_no_call(platform, pipeline, meanwhile):
    (service,) = platform.services.query({"filter": {"projectId": pipeline["projectId"]}})["items"]
    acts = [
        lambda: platform.services.pause(service["id"]),
        lambda: platform.services.delete(service["id"], force=True),
    ]
    for act, error in zip(acts, (BadRequest, NotFound), strict=True):
        platform.services.resume(service["id"])
        meanwhile(act)
        with pytest.raises(error):
            platform.executions.start(service["id"], creator="me")
    assert platform.store.find_executions({"filter": {"serviceId": service["id"]}})[1] == 0


def test_a_refusal_within_the_transaction_leaves_the_worker_able_to_work(platform, pipeline, meanwhile, monkeypatch):
    meanwhile(lambda: platform.pipelines.uninstall(pipeline["id"], {}, "me"))
    with pytest.raises(BadRequest):
        platform.runs.start(pipeline["id"], creator="me", idempotency_key="again")
    monkeypatch.undo()
    platform.pipelines.install(pipeline["id"], {}, "me")
    run = platform.runs.start(pipeline["id"], creator="me", inputs={"item": None}, idempotency_key="again")
    assert platform.runs.get(pipeline["id"], run["id"], wait=30)["status"] in ("success", "failed")
