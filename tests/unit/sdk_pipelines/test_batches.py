"""Batches: handles that wait for all their runs and know how each item fared."""

import pytest

import dtlpipe as dl
from dtlpipe.errors import BadRequest, ConnectionFailed, FailedDependency, RunFailed, WaitTimeout
from dtlpipe.resources.batches import BatchRun
from dtlpipe.resources.executions import OPEN
from dtlpipe.resources.pipelines import Pipeline
from dtlpipe.resources.services import Service

EXECUTE = "POST /pipelines/pipe1/execute"
QUERY = "POST /pipelines/query"
COMMAND = "GET /commands/c1"


def command_data(items=("i1", "i2", "i3"), status="success", **spec):
    inputs = [{"item": {"item_id": each}, "string": "x"} for each in items]
    return {
        "id": "c1",
        "status": status,
        "progress": 100,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "spec": {"inputs": inputs, **spec},
    }


class Cloud:
    """Runs by id, which can be queried by state; those of a batch are noted as such if `notes_batches`."""

    def __init__(self, wire, states, *, notes_batches=True):
        self.wire = wire
        self.runs = {f"r{number}": self.run(number, state) for number, state in enumerate(states, 1)}
        self.notes_batches = notes_batches

    def run(self, number, state):
        partial = {"_id": f"e{number}", "latestStatus": {"status": state}, "output": f"out{number}"}
        error = {"type": "ValueError", "message": "bad", "nodeId": "nb", "node": "b"}
        error = error if state in ("failed", "terminated") else None
        return self.wire.run(
            state,
            id=f"r{number}",
            inputs={"item": {"item_id": f"i{number}"}},
            executions={"nb": [partial]},
            error=error,
        )

    def set(self, number, state):
        self.runs[f"r{number}"] = self.run(number, state)

    def query(self, request):
        predicates = {key: value for each in request.json["filter"]["$and"] for key, value in each.items()}
        assert predicates["pipelineId"] == "pipe1"
        found = list(self.runs.values())
        if "batchId" in predicates and not (self.notes_batches and predicates["batchId"] == "c1"):
            found = []
        if "status" in predicates:
            found = [each for each in found if each["status"] in predicates["status"]["$in"]]
        size, page = request.json["pageSize"], request.json["page"]
        shown = found[page * size : (page + 1) * size]
        return self.wire.page(shown, total=len(found), more=(page + 1) * size < len(found))


@pytest.fixture
def batch_of(paper, wire):
    def make(states=("success", "failed", "success"), *, notes_batches=True, command=None, **answers):
        cloud = Cloud(wire, states, notes_batches=notes_batches)
        command = command or command_data([f"i{number}" for number in range(1, len(states) + 1)])
        session = paper({EXECUTE: command, COMMAND: command, QUERY: cloud.query, **answers})
        for run_id in cloud.runs:
            session.answers[f"GET /pipelines/pipe1/executions/{run_id}"] = lambda _, id=run_id: cloud.runs[id]
        pipeline = Pipeline.from_wire(wire.pipeline(), session=session)
        batch = pipeline.execute_batch(filters=dl.Filters("dir", "/a", context={"datasets": ["d1"]}))
        return batch, session, cloud

    return make


# -- beginning --------------------------------------------------------------------------------------------------------


def test_a_batch_sends_its_query_its_further_inputs_and_its_node(paper, wire):
    session = paper({EXECUTE: command_data()})
    pipeline = Pipeline.from_wire(wire.pipeline(), session=session)
    pipeline.execute_batch(
        execution_inputs=dl.FunctionIO(type=dl.PackageInputType.STRING, value="test", name="string"),
        filters=dl.Filters(field="dir", values="/test", context={"datasets": ["d1"]}),
        node_id="nb",
    )
    body = session.requests[0].json
    assert session.requests[0].once
    assert body["nodeId"] == "nb"
    assert body["batch"]["args"] == {"string": "test"}
    assert body["batch"]["query"]["context"] == {"datasets": ["d1"]}
    assert {"dir": "/test"} in body["batch"]["query"]["filter"]["$and"]


def test_a_batch_without_filters_is_refused_before_anything_is_sent(paper, wire):
    session = paper()
    with pytest.raises(BadRequest, match="which items"):
        Pipeline.from_wire(wire.pipeline(), session=session).execute_batch()
    assert session.requests == []


def test_a_batch_can_be_used_where_a_command_is_expected(batch_of):
    batch, _, _ = batch_of()
    assert (batch.id, batch.status, batch.progress, len(batch.spec["inputs"])) == ("c1", "success", 100, 3)
    assert batch.command.status == dl.CommandStatus.SUCCESS
    assert len(batch) == 3


