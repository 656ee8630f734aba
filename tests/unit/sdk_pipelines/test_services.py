"""Services, executions and commands: what is sent for each verb, and what is taken over."""

import pytest

import dtlpipe as dl
from dtlpipe.errors import BadRequest, FailedDependency, NotFound, RunFailed, WaitTimeout
from dtlpipe.resources.commands import Command, Commands
from dtlpipe.resources.executions import Execution, Executions
from dtlpipe.resources.services import Service, Services

SERVICE = {"id": "s1", "name": "resize-1", "projectId": "p1", "packageId": "k1", "moduleName": "default_module"}


def execution_data(status="in-progress", **more):
    return {
        "id": "e1",
        "functionName": "run",
        "serviceId": "s1",
        "latestStatus": {"status": status, "percentComplete": 0},
        "status": [{"status": status}],
        **more,
    }


@pytest.fixture
def service(paper):
    def open_(answers=None):
        session = paper(answers)
        return Service.from_wire(SERVICE, session=session), session

    return open_


@pytest.fixture
def execution(paper):
    def open_(status="in-progress", answers=None, **more):
        session = paper(answers)
        return Execution.from_wire(execution_data(status, **more), session=session), session

    return open_


# -- services ---------------------------------------------------------------------------------------------------------


def test_a_service_is_had_by_id_or_by_name(paper, wire):
    session = paper({"GET /services/s1": SERVICE, "POST /query/faas": wire.page([SERVICE])})
    services = Services(session=session)
    assert services.get(service_id="s1").name == "resize-1"
    assert services.get(service_name="resize-1").id == "s1"
    assert session.requests[1].json["resource"] == "services"
    assert {"name": "resize-1"} in session.requests[1].json["filter"]["$and"]


def test_a_service_that_is_not_there_or_there_twice_is_an_error(paper, wire):
    services = Services(session=paper({"POST /query/faas": [wire.page([]), wire.page([SERVICE, SERVICE])]}))
    with pytest.raises(NotFound, match="installed"):
        services.get("resize-1")
    with pytest.raises(NotFound, match="2 services"):
        services.get("resize-1")


def test_a_node_without_a_service_says_that_its_pipeline_is_not_installed(paper):
    with pytest.raises(BadRequest, match="once its pipeline is installed"):
        Services(session=paper()).get(service_name=None)


def test_services_of_a_project_are_listed(paper, wire):
    session = paper({"POST /query/faas": wire.page([SERVICE])})
    assert [each.id for each in Services(session=session, project_id="p1").list()] == ["s1"]
    assert {"projectId": "p1"} in session.requests[0].json["filter"]["$and"]


def test_only_changes_of_a_service_are_sent(service):
    found, session = service({"PATCH /services/s1": {**SERVICE, "maxAttempts": 3}})
    found.update()
    assert session.requests == []
    found.max_attempts = 3
    found.update(force=True)
    assert session.requests[0].json == {"maxAttempts": 3}
    assert session.requests[0].params == {"force": "true"}


def test_a_service_is_paused_resumed_and_deleted(service):
    found, session = service(
        {
            "POST /services/s1/stop": {},
            "POST /services/s1/resume": {},
            "GET /services/s1": [{**SERVICE, "active": False}, {**SERVICE, "active": True}],
            "DELETE /services/s1": {},
            "GET /services/s1/status": {"status": "active"},
        }
    )
    assert found.pause().active is False
    assert found.resume().active is True
    assert found.status() == {"status": "active"}
    assert found.delete()
    assert session.requests[0].params is None


def test_a_package_is_fetched_once(service):
    module = {"name": "default_module", "functions": [{"name": "run", "input": [], "output": []}]}
    found, session = service({"GET /packages/k1": {"id": "k1", "name": "resize", "modules": [module]}})
    assert found.known_package is None
    assert found.package.modules[0].function("run").name == "run"
    assert found.package is found.known_package
    assert len(session.requests) == 1


