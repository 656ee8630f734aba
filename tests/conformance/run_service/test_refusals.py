"""What is refused, with which words, and that it changes nothing."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.conformance.run_service.wire import (
    NEW_CHECKPOINT,
    NEW_LOGS,
    NEW_PIPELINE,
    ours,
    report,
)

WRONG = [
    ("POST", "/pipelines/", {"actions": []}, ["body", "name"]),
    ("POST", "/pipelines/", {"name": "", "actions": []}, ["body", "name"]),
    ("POST", "/pipelines/", {"name": "x" * 256, "actions": []}, ["body", "name"]),
    ("POST", "/pipelines/", {"name": "x"}, ["body", "actions"]),
    ("POST", "/pipelines/", {"name": "x", "actions": [{"name": "a"}]}, ["body", "actions", 0, "entrypoint"]),
    ("POST", "/pipelines/{p}/runs/", {"params": [1]}, ["body", "params"]),
    ("PATCH", "/runs/{r}", {"status": "sleeping"}, ["body", "status"]),
    ("PATCH", "/runs/{r}", {"result": "text"}, ["body", "result"]),
    ("POST", "/runs/{r}/progress", {"status": "sleeping"}, ["body", "status"]),
    (
        "POST",
        "/runs/{r}/progress",
        {"status": "running", "action_progress": {"name": "train", "status": "running", "progress": 50}},
        ["body", "action_progress", "progress"],
    ),
    (
        "POST",
        "/runs/{r}/progress",
        {"action_progress": {"name": "train", "status": "running", "progress": -0.1}},
        ["body", "action_progress", "progress"],
    ),
    (
        "POST",
        "/runs/{r}/progress",
        {"action_progress": {"name": "train", "status": "asleep"}},
        ["body", "action_progress", "status"],
    ),
    ("POST", "/runs/{r}/checkpoints/", {"action_name": "train"}, ["body", "action_index"]),
    (
        "POST",
        "/runs/{r}/checkpoints/",
        {"action_name": "train", "action_index": 1, "status": "asleep"},
        ["body", "status"],
    ),
    ("POST", "/runs/{r}/logs/", {"entries": [{"message": "m", "level": "loud"}]}, ["body", "entries", 0, "level"]),
    ("POST", "/runs/{r}/logs/", {"entries": [{"level": "info"}]}, ["body", "entries", 0, "message"]),
    ("GET", "/runs/{r}/logs/?limit=0", None, ["query", "limit"]),
    ("GET", "/runs/{r}/logs/?limit=10001", None, ["query", "limit"]),
    ("GET", "/runs/{r}/logs/?since=yesterday", None, ["query", "since"]),
    ("GET", "/runs/{r}/logs/?level=loud", None, ["query", "level"]),
    ("GET", "/runs/?status_filter=asleep", None, ["query", "status_filter"]),
    ("GET", "/runs/?skip=many", None, ["query", "skip"]),
]


@pytest.mark.parametrize(("method", "path", "body", "place"), WRONG, ids=[f"{each[1]} {each[3][1:]}" for each in WRONG])
def test_what_does_not_validate_is_refused_with_its_place_and_changes_nothing(
    there, pipeline, run, method, path, body, place
):
    before = there.ok("GET", f"/runs/{run['id']}")
    options = {} if body is None else {"json": body}
    detail = there.refused(422, method, path.format(p=pipeline["id"], r=run["id"]), **options)
    assert place in [each["loc"] for each in detail]
    assert all({"type", "loc", "msg", "input"} <= set(each) for each in detail)
    assert there.ok("GET", f"/runs/{run['id']}") == before
    assert there.ok("GET", f"/runs/{run['id']}/checkpoints/") == []
    assert there.ok("GET", f"/runs/{run['id']}/logs/") == []


TOO_EARLY = "0001-01-01T00:00:00+09:00"
WRONG_HERE = [
    ("POST", "/pipelines/", {"name": "a\0b", "actions": []}, ["body", "name"]),
    ("PATCH", "/runs/{r}", {"status": "running", "started_at": TOO_EARLY}, ["body", "started_at"]),
    ("PATCH", "/runs/{r}", {"status": "running", "progress": [{"name": "a"}] * 3}, ["body", "progress"]),
    ("POST", "/runs/{r}/progress", {"status": "running", "error": "a\0b"}, ["body", "error"]),
    (
        "POST",
        "/runs/{r}/logs/",
        {"entries": [{"message": "m"}, {"message": "m", "timestamp": TOO_EARLY}]},
        ["body", "entries", 1, "timestamp"],
    ),
    ("GET", "/runs/{r}/logs/?since=0001-01-01T00:00:00%2B09:00", None, ["query", "since"]),
    ("POST", "/runs/{r}/resume", {"params_policy": "guess"}, ["body", "params_policy"]),
]


@ours
@pytest.mark.parametrize(
    ("method", "path", "body", "place"), WRONG_HERE, ids=[f"{each[1]} {each[3][1:]}" for each in WRONG_HERE]
)
def test_what_only_this_service_refuses_changes_nothing_either(there, pipeline, run, method, path, body, place):
    test_what_does_not_validate_is_refused_with_its_place_and_changes_nothing(
        there, pipeline, run, method, path, body, place
    )


@ours
def test_times_are_told_as_all_times_are_in_whatever_zone_they_came(there, run):
    entry = {"name": "train", "status": "running", "started_at": "2025-01-02T05:00:00+05:00"}
    answer = report(there, run, current_action_index=1, action_progress=entry)
    assert answer["progress"][1]["started_at"] == "2025-01-02T00:00:00.000000"


@ours
def test_a_character_that_stores_cannot_keep_does_not_cost_the_line(there, run):
    path = f"/runs/{run['id']}/logs/"
    (made,) = there.ok("POST", path, json={"entries": [{"message": "a\0b"}]})
    assert made["message"] == "a\ufffdb"
    assert there.ok("GET", path) == [made]


@ours
@pytest.mark.parametrize("index", [2, 100, -1])
def test_an_action_that_the_pipeline_does_not_have_is_refused(there, run, index):
    before = there.ok("GET", f"/runs/{run['id']}")
    told = {"status": "running", "current_action_index": index}
    assert there.refused(422, "POST", f"/runs/{run['id']}/progress", json=told)[0]["loc"][0] == "body"
    told = {"action_name": "train", "action_index": index}
    assert there.refused(422, "POST", f"/runs/{run['id']}/checkpoints/", json=told)[0]["loc"] == [
        "body",
        "action_index",
    ]
    assert there.ok("GET", f"/runs/{run['id']}") == before


@ours
def test_a_run_that_is_over_takes_no_more_reports(there, run):
    over = there.ok("PATCH", f"/runs/{run['id']}", json={"status": "completed", "result": {"a": 1}})
    entry = {"name": "train", "status": "running", "progress": 0.5}
    for told in ({"status": "running"}, {"action_progress": entry}, {"status": "failed", "error": "late"}):
        assert "completed already" in there.refused(409, "POST", f"/runs/{run['id']}/progress", json=told)
    assert report(there, run, status="completed")["status"] == "completed"
    assert there.ok("GET", f"/runs/{run['id']}") == over


@pytest.mark.parametrize("raw", [b"{", b"[]", b"", b"null", b'{"name": NaN}'])
def test_a_body_that_is_no_object_is_refused(there, raw):
    headers = {"content-type": "application/json"}
    assert there.refused(422, "POST", "/pipelines/", data=raw, headers=headers)[0]["loc"][0] == "body"


@ours
def test_a_request_that_is_sent_again_is_not_done_again(there, pipeline):
    def twice(path: str, body: Any, key: str) -> tuple[Any, Any]:
        headers = {"Idempotency-Key": key}
        first, second = (there.ok("POST", path, json=body, headers=headers) for _ in range(2))
        return first, second

    one, other = twice("/pipelines/", NEW_PIPELINE, uuid.uuid4().hex)
    assert one["id"] == other["id"]
    one, other = twice(f"/pipelines/{pipeline['id']}/runs/", {"params": {}}, uuid.uuid4().hex)
    assert one["id"] == other["id"]
    one, other = twice(f"/runs/{one['id']}/logs/", NEW_LOGS, uuid.uuid4().hex)
    assert one == other
    run_id = one[0]["run_id"]
    assert len(there.ok("GET", f"/runs/{run_id}/logs/")) == 1
    one, other = twice(f"/runs/{run_id}/checkpoints/", NEW_CHECKPOINT, uuid.uuid4().hex)
    assert one == other
    assert len(there.ok("GET", f"/runs/{run_id}/checkpoints/")) == 1
