"""Jobs: accepted for good, found, waited for, followed, cancelled, tried again; and hayhooks' durable routes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import requests

from mock_server.testing import LocalPlatform
from tests.serving.conftest import PIPELINES, Http


def finished(http: Http, job: dict[str, Any]) -> dict[str, Any]:
    while job["status"] not in ("completed", "failed", "canceled"):
        job = http.get(job["links"]["self"], params={"wait": 30}).json()
    return job


def events(answer: requests.Response) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in answer.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_a_job_is_accepted_done_and_found(http: Http):
    accepted = http.post("/worker/jobs", json={"number": 21})
    assert accepted.status_code == 202
    job = accepted.json()
    assert accepted.headers["location"] == job["links"]["self"] == f"/worker/jobs/{job['id']}"
    done = finished(http, job)
    assert (done["status"], done["result"], done["attempt"]) == ("completed", 42, 1)
    assert http.get(f"/worker/job/{job['id']}").json() == done
    assert done["id"] in {
        each["id"] for each in http.get("/worker/jobs", params={"status": "completed"}).json()["jobs"]
    }
    assert done["id"] in {each["id"] for each in http.get("/jobs").json()["jobs"]}


def test_a_job_is_a_run_of_the_platform(http: Http):
    job = finished(http, http.post("/worker/jobs", json={"number": 1}).json())
    run = http.get(f"/api/v1/pipelines/{job['pipeline_id']}/executions/{job['run_id']}").json()
    assert (run["id"], run["status"]) == (job["id"], "success")


def test_a_job_of_a_yaml_pipeline_needs_nothing_more(http: Http):
    job = finished(http, http.post("/greeting/jobs", json={"name": "Ann"}).json())
    assert job["result"] == {"prompt": {"prompt": "Hello, Ann!"}}


def test_parameters_are_looked_at_before_a_job_is_accepted(http: Http):
    refused = http.post("/worker/jobs", json={"number": "many"})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "number"]
    assert http.post("/worker/jobs", json=[]).status_code == 422
    assert http.post("/nobody/jobs", json={}).status_code == 404
    assert http.get("/worker/jobs/none").status_code == 404
    assert http.get("/worker/jobs", params={"status": "odd"}).status_code == 422


def test_the_same_key_is_the_same_job(http: Http):
    key = {"Idempotency-Key": "once"}
    first = http.post("/worker/jobs", json={"number": 3}, headers=key)
    finished(http, first.json())
    again = http.post("/worker/jobs", json={"number": 3}, headers=key)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert again.headers["idempotent-replay"] == "true"
    assert http.post("/worker/jobs", json={"number": 4}, headers=key).status_code == 409


def test_a_job_that_fails_says_why(http: Http):
    job = finished(http, http.post("/worker/jobs", json={"kind": "fails"}).json())
    assert (job["status"], job["attempt"]) == ("failed", 1)
    assert job["error"]["type"] == "ValueError"
    assert "never" in job["error"]["message"]


def test_a_job_is_tried_again_as_its_policy_says(http: Http, tmp_path: Path):
    body = {"kind": "flaky", "number": 2, "path": str(tmp_path / "tries")}
    query = {"attempts": 3, "backoff": 0.01, "retry_on": "ConnectionError"}
    job = finished(http, http.post("/worker/jobs", json=body, params=query).json())
    assert (job["status"], job["attempt"], job["result"]) == ("completed", 3, 4)


def test_a_running_job_is_followed_and_cancelled_however_deep_it_is_in_its_work(http: Http, tmp_path: Path):
    job = http.post("/worker/jobs", json={"kind": "hangs", "path": str(tmp_path / "pid")}).json()
    with http.get(job["links"]["stream"], stream=True) as stream:
        for line in stream.iter_lines(decode_unicode=True):
            told = json.loads(line.partition("data: ")[2]) if line.startswith("data: ") else {}
            if (told.get("progress") or {}).get("message") == "a quarter":
                assert told["progress"]["done"] == pytest.approx(25.0)
                cancelled = http.post(job["links"]["cancel"]).json()
            if told.get("status") == "canceled":
                break
        else:
            pytest.fail("the stream ended without the end of the job")
    assert finished(http, cancelled)["status"] == "canceled"
    assert http.post(job["links"]["cancel"]).json()["status"] == "canceled"


def test_hayhooks_durable_routes_answer_over_the_same_jobs(http: Http):
    accepted = http.post("/worker/run-durable", json={"number": 5})
    assert accepted.status_code == 202
    execution = accepted.json()
    assert accepted.headers["location"] == execution["links"]["self"]
    last = events(http.get(execution["links"]["stream"]))[-1]
    assert (last[0], last[1]["result"]) == ("completed", 10)
    assert http.get(execution["links"]["self"]).json()["status"] == "completed"
    listed = http.get("/worker/executions", params={"status": "completed"}).json()
    assert execution["execution_id"] in {each["execution_id"] for each in listed["items"]}
    assert http.post(execution["links"]["cancel"]).status_code == 200
    assert finished(http, http.get(f"/worker/jobs/{execution['execution_id']}").json())["result"] == 10


def test_a_job_that_was_accepted_survives_a_restart(tmp_path: Path):
    shutil.copytree(PIPELINES / "worker", tmp_path / "pipelines" / "worker")
    folder = tmp_path / "pipelines"
    with LocalPlatform(tmp_path / "data", durability="relaxed", pipelines_dir=folder, grace=0.0) as platform:
        with Http(platform.url) as http:
            body = {"kind": "flaky", "number": 0, "path": str(tmp_path / "tries")}
            jobs = [http.post("/worker/jobs", json=body).json() for _ in range(3)]
        platform.restart()
        with Http(platform.url) as http:
            assert [finished(http, each)["status"] for each in jobs] == ["completed"] * 3


def test_jobs_of_one_deployment_find_its_files_each_time_and_leave_no_folder_behind(http: Http):
    source = (
        "from pathlib import Path\n\nfrom hayhooks import BasePipelineWrapper\n\n\n"
        "class PipelineWrapper(BasePipelineWrapper):\n    def setup(self) -> None:\n        pass\n\n"
        "    def run_api(self) -> list:\n"
        "        return [Path(__file__).with_name('word.txt').read_text(), str(Path(__file__).parents[2])]\n"
    )
    files = {"pipeline_wrapper.py": source, "word.txt": "word"}
    assert http.post("/deploy_files", json={"name": "reader", "files": files}).status_code == 200
    try:
        results = [finished(http, http.post("/reader/jobs", json={}).json())["result"] for _ in range(2)]
    finally:
        http.post("/undeploy/reader")
    assert [word for word, _ in results] == ["word", "word"]
    assert all(Path(place).name.startswith("dtlpipe-work-") for _, place in results)


def test_who_has_seen_the_end_of_a_job_is_told_to_come_back_no_more(http: Http):
    job = finished(http, http.post("/worker/jobs", json={"number": 2}).json())
    told = http.get(job["links"]["stream"])
    (last,) = [line.removeprefix("id: ") for line in told.text.splitlines() if line.startswith("id: ")]
    assert http.get(job["links"]["stream"], headers={"Last-Event-ID": last}).status_code == 204
    again = http.get(job["links"]["stream"], headers={"Last-Event-ID": last[:-1]})
    assert (again.status_code, again.text) == (200, told.text)


def test_what_is_wrong_with_a_query_is_said_to_be_there(http: Http):
    for path, query in (("/worker/jobs", {"attempts": 0}), ("/worker/schedules", {"ttl": -1})):
        body = {"number": 1} if path.endswith("jobs") else {"cron": "* * * * *", "params": {"number": 1}}
        refused = http.post(path, json=body, params=query)
        assert (refused.status_code, refused.json()["detail"][0]["loc"]) == (422, ["query", next(iter(query))])
    refused = http.get("/worker/executions", params={"limit": 101, "cursor": "x"})
    assert [each["loc"] for each in refused.json()["detail"]] == [["query", "limit"], ["query", "cursor"]]
