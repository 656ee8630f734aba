"""What is sent wrongly, by bare requests: told with its place, in Dataloop's body, and nothing of it is kept."""

from __future__ import annotations

import copy
import json
import random

import pytest

from tests.clients.bare import NOWHERE, filled, ids_of, node, routes

# --- bodies that are nothing --------------------------------------------------


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "body",
    [b'{"name": ', b"{'name': 1}", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000, b'"text"', b"7", b"[1]", b'{"a"}'],
    ids=["cut off", "not JSON", "not UTF-8", "NaN", "too deep", "a text", "a number", "a list", "no value"],
)
def test_what_is_no_json_object_is_refused_everywhere_and_changes_nothing(platform, there, world, body):
    ids, headers = ids_of(world), {"Content-Type": "application/json"}
    for method, rule in routes(platform, ("POST", "PATCH", "PUT")):
        if rule.endswith(
            (
                "/lock",
                "/unlock",
                "/stop",
                "/resume",
                "/restart",
                "/terminate",
                "/leave",
                "/attempts",
                "/rerun",
                "/abort",
                "/reset",
            )
        ):
            continue  # these take no body
        if rule == "/sdk/check" or (rule.endswith("/annotations") and body == b"[1]"):
            continue  # it takes anything, or lists
        answer = there.call(method, filled(rule, ids), data=body, headers=headers)
        assert 400 <= answer.status_code < 500, f"{method} {rule}: {answer.status_code} {answer.text}"
        assert answer.json()["message"], f"{method} {rule}"


def test_malformed_json_is_told_with_its_place(there):
    body = there.refused(400, "POST", "/pipelines", data=b'{"name": "x",\n "nodes": [}', headers={})
    assert "not JSON" in body["message"]
    assert "line 2" in body["message"]


# --- queries --------------------------------------------------

