"""The platform's log: text or JSON, named by request, and without secrets."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.platform import logs
from mock_server.testing import LocalPlatform

PASSWORD = "correct-horse-battery"
SECRET = "jwt-secret-of-this-test"


def formatted(formatter, message, *arguments, **extra):
    record = logging.getLogger("some").makeRecord("some", logging.INFO, "f", 1, message, arguments, None, extra=extra)
    return formatter.format(record)


@pytest.fixture
def logged():
    """The log of all that happens, in both formats."""
    streams = {"json": io.StringIO(), "text": io.StringIO()}
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    handlers = []
    for formatter, stream in ((logs.Json(), streams["json"]), (logs.Text(), streams["text"])):
        handlers.append(logging.StreamHandler(stream))
        handlers[-1].setFormatter(formatter)
        root.addHandler(handlers[-1])
    root.setLevel(logging.DEBUG)
    yield streams
    root.setLevel(before[0])
    for handler in handlers:
        root.removeHandler(handler)


def test_json_is_an_object_a_line_with_what_is_known_of_the_work():
    token = logs.fields.set({"requestId": "r-1"})
    try:
        found = json.loads(formatted(logs.Json(), "run %s\nended", "x", runId="x"))
    finally:
        logs.fields.reset(token)
    assert found["message"] == "run x\nended"
    assert (found["requestId"], found["runId"], found["level"], found["logger"]) == ("r-1", "x", "info", "some")


def test_a_traceback_is_a_field_of_its_own():
    try:
        raise ValueError("no such luck")
    except ValueError:
        record = logging.LogRecord("some", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    assert "no such luck" in json.loads(logs.Json().format(record))["error"]


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}",
        "authorization='{}'",
        '{{"password": "{}"}}',
        "password={}&username=ann",
        "postgresql://ann:{}@host/database",
        "refresh_token={}",
        "X-Get-Jwt-Secret: {}",
        "DTLPIPE_PASSWORD={}",
    ],
)
@settings(max_examples=25)
@given(secret=st.text("abcXYZ012-_.", min_size=8, max_size=60))
def test_secrets_are_taken_out_of_any_text(text, secret):
    line = text.format(secret)
    assert secret not in logs.redacted(line)
    assert secret not in formatted(logs.Json(), "%s", line, detail=line)
    assert secret not in formatted(logs.Text(), "%s", line, detail=line)


def test_what_is_no_secret_stays():
    text = "run 66b1 of pipeline 'passwords and tokens' ended: GET http://host:8400/api/v1 200"
    assert logs.redacted(text) == text


def test_no_secret_of_a_whole_session_reaches_the_log(logged, tmp_path):
    with LocalPlatform(
        tmp_path, host="0.0.0.0", password=PASSWORD, jwt_secret=SECRET, durability="relaxed"
    ) as platform:
        token = platform.token()
        with requests.Session() as http:
            http.trust_env = False

            def call(method, path, **more):
                return http.request(method, platform.url + path, timeout=30, **more)

            form = {"username": "ann@example.org", "password": PASSWORD, "type": "user_credentials"}
            granted = call("POST", "/token", json=form).json()
            wrong = "wrong-" + PASSWORD
            assert call("POST", "/token", json={**form, "password": wrong}).status_code == 401
            call("GET", "/get_jwt", headers={"X-Get-Jwt-Secret": SECRET})
            call("GET", "/api/v1/projects", headers={"Authorization": f"Bearer {token}"})
            call("GET", f"/api/v1/projects?access_token={token}", headers={"Authorization": f"Bearer {token}x"})
            call("GET", f"/login?callback=http://localhost:3001/{token}", allow_redirects=False)
            named = call(
                "GET", "/api/v1/projects/none", headers={"Authorization": f"Bearer {token}", "X-Request-Id": "r7"}
            )
            assert named.status_code == 404
    lines = [json.loads(line) for line in logged["json"].getvalue().splitlines()]
    assert any(line.get("requestId") == "r7" and line.get("status") == 404 for line in lines)
    for text in (stream.getvalue() for stream in logged.values()):
        assert "/api/v1/projects" in text
        for secret in (PASSWORD, SECRET, wrong, token, granted["access_token"], granted["refresh_token"]):
            assert secret not in text
