"""Tokens: how clients come by them, and what they open."""

from __future__ import annotations

import base64
import json
import stat
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from dtlpipe.errors import ConfigurationError
from mock_server.config import Settings
from mock_server.testing import LocalPlatform

API = "/api/v1"
ME = f"{API}/users/me"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def log_in(http, **body):
    return http.post("/token?default", json={"username": "ann@example.org", "type": "user_credentials", **body})


def test_a_call_without_a_token_acts_as_the_local_user(http):
    assert http.ok("GET", ME)["email"] == "local@dtlpipe.dev"


def test_logging_in_gives_a_token_with_the_claims_that_clients_read(http):
    answer = log_in(http, password="whatever").json()
    claims = jwt.decode(answer["id_token"], options={"verify_signature": False})
    assert claims["email"] == claims["sub"] == "ann@example.org"
    assert claims["exp"] > time.time() + 3600
    assert claims["iat"] <= time.time()
    assert http.ok("GET", ME, headers=bearer(answer["id_token"]))["email"] == "ann@example.org"


def test_credentials_may_come_as_json_in_plain_text(http):
    body = json.dumps({"username": "ann@example.org", "password": "x", "type": "user_credentials"})
    assert "id_token" in http.ok("POST", "/token?default", data=body, headers={"Content-Type": "text/plain"})


def test_what_a_user_makes_is_theirs(http, platform):
    name = f"of ann {time.time_ns()}"
    headers = bearer(platform.token("ann@example.org"))
    made = http.ok("POST", f"{API}/projects", data={"name": name}, headers=headers)
    assert made["creator"] == "ann@example.org"


def test_a_refresh_token_is_good_for_a_new_token_and_nothing_else(http):
    refresh = log_in(http).json()["refresh_token"]
    fresh = http.ok("POST", "/token?default", json={"type": "refresh_token", "refresh_token": refresh})["id_token"]
    assert http.ok("GET", ME, headers=bearer(fresh))["email"] == "ann@example.org"
    http.refused(401, "GET", ME, headers=bearer(refresh))
    http.refused(401, "POST", "/token", json={"type": "refresh_token", "refresh_token": fresh})


def forged(claims, key="k" * 64, algorithm="HS256"):
    return jwt.encode(claims, key, algorithm=algorithm)