WRONG_QUERIES = {
    "no query": ({"filter": 5}, "filter"),
    "and without a list": ({"filter": {"$and": {"a": 1}}}, "filter.$and"),
    "an unknown operator": ({"filter": {"$and": [{"name": {"$near": 1}}]}}, "filter.$and[0].name.$near"),
    "an operator in the wrong place": ({"filter": {"$in": [1]}}, "filter.$in"),
    "in without a list": ({"filter": {"name": {"$in": "x"}}}, "filter.name.$in"),
    "a regular expression that is none": ({"filter": {"name": {"$regex": "("}}}, "filter.name.$regex"),
    "too deep": ({"filter": json.loads('{"$and":[' * 80 + "{}" + "]}" * 80)}, "filter"),
    "a page that is no number": ({"page": "first"}, "page"),
    "a page before the first": ({"page": -1}, "page"),
    "a page of nothing": ({"pageSize": 0}, "pageSize"),
    "a sort that is none": ({"sort": "name"}, "sort"),
    "a sort of no direction": ({"sort": {"name": "sideways"}}, "sort.name"),
    "a sort by too much": ({"sort": {f"k{number}": 1 for number in range(1000)}}, "sort"),
    "a context that is none": ({"context": 1}, "context"),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("wrong", WRONG_QUERIES)
def test_a_query_that_is_none_is_refused_with_the_key_that_is_wrong(there, world, wrong):
    query, key = WRONG_QUERIES[wrong]
    places = [
        ("/datasets/query", None),
        (f"/datasets/{world.dataset['id']}/query", "items"),
        ("/pipelines/query", "pipeline"),
        ("/pipelines/query", "pipelineState"),
        *(("/query/faas", kind) for kind in ("services", "executions", "packages", "triggers")),
    ]
    for path, resource in places:
        body = there.refused(400, "POST", path, json={**query, **({"resource": resource} if resource else {})})
        assert key in body["message"], f"{path} {resource}: {body['message']}"


@pytest.mark.usefixtures("unchanged")
def test_a_wrong_query_begins_no_batch_and_deletes_nothing(there, world):
    query = {"filter": {"$and": [{"name": {"$near": 1}}]}, "context": {"datasets": [world.dataset["id"]]}}
    pipeline, service = world.pipeline["id"], world.service["id"]
    for path in (f"/pipelines/{pipeline}/execute", f"/executions/{service}"):
        assert "$near" in there.refused(400, "POST", path, json={"batch": {"query": query, "args": {}}})["message"]
        for datasets in (None, [], "x", [7], [None]):
            body = {"batch": {"query": {"filter": {}, "context": {"datasets": datasets}}, "args": {}}}
            there.refused(400, "POST", path, json=body)
        body = {"batch": {"query": {"filter": {}, "context": {"datasets": [NOWHERE]}}, "args": {}}}
        assert NOWHERE in there.refused(404, "POST", path, json=body)["message"]
    items = f"/datasets/{world.dataset['id']}/query"
    for change in ({"delete": True}, {"update": {"metadata": {"user": {"a": 1}}}}):
        there.refused(400, "POST", items, json={**query, **change})


# --- ids that nothing has --------------------------------------------------


@pytest.mark.parametrize("id", [NOWHERE, "%00", "..%2f..", "é" * 200, "' OR 1=1 --"])
def test_an_unknown_id_is_not_found_anywhere(platform, there, id):
    bodies = {
        "/items/<item_id>/clone": {"targetDatasetId": NOWHERE},
        "/pipelines/<pipeline_id>/execute": {"pipeline": {}},
        "/pipelines/<pipeline_id>/executions/terminate": {"ids": [NOWHERE]},
        "/executions/<service_id>": {"input": {}},
        "/items/<item_id>/annotations": [{"type": "class", "label": "x", "metadata": {}}],
    }
    for method, rule in routes(platform, ("GET", "POST", "PATCH", "DELETE")):
        if "_id>" not in rule or rule.endswith(("/executions/rerun", "/labels", "/leave")):
            continue
        options = {} if method in ("GET", "DELETE") else {"json": bodies.get(rule, {})}
        answer = there.call(method, filled(rule, {}, id), **options)
        allowed = (
            (404, 400)
            if rule.endswith("/items") or method == "PATCH" or "members" in rule or "/workers/" in rule
            else (404,)
        )
        assert answer.status_code in allowed, f"{method} {rule}: {answer.status_code} {answer.text}"
        assert answer.json()["message"]


# --- types --------------------------------------------------


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"nodes": "x"}, ["nodes"]),
        ({"nodes": [7]}, ["nodes", 0]),
        ({"nodes": [{**node("a"), "name": 7}]}, ["nodes", 0, "name"]),
        ({"nodes": [{**node("a"), "inputs": [{"type": 5}]}]}, ["nodes", 0, "inputs", 0, "type"]),
        ({"nodes": [{**node("a"), "metadata": []}]}, ["nodes", 0, "metadata"]),
        ({"connections": [{"src": 1, "tgt": 2}]}, ["connections", 0, "src"]),
        ({"startNodes": [{"nodeId": 7, "type": "root"}]}, ["startNodes", 0, "nodeId"]),
        ({"variables": [{"name": ["x"]}]}, ["variables", 0, "name"]),
        ({"name": 7}, ["name"]),
    ],
)
def test_a_wrong_type_is_told_with_its_path(there, world, change, path):
    for method, where in (("POST", "/pipelines"), ("PATCH", f"/pipelines/{world.pipeline['id']}")):
        body = there.refused(400, method, where, json={"projectId": world.project["id"], "name": "new", **change})
        assert path in [each["path"] for each in body["errors"]], body
        assert ".".join(map(str, path)) in body["message"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "pipeline"),
        ({"pipeline": {}, "batch": {"query": {}}}, "pipeline"),
        ({"pipeline": []}, "pipeline"),
        ({"pipeline": {"input": "x"}}, "pipeline.input"),
        ({"pipeline": {"nodeId": 7}}, "pipeline.nodeId"),
        ({"batch": {"query": 7}}, "batch.query"),
        ({"batch": {"query": {}, "args": []}}, "batch.args"),
        ({"pipeline": {"input": {"item": 7}}}, "'item'"),
        ({"pipeline": {"input": {"item": {"dataset_id": "x"}}}}, "'item'"),
    ],
)
def test_an_execution_of_wrong_types_is_told_and_not_begun(there, world, body, word):
    assert word in there.refused(400, "POST", f"/pipelines/{world.pipeline['id']}/execute", json=body)["message"]