def test_a_batch_waits_until_its_runs_are_accepted(paper, wire):
    begun = command_data(status="in-progress")
    session = paper({EXECUTE: begun, COMMAND: [begun, command_data()]})
    batch = Pipeline.from_wire(wire.pipeline(), session=session).execute_batch(dl.Filters("dir", "/a"))
    assert batch.status == "success"
    assert session.asked() == [EXECUTE, COMMAND, COMMAND]


def test_a_batch_need_not_wait(paper, wire):
    session = paper({EXECUTE: command_data(status="in-progress")})
    batch = Pipeline.from_wire(wire.pipeline(), session=session).execute_batch(dl.Filters("dir", "/a"), wait=False)
    assert isinstance(batch, BatchRun)
    assert session.asked() == [EXECUTE]


def test_a_batch_that_could_not_be_begun_says_why(paper, wire):
    failed = {**command_data(status="failed"), "error": "no such dataset"}
    session = paper({EXECUTE: failed})
    with pytest.raises(FailedDependency, match="no such dataset"):
        Pipeline.from_wire(wire.pipeline(), session=session).execute_batch(dl.Filters("dir", "/a"))


# -- waiting ----------------------------------------------------------------------------------------------------------


def test_waiting_ends_when_no_run_is_open(batch_of):
    batch, session, cloud = batch_of(["in-progress", "created", "success"])

    def first(_):
        cloud.set(1, "success")
        return cloud.runs["r1"]

    def second(_):
        cloud.set(2, "failed")
        return cloud.runs["r2"]

    session.answers["GET /pipelines/pipe1/executions/r1"] = first
    session.answers["GET /pipelines/pipe1/executions/r2"] = second
    assert batch.wait() is batch
    queries = [each.json for each in session.requests if each.path == "/pipelines/query"]
    assert {"status": {"$in": list(OPEN)}} in queries[-1]["filter"]["$and"]
    assert session.slept == []


def test_waiting_where_the_platform_tells_counts_asks_for_no_runs(paper, wire):
    def told(**counts):
        return command_data(counts=counts)

    answers = [told(created=2, success=1), told(success=2, created=1), told(success=2, failed=1)]
    session = paper({EXECUTE: told(created=3), COMMAND: answers})
    batch = Pipeline.from_wire(wire.pipeline(), session=session).execute_batch(dl.Filters("dir", "/a")).wait()
    assert batch.counts() == {"success": 2, "failed": 1}
    assert set(session.asked()) == {EXECUTE, COMMAND}


def test_waiting_ends_at_its_timeout_and_says_how_many_are_open(batch_of):
    batch, session, _ = batch_of(["in-progress", "in-progress", "success"])
    with pytest.raises(WaitTimeout, match="2 of the 3 runs"):
        batch.wait(timeout=7)
    assert session.clock == pytest.approx(1007)


def test_waiting_outlasts_a_restart_of_the_platform(batch_of):
    batch, session, cloud = batch_of(["in-progress"])
    gone = ConnectionFailed("nobody there")
    session.answers[COMMAND] = [gone, gone, session.answers[COMMAND]]
    session.answers["GET /pipelines/pipe1/executions/r1"] = [cloud.run(1, "in-progress"), gone, lambda _: done()]

    def done():
        cloud.set(1, "success")
        return cloud.runs["r1"]

    assert batch.wait() is batch


def test_waiting_does_not_outlast_a_platform_that_is_gone(batch_of):
    batch, session, _ = batch_of(["in-progress"])
    session.answers[COMMAND] = ConnectionFailed("nobody there")
    with pytest.raises(ConnectionFailed):
        batch.wait()


def test_waiting_may_raise_if_any_run_failed(batch_of):
    batch, _, _ = batch_of(["success", "failed", "failed"])
    with pytest.raises(RunFailed, match="2 of 3 runs of batch c1 did not succeed; the first of them, for item i2"):
        batch.wait(raise_on_failure=True)
    assert batch_of(["success"])[0].wait(raise_on_failure=True)


def test_a_batch_of_no_items_is_over_at_once_and_true(batch_of):
    batch, _, _ = batch_of([])
    assert batch.wait().results() == []
    assert batch
    assert len(batch) == 0


def test_a_bar_is_shown_only_on_a_terminal_or_when_asked_for(batch_of, capsys):
    batch_of(["success", "success"])[0].wait()
    assert capsys.readouterr().err == ""
    batch_of(["success", "failed"])[0].wait(progress=True)
    assert "2/2" in capsys.readouterr().err


# -- what came of it --------------------------------------------------------------------------------------------------


