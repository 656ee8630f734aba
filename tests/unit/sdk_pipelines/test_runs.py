"""Runs: their live state, waiting, nodes, outputs, failures and logs."""

import pytest

import dtlpipe as dl
from dtlpipe.errors import BadRequest, NotFound, PipelineError, RunFailed, WaitTimeout
from dtlpipe.resources.live import FRESH
from dtlpipe.resources.pipeline_executions import PipelineExecution, PipelineExecutions
from dtlpipe.resources.pipelines import Pipeline

RUN = "GET /pipelines/pipe1/executions/run1"


def begun(paper, wire, answers=None, **more):
    session = paper({"GET /pipelines/pipe1": wire.pipeline(), **(answers or {})})
    pipeline = Pipeline.from_wire(wire.pipeline(), session=session)
    session.answers["POST /pipelines/pipe1/execute"] = wire.run(**more)
    execution = pipeline.execute({"item": "i1"})
    session.requests.clear()
    return execution, session


def known(paper, wire, answers=None, **more):
    session = paper({"GET /pipelines/pipe1": wire.pipeline(), **(answers or {})})
    return PipelineExecution.from_wire(wire.run(**more), session=session), session


# -- state ------------------------------------------------------------------------------------------------------------


def test_a_state_equals_the_enum_and_its_text(paper, wire):
    execution, _ = known(paper, wire, status="success")
    assert execution.status == dl.ExecutionStatus.SUCCESS
    assert execution.status == dl.PipelineExecutionStatus.SUCCESS
    assert execution.status == "success"
    assert execution.status in ["success", "failed"]


def test_a_state_that_we_do_not_know_is_its_text(paper, wire):
    execution, _ = known(paper, wire, answers={RUN: wire.run("hibernating")}, status="hibernating")
    assert execution.status == "hibernating"


def test_a_loop_that_only_reads_the_state_ends(paper, wire):
    execution, session = begun(paper, wire, {RUN: [wire.run("in-progress"), wire.run("success")]})

    def wait_for_completion(execution, timeout=300):
        start = session.clock
        while session.clock - start < timeout:
            if execution.status == dl.ExecutionStatus.SUCCESS:
                return True
            if execution.status == dl.ExecutionStatus.FAILED:
                return False
            session.clock += 5
        return False

    assert wait_for_completion(execution) is True
    assert session.asked() == [RUN, RUN]


def test_a_state_that_was_just_said_is_not_asked_for_again(paper, wire):
    execution, session = begun(paper, wire, {RUN: wire.run("success")})
    assert [execution.status for _ in range(10)] == ["in-progress"] * 10
    session.clock += FRESH / 2
    assert execution.status == "in-progress"
    assert session.requests == []
    session.clock += FRESH
    assert execution.status == "success"


def test_a_final_state_is_never_asked_for_again(paper, wire):
    execution, session = begun(paper, wire, status="failed")
    session.clock += 1000
    assert execution.status == "failed"
    assert not execution.in_progress()
    assert session.requests == []


def test_what_a_listing_brought_counts_as_fresh_when_it_is_first_read(paper, wire):
    session = paper({"POST /pipelines/query": wire.page([wire.run(id=f"run{i}") for i in range(50)])})
    assert [each.status for each in PipelineExecutions(session=session).list()] == ["in-progress"] * 50
    assert len(session.requests) == 1


def test_printing_and_serializing_a_run_asks_nobody(paper, wire):
    execution, session = begun(paper, wire)
    session.clock += 1000
    assert "in-progress" in repr(execution)
    assert execution.to_json()["status"] == "in-progress"
    assert session.requests == []


def test_reading_the_state_of_an_async_handle_asks_nobody(async_paper, wire):
    execution = PipelineExecution.from_wire(wire.run(), session=async_paper)
    assert execution.status == "in-progress"
    assert execution.in_progress()


def test_refresh_takes_over_the_present_state_in_place(paper, wire):
    execution, _ = known(paper, wire, {RUN: wire.run("success", duration=1.5)})
    assert execution.refresh() is execution
    assert (execution.status, execution.duration) == ("success", 1.5)


# -- waiting ----------------------------------------------------------------------------------------------------------


