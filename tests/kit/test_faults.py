"""Faults on purpose: which calls they strike, how, and what clients make of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

import dtlpipe as dl
from mock_server.platform.faults import FaultRule, Faults
from mock_server.testing import LocalPlatform

HERE = Path(__file__).parent


def strikes(faults, count=10):
    return [faults.of_request("GET", "/api/v1/projects", "list_projects") is not None for _ in range(count)]


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        ({"nth": 2}, [2]),
        ({"nth": (1, 3)}, [1, 3]),
        ({"times": 2}, [1, 2]),
        ({"nth": (1, 2, 3), "times": 2}, [1, 2]),
        ({"probability": 0.0}, []),
    ],
)
def test_a_rule_strikes_the_calls_that_it_names(rule, struck):
    faults = Faults()
    faults.add(route="GET */projects", status=500, **rule)
    assert [number for number, is_struck in enumerate(strikes(faults), 1) if is_struck] == struck


def test_the_same_seed_strikes_the_same_calls():
    found = []
    for seed in (1, 1, 2):
        faults = Faults()
        faults.add(operation="list_*", status=500, probability=0.5, seed=seed)
        found.append(strikes(faults, 64))
    assert found[0] == found[1] != found[2]
    assert 10 < sum(found[0]) < 54


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"status": 500}, "say where"),
        ({"route": "*"}, "say what happens"),
        ({"route": "*", "node": "a", "status": 500}, "say where"),
        ({"route": "*", "status": 200}, "no error"),
        ({"route": "*", "status": True}, "whole number"),
        ({"route": "*", "status": 500, "reset": True}, "not both"),
        ({"node": "a", "reset": True}, "for requests"),
        ({"node": "a", "cause": "boredom"}, "cause"),
        ({"route": "*", "status": 500, "probability": 2}, "between 0 and 1"),
        ({"route": "*", "status": 500, "nth": 0}, "counts from 1"),
        ({"route": "*", "status": 500, "whenever": 1}, "whenever"),
        ([], "JSON object"),
    ],
)
def test_what_is_no_rule_is_refused(wrong, says):
    with pytest.raises(dl.exceptions.BadRequest, match=says):
        FaultRule.from_wire(wrong)


def test_a_rule_survives_its_way_over_the_wire():
    rule = FaultRule(route="POST */execute", nth=(1, 3), status=503, retry_after=2.0, after=True, seed="s", id="x")
    assert FaultRule.from_wire(rule.to_wire()) == rule


@pytest.mark.parametrize(
    ("status", "error"), [(400, "BadRequest"), (401, "Unauthorized"), (404, "NotFound"), (429, "TooManyRequests")]
)
def test_our_client_sees_the_error_of_the_status(platform, client, status, error):
    fault = platform.faults.add(operation="list_projects", status=status, message="as asked")
    with fault, pytest.raises(getattr(dl.exceptions, error), match="as asked"):
        list(client.projects.list().all())
    assert fault.struck >= 1
    assert list(client.projects.list().all()) == []


def test_an_answer_that_was_lost_does_not_make_a_run_twice(platform, make_pipeline):
    pipeline = make_pipeline()
    with platform.faults.add(operation="execute_pipeline", reset=True, after=True, times=1) as fault:
        assert pipeline.execute({"n": 1}).wait().status == "success"
    assert fault.struck == 1
    assert pipeline.pipeline_executions.list().items_count == 1


def test_a_connection_is_dropped_and_a_body_is_cut_short(platform):
    with platform.faults.add(route="GET /api/v1/projects", reset=True), pytest.raises(requests.ConnectionError):
        requests.get(f"{platform.api_url}/projects", timeout=10)
    short = platform.faults.add(route="GET /health", truncate=5)
    with short, pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{platform.url}/health", timeout=10)
    assert requests.get(f"{platform.url}/health", timeout=10).json()["status"] == "ok"


def test_a_node_fails_as_it_is_told_and_its_others_do_not(platform, make_pipeline):
    pipeline = make_pipeline(config={"maxAttempts": 1})
    with platform.faults.add(node="answer", nth=2, message="too much", cause="memory"):
        runs = [pipeline.execute({"n": 1}).wait() for _ in range(3)]
    assert [run.status for run in runs] == ["success", "failed", "success"]
    assert (runs[1].error["message"], runs[1].error["cause"]) == ("too much", "memory")


def test_a_retry_gets_over_a_node_s_fault(platform, make_pipeline):
    pipeline = make_pipeline(config={"maxAttempts": 2})
    with platform.faults.add(node="ans*", times=1):
        assert pipeline.execute({"n": 1}).wait().status == "success"


def test_a_late_node_can_be_cancelled(platform, make_pipeline):
    with platform.faults.add(node="answer", latency=600.0):
        run = make_pipeline().execute({"n": 1})
        run.terminate()
        assert run.wait().status == "terminated"


def test_faults_are_set_from_outside_where_that_is_allowed(platform):
    where = f"{platform.api_url}/platform/faults"
    made = requests.post(where, json={"route": "*/projects", "status": 418, "id": "tea"}, timeout=10)
    assert (made.status_code, made.json()["matched"]) == (201, 0)
    assert requests.get(f"{platform.api_url}/projects", timeout=10).status_code == 418
    assert requests.get(where, timeout=10).json()["items"][0]["struck"] == 1
    assert requests.delete(f"{where}/tea", timeout=10).json() == {"items": []}
    assert requests.delete(f"{where}/tea", timeout=10).status_code == 404
    assert requests.post(where, json={"route": "*"}, timeout=10).status_code == 400


def test_a_platform_that_was_not_started_so_has_no_faults():
    with LocalPlatform(faults=False) as plain:
        where = f"{plain.api_url}/platform/faults"
        assert requests.post(where, json={"route": "*", "status": 500}, timeout=10).status_code == 404
        assert requests.get(f"{plain.api_url}/projects", timeout=10).status_code == 200


@pytest.mark.slow
def test_the_field_s_own_client_sees_the_error_of_each_fault(platform, tmp_path):
    """In a process of its own, as importing it changes much."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "dtlpy_and_faults.py"), str(platform.url)],
        cwd=tmp_path,
        env={"PATH": "", "HOME": str(tmp_path), **platform.environment()},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "all seen"
