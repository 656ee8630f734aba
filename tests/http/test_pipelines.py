"""Pipelines over the wire."""

from __future__ import annotations

import json

import pytest

from tests.unit.platform.building import chain, code_node, definition, edge, port, root

API = "/api/v1"


@pytest.fixture
def create(http, project):
    def create(body):
        return http.ok("POST", f"{API}/pipelines", json={"projectId": project["id"], **body})

    return create


@pytest.fixture
def at():
    return lambda pipeline, verb="": f"{API}/pipelines/{pipeline['id']}{verb and '/'}{verb}"


def test_a_pipeline_is_the_same_however_it_is_found(http, project, create, at):
    made = create(chain("a", "b"))
    query = {
        "filter": {"$and": [{"name": "pipeline"}, {"projectId": project["id"]}, {"projectId": project["id"]}]},
        "page": 0,
        "pageSize": 1000,
        "resource": "pipeline",
    }
    assert http.ok("GET", at(made)) == made
    assert http.ok("POST", f"{API}/pipelines/query", json=query) == {
        "totalItemsCount": 1,
        "totalPagesCount": 1,
        "hasNextPage": False,
        "items": [made],
    }


def test_every_node_has_a_place_and_every_list_is_there(http, create):
    made = create({"name": "p", "nodes": [{"id": "a", "name": "a"}, {"id": "b", "name": "b"}]})
    for node in made["nodes"]:
        assert {"x", "y"} <= node["metadata"]["position"].keys()
        assert node["inputs"] == node["outputs"] == []
    assert made["connections"] == made["startNodes"] == made["variables"] == []


def test_a_pipeline_lives_from_draft_to_installed_and_back(http, create, at):
    made = create(chain("a"))
    assert made["status"] == "Created"
    installed = http.ok("POST", at(made, "install"), json={})
    assert installed["status"] == "Installed"
    assert installed["nodes"][0]["namespace"]["serviceName"]
    assert http.ok("GET", at(made)) == installed
    http.ok("POST", at(made, "uninstall"), json={"keepTriggersActive": False})
    assert http.ok("GET", at(made))["status"] == "Uninstalled"
    http.ok("POST", at(made, "reset"))
    assert http.ok("POST", at(made, "install"), data=b"")["status"] == "Installed"
    http.ok("DELETE", at(made))
    http.refused(404, "GET", at(made))


def test_an_update_takes_the_whole_json_back(http, create, at):
    made = create(chain("a", "b"))
    http.ok("POST", at(made, "install"))
    whole = http.ok("GET", at(made))
    whole["nodes"][0]["metadata"]["serviceConfig"] = {"runtime": {"runnerImage": "mine:1"}}
    changed = http.ok("PATCH", at(made), json=whole)
    assert changed["nodes"] == whole["nodes"]
    name = changed["nodes"][0]["namespace"]["serviceName"]
    query = {"filter": {"$and": [{"name": name}]}, "resource": "services"}
    (service,) = http.ok("POST", f"{API}/query/faas", json=query)["items"]
    assert service["runtime"]["runnerImage"] == "mine:1"


def test_settings_and_variables_have_addresses_of_their_own(http, create, at):
    made = create(definition())
    settings = {"defaultResumeOption": "resumeExistingCycles", "keepTriggersActive": "resumeExistingCycles"}
    assert http.ok("PATCH", at(made), json={"settings": settings})["settings"] == settings
    variables = [{"name": "v", "type": "Integer", "value": 0, "reference": made["id"]}]
    (variable,) = http.ok("PATCH", at(made, "variables"), json={"variables": variables})["variables"]
    assert {**variables[0], **{key: variable[key] for key in variable if key not in variables[0]}} == variable
    assert variable["id"]


def test_an_installed_pipeline_keeps_its_structure(http, create, at):
    made = create(chain("a", "b"))
    http.ok("POST", at(made, "install"))
    body = http.refused(400, "PATCH", at(made), json={"connections": []})
    assert "Pipeline with installed status couldn't be updated" in body["message"]
    assert (
        "Pipeline with installed status couldn't be updated" in http.refused(400, "POST", at(made, "reset"))["message"]
    )