def test_waiting_on_a_platform_that_holds_requests_takes_no_pauses(paper, wire):
    held = wire.reply(wire.run(), held=True)
    execution, session = known(paper, wire, {RUN: [held, held, wire.run("success")]})
    assert execution.wait() is execution
    assert execution.status == "success"
    assert session.slept == []
    assert all(float(each.params["wait"]) == 20.0 for each in session.requests)


def test_waiting_elsewhere_pauses_from_the_interval_on(paper, wire):
    execution, session = known(paper, wire, {RUN: [*[wire.run()] * 3, wire.run("failed")]})
    assert execution.wait(interval=0.4).status == "failed"
    assert session.slept[0] == 0.4
    assert session.slept == sorted(session.slept)


def test_waiting_ends_at_its_timeout_and_the_run_goes_on(paper, wire):
    execution, session = known(paper, wire, {RUN: wire.run()})
    with pytest.raises(WaitTimeout, match="run run1"):
        execution.wait(timeout=3)
    assert session.clock == pytest.approx(1003)
    with pytest.raises(TimeoutError):
        execution.wait(timeout=0)


def test_waiting_for_a_run_by_id(paper, wire):
    session = paper({RUN: wire.run("success")})
    runs = PipelineExecutions(session=session, pipeline=Pipeline.from_wire(wire.pipeline(), session=session))
    assert runs.wait("run1", timeout=5).status == "success"
    assert PipelineExecutions(session=session).wait("run1", pipeline_id="pipe1").status == "success"


def test_waiting_may_raise_for_a_failure(paper, wire):
    error = {"type": "ValueError", "message": "no faces", "traceback": "Traceback...", "nodeId": "nb", "node": "b"}
    execution, _ = known(paper, wire, {RUN: wire.run("failed", error=error)})
    with pytest.raises(RunFailed, match="no faces"):
        execution.wait(raise_on_failure=True)
    execution, _ = known(paper, wire, {RUN: wire.run("success")})
    assert execution.wait(raise_on_failure=True).status == "success"


# -- nodes and outputs ------------------------------------------------------------------------------------------------


def partial(id, status="success", **more):
    return {"_id": id, "status": status, "latestStatus": {"status": status}, **more}


def test_a_nodes_part_is_found_by_name_id_or_node(paper, wire):
    execution, _ = known(paper, wire)
    node = Pipeline.from_wire(wire.pipeline(), session=paper()).nodes[1]
    assert {execution.node(each).name for each in ("b", "nb", node)} == {"b"}
    with pytest.raises(NotFound, match="its nodes: 'a', 'b'"):
        execution.node("c")


def test_a_nodes_executions_are_entities(paper, wire):
    answers = {"GET /executions/e1": {"id": "e1", "latestStatus": {"status": "success"}}}
    execution, session = known(paper, wire, answers, executions={"na": [partial("e1", "in-progress", serviceId="s1")]})
    [found] = execution.node_executions("a")
    assert (found.id, found.status, found.service_id) == ("e1", "in-progress", "s1")
    assert (found.pipeline_id, found.node_id, found.pipeline_execution_id) == ("pipe1", "na", "run1")
    assert found.refresh().status == "success"
    assert execution.node_executions("b") == []
    assert session.asked() == ["GET /executions/e1"]


def test_outputs_are_those_of_the_end_nodes(paper, wire):
    executions = {"na": [partial("e1", output=1)], "nb": [partial("e2", output={"item_id": "i1"})]}
    execution, session = known(paper, wire, status="success", executions=executions)
    assert execution.outputs() == {"b": {"item_id": "i1"}}
    assert session.asked() == ["GET /pipelines/pipe1"]


def test_a_node_that_ran_several_times_gives_a_list_of_what_succeeded(paper, wire):
    several = [partial("e1", output=1), partial("e2", "failed", output=None), partial("e3", output=3)]
    execution, _ = known(paper, wire, executions={"nb": several})
    assert execution.outputs() == {"b": [1, 3]}


def test_a_branch_that_was_not_taken_has_no_output(paper, wire):
    execution, _ = known(paper, wire, status="success", executions={"na": [partial("e1", output=1)]})
    assert execution.outputs() == {}


def test_outputs_that_the_run_does_not_show_are_asked_for(paper, wire):
    full = {"id": "e2", "output": "done", "latestStatus": {"status": "success"}}
    execution, session = known(paper, wire, {"GET /executions/e2": full}, executions={"nb": [partial("e2")]})
    assert execution.outputs() == {"b": "done"}
    assert session.asked() == ["GET /pipelines/pipe1", "GET /executions/e2"]


