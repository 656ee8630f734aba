"""Projects over the wire."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

API = "/api/v1"


def unique(prefix: str = "project") -> str:
    return f"{prefix} {uuid.uuid4().hex}"


@pytest.mark.parametrize("body", ["form", "json"])
def test_a_project_is_created_from_a_form_or_from_json(http, body):
    name = unique()
    made = http.ok(
        "POST", f"{API}/projects", **({"data": {"name": name}} if body == "form" else {"json": {"name": name}})
    )
    assert made["name"] == name
    assert http.ok("GET", f"{API}/projects/{made['id']}") == made


def test_a_project_says_who_made_it_and_when_and_where_it_is(http, project):
    assert project["creator"] == "local@dtlpipe.dev"
    assert project["createdAt"].endswith("Z")
    assert project["url"] == f"{http.base}/api/v1/projects/{project['id']}"


def test_projects_of_the_same_name_cannot_be(http, project):
    body = http.refused(409, "POST", f"{API}/projects", data={"name": project["name"]})
    assert project["name"] in body["message"]


def test_a_project_is_found_by_its_name_as_the_only_one_of_a_list(http):
    made = http.ok("POST", f"{API}/projects", data={"name": unique("a/b & c?")})
    quoted = __import__("urllib.parse").parse.quote(made["name"], safe="")
    assert http.ok("GET", f"{API}/projects/{quoted}/name") == [made]


def test_an_unknown_project_is_not_found_by_id_or_name(http):
    assert "nope" in http.refused(404, "GET", f"{API}/projects/nope")["message"]
    assert "nope" in http.refused(404, "GET", f"{API}/projects/nope/name")["message"]


def test_projects_are_listed_as_a_bare_list(http, project):
    assert project in http.ok("GET", f"{API}/projects")


def test_a_patch_changes_the_name_and_nothing_that_is_the_servers(http, project):
    name = unique()
    changed = http.ok("PATCH", f"{API}/projects/{project['id']}", json={"name": name, "id": "x", "creator": "y"})
    assert changed["name"] == name
    assert changed["id"] == project["id"]
    assert changed["creator"] == project["creator"]


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 300])
def test_a_name_that_is_none_is_refused(http, name):
    assert "name" in http.refused(400, "POST", f"{API}/projects", json={"name": name})["message"]


@pytest.mark.parametrize("body", [{}, {"name": 5}, {"name": None}])
def test_a_missing_name_is_refused_with_its_path(http, body):
    assert http.refused(400, "POST", f"{API}/projects", json=body)["errors"][0]["path"] == ["name"]


def query(project: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"filter": {}, "resource": "datasets", "context": {"projects": [project["id"]]}, **more}


def test_a_project_has_a_hidden_dataset_for_code(http, project):
    assert http.ok("POST", f"{API}/datasets/query", json=query(project))["items"] == []
    found = http.ok(
        "POST",
        f"{API}/datasets/query",
        json=query(project, filter={"$and": [{"name": "Binaries"}]}, systemSpace=True),
    )
    assert [each["name"] for each in found["items"]] == ["Binaries"]


def test_deleting_a_project_deletes_all_that_is_in_it(http, project, dataset, upload):
    item = upload("/a.txt").json()
    http.ok("DELETE", f"{API}/projects/{project['id']}")
    http.refused(404, "GET", f"{API}/projects/{project['id']}")
    http.refused(404, "GET", f"{API}/datasets/{dataset['id']}")
    http.refused(404, "GET", f"{API}/items/{item['id']}")
    everything = http.ok("POST", f"{API}/datasets/query", json=query(project, systemSpace=True))
    assert everything["totalItemsCount"] == 0


def test_deleting_a_project_that_is_not_there_is_told(http):
    http.refused(404, "DELETE", f"{API}/projects/nope")


def test_members_come_and_go(http, project):
    members = f"{API}/projects/{project['id']}/members"
    assert [each["role"] for each in http.ok("GET", members)] == ["owner"]
    http.ok("POST", f"{members}/ann@example.org", json={"role": "annotator"})
    assert {each["email"]: each["role"] for each in http.ok("GET", members)}["ann@example.org"] == "annotator"
    http.ok("DELETE", f"{members}/ann@example.org")
    assert len(http.ok("GET", members)) == 1
    http.refused(400, "POST", f"{members}/ann@example.org", json={"role": "king"})


def test_an_installed_pipeline_goes_with_its_project(http, project):
    name = project["name"]
    node = {
        "id": "n1",
        "name": "n1",
        "type": "code",
        "namespace": {"functionName": "run", "projectName": name},
        "config": {"package": {"code": "def run(item):\n    return item\n", "name": "run", "type": "code"}},
        "inputs": [],
        "outputs": [],
        "metadata": {"position": {"x": 1, "y": 1}},
    }
    start = [{"nodeId": "n1", "type": "root"}]
    body = {"name": "p", "projectId": project["id"], "nodes": [node], "connections": [], "startNodes": start}
    pipeline = http.ok("POST", f"{API}/pipelines", json=body)
    installed = http.ok("POST", f"{API}/pipelines/{pipeline['id']}/install", json={})
    service = installed["nodes"][0]["namespace"]["serviceName"]
    http.ok("DELETE", f"{API}/projects/{project['id']}")
    http.refused(404, "GET", f"{API}/pipelines/{pipeline['id']}")
    found = http.ok("POST", f"{API}/query/faas", json={"resource": "services", "filter": {"name": service}})
    assert found["totalItemsCount"] == 0