def test_a_call_is_sent_once_with_its_inputs(service):
    found, session = service({"POST /executions/s1": execution_data()})
    execution = found.execute(execution_input={"item": "i1"}, function_name="shrink")
    assert isinstance(execution, Execution)
    assert session.requests[0].json == {"input": {"item": "i1"}, "projectId": "p1", "functionName": "shrink"}
    assert session.requests[0].once


@pytest.mark.parametrize(
    ("ids", "sent"),
    [
        ({"item_id": "i1", "dataset_id": "d1"}, {"item": {"item_id": "i1", "dataset_id": "d1"}}),
        ({"dataset_id": "d1"}, {"dataset": {"dataset_id": "d1"}}),
        ({"annotation_id": "a1"}, {"annotation": {"annotation_id": "a1"}}),
        ({"resource": "Item", "item_id": "i1"}, {"item": {"item_id": "i1"}}),
    ],
)
def test_a_call_takes_an_entity_by_id(service, ids, sent):
    found, session = service({"POST /executions/s1": execution_data()})
    found.execute(**ids)
    assert session.requests[0].json["input"] == sent


def test_a_call_may_be_waited_for(service):
    done = execution_data("success", output=5)
    found, _ = service({"POST /executions/s1": execution_data(), "GET /executions/e1": [execution_data(), done]})
    execution = found.execute({"item": "i1"}, sync=True)
    assert (execution.status, execution.output) == ("success", 5)


def test_a_service_tells_its_log(service):
    logs = [
        {"logs": [{"message": "one", "timestamp": "2026-01-01T00:00:00.000Z"}], "checkpoint": {"id": 1}, "stop": False},
        {"logs": [], "checkpoint": {"id": 1}, "stop": True},
    ]
    found, session = service({"POST /services/logs": logs})
    assert [each.message for each in found.log(text="o", size=10)] == ["one"]
    asked = session.requests[0].json
    assert (asked["serviceId"], asked["text"], asked["size"], asked["follow"]) == ("s1", "o", 10, False)
    assert "executionId" not in asked


def test_an_executions_log_ends_with_its_last_line(service):
    lines = {"logs": [{"message": "[Done] Executing function."}], "checkpoint": {}, "stop": False}
    found, session = service({"POST /services/logs": lines})
    assert len(list(found.log(follow=True, execution_id="e1"))) == 1
    assert len(session.requests) == 1


# -- executions -------------------------------------------------------------------------------------------------------


def test_an_executions_state_is_live(execution):
    found, session = execution(answers={"GET /executions/e1": execution_data("success")})
    assert found.status == dl.ExecutionStatus.IN_PROGRESS
    session.clock += 5
    assert found.status == "success"
    assert not found.in_progress()
    assert "success" in repr(found)


def test_an_execution_is_waited_for_and_given_back(execution):
    found, _ = execution(answers={"GET /executions/e1": [execution_data(), execution_data("success", output="x")]})
    assert found.wait(timeout=10) is found
    assert found.output == "x"


def test_waiting_for_an_execution_ends_at_its_timeout(execution):
    found, _ = execution(answers={"GET /executions/e1": execution_data()})
    with pytest.raises(WaitTimeout, match="execution e1"):
        found.wait(timeout=2)


def test_a_failed_execution_raises_with_its_traceback(execution):
    error = {"type": "KeyError", "message": "'a'", "traceback": "Traceback of the node", "hint": "look"}
    failed = execution_data("failed", latestStatus={"status": "failed", "error": error})
    found, _ = execution(answers={"GET /executions/e1": failed})
    with pytest.raises(RunFailed, match="execution e1 of 'run' failed: KeyError: 'a'") as caught:
        found.wait(raise_on_failure=True)
    assert caught.value.remote_traceback == "Traceback of the node"
    assert found.error == error