# -- failures ---------------------------------------------------------------------------------------------------------


def test_a_failed_run_says_which_node_why_and_where_in_its_code(paper, wire):
    error = {
        "cause": "exception",
        "type": "ValueError",
        "message": "no faces",
        "traceback": 'Traceback (most recent call last):\n  File "mine.py", line 3, in run\nValueError: no faces\n',
        "hint": "look at the photo",
        "node": "b",
        "nodeId": "nb",
    }
    execution, session = known(paper, wire, status="failed", error=error)
    assert execution.failed_node.name == "b"
    with pytest.raises(PipelineError) as caught:
        execution.raise_for_status()
    assert isinstance(caught.value, RunFailed)
    assert caught.value.node == "b"
    assert caught.value.hint == "look at the photo"
    assert caught.value.execution is execution
    assert str(caught.value).startswith("run run1 failed in node 'b': ValueError: no faces")
    assert 'File "mine.py", line 3, in run' in str(caught.value)
    assert session.requests == []


def test_where_the_run_does_not_say_why_the_execution_is_asked(paper, wire):
    full = {"id": "e2", "latestStatus": {"status": "failed", "error": {"message": "boom", "stack": "Traceback"}}}
    execution, _ = known(
        paper, wire, {"GET /executions/e2": full}, status="failed", executions={"nb": [partial("e2", "failed")]}
    )
    with pytest.raises(RunFailed, match="in node 'b': boom") as caught:
        execution.raise_for_status()
    assert caught.value.remote_traceback == "Traceback"


def test_a_failure_between_nodes_names_both(paper, wire):
    failed_between = {
        "sourceNodeName": "a",
        "targetNodeName": "b",
        "error": "lists of different length",
    }
    data = wire.run("failed", transitionErrors=[failed_between])
    data["nodes"][1]["status"] = "pending"
    execution = PipelineExecution.from_wire(data, session=paper())
    with pytest.raises(RunFailed, match="between 'a' and 'b': lists of different length"):
        execution.raise_for_status()


def test_a_failure_without_any_reason_is_still_one(paper, wire):
    data = wire.run("terminated")
    data["nodes"] = []
    with pytest.raises(RunFailed, match="run run1 terminated: the platform gave no reason"):
        PipelineExecution.from_wire(data, session=paper()).raise_for_status()


@pytest.mark.parametrize("status", ["success", "in-progress", "pending"])
def test_what_did_not_fail_does_not_raise(paper, wire, status):
    known(paper, wire, status=status)[0].raise_for_status()


def test_a_run_that_did_not_fail_blames_no_node(paper, wire):
    assert known(paper, wire, status="success")[0].failed_node is None


# -- logs -------------------------------------------------------------------------------------------------------------

LOGS = "POST /services/logs"


def lines(*messages, stop=False, checkpoint=1):
    return {
        "logs": [{"timestamp": "2026-01-01T00:00:00.000Z", "message": each, "level": "INFO"} for each in messages],
        "checkpoint": {"id": checkpoint},
        "stop": stop,
    }


def test_logs_are_read_page_by_page_to_the_end(paper, wire):
    execution, session = known(paper, wire, {LOGS: [lines("one", "two"), lines("three"), lines(stop=True)]})
    found = list(execution.logs())
    assert [each.message for each in found] == ["one", "two", "three"]
    assert str(found[0]) == "2026-01-01T00:00:00.000Z INFO one"
    assert session.requests[0].json["pipelineExecutionId"] == "run1"
    assert session.requests[0].json["serviceId"] is None
    assert "checkpoint" not in session.requests[0].json
    assert session.requests[1].json["checkpoint"] == {"id": 1}
    assert session.slept == []


def test_logs_end_at_an_empty_page_unless_they_are_followed(paper, wire):
    execution, session = known(paper, wire, {LOGS: [lines("one"), lines(), lines("never")]})
    assert [each.message for each in execution.logs()] == ["one"]
    assert len(session.requests) == 2


def test_followed_logs_pause_where_requests_are_not_held(paper, wire):
    logs = [lines("one"), lines(), lines("two"), lines(stop=True)]
    execution, session = known(paper, wire, {LOGS: logs, RUN: wire.run("success")})
    assert [each.message for each in execution.logs(follow=True)] == ["one", "two"]
    assert session.slept == [1.0]
    assert all(each.json["follow"] for each in session.requests[:-1])


