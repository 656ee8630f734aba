"""`dl.setenv`, `dl.login_m2m`, `dl.projects`, ...: one client a platform, made when it is needed."""

from __future__ import annotations

import inspect
import json

import pytest

import dtlpipe as dl
from dtlpipe.client import default
from dtlpipe.config import CLOUD
from tests.unit.sdk.server import http


@pytest.fixture(autouse=True)
def anew():
    default.reset()
    yield
    default.reset()


def names(server_name):
    return lambda method, target, headers, body: http([{"id": "1", "name": server_name}])


def test_without_any_configuration_it_is_the_public_cloud_and_nothing_is_sent():
    assert dl.environment() == CLOUD
    assert dl.token() is None
    assert dl.token_expired()


def test_it_is_configured_by_the_environment(serve, monkeypatch):
    server = serve(names("from the environment"))
    monkeypatch.setenv("DTLPIPE_URL", server.url)
    monkeypatch.setenv("DTLPIPE_TOKEN", "t")
    assert dl.environment() == f"{server.url}/api/v1"
    assert dl.projects.get("x").name == "from the environment"
    assert server.seen[0][2]["authorization"] == "Bearer t"


def test_setenv_changes_the_platform_by_url_or_alias_and_logins_are_kept_apart(serve):
    one, two = serve(names("one")), serve(names("two"))
    dl.add_environment(environment=f"{one.url}/api/v1", alias="one", gate_url=one.url, token="for-one")
    dl.setenv("one")
    assert dl.projects.get("x").name == "one"
    dl.setenv(two.url)
    assert dl.projects.get("x").name == "two"
    assert dl.token() is None
    dl.setenv(f"{one.url}/api/v1")
    assert dl.projects.get("x").name == "one"
    assert [headers.get("authorization") for _, _, headers, _ in one.seen + two.seen] == ["Bearer for-one"] * 2 + [None]


def test_an_unknown_alias_says_which_are_known():
    with pytest.raises(dl.exceptions.ConfigurationError, match="prod"):
        dl.setenv("prodd")


def test_inside_a_platform_s_own_process_requests_stay_with_that_platform(serve, monkeypatch):
    server = serve(names("inner"))
    monkeypatch.setenv("INTERNAL_REQUESTS_URL", f"{server.url}/api/v1")
    dl.setenv("prod")
    assert dl.projects.get("x").name == "inner"


def test_dtlpy_s_own_variables_get_a_token_from_the_proxy(serve, monkeypatch):
    def script(method, target, headers, body):
        if target == "/get_jwt":
            return http({"jwt": "from the proxy"} if headers.get("x-get-jwt-secret") == "s" else {})
        return http([{"id": "1", "name": headers["authorization"]}])

    server = serve(script)
    monkeypatch.setenv("INTERNAL_REQUESTS_URL", f"{server.url}/api/v1")
    monkeypatch.setenv("DTLPY_REFRESH_TOKEN_METHOD", "proxy")
    monkeypatch.setenv("AGENT_PROXY_MAIN_PORT", server.url.rpartition(":")[2])
    monkeypatch.setenv("GET_JWT_ENDPOINT_SECRET", "s")
    assert dl.projects.get("x").name == "Bearer from the proxy"


def test_logging_in_with_a_password(serve):
    def script(method, target, headers, body):
        if target == "/token?default":
            good = json.loads(body) == {"username": "me@x", "password": "right", "type": "user_credentials"}
            return http({"id_token": "t"}) if good else http({"message": "wrong password"}, 401)
        return http([{"id": "1", "name": headers["authorization"]}])

    server = serve(script)
    dl.setenv(server.url)
    with pytest.raises(dl.exceptions.Unauthorized, match="wrong password"):
        dl.login_m2m("me@x", "wrong")
    assert dl.token() is None
    assert dl.login_m2m(email="me@x", password="right") is True
    assert dl.projects.get("x").name == "Bearer t"
    assert dl.info() == {"environment": f"{server.url}/api/v1", "user_email": "me@x"}
    dl.logout()
    assert dl.token() is None


def test_logging_in_with_a_token_asks_the_platform_first(serve):
    server = serve(
        lambda *args: http(
            {"email": "me"} if args[2]["authorization"] == "Bearer good" else {},
            200 if args[2]["authorization"] == "Bearer good" else 401,
        )
    )
    dl.setenv(server.url)
    with pytest.raises(dl.exceptions.Unauthorized):
        dl.login_token("bad")
    assert dl.token() is None
    assert dl.login_api_key("good") is True
    assert dl.token() == "good"
    assert [target for _, target, _, _ in server.seen] == ["/api/v1/users/me"] * 2


def test_there_is_nothing_to_log_in_to_the_cloud_with():
    with pytest.raises(dl.exceptions.ConfigurationError, match="login_m2m"):
        dl.login()


def test_functions_take_what_dtlpy_s_take():
    arguments = {
        "add_environment": "environment audience client_id auth0_url verify_ssl token refresh_token alias "
        "use_ssl_context gate_url url login_domain",
        "setenv": "env",
        "login_m2m": "email password client_id client_secret force",
        "login_secret": "email password client_id client_secret force",
        "login_token": "token",
        "login_api_key": "api_key",
        "token_expired": "t",
        "info": "with_token",
    }
    for name, wanted in arguments.items():
        assert list(inspect.signature(getattr(dl, name)).parameters) == wanted.split(), name


def test_the_collections_are_always_the_present_client_s(serve):
    dl.setenv(serve(names("a")).url)
    first = dl.projects
    assert dl.projects is first
    dl.setenv(serve(names("b")).url)
    assert dl.projects is not first
    assert dl.default_client().projects is dl.projects