VALUES = [
    None, True, 0, -1, 2**70, 1.5, "", "x", "\x00", "../..", [], [1], ["x"], [[]], [None], {}, {"a": 1}, {"$gt": 1},
    {"$and": 1}, {"id": "x"}, {"x": {"$regex": "("}}, {"$foo": 1},
]  # fmt: skip


def mutated(chance, value):
    """The value with something else in one place."""
    value, places = copy.deepcopy(value), []

    def walk(each, path):
        places.append(path)
        pairs = each.items() if isinstance(each, dict) else enumerate(each) if isinstance(each, list) else ()
        for key, below in pairs:
            walk(below, [*path, key])

    walk(value, [])
    path, new = chance.choice(places), chance.choice(VALUES)
    if not path:
        return new
    at = value
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return value


@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_is_sent_makes_the_platform_fail(platform, there, world, seed):
    chance = random.Random(seed)
    batch = {"batch": {"query": {"filter": {}, "context": {"datasets": [world.dataset["id"]]}}, "args": {}}}
    query = {
        "filter": {"$and": [{"name": "x"}, {"createdAt": {"$gt": "2020"}}], "$or": [{"a": 1}]},
        "page": 0,
        "pageSize": 10,
        "sort": {"name": "ascending"},
        "join": {"on": {"resource": "annotations", "local": "itemId", "forigen": "id"}, "filter": {}},
        "context": {"datasets": [world.dataset["id"]], "projects": [world.project["id"]]},
    }
    operation = {"type": "function", "serviceId": world.service["id"], "functionName": "run"}
    of_project = {"name": "x", "projectId": world.project["id"], "projectIds": [world.project["id"]]}
    seeds = {
        "/execute": [{"pipeline": {"input": {"item": world.item["id"]}}}, batch],
        "/executions/<service_id>": [{"input": {"item": world.item["id"]}}, batch],
        "/progress": [{"status": "inProgress", "percentComplete": 5, "message": "x", "output": {}}],
        "/query": [{**query, "resource": each} for each in ("items", "pipeline", "pipelineState")],
        "/faas": [{**query, "resource": each} for each in ("services", "executions", "packages", "triggers")],
        "/pipelines": [{**world.pipeline, **of_project}],
        "/triggers": [{**of_project, "type": "Event", "spec": {"filter": "{}", "operation": operation}}],
        "/services": [{**world.service, "name": "other"}],
        "/packages": [{**of_project, "modules": [{"name": "m", "functions": [{"name": "f", "input": []}]}]}],
        "/annotations": [[{"type": "class", "label": "x", "coordinates": [], "metadata": {}}]],
        "/items": [{"metadata": {"user": {"a": 1}}, "filename": "/b.txt"}],
        "/datasets": [{"name": "other", "projects": [world.project["id"]], "metadata": {}}],
        "/ontologies": [{**of_project, "roots": [{"value": {"tag": "x"}, "children": []}], "attributes": []}],
        "/recipes": [{**of_project, "title": "t", "ontologyIds": [], "uiSettings": {}}],
        "/labels": [{"labelsNode": [{"tag": "x"}], "upsert": True}],
        "/logs": [{"serviceId": world.service["id"], "size": 3, "executionId": ["x"], "checkpoint": {"id": 0}}],
    }
    for method, rule in routes(platform, ("POST", "PATCH", "PUT")):
        known = [each for key, several in seeds.items() if key in rule for each in several] or [{}]
        for _ in range(3):
            body = mutated(chance, mutated(chance, chance.choice(known)))
            answer = there.call(method, filled(rule, ids_of(world)), json=body)
            assert answer.status_code < 500, f"{method} {rule} {json.dumps(body)}: {answer.text}"
    world.looks()  # and whatever was taken can be shown


# --- who asks --------------------------------------------------


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("token", ["Bearer a.b.c", "Bearer ", "Basic eDp5"])
def test_a_bad_token_is_refused_everywhere_and_nothing_is_done(platform, there, world, token):
    for method, rule in routes(platform, ("GET", "POST", "PATCH", "DELETE")):
        if rule == "/sdk/check":
            continue
        answer = there.call(method, filled(rule, ids_of(world)), json={}, headers={"Authorization": token})
        assert answer.status_code == 401, f"{method} {rule}: {answer.status_code}"
        assert answer.json()["message"]
        assert answer.headers["WWW-Authenticate"] == "Bearer"
