"""Datasets, recipes and ontologies over the wire."""

from __future__ import annotations

import pytest

API = "/api/v1"


def test_a_dataset_has_all_the_keys_that_clients_read(http, project, dataset):
    assert dataset["projects"] == [project["id"]]
    assert dataset["itemsCount"] == 0
    assert dataset["url"] == f"{http.base}/api/v1/datasets/{dataset['id']}"
    assert http.ok("GET", f"{API}/datasets/{dataset['id']}") == dataset


def test_a_dataset_is_found_by_name_in_its_project(http, project, dataset):
    body = {"filter": {"$and": [{"name": "photos"}]}, "resource": "datasets", "context": {"projects": [project["id"]]}}
    found = http.ok("POST", f"{API}/datasets/query", json=body)
    assert found == {"items": [dataset], "totalItemsCount": 1, "totalPagesCount": 1, "hasNextPage": False}


def test_two_projects_may_each_have_a_dataset_of_one_name_but_one_may_not(http, project, dataset):
    other = http.ok("POST", f"{API}/projects", data={"name": f"other {project['id']}"})
    http.ok("POST", f"{API}/datasets", json={"name": "photos", "projects": [other["id"]]})
    http.refused(409, "POST", f"{API}/datasets", json={"name": "photos", "projects": [project["id"]]})


@pytest.mark.parametrize(
    ("body", "path"),
    [({"name": "d"}, "projects"), ({"name": "d", "projects": []}, "projects"), ({"projects": ["{}"]}, "name")],
)
def test_what_is_missing_is_named(http, project, body, path):
    body = {**body, "projects": [project["id"]]} if body.get("projects") == ["{}"] else body
    assert path in http.refused(400, "POST", f"{API}/datasets", json=body)["message"]


def test_a_dataset_of_no_project_is_not_made(http):
    http.refused(404, "POST", f"{API}/datasets", json={"name": "d", "projects": ["nope"]})


def test_a_patch_goes_deep_and_null_removes(http, dataset):
    url = f"{API}/datasets/{dataset['id']}"
    http.ok("PATCH", url, json={"metadata": {"user": {"a": {"b": 1, "c": 2}}}})
    changed = http.ok("PATCH", url, json={"metadata": {"user": {"a": {"b": None, "d": 3}}}, "name": "renamed"})
    assert changed["metadata"]["user"] == {"a": {"c": 2, "d": 3}}
    assert changed["name"] == "renamed"
    assert changed["metadata"]["system"] == dataset["metadata"]["system"]


def test_system_metadata_changes_only_for_who_says_so(http, dataset):
    url = f"{API}/datasets/{dataset['id']}"
    body = {"metadata": {"system": {"recipes": ["r"]}}}
    assert http.ok("PATCH", url, json=body)["metadata"]["system"]["recipes"] == []
    assert http.ok("PATCH", f"{url}?system=true", json=body)["metadata"]["system"]["recipes"] == ["r"]


def test_a_default_recipe_leads_to_its_ontology(http, project):
    body = {"name": "labelled", "projects": [project["id"]], "createDefaultRecipe": True}
    made = http.ok("POST", f"{API}/datasets", json=body)
    [recipe_id] = made["metadata"]["system"]["recipes"]
    recipe = http.ok("GET", f"{API}/recipes/{recipe_id}")
    [ontology_id] = recipe["ontologyIds"]
    assert http.ok("GET", f"{API}/ontologies/{ontology_id}")["roots"] == []


def test_labels_are_added_once_and_replaced_on_demand(http, project):
    ontology = http.ok("POST", f"{API}/ontologies", json={"title": "t", "roots": [], "projectIds": [project["id"]]})
    url = f"{API}/ontologies/{ontology['id']}/labels"
    label = {"tag": "dog", "displayData": {}, "color": "#010203"}
    http.ok("PATCH", url, json={"labelsNode": [label], "upsert": False})
    kept = http.ok("PATCH", url, json={"labelsNode": [{**label, "color": "#ffffff"}], "upsert": False})
    assert [root["value"]["color"] for root in kept["roots"]] == ["#010203"]
    changed = http.ok("PATCH", url, json={"labelsNode": [{**label, "color": "#ffffff"}], "upsert": True})
    assert [root["value"]["color"] for root in changed["roots"]] == ["#ffffff"]
    assert http.refused(400, "PATCH", url, json={"labelsNode": [{}]})["errors"][0]["path"] == ["labelsNode", 0, "tag"]


def test_a_read_only_dataset_takes_no_items_and_loses_none(http, dataset, upload):
    item = upload("/kept.txt").json()
    http.ok("PATCH", f"{API}/datasets/{dataset['id']}", json={"readonly": True})
    assert upload("/new.txt").status_code == 403
    http.refused(403, "DELETE", f"{API}/items/{item['id']}")
    http.refused(403, "PATCH", f"{API}/items/{item['id']}", json={"metadata": {"user": {"a": 1}}})
    http.ok("PATCH", f"{API}/datasets/{dataset['id']}/unlock")
    assert upload("/new.txt").status_code == 200


def test_deleting_a_dataset_deletes_its_items(http, dataset, upload):
    item = upload("/a/b.txt").json()
    http.ok("DELETE", f"{API}/datasets/{dataset['id']}")
    http.refused(404, "GET", f"{API}/items/{item['id']}")
    http.refused(404, "POST", f"{API}/datasets/{dataset['id']}/query", json={})


def test_a_dataset_counts_its_files_and_not_its_folders(http, dataset, upload):
    upload("/a/one.txt")
    upload("/a/two.txt")
    assert http.ok("GET", f"{API}/datasets/{dataset['id']}")["itemsCount"] == 2


def test_the_directory_tree_shows_the_folders(http, dataset, upload):
    upload("/a/b/c.txt")
    tree = http.ok("GET", f"{API}/datasets/{dataset['id']}/directoryTree")
    assert [child["value"]["filename"] for child in tree["children"]] == ["/a"]
    assert [child["value"]["filename"] for child in tree["children"][0]["children"]] == ["/a/b"]


@pytest.mark.parametrize(
    "body",
    [
        {"filter": {"$and": {"name": "x"}}},
        {"filter": {"name": {"$nope": 1}}},
        {"filter": [1]},
        {"page": -1},
        {"pageSize": "many"},
        {"sort": {"name": "sideways"}},
    ],
)
def test_a_query_that_is_none_is_refused(http, body):
    http.refused(400, "POST", f"{API}/datasets/query", json=body)
