"""Services, packages and triggers over the wire, and calls of services."""

from __future__ import annotations

import uuid

import pytest

from mock_server.platform import lifecycle
from tests.unit.platform.building import code_node, definition, port

API = "/api/v1"
SUM = "def run(a, b=1):\n    print('adding', a, b)\n    return a + b\n"


@pytest.fixture
def service(http, project):
    """The service of a node that adds numbers."""
    node = code_node(
        "add",
        inputs=[port("a", "Integer"), port("b", "Integer")],
        outputs=[port("sum", "Integer")],
        config={"package": {"code": SUM, "name": "run", "type": "code"}},
    )
    made = http.ok("POST", f"{API}/pipelines", json={"projectId": project["id"], **definition(node)})
    name = http.ok("POST", f"{API}/pipelines/{made['id']}/install")["nodes"][0]["namespace"]["serviceName"]
    query = {"filter": {"$and": [{"global": {"$ne": True}}, {"name": name}]}, "resource": "services", "page": 0}
    (found,) = http.ok("POST", f"{API}/query/faas", json=query)["items"]
    return found


@pytest.fixture
def call(http, service):
    def call(**body):
        return http.ok("POST", f"{API}/executions/{service['id']}", json={"functionName": "run", **body})

    return call


def finished(http, execution):
    found = http.ok("GET", f"{API}/executions/{execution['id']}?wait=30")
    assert lifecycle.is_final(found["latestStatus"]["status"]), found
    return found


def test_a_service_is_found_by_name_without_a_project(http, service):
    assert http.ok("GET", f"{API}/services/{service['id']}") == service


def test_its_package_is_no_app_and_has_the_functions_ports(http, service):
    http.refused(404, "GET", f"{API}/app-registry/{service['packageId']}")
    package = http.ok("GET", f"{API}/packages/{service['packageId']}")
    (function,) = package["modules"][0]["functions"]
    assert [each["name"] for each in function["input"]] == ["a", "b"]


def test_a_call_runs_the_nodes_code(http, project, service, call):
    execution = call(input={"a": 2, "b": 3}, projectId=project["id"])
    assert execution["serviceId"] == service["id"]
    found = finished(http, execution)
    assert (found["latestStatus"]["status"], found["output"]) == ("success", 5)
    query = {"filter": {"$and": [{"serviceId": service["id"]}]}, "resource": "executions", "pageSize": 100}
    assert [each["id"] for each in http.ok("POST", f"{API}/query/faas", json=query)["items"]] == [execution["id"]]


def test_what_a_call_printed_is_in_its_logs_and_the_first_answer_never_stops(http, service, call):
    execution = finished(http, call(input={"a": 1}))
    body = {"serviceId": service["id"], "executionId": [execution["id"]], "direction": "asc", "logLevel": "DEBUG"}
    first = http.ok("POST", f"{API}/services/logs", json=body)
    assert first["stop"] is False
    assert "adding 1 1" in "\n".join(each["message"] for each in first["logs"])
    second = http.ok("POST", f"{API}/services/logs", json={**body, "checkpoint": first["checkpoint"]})
    assert (second["logs"], second["stop"]) == ([], True)


def test_a_call_that_is_sent_twice_under_one_key_is_made_once(http, service, call):
    url, key = f"{API}/executions/{service['id']}", {"Idempotency-Key": uuid.uuid4().hex}
    body = {"functionName": "run", "input": {"a": 1}}
    first = http.ok("POST", url, json=body, headers=key)
    assert http.ok("POST", url, json=body, headers=key)["id"] == first["id"]
    assert "another request" in http.refused(409, "POST", url, json={**body, "input": {"a": 2}}, headers=key)["message"]
    http.refused(400, "POST", url, json=body, headers={"Idempotency-Key": "k" * 256})


def test_wrong_calls_are_refused(http, service):
    url = f"{API}/executions/{service['id']}"
    http.refused(404, "POST", f"{API}/executions/nowhere", json={"input": {}})
    http.refused(404, "POST", url, json={"functionName": "fly", "input": {}})
    for body in ({"input": [1]}, {"functionName": 5}, {"batch": {}}, {"batch": {"query": []}}, {"input": {"a": "one"}}):
        http.refused(400, "POST", url, json=body)
    http.refused(400, "POST", url, json={"batch": {"query": {"context": "all"}}})
    http.refused(400, "POST", url, data=b"{")
    http.refused(404, "GET", f"{API}/executions/nowhere")


def test_a_paused_service_refuses_calls_until_it_is_resumed(http, service):
    url = f"{API}/services/{service['id']}"
    http.ok("POST", f"{url}/stop")
    assert http.ok("GET", f"{url}/status")["active"] is False
    assert "paused" in http.refused(400, "POST", f"{API}/executions/{service['id']}", json={"input": {}})["message"]
    assert http.ok("POST", f"{url}/resume")["active"] is True
    assert http.ok("POST", f"{url}/restart")["id"] == service["id"]


