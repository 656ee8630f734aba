"""Values that a schema may overlook, by bare requests: told with their place, and neither kept nor half done."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.clients.bare import NOWHERE, definition, filled, ids_of, node, routes

DEEP = "[" * 400 + "]" * 400

# --- depth --------------------------------------------------


@pytest.mark.usefixtures("unchanged")
def test_a_body_that_is_too_deep_to_be_worked_on_is_refused_everywhere(platform, there, world):
    body, headers = f'{{"name": "x", "metadata": {DEEP}}}', {"Content-Type": "application/json"}
    without_body = ("lock", "stop", "resume", "restart", "terminate", "attempts", "rerun", "abort", "reset", "leave")
    without_body = (*without_body, "pause")
    for method, rule in routes(platform, ("POST", "PATCH", "PUT")):
        if rule.endswith(without_body) or rule.startswith(("/sdk/check", "/platform/")):  # these keep no metadata
            continue
        answer = there.call(method, filled(rule, ids_of(world)), data=body, headers=headers)
        assert answer.status_code == 400, f"{method} {rule}: {answer.status_code} {answer.text}"
        assert "'metadata' is nested more than" in answer.json()["message"]


@pytest.mark.usefixtures("unchanged")
def test_a_query_in_a_text_may_not_be_deeper_than_one_in_the_body(there, world):
    first, second = node("a"), node("b")
    connection = {
        "src": {"nodeId": "a", "portId": first["outputs"][0]["portId"]},
        "tgt": {"nodeId": "b", "portId": second["inputs"][0]["portId"]},
        "condition": '{"$and":[' * 200 + "]}" * 200,
    }
    body = {**definition(first, second, connections=[connection]), "projectId": world.project["id"]}
    assert "nested more than" in there.refused(400, "POST", "/pipelines", json=body)["message"]


@pytest.mark.usefixtures("unchanged")
def test_metadata_of_an_upload_may_not_be_deeper_either(there, world):
    url = f"/datasets/{world.dataset['id']}/items"
    options = {"files": {"file": ("b.txt", b"x")}, "data": {"metadata": f'{{"a": {DEEP}}}'}}
    assert "metadata" in there.refused(400, "POST", url, **options)["message"]


# --- patterns --------------------------------------------------


@pytest.mark.parametrize("query", [{"$regex": "^(a|aa)+$"}, {"$match": "(a|a)*(a|a)*(a|a)*$"}])
def test_a_pattern_that_would_never_end_is_given_up_and_stops_nobody(there, world, query):
    metadata = {"metadata": {"user": {"text": "a" * 80 + "!"}}}
    there.ok("PATCH", f"/items/{world.item['id']}", json=metadata)
    url = f"/datasets/{world.dataset['id']}/query"
    body = there.refused(400, "POST", url, json={"filter": {"metadata.user.text": query}, "update": metadata})
    assert "takes too long" in body["message"]


@pytest.mark.usefixtures("unchanged")
def test_a_long_list_of_ids_is_looked_up_and_a_long_list_of_predicates_refused(there, world):
    for number in range(60):
        there.ok("POST", f"/datasets/{world.dataset['id']}/items", data={"type": "dir", "path": f"/many/{number}"})
    url, ids = f"/datasets/{world.dataset['id']}/query", [NOWHERE] * 100_000
    for path in ("id", "metadata.user.id"):
        found = there.ok("POST", url, json={"filter": {path: {"$in": [*ids, world.item["id"]]}}})
        assert found["totalItemsCount"] == (1 if path == "id" else 0)
    body = there.refused(400, "POST", url, json={"filter": {"$or": [{"metadata.a": 1}] * 6000}})
    assert "filter: more than" in body["message"]
    there.ok("POST", url, json={"filter": {"dir": "/many"}, "delete": True})
    there.ok("POST", url, json={"filter": {"filename": "/many"}, "delete": True})


# --- labels, recipes, annotations, datasets --------------------------------------------------


@pytest.fixture
def ontology(there, world):
    body = {"title": "t", "projectIds": [world.project["id"]], "roots": [{"value": {"tag": "cat"}, "children": []}]}
    return there.ok("POST", "/ontologies", json=body)


@pytest.mark.parametrize(
    ("label", "path"),
    [
        ({"tag": "x", "children": 5}, ["labelsNode", 0, "children"]),
        ({"tag": "x", "children": [{"tag": "y", "children": True}]}, ["labelsNode", 0, "children", 0, "children"]),
        ({"tag": "x" * 100_000}, ["labelsNode", 0, "tag"]),
        ({"tag": "x", "color": 5}, ["labelsNode", 0, "color"]),
        ({"tag": "x", "displayData": []}, ["labelsNode", 0, "displayData"]),
    ],
)
def test_a_label_that_is_none_is_told_with_its_place(there, ontology, label, path):
    body = there.refused(400, "PATCH", f"/ontologies/{ontology['id']}/labels", json={"labelsNode": [label]})
    assert [each["path"] for each in body["errors"]] == [path]
    assert there.ok("GET", f"/ontologies/{ontology['id']}") == ontology


def test_a_tag_that_is_no_text_is_taken_nowhere(there, ontology):
    for tag in ([], {"a": 1}, 5):
        body = {"roots": [{"value": {"tag": tag}}]}
        assert "roots.0.value.tag" in there.refused(400, "POST", "/ontologies", json=body)["message"]
        assert "roots.0.value.tag" in there.refused(400, "PATCH", f"/ontologies/{ontology['id']}", json=body)["message"]
        url = f"/ontologies/{ontology['id']}/labels"
        assert "labelNames.0" in there.refused(400, "DELETE", url, json={"labelNames": [tag]})["message"]
    assert there.ok("GET", f"/ontologies/{ontology['id']}") == ontology


@pytest.mark.parametrize(
    "change",
    [{"projects": 5}, {"projectIds": [5]}, {"ontologyIds": [None]}, {"instructions": 5}, {"customActions": "x"}],
)
def test_a_recipe_of_wrong_types_is_refused_with_the_key(there, world, change):
    key = next(iter(change))
    recipe = there.ok("POST", "/recipes", json={"title": "t", "projectIds": [world.project["id"]]})
    assert key in there.refused(400, "POST", "/recipes", json=change)["message"]
    assert key in there.refused(400, "PATCH", f"/recipes/{recipe['id']}", json=change)["message"]
    assert there.ok("GET", f"/recipes/{recipe['id']}") == recipe


def test_a_null_takes_nothing_away_that_clients_read(there, world, ontology):
    emptied = there.ok("PATCH", f"/ontologies/{ontology['id']}", json={"title": None, "roots": None, "metadata": None})
    assert {**emptied, "updatedAt": ""} == {**ontology, "updatedAt": ""}
    note = {"type": "class", "label": "x", "metadata": {"user": {"a": 1}}}
    made = there.ok("POST", f"/items/{world.item['id']}/annotations", json=note)
    shown = there.ok("PATCH", f"/annotations/{made['id']}", json={"type": None, "metadata": None, "label": "y"})
    assert (shown["type"], shown["metadata"], shown["label"]) == ("class", {"user": {"a": 1}}, "y")
    for change in ({"type": 5}, {"metadata": []}, {"label": {}}):
        there.refused(400, "PATCH", f"/annotations/{made['id']}", json=change)
        there.refused(400, "POST", f"/items/{world.item['id']}/annotations", json={**note, **change})
    assert there.ok("GET", f"/annotations/{made['id']}") == shown


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "change",
    [{"readonly": "no"}, {"createDefaultRecipe": "no"}, {"description": []}, {"tags": 5}, {"expirationOptions": 1}],
)
def test_a_dataset_of_wrong_types_is_refused_with_the_key(there, world, change):
    (key,) = change
    body = {"name": "other", "projects": [world.project["id"]], **change}
    assert key in there.refused(400, "POST", "/datasets", json=body)["message"]
    if key != "createDefaultRecipe":
        assert key in there.refused(400, "PATCH", f"/datasets/{world.dataset['id']}", json=change)["message"]


@pytest.mark.usefixtures("unchanged")
def test_a_second_project_of_a_dataset_is_not_passed_over(there, world):
    body = {"name": "other", "projects": [world.project["id"], NOWHERE]}
    assert "projects.1" in there.refused(400, "POST", "/datasets", json=body)["message"]


@pytest.mark.usefixtures("unchanged")
def test_what_is_neither_true_nor_false_is_not_taken_for_true(there, world):
    items, clone = f"/datasets/{world.dataset['id']}/query", {"targetDatasetId": world.dataset["id"]}
    recipe = there.ok("POST", "/ontologies", json={"title": "t"})["id"]
    for value in ("false", 1, []):
        system = {"systemSpace": value}
        update = {**system, "update": {"metadata": {"system": {"a": 1}}}}
        options = {**clone, "remoteFileName": "/c", "cloneDatasetParams": {"withMetadata": value}}
        for method, path, body in (
            ("POST", "/datasets/query", system),
            ("POST", items, update),
            ("POST", f"/items/{world.item['id']}/clone", options),
            ("PATCH", f"/ontologies/{recipe}/labels", {"labelsNode": [{"tag": "x"}], "upsert": value}),
        ):
            assert "true or false" in there.refused(400, method, path, json=body)["message"]


@pytest.mark.usefixtures("unchanged")
def test_the_dataset_that_keeps_a_project_s_code_goes_with_the_project_only(there, world):
    query = {"systemSpace": True, "filter": {"hidden": True}, "context": {"projects": [world.project["id"]]}}
    (hidden,) = there.ok("POST", "/datasets/query", json=query)["items"]
    there.refused(403, "DELETE", f"/datasets/{hidden['id']}")
    there.refused(403, "PATCH", f"/datasets/{hidden['id']}", json={"name": "other"})
    assert there.ok("GET", f"/datasets/{hidden['id']}") == hidden


def test_a_project_is_deleted_with_the_dataset_that_keeps_its_code(there):
    project = there.ok("POST", "/projects", data={"name": f"short {uuid.uuid4().hex}"})
    query = {"systemSpace": True, "filter": {"hidden": True}, "context": {"projects": [project["id"]]}}
    (hidden,) = there.ok("POST", "/datasets/query", json=query)["items"]
    there.ok("DELETE", f"/projects/{project['id']}")
    there.refused(404, "GET", f"/datasets/{hidden['id']}")


def test_labels_to_take_out_have_to_be_named(there, ontology):
    assert "labelNames" in there.refused(400, "DELETE", f"/ontologies/{ontology['id']}/labels", json={})["message"]


# --- members and keys --------------------------------------------------


@pytest.mark.usefixtures("unchanged")
def test_who_is_no_member_can_neither_be_changed_nor_be_taken_out(there, world):
    members = f"/projects/{world.project['id']}/members"
    assert "no member" in there.refused(404, "DELETE", f"{members}/nobody@example.org")["message"]
    there.refused(404, "PATCH", f"{members}/nobody@example.org", json={"role": "annotator"})
    owner = world.project["creator"]
    for method in ("POST", "PATCH", "DELETE"):
        options = {} if method == "DELETE" else {"json": {"role": "annotator"}}
        assert "owner" in there.refused(400, method, f"{members}/{owner}", **options)["message"]
    there.refused(400, "POST", f"{members}/a%00b", json={"role": "annotator"})


def test_a_key_is_made_for_a_user_by_a_text(there):
    for user in (0, False, [], {}, ""):
        assert "userId" in there.refused(400, "POST", "/apiKeys", json={"userId": user})["message"]


# --- names and ids that mean something else --------------------------------------------------


def test_a_package_cannot_take_the_name_of_another(there, world):
    body = {"projectId": world.project["id"], "name": f"first-{uuid.uuid4().hex[:8]}"}
    there.ok("POST", "/packages", json=body)
    second = there.ok("POST", "/packages", json={**body, "name": "second"})
    url = f"/packages/{second['id']}"
    assert body["name"] in there.refused(409, "PATCH", url, json={"name": body["name"]})["message"]
    assert there.ok("GET", url) == second
    assert there.ok("PATCH", url, json={"name": "second", "metadata": {"a": 1}})["version"] == "1.0.1"


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("id", ["*", "**", "0*"])
def test_a_star_is_no_composition(there, id):
    there.refused(404, "GET", f"/compositions/{id}")


@pytest.mark.usefixtures("unchanged")
def test_a_call_belongs_to_a_project_that_exists(there, world):
    body = {"input": {}, "projectId": NOWHERE}
    assert NOWHERE in there.refused(404, "POST", f"/executions/{world.service['id']}", json=body)["message"]


@pytest.mark.usefixtures("unchanged")
def test_a_trigger_calls_a_function_that_exists(there, world):
    operation = {"type": "function", "serviceId": world.service["id"], "functionName": "nope"}
    body = {"name": "t", "projectId": world.project["id"], "type": "Event", "spec": {"operation": operation}}
    assert "'nope'" in there.refused(404, "POST", "/triggers", json=body)["message"]


# --- executions and logs --------------------------------------------------


def test_only_true_ends_an_execution(there, world):
    made = there.ok("POST", f"/executions/{world.service['id']}", json={"input": {"item": world.item["id"]}})
    url = f"/executions/{made['id']}"
    for value in ("false", 1, [], {}):
        assert "toTerminate" in there.refused(400, "PATCH", url, json={"toTerminate": value})["message"]
    assert there.ok("GET", f"{url}?wait=30")["latestStatus"]["status"] == "success"


@pytest.mark.parametrize(
    ("query", "key"),
    [({"filter": 5}, "filter"), ({"page": -1}, "page"), ({"pageSize": "x"}, "pageSize"), ({"filter": {"$x": 1}}, "$x")],
)
def test_a_query_for_what_used_an_item_is_checked_as_any_other(there, query, key):
    assert key in there.refused(400, "POST", "/executions/resource/query", json=query)["message"]


def test_a_query_for_what_used_an_item_has_pages(there, world):
    for _ in range(3):
        there.ok("POST", f"/executions/{world.service['id']}", json={"input": {"item": world.item["id"]}})
    query = {"filter": {"resources.id": world.item["id"]}, "pageSize": 2}
    pages = [there.ok("POST", "/executions/resource/query", json={**query, "page": page}) for page in (0, 1)]
    assert [len(each["items"]) for each in pages] == [2, 1]
    assert [each["hasNextPage"] for each in pages] == [True, False]
    assert len({each["id"] for page in pages for each in page["items"]}) == 3


def test_what_used_an_item_long_ago_is_found_too(there, world, monkeypatch):
    monkeypatch.setattr("mock_server.platform.executions.LOOKED_AT", 1)
    service = f"/executions/{world.service['id']}"
    used = there.ok("POST", service, json={"input": {"item": world.item["id"]}})["id"]
    for _ in range(3):
        there.ok("POST", service, json={"input": {"item": None}})
    query = {"filter": {"resources.id": world.item["id"]}, "resource": "resourceExecution"}
    assert used in {each["id"] for each in there.ok("POST", "/executions/resource/query", json=query)["items"]}


def test_logs_of_what_is_not_there_are_not_followed_for_ever(there, world):
    assert NOWHERE in there.refused(404, "POST", "/services/logs", json={"serviceId": NOWHERE})["message"]
    checkpoint = {"serviceId": NOWHERE, "checkpoint": {"id": 0}, "follow": True}
    assert there.ok("POST", "/services/logs", json=checkpoint)["stop"] is True
    for change in ({"checkpoint": {"id": 1 << 63}}, {"checkpoint": {"id": -1}}, {"size": 0}, {"size": -5}):
        there.refused(400, "POST", "/services/logs", json={"serviceId": world.service["id"], **change})


def test_a_message_quotes_no_more_than_can_be_read(there):
    answer = there.call("POST", "/datasets/query", json={"filter": "y" * 100_000})
    assert answer.status_code == 400
    assert len(answer.json()["message"]) < 5000
    assert "filter" in json.loads(answer.text)["message"]
