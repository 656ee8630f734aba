"""Each endpoint of the table: its status, its shape, what it says of what is not there; and lists."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import requests

from tests.conformance.run_service.wire import (
    ACTION,
    CHECKPOINT,
    LOG,
    NEW_CHECKPOINT,
    NEW_LOGS,
    NEW_PIPELINE,
    NO_PIPELINE,
    NO_RUN,
    NOWHERE,
    PIPELINE,
    PROGRESS,
    RUN,
    TIME,
    Service,
    ours,
)


@attrs.frozen
class Endpoint:
    """A row of the contract's table. `{p}`, `{r}` are ids of a pipeline and a run that are there."""

    verb: str
    method: str
    path: str
    status: int
    shape: set[str] | None
    many: bool = False
    body: Any = None
    missing: str | None = None
    prepare: Callable[[Service, str, str], Any] | None = None


def a_checkpoint(there: Service, _: str, run_id: str) -> None:
    there.ok("POST", f"/runs/{run_id}/checkpoints/", json=NEW_CHECKPOINT)


TABLE = [
    Endpoint("create_pipeline", "POST", "/pipelines/", 201, PIPELINE, body=NEW_PIPELINE),
    Endpoint("get_pipeline", "GET", "/pipelines/{p}", 200, PIPELINE, missing=NO_PIPELINE),
    Endpoint("list_pipelines", "GET", "/pipelines/", 200, PIPELINE, many=True),
    Endpoint("update_pipeline", "PUT", "/pipelines/{p}", 200, PIPELINE, body={"name": "q"}, missing=NO_PIPELINE),
    Endpoint("create_run", "POST", "/pipelines/{p}/runs/", 201, RUN, body={}, missing=NO_PIPELINE),
    Endpoint("list_runs_of", "GET", "/pipelines/{p}/runs/", 200, RUN, many=True, missing=NO_PIPELINE),
    Endpoint("get_run", "GET", "/runs/{r}", 200, RUN, missing=NO_RUN),
    Endpoint("list_runs", "GET", "/runs/", 200, RUN, many=True),
    Endpoint("update_run", "PATCH", "/runs/{r}", 200, RUN, body={"status": "running"}, missing=NO_RUN),
    Endpoint("report_progress", "POST", "/runs/{r}/progress", 200, RUN, body={"status": "running"}, missing=NO_RUN),
    Endpoint("get_progress", "GET", "/runs/{r}/progress", 200, PROGRESS, missing=NO_RUN),
    Endpoint(
        "create_checkpoint", "POST", "/runs/{r}/checkpoints/", 201, CHECKPOINT, body=NEW_CHECKPOINT, missing=NO_RUN
    ),
    Endpoint("get_checkpoints", "GET", "/runs/{r}/checkpoints/", 200, CHECKPOINT, many=True, prepare=a_checkpoint),
    Endpoint("get_latest_checkpoint", "GET", "/runs/{r}/checkpoints/latest", 200, CHECKPOINT, prepare=a_checkpoint),
    Endpoint(
        "get_checkpoint_by_action", "GET", "/runs/{r}/checkpoints/download", 200, CHECKPOINT, prepare=a_checkpoint
    ),
    Endpoint("append_logs", "POST", "/runs/{r}/logs/", 201, LOG, many=True, body=NEW_LOGS, missing=NO_RUN),
    Endpoint("get_logs", "GET", "/runs/{r}/logs/", 200, LOG, many=True),
    Endpoint("delete_run", "DELETE", "/runs/{r}", 204, None, missing=NO_RUN),
    Endpoint("delete_pipeline", "DELETE", "/pipelines/{p}", 204, None, missing=NO_PIPELINE),
]
each_endpoint = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.verb)


def send(there: Service, row: Endpoint, path: str) -> requests.Response:
    return there.call(row.method, path, **({} if row.body is None else {"json": row.body}))


@each_endpoint
def test_an_endpoint_answers_with_its_status_and_shape(there, pipeline, run, row):
    if row.prepare is not None:
        row.prepare(there, pipeline["id"], run["id"])
    answer = send(there, row, row.path.format(p=pipeline["id"], r=run["id"]))
    assert answer.status_code == row.status, answer.text
    if row.shape is None:
        assert answer.content == b""
        return
    found = answer.json()
    assert isinstance(found, list) == row.many
    for each in found if row.many else [found]:
        assert set(each) >= row.shape
        for key, value in each.items():
            if key.endswith("_at") or key == "timestamp":
                assert value is None or TIME.fullmatch(value), (key, value)


