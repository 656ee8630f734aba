"""Health, readiness and metrics: what those see who watch a platform, and what strangers see."""

from __future__ import annotations

import uuid

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mock_server.testing import LocalPlatform
from tests.unit.platform.building import code_node, definition, port

API = "/api/v1"


@pytest.fixture
def outside(connect, tmp_path):
    """A platform that other machines can reach."""
    with LocalPlatform(tmp_path / "data", host="0.0.0.0", password="a password", durability="relaxed") as exposed:
        yield connect(exposed), exposed


def numbers(http, **options):
    """Samples by name and labels."""
    answer = http.get("/metrics", **options)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name.removeprefix("dtlpipe_"), *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def lacking(http, path):
    """The body of a 503."""
    answer = http.get(path)
    assert answer.status_code == 503, answer.text
    return answer.json()


def run_once(http, project, source):
    node = code_node(
        "a",
        inputs=[port("x", "Json")],
        outputs=[port("x", "Json")],
        config={"package": {"code": source, "name": "run", "type": "code"}},
    )
    made = http.ok("POST", f"{API}/pipelines", json={"projectId": project["id"], **definition(node)})
    http.ok("POST", f"{API}/pipelines/{made['id']}/install")
    run = http.ok("POST", f"{API}/pipelines/{made['id']}/execute", json={"pipeline": {"input": {"x": 1}}})
    return http.ok("GET", f"{API}/pipelines/{made['id']}/executions/{run['id']}?wait=30")


def test_metrics_count_what_ran(http, project):
    before = numbers(http)
    assert run_once(http, project, "def run(x):\n    return x\n")["status"] == "success"
    assert run_once(http, project, "def run(x):\n    raise ValueError\n")["status"] == "failed"
    after = numbers(http)

    def grown(name, **labels):
        key = (name, *sorted(labels.items()))
        return after[key] - before.get(key, 0)

    assert grown("runs_ended_total", status="success") == 1
    assert grown("runs_ended_total", status="failed") == 1
    assert grown("steps_ended_total", status="success") == 1
    assert grown("steps_started_total") == 2
    assert grown("commit_seconds_count") >= 6
    assert grown("commit_changes_sum") >= grown("commit_changes_count")
    execute = {"method": "POST", "route": f"{API}/pipelines/<pipeline_id>/execute"}
    assert grown("http_request_seconds_count", **execute) == 2
    assert after["runs_open",] >= 0
    assert after["capacity",] >= 1
    assert after["worker_processes",] >= 1
    assert after["store_bytes",] > 0
    assert after["disk_free_bytes",] > 0


def test_a_request_is_counted_under_its_route_and_never_under_its_path(http):
    nobody = uuid.uuid4().hex
    http.refused(404, "GET", f"{API}/projects/{nobody}")
    http.refused(404, "GET", f"/{nobody}")
    text = http.get("/metrics").text
    assert nobody not in text
    assert 'route="(none)"' in text


def test_a_platform_that_runs_is_alive_and_ready(http):
    assert http.ok("GET", "/health")["status"] == "ok"
    assert http.ok("GET", "/ready") == {"status": "ready", "reasons": []}


def test_a_platform_whose_store_takes_no_changes_is_not_ready_and_says_why(connect, tmp_path):
    with LocalPlatform(tmp_path / "data", durability="relaxed") as platform:
        http = connect(platform)
        platform.store.close()
        body = lacking(http, "/ready")
        assert any("writer has ended" in each for each in body["reasons"])
        assert lacking(http, "/health")["status"] == "dead"


def test_a_platform_without_an_executor_is_not_ready(connect, tmp_path):
    with LocalPlatform(tmp_path / "data", durability="relaxed") as platform:
        http = connect(platform)
        platform.platform.scheduler._executor.close()
        assert lacking(http, "/ready")["reasons"] == ["the executor takes no jobs"]
        assert http.ok("GET", "/health")["status"] == "ok"


def test_strangers_are_told_no_more_than_the_status(outside):
    http, platform = outside
    assert http.ok("GET", "/health") == {"status": "ok", "role": "leader", "exposed": True}
    assert http.ok("GET", "/ready") == {"status": "ready"}
    http.refused(401, "GET", "/metrics")
    http.refused(401, "GET", f"{API}/platform/events")
    trusted = {"Authorization": f"Bearer {platform.token()}"}
    assert "pid" in http.ok("GET", "/health", headers=trusted)
    assert numbers(http, headers=trusted)["event_streams",] == 0


def test_an_error_bears_the_name_that_the_client_gave_its_request(http):
    answer = http.get(f"{API}/projects/nobody", headers={"X-Request-Id": "mine-7"})
    assert answer.json()["requestId"] == answer.headers["X-Request-Id"] == "mine-7"
