"""What no caller may do, whoever it is; and what an error tells."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from typing import Any

import pytest

from mock_server.testing import LocalPlatform

API = "/api/v1"


def port_of(platform: LocalPlatform) -> int:
    return int(platform.url.rsplit(":", 1)[1])


def raw(platform: LocalPlatform, request: bytes) -> bytes:
    """What the platform answers to these very bytes."""
    with socket.create_connection(("127.0.0.1", port_of(platform)), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8400", "127.0.0.1.evil.example", "[::2]", "a b", ""])
def test_a_host_that_is_not_the_platform_is_refused(http, host):
    http.refused(403, "GET", "/health", headers={"Host": host})


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "LOCALHOST.", "127.0.0.1", "127.3.2.1", "[::1]:80", "x.localhost"]
)
def test_every_name_of_this_machine_alone_is_taken(http, host):
    assert http.get("/health", headers={"Host": host}).status_code == 200


def test_a_name_of_ones_own_can_be_allowed(connect):
    with LocalPlatform(allowed_hosts=("pipes.example",)) as platform:
        http = connect(platform)
        assert http.get("/health", headers={"Host": "pipes.example"}).status_code == 200
        http.refused(403, "GET", "/health", headers={"Host": "other.example"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_foreign_page_may_not_change_anything(http, project, headers):
    http.refused(403, "POST", f"{API}/projects", data={"name": "stolen"}, headers=headers)
    http.refused(403, "DELETE", f"{API}/projects/{project['id']}", headers=headers)
    http.refused(403, "POST", "/token", json={"username": "a"}, headers=headers)
    assert http.ok("GET", f"{API}/projects/{project['id']}", headers=headers) == project


def test_a_foreign_page_is_not_allowed_to_read_either(http):
    answer = http.get(f"{API}/projects", headers={"Origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_the_platforms_own_page_may_change_things(http, project):
    headers = {"Origin": http.base, "Sec-Fetch-Site": "same-origin"}
    http.ok("PATCH", f"{API}/projects/{project['id']}", json={"archived": True}, headers=headers)


def test_an_origin_can_be_allowed(connect):
    with LocalPlatform(allowed_origins=("http://app.example",)) as platform:
        http = connect(platform)
        http.ok("POST", f"{API}/projects", data={"name": "p"}, headers={"Origin": "http://app.example"})


def test_every_answer_names_its_request(http):
    first, second = http.get("/health").headers["X-Request-Id"], http.get("/health").headers["X-Request-Id"]
    assert first != second
    assert http.get("/health", headers={"X-Request-Id": "mine-1"}).headers["X-Request-Id"] == "mine-1"
    assert http.get("/health", headers={"X-Request-Id": "<b>" * 100}).headers["X-Request-Id"] != "<b>" * 100


def test_unknown_places_and_wrong_methods_are_told_in_json(http):
    assert "/api/v1/nowhere" in http.refused(404, "GET", f"{API}/nowhere")["message"]
    assert "/nowhere" in http.refused(404, "GET", "/nowhere")["message"]
    http.refused(405, "PUT", "/health")
    assert "GET" in http.put("/health").headers["Allow"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"name": ', "column"),
        (b"{'name': 1}", "column 2"),
        (b'{"a": 1,\n "b": x}', "line 2"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 5000, "JSON"),
        (b"5", "object"),
        (b'{"name": NaN}', "JSON"),
    ],
)
def test_malformed_json_is_refused_with_its_place(http, body, said):
    answer = http.refused(400, "POST", f"{API}/datasets", data=body, headers={"Content-Type": "application/json"})
    assert said in answer["message"]


def test_an_error_inside_says_nothing_of_the_inside(http, platform, monkeypatch, caplog):
    def explode():
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(platform.platform.projects, "list", explode, raising=False)
    with caplog.at_level(logging.ERROR, "dtlpipe.platform"):
        body = http.refused(500, "GET", f"{API}/projects")
    assert "secret" not in json.dumps(body)
    [record] = [each for each in caplog.records if each.exc_info]
    assert body["requestId"] in record.getMessage()
    assert "the secret inside" in str(record.exc_info[1])


def test_a_post_never_answers_what_makes_clients_repeat_it(http, platform, monkeypatch):
    from dtlpipe.errors import Unavailable

    def busy(*_):
        raise Unavailable("busy")

    monkeypatch.setattr(platform.platform.projects, "create", busy, raising=False)
    monkeypatch.setattr(platform.platform.projects, "list", busy, raising=False)
    http.refused(500, "POST", f"{API}/projects", data={"name": "x"})
    http.refused(503, "POST", f"{API}/projects", data={"name": "x"}, headers={"Idempotency-Key": "1"})
    http.refused(503, "GET", f"{API}/projects")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: minus\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_in_json_and_harms_nobody(platform, http, request_bytes):
    answer = raw(platform, request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1].startswith(b"4"), answer
    assert json.loads(body)["status"] == int(head.split()[1])
    assert http.get("/health").status_code == 200


def test_headers_without_end_harm_nobody(platform, http):
    with contextlib.suppress(OSError):  # it may hang up while we are still talking
        answer = raw(platform, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 400_000)
        assert b" 431 " in answer.splitlines()[0]
    assert http.get("/health").status_code == 200


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent():
    with LocalPlatform(max_body=10_000) as platform:
        head = b"POST /api/v1/projects HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        answer = raw(platform, head + b"Content-Length: 99999999\r\n\r\n")
        shapes = [_too_large(platform, each) for each in ("/synapse/api/v1/runs", "/v1/chat/completions", "/echo/run")]
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer
    run_service, openai, serving = shapes
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) >= {"status", "message"}
    assert set(run_service) == {"detail"}
    assert openai["error"]["code"] == "request_too_large"
    assert "larger than the 10000 bytes" in serving["detail"]


def _too_large(platform: LocalPlatform, path: str) -> dict[str, Any]:
    """The body of the refusal, whose header has the request's name and keeps what every answer says."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine-1\r\nExpect: 100-continue\r\n"
    answer = raw(platform, head.encode() + b"Content-Length: 99999999\r\n\r\n")
    header, _, body = answer.partition(b"\r\n\r\n")
    assert header.startswith(b"HTTP/1.1 413 ")
    assert {b"x-request-id: mine-1", b"x-content-type-options: nosniff"} <= set(header.lower().split(b"\r\n"))
    found: dict[str, Any] = json.loads(body)
    return found


def test_a_trusted_looking_proxy_header_changes_nothing(http, project):
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "10.0.0.1", "Forwarded": "host=evil.example"}
    assert http.ok("GET", f"{API}/projects/{project['id']}", headers=headers)["url"].startswith(http.base)


def test_paths_with_doubled_slashes_lead_nowhere(http):
    http.refused(404, "GET", "/api//v1/projects", allow_redirects=False)