def test_logs_that_were_followed_to_the_end_leave_the_present_state(paper, wire):
    execution, _ = known(paper, wire, {LOGS: [lines("one"), lines(stop=True)], RUN: wire.run("failed")})
    assert [each.message for each in execution.logs(follow=True)] == ["one"]
    assert execution.known_status == "failed"


def test_logs_are_lazy(paper, wire):
    execution, session = known(paper, wire, {LOGS: [lines("one"), lines("two")]})
    assert next(iter(execution.logs())).message == "one"
    assert len(session.requests) == 1


def test_platforms_that_know_logs_by_service_are_asked_so(paper, wire):
    def logs(request):
        if request.json.get("serviceId") is None:
            return wire.refused(400, "serviceId is missing")
        return lines("of the service") if "checkpoint" not in request.json else lines(stop=True)

    run = wire.run("success", executions={"na": [partial("e1", serviceId="s1")]})
    execution, session = known(paper, wire, {LOGS: logs, RUN: run})
    assert [each.message for each in execution.logs()] == ["of the service"]
    assert session.requests[-1].json["executionId"] == ["e1"]


def test_logs_that_may_not_be_read_say_so(paper, wire):
    execution, _ = known(paper, wire, {LOGS: wire.refused(403, "not yours")})
    with pytest.raises(dl.exceptions.Forbidden):
        list(execution.logs())


# -- verbs ------------------------------------------------------------------------------------------------------------


def test_a_run_is_had_by_id(paper, wire):
    session = paper({RUN: wire.run("success")})
    runs = PipelineExecutions(session=session, pipeline=Pipeline.from_wire(wire.pipeline(), session=session))
    assert runs.get(pipeline_execution_id="run1").status == "success"


def test_a_run_is_had_by_id_whichever_pipelines_it_is(paper, wire):
    pages = [wire.page([wire.run("success")], total=1), wire.page([], total=0)]
    runs = PipelineExecutions(session=paper({RUN: wire.run("success"), "POST /pipelines/query": pages}))
    assert runs.get("run1").status == "success"
    with pytest.raises(NotFound, match="run2"):
        runs.get("run2")


def test_runs_are_listed_as_entities_with_their_number(paper, wire):
    session = paper(
        {
            "POST /pipelines/query": [
                wire.page([wire.run("success", id="r2")], total=2, more=True),
                wire.page([wire.run("failed", id="r1")], total=2),
            ]
        }
    )
    runs = PipelineExecutions(session=session, pipeline=Pipeline.from_wire(wire.pipeline(), session=session)).list()
    assert runs.items_count == 2
    assert [(each.id, each.status) for each in runs] == [("r2", "success"), ("r1", "failed")]
    assert session.requests[0].json["resource"] == "pipelineState"
    assert session.requests[0].json["filter"]["$and"] == [{"pipelineId": "pipe1"}]


def test_filters_for_something_else_are_refused(paper):
    with pytest.raises(BadRequest, match="PIPELINE_EXECUTION"):
        PipelineExecutions(session=paper()).list(dl.Filters("dir", "/a"))


def test_a_run_is_terminated(paper, wire):
    execution, session = known(paper, wire, {"POST /pipelines/pipe1/executions/run1/terminate": wire.run("terminated")})
    assert execution.terminate().status == "terminated"
    session.answers["POST /pipelines/pipe1/executions/run1/terminate"] = wire.refused(409, "it is over")
    with pytest.raises(PipelineError, match="it is over"):
        execution.terminate()


def test_a_run_is_run_again_under_its_own_id(paper, wire):
    answers = {
        "POST /pipelines/pipe1/executions/rerun": {"id": "c1", "status": "created", "spec": {}},
        "GET /commands/c1": {"id": "c1", "status": "success", "spec": {"cycleOptions": {}}},
        RUN: wire.run("rerun"),
    }
    execution, session = known(paper, wire, answers, status="failed")
    again = execution.rerun(method=dl.CycleRerunMethod.START_FROM_NODES, start_nodes_ids=["nb"])
    assert again is execution
    assert execution.status == "rerun"
    assert session.requests[0].json["pipeline"] == {"method": "startFromNodes", "startNodeIds": ["nb"]}
    assert session.requests[0].json["batch"]["query"]["filter"] == {"$and": [{"id": "run1"}]}
