"""What holds for jobs beside their parameters: when they begin, whom they call back, how long they are kept."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dtlpipe.errors import UnprocessableEntity
from mock_server.config import Settings
from mock_server.platform.serving import callbacks
from mock_server.testing import LocalPlatform
from tests.serving.conftest import PIPELINES, Http
from tests.serving.test_jobs import finished


class Receiver:
    """Takes callbacks, after it has refused as many as it was told to."""

    def __init__(self, refuses: int = 0) -> None:
        self.refuses = refuses
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.changed:
                    receiver.refuses -= 1
                    refused = receiver.refuses >= 0
                    receiver.taken += [] if refused else [({k.lower(): v for k, v in self.headers.items()}, body)]
                    receiver.changed.notify_all()
                self.send_response(500 if refused else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/told"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def wait(self, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.taken) >= number, 60)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def test_the_end_of_a_job_is_told_with_a_signature_until_it_is_taken(http: Http, receiver: Receiver):
    receiver.refuses = 1
    query = {"callback": receiver.url, "ttl": 600}
    job = http.post("/worker/jobs", json={"number": 4}, params=query).json()
    secret = job["callback"]["secret"]
    receiver.wait(1)
    headers, body = receiver.taken[0]
    told = json.loads(body)
    assert (told["event"], told["job"]["id"], told["job"]["result"]) == ("job.completed", job["id"], 8)
    at, _, digest = headers["x-dtlpipe-signature"].removeprefix("t=").partition(",v1=")
    assert digest == hmac.new(secret.encode(), f"{at}.".encode() + body, "sha256").hexdigest()
    assert headers["x-dtlpipe-delivery"] == told["delivery"] == job["callback"]["delivery"]
    assert "secret" not in json.dumps(http.get(job["links"]["self"]).json())


@pytest.mark.slow
def test_a_callback_survives_the_platform_that_owes_it(tmp_path: Path, receiver: Receiver):
    with LocalPlatform(tmp_path / "data", durability="relaxed", pipelines_dir=PIPELINES, grace=0.0) as platform:
        with Http(platform.url) as http:
            query = {"callback": receiver.url, "delay": 0.01}
            job = http.post("/worker/jobs", json={"number": 1}, params=query).json()
        platform.restart()
        receiver.wait(1)
        assert json.loads(receiver.taken[0][1])["job"]["id"] == job["id"]


def test_where_a_platform_calls_back():
    with pytest.raises(UnprocessableEntity, match="no http or https URL"):
        callbacks.checked("file:///etc/passwd", Settings())
    exposed = Settings(host="0.0.0.0", password="x", callback_hosts=("hooks.example",))
    assert callbacks.checked("https://hooks.example/x", exposed)
    with pytest.raises(UnprocessableEntity, match=r"169\.254\.169\.254"):
        callbacks.checked("http://169.254.169.254/latest", exposed)


def test_a_job_begins_at_its_time(http: Http):
    late = http.post("/worker/jobs", json={"number": 1}, params={"delay": 3600}).json()
    moment = (datetime.now(UTC) + timedelta(seconds=0.2)).isoformat()
    soon = finished(http, http.post("/worker/jobs", json={"number": 2}, params={"run_at": moment}).json())
    assert (soon["status"], soon["result"]) == ("completed", 4)
    seen = http.get(late["links"]["self"]).json()
    assert (seen["status"], seen["run_at"] is not None) == ("queued", True)
    assert http.post(late["links"]["cancel"]).json()["status"] == "canceled"
    assert http.post("/worker/jobs", json={}, params={"run_at": "tomorrow"}).status_code == 422


def test_a_schedule_submits_a_job_at_each_moment(http: Http):
    made = http.post("/worker/schedules", json={"cron": "* * * * * *", "params": {"number": 6}}, params={"priority": 1})
    assert made.status_code == 201, made.text
    here = made.headers["location"]
    while (seen := http.get(here).json())["last_job"] is None:
        assert seen["next_at"] is not None
    job = finished(http, http.get(f"/worker/jobs/{seen['last_job']}").json())
    assert (job["result"], job["priority"]) == (12, 1)
    assert seen["id"] in {each["id"] for each in http.get("/worker/schedules").json()["schedules"]}
    assert http.delete(here).status_code == 204
    assert http.get(here).status_code == 404
    assert http.post("/worker/schedules", json={"cron": "now and then"}).status_code == 422
    assert http.post("/worker/schedules", json={"cron": "* * * * *", "params": {"number": "x"}}).status_code == 422


def test_a_schedule_whose_request_is_repeated_with_its_key_is_one_schedule(http: Http):
    asked = {"json": {"cron": "0 0 1 1 *", "params": {"number": 7}}, "headers": {"Idempotency-Key": "yearly"}}
    first, again = http.post("/worker/schedules", **asked), http.post("/worker/schedules", **asked)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    other = http.post("/worker/schedules", json={"cron": "0 0 2 1 *"}, headers=asked["headers"])
    assert other.status_code == 409, other.text
    assert http.delete(f"/worker/schedules/{first.json()['id']}").status_code == 204


def test_what_failed_is_listed_and_submitted_again(http: Http):
    failed = finished(http, http.post("/worker/jobs", json={"kind": "fails"}).json())
    assert failed["id"] in {each["id"] for each in http.get("/worker/dead-letters").json()["jobs"]}
    again = http.post(failed["links"]["resubmit"])
    assert (again.status_code, again.json()["resubmitted_from"]) == (202, failed["id"])
    assert finished(http, again.json())["status"] == "failed"


def test_a_job_is_forgotten_when_its_time_is_over(http: Http):
    job = finished(http, http.post("/worker/jobs", json={"number": 1}, params={"ttl": 0}).json())
    while http.get(job["links"]["self"]).status_code != 404:
        assert job["status"] == "completed"


def test_only_the_last_jobs_of_a_pipeline_are_kept(http: Http):
    for number in range(3):
        finished(http, http.post("/greeting/jobs", json={"name": "Ann"}, params={"keep_last": 1 + number // 2}).json())
    while len(http.get("/greeting/jobs").json()["jobs"]) > 2:
        pass