@pytest.mark.parametrize(
    ("body", "said", "node", "port_"),
    [
        (
            definition(code_node("a"), code_node("b", inputs=[port("n", "Integer")]), edges=[("a.item", "b.n")]),
            "connection source and target ports must be of the same type",
            "node b",
            "n",
        ),
        (
            definition(code_node("a"), code_node("b"), starts=[root("a"), root("b")]),
            "may only include 1 root",
            "node b",
            None,
        ),
        (
            chain("a", "b") | {"connections": [edge("a.item", "b.item"), edge("b.item", "a.item")]},
            "cycle",
            "node a",
            None,
        ),
        (
            definition(code_node("a"), code_node("b"), edges=[("a.item", "b.nope")]),
            "no input port 'nope'",
            "node b",
            "nope",
        ),
        (definition(code_node("a", type="teapot")), "unknown type, 'teapot'", "node a", None),
        (
            definition(code_node("a"), code_node("b"), edges=[edge("a.item", "b.item", condition="{")]),
            "it is not JSON",
            "node a",
            "item",
        ),
        (
            definition(code_node("a", config={"package": {"name": "run", "pickle": "gASVAA==", "python": "3.4"}})),
            "pickled by Python 3.4",
            "node a",
            None,
        ),
    ],
)
def test_what_can_never_be_right_is_refused_by_node_and_port(http, project, body, said, node, port_):
    answer = http.refused(400, "POST", f"{API}/pipelines", json={"projectId": project["id"], **body})
    assert answer["message"].startswith("Invalid input specified, Failed to create pipeline: ")
    assert said in answer["message"]
    assert answer["message"].count(said) == 1
    assert (answer.get("node"), answer.get("port")) == (node, port_)
    query = {"filter": {"projectId": project["id"]}, "resource": "pipeline"}
    assert http.ok("POST", f"{API}/pipelines/query", json=query)["totalItemsCount"] == 0


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": 5}, ["name"]),
        ({"name": "p", "nodes": "none"}, ["nodes"]),
        ({"name": "p", "nodes": [{"name": "a", "inputs": [{"name": 1}]}]}, ["nodes", 0, "inputs", 0, "name"]),
        ({"name": "p", "connections": [{}]}, ["connections", 0, "src"]),
    ],
)
def test_a_wrong_type_is_refused_with_its_path(http, project, body, path):
    answer = http.refused(400, "POST", f"{API}/pipelines", json={"projectId": project["id"], **body})
    assert path in [each["path"] for each in answer["errors"]]
    assert ".".join(map(str, path)) in answer["message"]


def test_a_body_that_is_not_json_is_refused(http):
    for data in (b"{", b"[1]", b"nothing", b'"text"', b""):
        http.refused(400, "POST", f"{API}/pipelines", data=data)


def test_an_install_says_all_that_is_missing(http, create, at):
    made = create(definition(code_node("a", config=None), code_node("s", type="storage", config=None), starts=[]))
    body = http.refused(400, "POST", at(made, "install"))
    assert [each.get("node") for each in body["errors"]] == ["node a", "node s", None]
    for said in ("has no code", "must have a datasetId", "no start node"):
        assert said in body["message"]


def test_validate_answers_and_never_refuses(http):
    assert http.ok("POST", f"{API}/pipelines/validate", json=chain("a"))["valid"] is True
    said = http.ok("POST", f"{API}/pipelines/validate", json={"nodes": 3})
    assert (said["valid"], said["errors"][0]["path"]) == (False, ["nodes"])


def test_unknown_pipelines_are_not_found_by_any_verb(http):
    nowhere = f"{API}/pipelines/nowhere"
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("PATCH", "/variables"),
        ("POST", "/install"),
        ("POST", "/uninstall"),
        ("POST", "/reset"),
        ("GET", "/statistics"),
    ):
        body = {"json": {"variables": []}} if method == "PATCH" else {}
        assert "nowhere" in http.refused(404, method, nowhere + path, **body)["message"]


