"""The run service's contract, endpoint by endpoint, with bare requests.

Against the bundled platform, or against any service: DTLPIPE_TEST_RUN_SERVICE=http://localhost:8100. What only ours
does (the original leaves holes) is marked `ours`, and left out then.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
import requests

OTHER = os.environ.get("DTLPIPE_TEST_RUN_SERVICE")
ours = pytest.mark.skipif(OTHER is not None, reason="what the bundled platform does beyond the original")

ACTIONS = [
    {"name": "download", "entrypoint": "plugin.download.DownloadAction"},
    {"name": "train", "entrypoint": "plugin.train.TrainAction"},
]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?")
NOWHERE = "00000000-0000-4000-8000-000000000000"

PIPELINE = {"id", "name", "description", "actions", "created_at", "updated_at"}
RUN = {
    "id", "pipeline_id", "status", "params", "current_action", "current_action_index", "progress", "result", "error",
    "work_dir", "started_at", "completed_at", "created_at",
}  # fmt: skip
ACTION = {
    "name", "status", "progress", "progress_category", "message", "metrics", "started_at", "completed_at", "error",
}  # fmt: skip
PROGRESS = {
    "run_id", "status", "current_action", "current_action_index", "progress", "error", "started_at", "completed_at",
}  # fmt: skip
CHECKPOINT = {
    "id", "run_id", "action_name", "action_index", "status", "params_snapshot", "result", "artifacts_path",
    "created_at",
}  # fmt: skip
LOG = {"id", "run_id", "action_name", "level", "message", "timestamp"}


class Service(requests.Session):
    """Bare requests; a redirect is never followed."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.trust_env = False

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        prefix = "" if path == "/health" else "/api/v1"
        return self.request(method, f"{self.base}{prefix}{path}", timeout=60, allow_redirects=False, **options)

    def ok(self, method: str, path: str, **options: Any) -> Any:
        answer = self.call(method, path, **options)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def refused(self, status: int, method: str, path: str, **options: Any) -> Any:
        answer = self.call(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        assert set(answer.json()) == {"detail"}
        return answer.json()["detail"]


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    if OTHER is not None:
        yield OTHER.rstrip("/")
        return
    from mock_server.testing import LocalPlatform

    with LocalPlatform(synapse_port=0) as platform:
        yield platform.run_service_url


@pytest.fixture(scope="module")
def there(base: str) -> Iterator[Service]:
    with Service(base) as found:
        yield found


@pytest.fixture
def pipeline(there: Service) -> Any:
    return there.ok("POST", "/pipelines/", json={"name": "p", "actions": ACTIONS, "description": None})


@pytest.fixture
def run(there: Service, pipeline: Any) -> Any:
    return there.ok("POST", f"/pipelines/{pipeline['id']}/runs/", json={"params": {"dataset": 123}})


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


NEW_CHECKPOINT = {
    "action_name": "download",
    "action_index": 0,
    "status": "completed",
    "params_snapshot": {"path": "/data"},
    "result": {"path": "/data"},
    "artifacts_path": None,
}
NEW_PIPELINE = {"name": "p", "actions": ACTIONS, "description": None}
NEW_LOGS = {"entries": [{"message": "m", "level": "info", "action_name": "train"}]}
NO_PIPELINE, NO_RUN = "Pipeline not found", "Run not found"
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


# --- progress ---------------------------------------------------------------------------------------------------------


def report(there: Service, run: Any, **told: Any) -> Any:
    return there.ok("POST", f"/runs/{run['id']}/progress", json=told)


def test_reports_move_a_run_and_stamp_its_times_once(there, run):
    first = report(there, run, current_action="download", current_action_index=0, status="running")
    assert (first["status"], first["current_action"], first["current_action_index"]) == ("running", "download", 0)
    assert first["started_at"]
    assert first["completed_at"] is None
    again = report(there, run, current_action="train", current_action_index=1, status="running")
    assert (again["started_at"], again["current_action_index"]) == (first["started_at"], 1)
    done = report(there, run, status="completed")
    assert done["completed_at"]
    assert there.ok("GET", f"/runs/{run['id']}")["status"] == "completed"


def test_a_report_of_an_action_lands_at_its_index(there, run):
    metrics = {"loss": 0.25}
    told = {"name": "train", "status": "running", "progress": 0.5, "progress_category": "epochs", "metrics": metrics}
    answer = report(there, run, current_action="train", current_action_index=1, action_progress=told)
    assert answer["progress"][0]["status"] == "pending"
    entry = answer["progress"][1]
    assert {key: entry[key] for key in told} == told
    later = report(there, run, action_progress={"name": "train", "status": "running", "progress": 0.75})
    assert later["progress"][1]["progress"] == 0.75
    progress = there.ok("GET", f"/runs/{run['id']}/progress")
    assert progress["progress"] == later["progress"]


@ours
def test_an_action_keeps_the_time_at_which_it_began(there, run):
    running = {"name": "download", "status": "running", "progress": 0.1, "started_at": None}
    began = report(there, run, action_progress=running)["progress"][0]["started_at"]
    assert began
    done = report(there, run, action_progress={**running, "status": "completed", "progress": 1.0})["progress"][0]
    assert done["started_at"] == began
    assert done["completed_at"]


@ours
@pytest.mark.parametrize(
    ("told", "kept"), [((50, 100), 0.5), ((1, 100), 0.01), ((0.25, 100), 0.25), ((7.5, 10), 0.75), ((100, 100), 1.0)]
)
def test_progress_is_counted_against_a_total(there, run, told, kept):
    progress, total = told
    entry = {"name": "train", "status": "running", "progress": progress, "total": total}
    answer = report(there, run, current_action_index=1, action_progress=entry)
    assert (answer["progress"][1]["progress"], answer["progress"][1]["total"]) == (pytest.approx(kept), total)


@ours
def test_an_action_is_found_by_its_name_or_its_class(there, run):
    for name in ("train", "TrainAction"):
        entry = {"name": name, "status": "running", "progress": 0.5}
        answer = report(there, run, current_action=name, action_progress=entry)
        assert answer["current_action_index"] == 1
        assert answer["progress"][1]["name"] == "train"
    there.ok("POST", f"/runs/{run['id']}/checkpoints/", json={**NEW_CHECKPOINT, "action_name": "DownloadAction"})
    for name in ("download", "DownloadAction"):
        assert there.ok("GET", f"/runs/{run['id']}/checkpoints/{name}")["action_name"] == "DownloadAction"


@ours
def test_a_change_stamps_times_too(there, run):
    assert there.ok("PATCH", f"/runs/{run['id']}", json={"status": "running"})["started_at"]
    done = there.ok("PATCH", f"/runs/{run['id']}", json={"status": "completed", "result": {"a": 1}})
    assert done["completed_at"]
    assert done["result"] == {"a": 1}
    again = there.ok("PATCH", f"/runs/{run['id']}", json={"status": "completed"})
    assert (again["completed_at"], again["result"]) == (done["completed_at"], {"a": 1})


def test_a_change_sets_only_what_it_says(there, run):
    there.ok("PATCH", f"/runs/{run['id']}", json={"status": "failed", "error": "out of memory"})
    found = there.ok("PATCH", f"/runs/{run['id']}", json={"result": {"partial": True}})
    assert (found["status"], found["error"], found["result"]) == ("failed", "out of memory", {"partial": True})


# --- streams ----------------------------------------------------------------------------------------------------------


def frames(answer: requests.Response) -> Iterator[tuple[str, str, Any]]:
    """(id, event, data) of each frame."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        name, _, value = line.partition(":")
        if line and name:
            fields[name] = value.strip()
        elif not line and "data" in fields:
            yield fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"])
            fields = {}


def stream(there: Service, run: Any, last: str | None = None) -> requests.Response:
    headers = {} if last is None else {"Last-Event-ID": last}
    answer = there.call("GET", f"/runs/{run['id']}/progress/stream", stream=True, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    return answer


def test_a_stream_begins_with_the_state_and_ends_with_the_run(there, run):
    with stream(there, run) as answer:
        told = frames(answer)
        _, event, data = next(told)
        assert (event, data["status"], data["run_id"]) == ("progress", "pending", run["id"])
        assert data["pipeline_id"] == run["pipeline_id"]
        report(there, run, current_action="download", current_action_index=0, status="running")
        _, event, data = next(told)
        assert (event, data["status"], data["current_action"]) == ("progress", "running", "download")
        report(there, run, status="completed")
        *_, (_, event, data) = told
        assert (event, data["status"]) == ("completed", "completed")


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_the_stream_of_a_run_that_is_over_says_so_and_ends(there, run, status):
    there.ok("PATCH", f"/runs/{run['id']}", json={"status": status})
    with stream(there, run) as answer:
        ((_, event, data),) = frames(answer)
    assert (event, data["status"]) == (status, status)


@ours
def test_a_stream_goes_on_where_it_was_cut_off(there, run):
    with stream(there, run) as answer:
        number, _, _ = next(frames(answer))
    for share in (0.25, 0.5, 0.75):
        report(there, run, action_progress={"name": "download", "status": "running", "progress": share})
    report(there, run, status="failed", error="no")
    with stream(there, run) as answer:
        everything = list(frames(answer))
    assert [each[1] for each in everything] == ["failed"]
    with stream(there, run, everything[0][0]) as answer:  # even who has it all is told that this was the end
        assert [each[1] for each in frames(answer)] == ["failed"]
    assert int(everything[0][0]) > int(number)


@ours
def test_a_stream_that_resumes_gets_each_change_that_it_missed_in_order(there, run):
    with stream(there, run) as answer:
        number, _, _ = next(frames(answer))
    for share in (0.25, 0.5, 0.75):
        report(there, run, action_progress={"name": "download", "status": "running", "progress": share})
    with stream(there, run, number) as answer:
        told = frames(answer)
        found = [next(told) for _ in range(3)]
    assert [each[2]["progress"][0]["progress"] for each in found] == [0.25, 0.5, 0.75]
    numbers = [int(each[0]) for each in found]
    assert int(number) < numbers[0] < numbers[1] < numbers[2]


@ours
def test_the_stream_of_a_run_that_is_deleted_ends_in_a_way_that_clients_can_read(there, run):
    with stream(there, run) as answer:
        told = frames(answer)
        next(told)
        there.ok("DELETE", f"/runs/{run['id']}")
        _, event, data = next(told)
        assert (event, data["run_id"], data["status"]) == ("error", run["id"], "failed")
        assert list(told) == []


# --- checkpoints and logs ---------------------------------------------------------------------------------------------


def test_checkpoints_are_in_the_order_of_their_actions(there, run):
    for index, name in ((1, "train"), (0, "download")):
        there.ok(
            "POST",
            f"/runs/{run['id']}/checkpoints/",
            json={**NEW_CHECKPOINT, "action_index": index, "action_name": name},
        )
    found = there.ok("GET", f"/runs/{run['id']}/checkpoints/")
    assert [each["action_index"] for each in found] == [0, 1]
    assert there.ok("GET", f"/runs/{run['id']}/checkpoints/latest")["action_name"] == "train"
    assert there.ok("GET", f"/runs/{run['id']}/checkpoints/download")["params_snapshot"] == {"path": "/data"}


def test_a_checkpoint_that_is_not_there_is_a_404_of_its_own(there, run):
    assert there.refused(404, "GET", f"/runs/{run['id']}/checkpoints/latest") == "No checkpoints found"
    assert there.refused(404, "GET", f"/runs/{run['id']}/checkpoints/train") == "Checkpoint not found"


def test_a_checkpoint_is_completed_unless_it_says_otherwise(there, run):
    made = there.ok("POST", f"/runs/{run['id']}/checkpoints/", json={"action_name": "download", "action_index": 0})
    assert (made["status"], made["params_snapshot"], made["result"]) == ("completed", None, None)


@ours
def test_the_name_of_an_action_may_have_blanks_and_slashes(there):
    actions = [{"name": "a b/c", "entrypoint": "x.Y"}]
    pipeline = there.ok("POST", "/pipelines/", json={"name": "odd", "actions": actions})
    run = there.ok("POST", f"/pipelines/{pipeline['id']}/runs/", json={})
    there.ok("POST", f"/runs/{run['id']}/checkpoints/", json={"action_name": "a b/c", "action_index": 0})
    assert there.ok("GET", f"/runs/{run['id']}/checkpoints/a b/c")["action_name"] == "a b/c"


def test_logs_are_filtered_by_action_level_time_and_number(there, run):
    entries = [
        {"message": "one", "level": "info", "action_name": "download"},
        {"message": "two", "level": "error", "action_name": "train"},
        {"message": "three", "level": "warning", "action_name": "train"},
        {"message": "four", "level": "info", "action_name": None},
    ]
    made = there.ok("POST", f"/runs/{run['id']}/logs/", json={"entries": entries})
    assert [each["message"] for each in made] == ["one", "two", "three", "four"]

    def found(**params: Any) -> list[str]:
        return [each["message"] for each in there.ok("GET", f"/runs/{run['id']}/logs/", params=params)]

    assert found() == ["one", "two", "three", "four"]
    assert found(action_name="train") == ["two", "three"]
    assert found(level="info") == ["one", "four"]
    assert found(level="warning", action_name="train") == ["three"]
    assert found(limit=2) == ["one", "two"]
    last = max(each["timestamp"] for each in made)
    assert found(since=last) == []
    assert found(since="2020-01-01T00:00:00") == ["one", "two", "three", "four"]


def test_lines_may_bring_their_times(there, run):
    entries = [
        {"message": "late", "level": "info", "timestamp": "2030-01-01T00:00:02"},
        {"message": "early", "level": "info", "timestamp": "2030-01-01T00:00:01"},
    ]
    there.ok("POST", f"/runs/{run['id']}/logs/", json={"entries": entries})
    found = there.ok("GET", f"/runs/{run['id']}/logs/")
    assert [each["message"] for each in found] == ["early", "late"]
    since = there.ok("GET", f"/runs/{run['id']}/logs/", params={"since": "2030-01-01T00:00:01"})
    assert [each["message"] for each in since] == ["late"]


@ours
@pytest.mark.parametrize("level", ["debug", "info", "success", "warning", "danger", "error", "critical"])
def test_every_level_of_every_client_is_taken(there, run, level):
    (made,) = there.ok("POST", f"/runs/{run['id']}/logs/", json={"entries": [{"message": "m", "level": level}]})
    assert made["level"] == level
    assert len(there.ok("GET", f"/runs/{run['id']}/logs/", params={"level": level})) == 1


# --- what is refused --------------------------------------------------------------------------------------------------

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
