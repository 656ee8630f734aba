"""Who may call: tokens where they are asked for, and pages of other origins where they are allowed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mock_server.testing import LocalPlatform
from tests.serving.conftest import Http

ROUTES = [
    ("GET", "/status"),
    ("POST", "/deploy_files"),
    ("POST", "/undeploy/x"),
    ("POST", "/x/run"),
    ("POST", "/x/jobs"),
    ("GET", "/v1/models"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/files"),
    ("GET", "/openapi.json"),
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPlatform]:
    folder: Path = tmp_path_factory.mktemp("guarded")
    with LocalPlatform(
        folder, durability="relaxed", require_token=True, allowed_origins=("https://pages.example",)
    ) as found:
        yield found


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_asks_for_a_token_where_one_is_required(guarded: LocalPlatform, method: str, path: str):
    with Http(guarded.url) as http:
        assert http.request(method, path, json={}).status_code == 401
        assert http.request(method, path, json={}, headers={"Authorization": "Bearer made-up"}).status_code == 401
        allowed = http.request(method, path, json={}, headers={"Authorization": f"Bearer {guarded.token()}"})
        assert allowed.status_code not in (401, 403, 500)


def test_without_that_setting_any_key_will_do(http: Http):
    for header in ("Bearer anything", "Bearer sk-123", "Basic eDp5"):
        assert http.get("/v1/models", headers={"Authorization": header}).status_code == 200


def test_pages_of_allowed_origins_may_call_and_others_may_not(guarded: LocalPlatform):
    with Http(guarded.url) as http:
        ours, theirs = {"Origin": "https://pages.example"}, {"Origin": "https://elsewhere.example"}
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        allowed = http.options("/x/run", headers=ours | asked)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://pages.example"
        assert "authorization" in allowed.headers["access-control-allow-headers"]
        assert "access-control-allow-origin" not in http.options("/x/run", headers=theirs | asked).headers
        token = {"Authorization": f"Bearer {guarded.token()}"}
        assert http.post("/x/run", json={}, headers=ours | token).status_code == 404
        assert http.post("/x/run", json={}, headers=theirs | token).status_code == 403


def test_errors_of_the_openai_paths_are_in_their_shape(guarded: LocalPlatform):
    with Http(guarded.url) as http:
        assert http.get("/v1/models").json()["error"]["code"] == "invalid_api_key"
        assert "detail" in http.get("/status").json()
