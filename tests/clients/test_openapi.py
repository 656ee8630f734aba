"""The document of the Dataloop vocabulary: it has all routes; and whatever it allows, or forbids, is never a 500."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clients.bare import NOWHERE, definition, node

#: These end or hold what the test itself runs on, or answer with what is no JSON.
PASSED_OVER = ("/items/{item_id}/stream", "/items/{item_id}/thumbnail")


@pytest.fixture(scope="module")
def document(there):
    return there.ok("GET", "/openapi.json")


@pytest.fixture(scope="module")
def ids(there):
    """Something of each kind, by the names that parameters of paths have."""
    project = there.ok("POST", "/projects", data={"name": f"openapi {uuid.uuid4().hex}"})
    dataset = there.ok("POST", "/datasets", json={"name": "data", "projects": [project["id"]]})
    folder = there.ok("POST", f"/datasets/{dataset['id']}/items", data={"type": "dir", "path": "/folder"})
    pipeline = there.ok("POST", "/pipelines", json={"projectId": project["id"], **definition(node("only"))})
    package = there.ok("POST", "/packages", json={"projectId": project["id"], "name": "package"})
    service = {"projectId": project["id"], "packageId": package["id"], "name": f"s-{uuid.uuid4().hex[:8]}"}
    service = there.ok("POST", "/services", json=service)
    return {
        "project_id": project["id"],
        "dataset_id": dataset["id"],
        "item_id": folder["id"],
        "folder_id": folder["id"],
        "pipeline_id": pipeline["id"],
        "package_id": package["id"],
        "service_id": service["id"],
    }


def test_the_document_has_every_route_and_its_parameters(platform, document):
    assert document["openapi"].startswith("3.1")
    assert {"get", "patch", "delete"} <= set(document["paths"]["/pipelines/{pipeline_id}"])
    body = document["paths"]["/pipelines/{pipeline_id}/execute"]["post"]["requestBody"]["content"]
    assert "batch" in body["application/json"]["schema"]["properties"]
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(names) == len(set(names))
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert sorted(re.findall(r"{(\w+)}", path)) == [each["name"] for each in operation["parameters"]], path


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["", "*", "/a/**", "$in", "id", NOWHERE, "\ud7ff", "a\x00b", "2020-01-01T00:00:00Z", "1 * * * *"]),
)
KEYS = st.one_of(
    st.text(max_size=8), st.sampled_from(["$and", "$or", "$in", "$regex", "id", "name", "metadata", "filter", "spec"])
)
ANYTHING = st.recursive(
    SCALARS, lambda some: st.lists(some, max_size=3) | st.dictionaries(KEYS, some, max_size=3), max_leaves=8
)


def of(schema: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Mostly what the schema allows, and now and then anything."""
    right = _right(schema if isinstance(schema, dict) else {}, depth)
    return st.integers(0, 5).flatmap(lambda die: ANYTHING if die == 0 else right)


def _right(schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if depth > 4:
        return ANYTHING
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return st.one_of([of(each, depth + 1) for each in schema[key]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    kind = schema.get("type")
    if kind == "array":
        return st.lists(of(schema.get("items", {}), depth + 1), max_size=3)
    if kind == "object" and schema.get("properties"):
        keys = st.sets(st.sampled_from(sorted(schema["properties"])), max_size=6)
        return keys.flatmap(
            lambda chosen: st.fixed_dictionaries({key: of(schema["properties"][key], depth + 1) for key in chosen})
        )
    simple = {
        "string": st.text(max_size=20),
        "integer": st.integers(),
        "number": st.floats(allow_nan=False, allow_infinity=False),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return simple.get(str(kind), ANYTHING)


def attempt(there, document, ids, data) -> None:
    path = data.draw(st.sampled_from(sorted(set(document["paths"]) - set(PASSED_OVER))))
    method = data.draw(st.sampled_from(sorted(document["paths"][path])))
    operation = document["paths"][path][method]
    given_ids = data.draw(st.booleans())
    filled = path
    for each in re.findall(r"{(\w+)}", path):
        other = "1" if any(one["schema"]["type"] == "integer" for one in operation["parameters"]) else NOWHERE
        deletes = method == "delete" or path.endswith("/uninstall")
        filled = filled.replace(f"{{{each}}}", ids.get(each, other) if given_ids and not deletes else other)
    options: dict[str, Any] = {}
    if "requestBody" in operation:
        body = data.draw(of(operation["requestBody"]["content"]["application/json"]["schema"]))
        options = {"data": json.dumps(body).encode(), "headers": {"Content-Type": "application/json"}}
    answer = there.call(method.upper(), filled, **options)
    assert answer.status_code < 500, f"{method} {filled} {options}: {answer.status_code} {answer.text[:500]}"
    if answer.status_code >= 400:
        assert answer.json()["message"]


_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@given(data=st.data())
@settings(max_examples=25, suppress_health_check=_CHECKS, deadline=None)
def test_what_is_sent_at_random_is_never_a_failure_of_the_platform(there, document, ids, data):
    attempt(there, document, ids, data)


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=3000, suppress_health_check=_CHECKS, deadline=None)
def test_what_is_sent_at_random_for_long_is_never_a_failure_of_the_platform(there, document, ids, data):
    attempt(there, document, ids, data)
