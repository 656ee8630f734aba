"""Reports, and the streams that they come out of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.conformance.run_service.wire import (
    NEW_CHECKPOINT,
    Service,
    ours,
    report,
)


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
def test_a_stream_that_resumes_after_the_end_gets_what_it_missed_before_that(there, run):
    with stream(there, run) as answer:
        number, _, _ = next(frames(answer))
    report(there, run, status="running")
    report(there, run, status="completed")
    with stream(there, run, number) as answer:
        assert [each[1] for each in frames(answer)] == ["progress", "completed"]


@ours
def test_the_stream_of_a_run_that_is_deleted_ends_in_a_way_that_clients_can_read(there, run):
    with stream(there, run) as answer:
        told = frames(answer)
        next(told)
        there.ok("DELETE", f"/runs/{run['id']}")
        _, event, data = next(told)
        assert (event, data["run_id"], data["status"]) == ("error", run["id"], "failed")
        assert list(told) == []