def test_results_are_in_the_order_of_the_items(batch_of):
    batch, _, cloud = batch_of(["success", "failed", "success"])
    cloud.runs = dict(reversed(cloud.runs.items()))
    results = batch.results()
    assert [(each.item_id, each.status, each.output, each.error) for each in results] == [
        ("i1", "success", "out1", None),
        ("i2", "failed", None, "ValueError: bad"),
        ("i3", "success", "out3", None),
    ]
    assert results[0].execution.id == "r1"
    assert results[0].status == dl.ExecutionStatus.SUCCESS


def test_results_of_runs_that_are_open_or_gone_have_neither_output_nor_error(batch_of):
    batch, _, cloud = batch_of(["in-progress", "success", "success"])
    del cloud.runs["r2"]
    assert [(each.item_id, each.status, each.output, each.error) for each in batch.results()] == [
        ("i1", "in-progress", None, None),
        ("i2", None, None, None),
        ("i3", "success", "out3", None),
    ]


def test_several_end_nodes_give_outputs_by_name(batch_of, wire):
    batch, _, _ = batch_of(["success"])
    batch.pipeline = Pipeline.from_wire(wire.pipeline(connections=[]), session=batch.command._session)
    assert batch.results()[0].output == {"b": "out1"}


def test_failed_are_those_that_ended_without_success(batch_of):
    batch, _, _ = batch_of(["success", "failed", "terminated", "in-progress"])
    assert [each.item_id for each in batch.failed()] == ["i2", "i3"]


def test_counts_are_by_state(batch_of):
    assert batch_of(["success", "failed", "success"])[0].counts() == {"success": 2, "failed": 1}


def test_runs_come_page_by_page_in_the_order_in_which_they_were_begun(batch_of):
    batch, session, _ = batch_of(["success"] * 250)
    session.requests.clear()
    executions = batch.executions
    assert executions.items_count == 250
    assert [each.id for each in executions] == [f"r{number}" for number in range(1, 251)]
    assert [each.id for each in batch][:2] == ["r1", "r2"]
    pages = [each.json for each in session.requests if each.json["pageSize"] == 100]
    assert [each["page"] for each in pages][:3] == [0, 1, 2]
    assert pages[0]["sort"] == {"id": "ascending"}


def test_where_runs_do_not_tell_their_batch_those_begun_since_are_taken(batch_of):
    batch, session, _ = batch_of(["success", "failed"], notes_batches=False)
    assert [each.item_id for each in batch.results()] == ["i1", "i2"]
    last = session.requests[-1].json
    assert {"createdAt": {"$gte": "2026-01-01T00:00:00.000Z"}} in last["filter"]["$and"]
    assert last["sort"] == {"createdAt": "ascending"}


def test_where_a_query_by_batch_is_refused_those_begun_since_are_taken(batch_of, wire):
    batch, session, cloud = batch_of(["success"])

    def query(request):
        known = any("batchId" in each for each in request.json["filter"]["$and"])
        return wire.refused(400, "batchId is no field") if known else cloud.query(request)

    session.answers[QUERY] = query
    assert len(batch.results()) == 1


# -- services ---------------------------------------------------------------------------------------------------------


def test_a_service_calls_once_for_each_item(paper, wire):
    def execution(number, status="success"):
        return {
            "id": f"e{number}",
            "input": {"item": {"item_id": f"i{number}"}},
            "output": f"out{number}",
            "latestStatus": {"status": status, "error": {"type": "OSError", "message": "gone"}},
        }

    def query(request):
        predicates = [*request.json["filter"]["$and"]]
        assert {"serviceId": "s1"} in predicates
        assert request.json["resource"] == "executions"
        is_open = any("latestStatus.status" in each for each in predicates)
        return wire.page([] if is_open else [execution(1), execution(2, "failed")])

    command = command_data(["i1", "i2"])
    session = paper({"POST /executions/s1": command, COMMAND: command, "POST /query/faas": query})
    service = Service.from_wire({"id": "s1", "name": "run", "projectId": "p1"}, session=session)
    batch = service.execute_batch(
        execution_inputs=dl.FunctionIO(type=dl.PackageInputType.STRING, value="test", name="string"),
        filters=dl.Filters(field="dir", values="/test", context={"datasets": ["d1"]}),
    ).wait()
    assert session.requests[0].json["functionName"] == "run"
    assert session.requests[0].json["batch"]["args"] == {"string": "test"}
    assert [(each.item_id, each.status, each.output, each.error) for each in batch.results()] == [
        ("i1", "success", "out1", None),
        ("i2", "failed", None, "OSError: gone"),
    ]
    assert [each.id for each in batch.executions] == ["e1", "e2"]