def test_an_execution_of_a_node_knows_its_run(execution):
    found, _ = execution(pipeline={"id": "pipe1", "nodeId": "na", "executionId": "run1"})
    assert (found.pipeline_id, found.node_id, found.pipeline_execution_id) == ("pipe1", "na", "run1")
    assert execution()[0].pipeline_execution_id is None


def test_an_execution_is_terminated_rerun_and_counted(execution):
    answers = {
        "POST /executions/e1/terminate": execution_data("terminated"),
        "POST /executions/e1/rerun": execution_data(id="e2"),
        "POST /executions/e1/attempts": 2,
    }
    found, session = execution(answers=answers)
    assert found.terminate().status == "terminated"
    assert found.rerun().id == "e2"
    assert found.increment() == 2
    assert session.requests[1].once


def test_progress_is_reported_in_the_words_that_there_are(execution):
    found, session = execution(answers={"POST /executions/e1/progress": execution_data()})
    found.progress_update(status="inProgress", percent_complete=40, message="halfway")
    assert session.requests[0].json == {"status": "in-progress", "percentComplete": 40, "message": "halfway"}


def test_executions_are_listed_and_had(paper, wire, service):
    found, session = service(
        {"POST /query/faas": wire.page([execution_data("success")]), "GET /executions/e1": execution_data("success")}
    )
    assert [each.id for each in found.executions.list()] == ["e1"]
    assert {"serviceId": "s1"} in session.requests[0].json["filter"]["$and"]
    executions = Executions(session=session)
    assert executions.get("e1").status == "success"
    assert executions.get("e1", sync=True).status == "success"
    assert executions.wait(execution_id="e1", timeout=1).status == "success"
    with pytest.raises(BadRequest, match="execution_id"):
        executions.wait()


def test_an_executions_logs_are_its_own(execution):
    logs = [{"logs": [{"message": "one"}], "checkpoint": {"id": 4}}, {"logs": [], "stop": True}]
    found, session = execution(answers={"POST /services/logs": logs})
    assert [each.message for each in found.logs()] == ["one"]
    assert session.requests[0].json["executionId"] == ["e1"]


# -- commands ---------------------------------------------------------------------------------------------------------


def command_data(status="in-progress", **more):
    return {"id": "c1", "status": status, "progress": 10, "spec": {}, **more}


def test_a_command_is_waited_for(paper):
    session = paper({"GET /commands/c1": [command_data(), command_data("success", progress=100)]})
    command = Command.from_wire(command_data(), session=session)
    assert command.wait(timeout=60) is command
    assert (command.status, command.progress) == ("success", 100)


def test_a_command_that_is_over_is_not_asked_for(paper):
    session = paper()
    assert Command.from_wire(command_data("success"), session=session).wait().status == "success"
    assert session.requests == []


def test_a_command_that_failed_says_why(paper):
    session = paper({"GET /commands/c1": command_data("failed", error="disk full")})
    with pytest.raises(FailedDependency, match="disk full"):
        Command.from_wire(command_data(), session=session).wait()


def test_a_command_is_asked_for_where_it_lives(paper):
    url = "https://gate.example/api/v1/commands/faas/c1"
    session = paper({"GET /commands/faas/c1": command_data("success")})
    assert Command.from_wire(command_data(url=url), session=session).refresh().status == "success"


def test_commands_are_had_listed_waited_for_and_aborted(paper):
    session = paper(
        {
            "GET /commands/c1": command_data("success"),
            "GET /commands": [[command_data("success"), command_data("failed", id="c2")]],
            "POST /commands/c1/abort": command_data("aborted"),
        }
    )
    commands = Commands(session=session)
    assert commands.get("c1").status == dl.CommandStatus.SUCCESS
    assert [each.id for each in commands.list()] == ["c1", "c2"]
    assert commands.wait("c1", timeout=5).id == "c1"
    assert commands.abort("c1").status == "aborted"
