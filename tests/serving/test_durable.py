"""Durable executions: checkpoints, suspension and resume, retries, reports, chunks, and cancelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.serving.conftest import Http
from tests.serving.test_jobs import events


def begun(http: Http, **request: Any) -> dict[str, Any]:
    accepted = http.post("/lasting/run-durable", json=request)
    assert accepted.status_code == 202, accepted.text
    found: dict[str, Any] = accepted.json()
    return found


def ended(http: Http, execution: dict[str, Any]) -> dict[str, Any]:
    last = events(http.get(execution["links"]["stream"]))[-1]
    assert last[0] == last[1]["status"]
    return last[1]


def test_a_durable_execution_reports_and_shows_its_chunks(http: Http):
    execution = begun(http, number=3)
    told = events(http.get(execution["links"]["stream"]))
    assert [data["payload"]["piece"] for kind, data in told if kind == "chunk"] == [0, 1, 2]
    done = told[-1][1]
    assert (done["status"], done["result"], done["attempt"]) == ("completed", {"value": 3}, 1)
    assert [(each["sequence"], each["message"]) for each in done["progress"]] == [
        (1, "step 0"),
        (2, "step 1"),
        (3, "step 2"),
    ]
    assert done["progress"][1]["metadata"] == {"number": 1}
    entry = http.get("/lasting/executions", params={"search": done["execution_id"]}).json()["executions"][0]
    assert (entry["revision"], entry["status"]) == ("1", "completed")


def test_a_request_that_does_not_fit_is_refused_before_it_is_accepted(http: Http):
    refused = http.post("/lasting/run-durable", json={"number": "many"})
    assert (refused.status_code, refused.json()["detail"][0]["loc"]) == (422, ["body", "number"])


def test_a_suspended_execution_waits_without_a_process_and_goes_on_when_resumed(http: Http):
    execution = begun(http, kind="approve")
    while (seen := http.get(execution["links"]["self"]).json())["status"] != "waiting":
        assert seen["status"] in ("queued", "running")
    assert seen["waiting"] == {"kind": "approval", "message": "may I?"}
    assert http.post(execution["links"]["resume"], json={"approved": "perhaps"}).status_code == 422
    assert http.post(execution["links"]["resume"], json={"approved": True}).status_code == 200
    done = ended(http, execution)
    assert done["result"]["value"] == {"told": {"approved": True}, "state": {"asked": True}, "again": None}
    assert http.post(execution["links"]["resume"], json={"approved": True}).status_code == 409


def test_what_ends_an_attempt_passes_what_catches_every_exception_and_groups_of_tasks(http: Http):
    execution = begun(http, kind="careful")
    while (seen := http.get(execution["links"]["self"]).json())["status"] != "waiting":
        assert seen["status"] in ("queued", "running"), seen
    assert http.post(execution["links"]["resume"], json={"approved": True}).status_code == 200
    assert ended(http, execution)["result"] == {"value": 4}


def test_an_execution_that_asks_for_it_is_run_again_with_its_state(http: Http):
    assert ended(http, begun(http, kind="again", number=2))["result"] == {"value": 3}
    exhausted = ended(http, begun(http, kind="again", number=9))
    assert (exhausted["status"], exhausted["error"]["code"]) == ("failed", "application_retries_exhausted")
    failed = ended(http, begun(http, kind="fails"))
    assert (failed["status"], failed["attempt"], failed["error"]["type"]) == ("failed", 1, "ValueError")


def test_an_execution_whose_process_dies_begins_again_at_its_checkpoint(http: Http):
    assert ended(http, begun(http, kind="dies"))["result"] == {"value": {"died": True}}


def test_an_execution_learns_that_it_was_cancelled(http: Http, tmp_path: Path):
    execution = begun(http, kind="waits", path=str(tmp_path / "began"))
    while not (tmp_path / "began").exists():
        assert http.get(execution["links"]["self"]).json()["status"] in ("queued", "running")
    told = http.post(execution["links"]["cancel"]).json()
    assert told["cancellation_requested_at"] is not None
    assert ended(http, execution)["status"] == "canceled"


def test_the_current_context_is_found_from_anywhere(http: Http):
    assert ended(http, begun(http, kind="current"))["result"] == {"value": True}


def test_a_process_that_was_given_up_is_not_heard(http: Http):
    execution = begun(http, number=0)
    ended(http, execution)
    said = http.post(f"/deployments/lasting/executions/{execution['execution_id']}/checkpoint", json={"fence": 1})
    assert said.status_code == 409
