"""Reports go past the application where nothing is asked of it, and are answered as it would answer them."""

from __future__ import annotations

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest

from dtlpipe.integrations import trace_context

ENTRY = {"name": "train", "status": "running", "progress": 0.5, "metrics": {"loss": 0.25}}
NOWHERE = "00000000-0000-4000-8000-000000000000"
OF_ONE_REQUEST = ("Date", "X-Request-Id")


@pytest.fixture
def hurried(platform, monkeypatch):
    """The reports that went past the application. Nobody traces here, whatever other tests of this process set up."""
    monkeypatch.setattr(trace_context, "api", lambda: None)
    seen = []
    runs = platform.platform.actions.runs
    report_soon = runs.report_soon

    def noted(run_id, told, done, failed):
        seen.append(told)
        report_soon(run_id, told, done, failed)

    monkeypatch.setattr(type(runs), "report_soon", lambda _self, *given: noted(*given))
    return seen


def post(base, run_id, body, slash="", headers=None):
    """Status, headers and body of the answer to a bare request."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = f"{parts.path}/api/v1/runs/{run_id}/progress{slash}"
        connection.request("POST", path, sent, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        plain = {key: value for key, value in answer.getheaders() if key not in OF_ONE_REQUEST}
        assert answer.getheader("X-Request-Id")
        return answer.status, plain, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("mount", ["own port", "prefix"])
def test_a_report_past_the_application_is_answered_as_by_it(platform, client, reported, hurried, mount, slash):
    base = platform.run_service_url if mount == "own port" else f"{platform.url}/synapse"
    named = {"X-Request-Id": "named"}  # which only the application knows what to do with
    client.report_progress(reported["id"], "train", 1, "running", ENTRY)
    hurried.clear()
    for told in ({"status": "running"}, {"current_action_index": 1, "action_progress": ENTRY}, {}):
        found = post(base, reported["id"], told, slash)
        assert hurried.pop() == told
        assert found[0] == 200
        assert found == post(base, reported["id"], told, slash, named)
    for run_id, told, status in (
        (NOWHERE, {"status": "running"}, 404),
        (reported["id"], {"current_action_index": 7}, 422),
    ):
        found = post(base, run_id, told, slash)
        assert hurried.pop() == told
        assert found[0] == status
        assert found == post(base, run_id, told, slash, named)
    client.update_run(reported["id"], status="completed")
    found = post(base, reported["id"], {"action_progress": {**ENTRY, "progress": 0.75}}, slash)
    assert (found[0], len(hurried)) == (409, 1)


def test_what_is_out_of_the_ordinary_is_for_the_application(platform, client, reported, hurried):
    base, run_id = platform.run_service_url, reported["id"]
    for status, body, headers in (
        (422, b"{", {}),
        (422, {"status": "asleep"}, {}),
        (403, {"status": "running"}, {"Origin": "http://evil.example"}),
        (403, {"status": "running"}, {"Host": "evil.example"}),
        (401, {"status": "running"}, {"Authorization": "Bearer nobody's"}),
        (200, {"status": "running", "error": "x" * (1 << 16)}, {}),
    ):
        assert post(base, run_id, body, headers=headers)[0] == status
    fault = platform.faults.add(route="POST *progress", times=1, status=418, message="struck")
    try:
        assert post(base, run_id, {"status": "running"})[0] == 418
    finally:
        platform.faults.remove(fault.id)
    assert post(base, run_id, {"status": "cancelled"})[2]["status"] == "cancelled"
    assert hurried == []


def test_reports_that_are_sent_at_once_are_answered_in_their_order(platform, reported, hurried):
    parts = urlsplit(platform.run_service_url)
    bodies = [
        json.dumps({"current_action_index": 1, "action_progress": {**ENTRY, "progress": n / 20}}) for n in range(20)
    ]
    head = f"POST /api/v1/runs/{reported['id']}/progress HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: "
    shares = []
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as sock, sock.makefile("rb") as answers:
        sock.sendall("".join(f"{head}{len(each)}\r\n\r\n{each}" for each in bodies).encode())
        for _ in bodies:
            assert b" 200 " in answers.readline()
            headers = http.client.parse_headers(answers)
            shares.append(json.loads(answers.read(int(headers["Content-Length"])))["progress"][1]["progress"])
    assert shares == [n / 20 for n in range(20)]
    assert len(hurried) == 20