def test_a_service_is_tuned_and_its_versions_are_remembered(http, service):
    url = f"{API}/services/{service['id']}"
    changed = http.ok("PATCH", f"{url}?force=true", json={**service, "executionTimeout": 60})
    assert changed["executionTimeout"] == 60
    assert [each["version"] for each in http.ok("GET", f"{url}/revisions")] == ["1.0.1", "1.0.0"]
    assert "executionTimeout" in http.refused(400, "PATCH", url, json={"executionTimeout": "long"})["message"]


def test_a_service_of_ones_own_package(http, project):
    package = http.ok("POST", f"{API}/packages", json={"name": f"p-{uuid.uuid4().hex}", "projectId": project["id"]})
    body = {"name": f"s-{uuid.uuid4().hex}", "projectId": project["id"], "packageId": package["id"], "versions": None}
    made = http.ok("POST", f"{API}/services", json=body)
    assert made["moduleName"] == "default_module"
    assert "already" in http.refused(409, "POST", f"{API}/services", json=body)["message"]
    assert (
        "already"
        in http.refused(409, "POST", f"{API}/packages", json={"name": package["name"], "projectId": project["id"]})[
            "message"
        ]
    )
    http.refused(409, "DELETE", f"{API}/packages/{package['id']}")
    http.ok("DELETE", f"{API}/services/{made['id']}")
    http.ok("DELETE", f"{API}/packages/{package['id']}")
    http.refused(404, "GET", f"{API}/services/{made['id']}")


def test_the_service_of_an_installed_pipeline_is_deleted_by_force_only(http, service):
    http.refused(409, "DELETE", f"{API}/services/{service['id']}")
    http.refused(400, "DELETE", f"{API}/services/{service['id']}?force=perhaps")
    http.ok("DELETE", f"{API}/services/{service['id']}?force=true")


@pytest.mark.parametrize(("name", "status"), [("my-package_1.0", 200), ("-", 400), ("a b", 400), ("x" * 65, 400)])
def test_whether_a_name_may_be_taken(http, name, status):
    assert http.get(f"{API}/piper-misc/naming/packages/{name}").status_code == status


def test_triggers_of_a_service(http, project, service):
    operation = {"type": "function", "serviceId": service["id"], "functionName": "run"}
    spec = {"filter": {}, "resource": "Item", "executionMode": "Once", "actions": ["Created"], "operation": operation}
    body = {"type": "Event", "active": True, "name": "t", "projectId": project["id"], "spec": spec}
    made = http.ok("POST", f"{API}/triggers", json=body)
    query = {"filter": {"$and": [{"spec.operation.serviceId": service["id"]}]}, "resource": "triggers"}
    assert http.ok("POST", f"{API}/query/faas", json=query)["items"] == [made]
    assert http.ok("PATCH", f"{API}/triggers/{made['id']}", json={"active": False})["active"] is False
    http.refused(400, "PATCH", f"{API}/triggers/{made['id']}", json={"spec": {"filter": "{"}})
    http.ok("DELETE", f"{API}/triggers/{made['id']}")
    http.refused(404, "GET", f"{API}/triggers/{made['id']}")


def test_an_execution_counts_its_attempts_as_a_bare_number(http, call):
    execution = call(input={"a": 1})
    assert http.ok("POST", f"{API}/executions/{execution['id']}/attempts") == 2
    assert http.ok("POST", f"{API}/executions/{execution['id']}/attempts") == 3
    assert http.ok("GET", f"{API}/executions/{execution['id']}")["attempts"] == 3
    http.refused(404, "POST", f"{API}/executions/nowhere/attempts")


def test_a_call_is_made_again_with_its_input(http, call):
    execution = finished(http, call(input={"a": 20, "b": 1}))
    again = http.ok("POST", f"{API}/executions/{execution['id']}/rerun")
    assert finished(http, again)["output"] == 21


def test_calls_are_made_again_as_a_batch(http, call):
    calls = [finished(http, call(input={"a": number, "b": 1})) for number in range(3)]
    query = {"id": {"$in": [each["id"] for each in calls]}}
    command = http.ok("POST", f"{API}/executions/rerun", json={"query": query})
    assert command["status"] == "success"
    assert command["spec"]["executions"] == [each["id"] for each in calls]
    made = http.ok("POST", f"{API}/query/faas", json={"resource": "executions", "filter": {"batchId": command["id"]}})
    assert sorted(finished(http, each)["output"] for each in made["items"]) == sorted(each["output"] for each in calls)
    assert http.ok("POST", f"{API}/executions/rerun", json={"query": {"id": "nothing"}})["spec"]["inputs"] == []
    http.refused(400, "POST", f"{API}/executions/rerun", json={})
