"""Requests that are sent again with the same Idempotency-Key: done once, answered again."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

API = "/api/v1"


def keyed(key=None):
    return {"Idempotency-Key": key or uuid.uuid4().hex}


@pytest.mark.parametrize("body", ["data", "json"])
def test_what_was_created_is_told_again_and_not_created_again(http, body):
    headers, name = keyed(), f"project {uuid.uuid4().hex}"
    first = http.ok("POST", f"{API}/projects", headers=headers, **{body: {"name": name}})
    again = http.ok("POST", f"{API}/projects", headers=headers, **{body: {"name": name}})
    assert again == first


def test_the_same_key_with_another_body_or_at_another_place_is_refused(http, project):
    headers = keyed()
    http.ok("POST", f"{API}/datasets", headers=headers, json={"name": "one", "projects": [project["id"]]})
    body = http.refused(
        409, "POST", f"{API}/datasets", headers=headers, json={"name": "2", "projects": [project["id"]]}
    )
    assert headers["Idempotency-Key"] in body["message"]
    http.refused(409, "POST", f"{API}/projects", headers=headers, json={"name": "one", "projects": [project["id"]]})


def test_a_request_that_was_refused_may_be_sent_again_with_its_key(http, project):
    headers = keyed()
    http.refused(409, "POST", f"{API}/projects", headers=headers, json={"name": project["name"]})
    http.refused(409, "POST", f"{API}/projects", headers=headers, json={"name": project["name"]})
    made = http.ok("POST", f"{API}/projects", headers=headers, json={"name": f"project {uuid.uuid4().hex}"})
    assert made["id"] != project["id"]


def test_of_many_at_once_one_is_done_and_all_are_told_the_same(http, project):
    headers, body = keyed(), {"name": f"pipeline {uuid.uuid4().hex}", "projectId": project["id"]}
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: http.ok("POST", f"{API}/pipelines", headers=headers, json=body)["id"], range(16))
        )
    assert len(set(answers)) == 1
    found = http.ok("POST", f"{API}/pipelines/query", json={"filter": {"name": body["name"]}})
    assert found["totalItemsCount"] == 1


def test_a_key_that_is_too_long_is_refused(http):
    http.refused(400, "POST", f"{API}/projects", headers=keyed("k" * 300), json={"name": "x"})