@each_endpoint
def test_what_is_not_there_is_a_404_that_says_so(there, row):
    if row.missing is None:
        pytest.skip("it names nothing")
    answer = send(there, row, row.path.format(p=NOWHERE, r=NOWHERE))
    assert (answer.status_code, answer.json()) == (404, {"detail": row.missing})


@ours
@each_endpoint
def test_a_path_is_the_same_with_and_without_a_slash(there, pipeline, run, row):
    if row.prepare is not None:
        row.prepare(there, pipeline["id"], run["id"])
    path = row.path.format(p=pipeline["id"], r=run["id"])
    other = path[:-1] if path.endswith("/") else f"{path}/"
    assert send(there, row, other).status_code == row.status


def test_it_says_that_it_is_healthy(there):
    assert there.ok("GET", "/health")["status"] == "healthy"


def test_an_unknown_path_is_not_found(there):
    assert there.refused(404, "GET", "/nothing") == "Not Found"


def test_ids_are_random_uuids(there, pipeline, run):
    a_checkpoint(there, "", run["id"])
    (line,) = there.ok("POST", f"/runs/{run['id']}/logs/", json=NEW_LOGS)
    (checkpoint,) = there.ok("GET", f"/runs/{run['id']}/checkpoints/")
    for each in (pipeline, run, checkpoint):
        assert uuid.UUID(each["id"]).version == 4
    assert line["id"]


def test_a_new_run_is_pending_and_knows_its_actions(run, pipeline):
    assert (run["status"], run["pipeline_id"], run["params"]) == ("pending", pipeline["id"], {"dataset": 123})
    assert (run["current_action"], run["current_action_index"]) == (None, 0)
    assert [each["name"] for each in run["progress"]] == ["download", "train"]
    for each in run["progress"]:
        assert set(each) >= ACTION - {"error"}
        assert (each["status"], each["progress"], each["metrics"]) == ("pending", 0.0, {})


def test_pipelines_are_listed_in_the_order_of_their_making(there):
    made = [there.ok("POST", "/pipelines/", json={**NEW_PIPELINE, "name": f"n{n}"})["id"] for n in range(4)]
    listed = [each["id"] for each in there.ok("GET", "/pipelines/", params={"skip": 0, "limit": 100000})]
    assert [each for each in listed if each in made] == made
    place = listed.index(made[1])
    page = there.ok("GET", "/pipelines/", params={"skip": place, "limit": 2})
    assert [each["id"] for each in page] == made[1:3]


def test_runs_are_listed_newest_first_and_by_status(there, pipeline):
    made = [there.ok("POST", f"/pipelines/{pipeline['id']}/runs/", json={})["id"] for _ in range(4)]
    there.ok("PATCH", f"/runs/{made[2]}", json={"status": "cancelled"})
    listed = [each["id"] for each in there.ok("GET", "/runs/", params={"limit": 100000})]
    assert [each for each in listed if each in made] == made[::-1]
    assert [each["id"] for each in there.ok("GET", "/runs/", params={"skip": 1, "limit": 2})] == listed[1:3]
    cancelled = there.ok("GET", "/runs/", params={"status_filter": "cancelled", "limit": 100000})
    assert made[2] in [each["id"] for each in cancelled]
    assert {each["status"] for each in cancelled} == {"cancelled"}
    of_pipeline = there.ok("GET", f"/pipelines/{pipeline['id']}/runs/")
    assert sorted(each["id"] for each in of_pipeline) == sorted(made)


@ours
def test_runs_are_also_listed_by_the_obvious_name_of_the_filter(there, run):
    there.ok("PATCH", f"/runs/{run['id']}", json={"status": "failed", "error": "no"})
    failed = there.ok("GET", "/runs/", params={"status": "failed"})
    assert {each["status"] for each in failed} == {"failed"}


def test_a_deleted_pipeline_takes_its_runs_along(there, pipeline, run):
    a_checkpoint(there, "", run["id"])
    there.ok("DELETE", f"/pipelines/{pipeline['id']}")
    assert there.refused(404, "GET", f"/pipelines/{pipeline['id']}") == NO_PIPELINE
    for path in ("", "/progress", "/checkpoints/latest", "/progress/stream"):
        assert there.refused(404, "GET", f"/runs/{run['id']}{path}") == NO_RUN


def test_a_deleted_run_is_gone_and_its_pipeline_is_not(there, pipeline, run):
    there.ok("DELETE", f"/runs/{run['id']}")
    assert there.refused(404, "GET", f"/runs/{run['id']}") == NO_RUN
    assert there.ok("GET", f"/pipelines/{pipeline['id']}/runs/") == []