def unsigned(claims):
    parts = [json.dumps(each).encode() for each in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


CLAIMS = {"email": "a@b.c", "sub": "a@b.c", "kind": "access", "jti": "1", "exp": 4102444800}


@pytest.mark.parametrize(
    "token", ["nonsense", "a.b.c", forged(CLAIMS), forged(CLAIMS, algorithm="HS512"), unsigned(CLAIMS)]
)
def test_a_token_that_is_not_ours_is_refused_even_where_none_is_needed(http, token):
    body = http.refused(401, "GET", ME, headers=bearer(token))
    assert token not in json.dumps(body)


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic dTpw", "token"])
def test_an_authorization_that_is_no_bearer_token_is_refused(http, header):
    http.refused(401, "GET", ME, headers={"Authorization": header})


def test_a_changed_token_is_refused(http, platform):
    head, claims, signature = platform.token().split(".")
    other = claims[:-2] + ("AA" if claims[-2:] != "AA" else "BB")
    http.refused(401, "GET", ME, headers=bearer(f"{head}.{other}.{signature}"))


def test_a_token_said_in_another_way_is_another_token(http, platform):
    token = platform.token()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bytes = token[:-1] + letters[letters.index(token[-1]) ^ 1]
    for other in (f"{token}=", f"{token}==", same_bytes):
        http.refused(401, "GET", ME, headers=bearer(other))
    http.ok("GET", ME, headers=bearer(token))


def test_an_expired_token_is_refused_and_says_so(http, platform):
    token = platform.token(lifetime=-1)
    assert "expired" in http.refused(401, "GET", ME, headers=bearer(token))["message"]


def test_a_token_expires_although_it_was_valid_a_moment_ago(platform, monkeypatch):
    tokens = platform.platform.tokens
    token = tokens.issue(lifetime=60)
    tokens.identify(token)
    later = time.time() + 61
    monkeypatch.setattr("mock_server.platform.tokens.time.time", lambda: later)
    with pytest.raises(Exception, match="expired"):
        tokens.identify(token)


def test_a_token_of_another_platform_opens_nothing(http):
    with LocalPlatform() as other:
        foreign = other.token()
    http.refused(401, "GET", ME, headers=bearer(foreign))


def test_tokens_outlive_a_restart(connect):
    with LocalPlatform() as platform:
        token = platform.token("ann@example.org")
        platform.restart()
        assert connect(platform).ok("GET", ME, headers=bearer(token))["email"] == "ann@example.org"


def test_the_secret_is_for_its_owners_eyes_only(platform):
    platform.token()
    secret = platform.data_dir / "dtlpipe-platform.secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_an_api_key_is_a_token_of_its_maker(http, platform):
    headers = bearer(platform.token("ann@example.org"))
    key = http.ok("POST", f"{API}/apiKeys", json={"userId": "ann@example.org"}, headers=headers)["jwt"]
    assert http.ok("GET", ME, headers=bearer(key))["email"] == "ann@example.org"
    http.refused(403, "POST", f"{API}/apiKeys", json={"userId": "boss@example.org"}, headers=headers)


def test_old_clients_may_check_their_version(http):
    assert http.ok("POST", f"{API}/sdk/check", data={"version": "1.0", "email": ""}) == {"level": "debug", "msg": ""}


def test_a_browser_login_leads_back_to_the_client_with_tokens(http):
    answer = http.get("/login?callback=http://localhost:3001", allow_redirects=False)
    target = urlsplit(answer.headers["Location"])
    assert (answer.status_code, target.netloc) == (302, "localhost:3001")
    query = parse_qs(target.query)
    assert http.ok("GET", ME, headers=bearer(query["id_token"][0]))
    assert {"access_token", "refresh_token"} <= set(query)


@pytest.mark.parametrize(
    "callback",
    [
        "http://evil.example/",
        "https://localhost.evil.example/",
        "//evil.example",
        "http://localhost@evil.example/",
        "x",
    ],
)
def test_a_browser_login_never_sends_tokens_elsewhere(http, callback):
    http.refused(400, "GET", "/login", params={"callback": callback}, allow_redirects=False)


@pytest.mark.parametrize(
    "body",
    [{"type": "user_credentials"}, {"type": "refresh_token"}, {"type": "sudo", "username": "a"}, {"username": 5}],
)
def test_a_login_that_is_none_is_refused(http, body):
    http.refused(400, "POST", "/token", json=body)


PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def exposed():
    """A platform that other machines could reach."""
    with LocalPlatform(host="0.0.0.0", password=PASSWORD, jwt_secret="agent") as found:
        yield found


@pytest.fixture
def outside(exposed, connect):
    return connect(exposed)


def test_an_exposed_platform_wants_a_password(tmp_path):
    with pytest.raises(ConfigurationError, match="password"):
        Settings(data_dir=tmp_path, host="0.0.0.0")


def test_an_exposed_platform_wants_a_token_everywhere(outside):
    for method, path in (("GET", ME), ("GET", f"{API}/projects"), ("POST", f"{API}/projects"), ("GET", "/nowhere")):
        body = outside.refused(401, method, path, data={"name": "x"} if method == "POST" else None)
        assert "token" in body["message"]


def test_an_exposed_platform_tells_its_health_to_anyone(outside):
    assert outside.ok("GET", "/health")["exposed"] is True


def test_an_exposed_platform_checks_the_password(outside):
    for wrong in ("", "wrong", PASSWORD + "x"):
        assert log_in(outside, password=wrong).status_code == 401
    token = log_in(outside, password=PASSWORD).json()["id_token"]
    assert outside.ok("GET", ME, headers=bearer(token))["email"] == "ann@example.org"


def test_an_exposed_platform_gives_a_token_to_its_agents_only(outside):
    outside.refused(403, "GET", "/get_jwt")
    outside.refused(403, "GET", "/get_jwt", headers={"X-Get-Jwt-Secret": "guess"})
    token = outside.ok("GET", "/get_jwt", headers={"X-Get-Jwt-Secret": "agent"})["jwt"]
    assert outside.ok("GET", ME, headers=bearer(token))


def test_an_exposed_platform_asks_for_the_password_in_the_browser(outside):
    form = outside.get('/login?callback=http://localhost:3001&x="><script>')
    assert form.status_code == 200
    assert "<script>" not in form.text
    assert "id_token" not in form.text
    body = {"username": "ann@example.org", "password": PASSWORD}
    sent = outside.post("/login?callback=http://localhost:3001", data=body, allow_redirects=False)
    assert sent.headers["Location"].startswith("http://localhost:3001?id_token=")
    body["password"] = "wrong"
    assert outside.post("/login", data=body, allow_redirects=False).status_code == 401


def test_a_local_platform_gives_a_token_to_any_local_process(http):
    assert http.ok("GET", ME, headers=bearer(http.ok("GET", "/get_jwt")["jwt"]))


def test_secrets_are_not_shown_by_the_settings(exposed):
    assert PASSWORD not in repr(exposed.settings)
    assert "agent" not in repr(exposed.settings)


def test_secrets_are_never_logged(exposed, outside, caplog):
    caplog.set_level("DEBUG")
    token = log_in(outside, password=PASSWORD).json()["id_token"]
    outside.get(ME, headers=bearer(token))
    outside.get(ME, headers=bearer(token + "x"))
    log_in(outside, password="wrong-but-secret")
    ours = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("urllib3"))
    for secret in (PASSWORD, "wrong-but-secret", token):
        assert secret not in ours
