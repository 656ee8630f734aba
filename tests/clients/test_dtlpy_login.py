"""The ways by which the field's SDK finds a platform and says who it is, besides environment variables alone.

The process of these tests starts from a cookie file, as a user has one who logged in before; each test leaves it at
that environment and logged in.
"""

from __future__ import annotations

import base64
import json

import jwt
import pytest

pytestmark = pytest.mark.sdks("dtlpy")


@pytest.fixture(scope="module")
def cookie(platform):
    """What a user who logged in before has in the cookie file."""
    token = platform.token("before@example.com")
    login = {
        "alias": "here",
        "gate_url": platform.url,
        "token": token,
        "refresh_token": platform.token("before@example.com", kind="refresh"),
        "verify_ssl": True,
        "url": f"{platform.url}/",
    }
    return {"url": platform.api_url, "login_parameters": {platform.api_url: login}}


@pytest.fixture(scope="module")
def sdk_variables(platform, tmp_path_factory, cookie):
    """Nothing but a cookie, and the environment called custom."""
    folder = tmp_path_factory.mktemp("cookie")
    (folder / "cookie.json").write_text(json.dumps(cookie))
    custom = {"url": platform.api_url, "alias": "custom", "gate_url": platform.url, "verify_ssl": "true"}
    return {
        "DATALOOP_PATH": str(folder),
        "DTLPY_CUSTOM_ENV": base64.b64encode(json.dumps(custom).encode()).decode(),
    }


@pytest.fixture(scope="module")
def url(platform):
    return platform.url


@pytest.fixture(scope="module")
def tokens(platform):
    """A good one, and bad ones by what is wrong with them."""
    good = platform.token("tok@example.com")
    claims = jwt.decode(good, options={"verify_signature": False})
    return {
        "good": good,
        "expired": platform.token("tok@example.com", lifetime=-100.0),
        "foreign": jwt.encode(claims, "somebody else's secret" * 3, algorithm="HS256"),
        "refresh": platform.token("tok@example.com", kind="refresh"),
    }


def test_a_cookie_of_an_earlier_login_is_enough(dl):
    project = dl.projects.create(project_name="by cookie")
    assert dl.info()["user_email"] == "before@example.com"
    assert dl.projects.get(project_name="by cookie").id == project.id
    assert project.creator == "before@example.com"


def test_an_environment_is_added_and_logged_into(dl, url):
    dl.add_environment(environment=f"{url}/api/v1", gate_url=url, alias="mock", verify_ssl=True, url=f"{url}/")
    dl.setenv("mock")
    assert dl.login_m2m(email="m2m@example.com", password="whatever", force=True) is True
    assert dl.info()["user_email"] == "m2m@example.com"
    assert dl.projects.create(project_name="by m2m").creator == "m2m@example.com"
    assert dl.login_m2m(email="m2m@example.com", password="whatever") is True  # it asks who it is, and stays


def test_a_custom_environment_comes_from_a_variable(dl, url):
    dl.setenv("custom")
    assert dl.login_m2m(email="custom@example.com", password="whatever", force=True) is True
    assert dl.projects.create(project_name="by custom").creator == "custom@example.com"
    dl.setenv(f"{url}/api/v1")


def test_a_token_is_taken_if_the_platform_takes_it(dl, tokens):
    assert dl.login_token(tokens["good"]) in (True, None)
    assert dl.info()["user_email"] == "tok@example.com"
    assert dl.projects.create(project_name="by token").creator == "tok@example.com"
    for bad in ("foreign", "refresh"):
        with pytest.raises(ValueError, match="Invalid API key"):
            dl.login_token(tokens[bad])
    assert dl.info()["user_email"] == "tok@example.com"
    assert dl.projects.get(project_name="by token").name == "by token"


def test_a_token_that_is_over_is_renewed_on_the_way(dl, tokens):
    assert dl.login_m2m(email="renew@example.com", password="x", force=True)
    dl.client_api.token = tokens["expired"]
    dl.client_api.refresh_token = tokens["refresh"]
    assert dl.projects.create(project_name="renewed").creator == "tok@example.com"
    assert dl.client_api.token != tokens["expired"]


def test_an_api_key_is_a_token(dl):
    assert dl.login_m2m(email="key@example.com", password="x", force=True)
    key = dl.client_api.generate_api_key()
    assert key.count(".") == 2
    assert dl.login_api_key(key) in (True, None)
    assert dl.projects.create(project_name="by key").creator == "key@example.com"