def test_a_query_for_something_else_is_not_an_empty_list(http):
    for path in ("pipelines/query", "query/faas"):
        http.refused(422, "POST", f"{API}/{path}", json={"filter": {}, "resource": "teapots"})
    http.refused(422, "POST", f"{API}/query/faas", json={"filter": {}, "resource": ["services"]})


def test_a_query_that_is_none_is_refused(http):
    for query in (
        {"filter": {"a": {"$near": 1}}},
        {"filter": []},
        {"page": -1},
        {"pageSize": "many"},
        {"sort": "name"},
    ):
        for resource, path in (
            ("pipeline", "pipelines/query"),
            ("pipelineState", "pipelines/query"),
            ("services", "query/faas"),
        ):
            http.refused(400, "POST", f"{API}/{path}", json={"resource": resource, **query})


def test_pages_follow_each_other_in_order_of_creation(http, project, create):
    ids = [create({"name": f"p{number}"})["id"] for number in range(5)]
    query = {"filter": {"projectId": project["id"]}, "resource": "pipeline", "pageSize": 2}
    pages = [http.ok("POST", f"{API}/pipelines/query", json={**query, "page": page}) for page in range(3)]
    assert [each["id"] for page in pages for each in page["items"]] == ids
    assert [page["hasNextPage"] for page in pages] == [True, True, False]
    assert {page["totalItemsCount"] for page in pages} == {5}


def test_a_composition_is_what_a_pipeline_is_made_of(http, create, at):
    made = create(chain("a"))
    http.ok("POST", at(made, "install"))
    found = http.ok("GET", f"{API}/compositions/{made['compositionId']}")
    assert (found["id"], found["pipelineId"]) == (made["compositionId"], made["id"])
    http.refused(404, "GET", f"{API}/compositions/nowhere")


def test_triggers_come_with_the_install_and_rest_with_the_pause(http, create, at):
    spec = {"filter": json.dumps({"dir": "/in"}), "resource": "Item", "executionMode": "Once", "actions": ["Created"]}
    made = create(definition(code_node("a"), starts=[root("a", trigger={"type": "Event", "spec": spec})]))
    query = {"filter": {"$and": [{"spec.operation.id": made["id"]}]}, "resource": "triggers"}
    assert http.ok("POST", f"{API}/query/faas", json=query)["items"] == []
    http.ok("POST", at(made, "install"))
    (trigger,) = http.ok("POST", f"{API}/query/faas", json=query)["items"]
    assert trigger["active"] is True
    assert trigger["spec"]["operation"]["type"] == "pipeline"
    http.ok("POST", at(made, "uninstall"))
    assert http.ok("GET", f"{API}/triggers/{trigger['id']}")["active"] is False


def test_what_is_installed_survives_a_restart(tmp_path, connect):
    from mock_server.testing import LocalPlatform

    with LocalPlatform(tmp_path / "data") as platform:
        http = connect(platform)
        project = http.ok("POST", f"{API}/projects", data={"name": "p"})
        made = http.ok("POST", f"{API}/pipelines", json={"projectId": project["id"], **chain("a", "b")})
        installed = http.ok("POST", f"{API}/pipelines/{made['id']}/install")
        platform.restart()
        http = connect(platform)
        assert http.ok("GET", f"{API}/pipelines/{made['id']}") == installed
        assert http.ok("POST", f"{API}/pipelines/{made['id']}/install")["nodes"] == installed["nodes"]


class TestNotOffered:
    def test_it_is_named(self, http):
        for path, feature in (("models/x", "models"), ("webhooks/x", "webhooks"), ("drivers/x", "storage drivers")):
            for method in ("GET", "PATCH", "DELETE"):
                assert feature in http.refused(501, method, f"{API}/{path}", json={})["message"]

    def test_no_post_is_told_to_come_again(self, http):
        for path in ("models", "webhooks", "drivers"):
            http.refused(404, "POST", f"{API}/{path}", json={})

    def test_the_field_sdk_is_told_at_once(self, http):
        http.headers["User-Agent"] = "dtlpy/1.126.5 CPython/3.11"
        assert "models" in http.refused(404, "GET", f"{API}/models/x")["message"]

    def test_a_package_is_no_app_to_the_registry(self, http):
        http.refused(404, "GET", f"{API}/app-registry/some-package")
