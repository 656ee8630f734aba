"""Settings: arguments over environment over file, and credentials that stay with the platform they were meant for."""

from __future__ import annotations

import base64
import json

import pytest

from dtlpipe.config import CLOUD, Environment, Environments, api_url, is_loopback, resolve
from dtlpipe.errors import ConfigurationError


def test_without_any_configuration_the_platform_is_the_public_cloud():
    settings = resolve(environ={})
    assert settings.url == CLOUD == "https://gate.dataloop.ai/api/v1"
    assert settings.gate_url == "https://gate.dataloop.ai"
    assert settings.token is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8080/",
        "http://127.0.0.1:8080/api/v1",
        "http://127.0.0.1:8080/api/v1/",
    ],
)
def test_a_url_is_taken_with_or_without_the_api_s_path(url):
    settings = resolve(url=url, environ={})
    assert settings.url == "http://127.0.0.1:8080/api/v1"
    assert settings.gate_url == "http://127.0.0.1:8080"


def test_a_platform_below_a_path_keeps_it():
    assert api_url("https://host/dataloop/api/v1") == "https://host/dataloop/api/v1"


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://host", "nonsense", "http://", "http://user:pw@host", "http://h?x=1"]
)
def test_what_is_no_url_is_refused_with_a_word_on_what_is(url):
    with pytest.raises(ConfigurationError):
        resolve(url=url, environ={})


def test_a_password_in_a_url_is_not_repeated_in_the_error():
    with pytest.raises(ConfigurationError) as caught:
        resolve(url="http://user:hunter2@host", environ={})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9", True),
        ("http://localhost", True),
        ("http://[::1]:80", True),
        ("http://x.localhost", True),
        ("http://localhost.evil.com", False),
        ("http://10.0.0.1", False),
        ("https://gate.dataloop.ai", False),
    ],
)
def test_loopback_is_this_machine_only(url, local):
    assert is_loopback(url) is local


def test_arguments_come_before_the_environment_and_that_before_the_file(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('url = "http://file"\ntoken = "file"\ntimeout = 5')
    environ = {"DTLPIPE_CONFIG": str(file)}
    assert resolve(environ=environ).url == "http://file/api/v1"
    assert resolve(environ=environ).token == "file"
    assert resolve(environ=environ).timeout == 5
    environ |= {"DTLPIPE_URL": "http://env", "DTLPIPE_TOKEN": "env", "DTLPIPE_TIMEOUT": "6"}
    assert resolve(environ=environ).url == "http://env/api/v1"
    assert resolve(environ=environ).token == "env"
    assert resolve(environ=environ).timeout == 6
    given = resolve(url="http://given", token="given", timeout=7, environ=environ)
    assert (given.url, given.token, given.timeout) == ("http://given/api/v1", "given", 7)


def test_a_token_is_not_sent_to_a_platform_that_another_source_names():
    environ = {"DTLPIPE_URL": "http://env", "DTLPIPE_TOKEN": "for-env-only"}
    assert resolve(url="http://elsewhere", environ=environ).token is None
    assert resolve(url="http://env/api/v1", environ=environ).token == "for-env-only"


def test_a_token_without_a_platform_goes_with_the_platform_given():
    assert resolve(url="http://elsewhere", environ={"DTLPIPE_TOKEN": "any"}).token == "any"


def test_credentials_of_two_sources_are_not_mixed(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('refresh_token = "of the file"')
    settings = resolve(token="mine", environ={"DTLPIPE_CONFIG": str(file)})
    assert (settings.token, settings.refresh_token) == ("mine", None)


def test_dtlpy_s_own_variables_point_at_a_platform():
    environ = {
        "INTERNAL_REQUESTS_URL": "http://127.0.0.1:8080/api/v1",
        "DTLPY_REFRESH_TOKEN_METHOD": "proxy",
        "AGENT_PROXY_MAIN_PORT": "8080",
        "GET_JWT_ENDPOINT_SECRET": "s",
    }
    settings = resolve(environ=environ)
    assert settings.url == "http://127.0.0.1:8080/api/v1"
    assert settings.jwt_url == "http://localhost:8080/get_jwt"
    assert settings.jwt_secret == "s"


def test_a_user_without_a_password_is_refused():
    with pytest.raises(ConfigurationError, match="together"):
        resolve(username="me", environ={})


@pytest.mark.parametrize("timeout", ["soon", "0", "-1"])
def test_a_timeout_that_is_none_is_refused(timeout):
    with pytest.raises(ConfigurationError, match="DTLPIPE_TIMEOUT"):
        resolve(environ={"DTLPIPE_TIMEOUT": timeout})


def test_a_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(ConfigurationError, match="does not exist"):
        resolve(environ={"DTLPIPE_CONFIG": str(tmp_path / "no.toml")})


def test_a_file_that_is_not_toml_is_named(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("url = ")
    with pytest.raises(ConfigurationError, match=r"config\.toml is not TOML"):
        resolve(environ={"DTLPIPE_CONFIG": str(file)})
    file.write_text("token = 5")
    with pytest.raises(ConfigurationError, match="token is a text"):
        resolve(environ={"DTLPIPE_CONFIG": str(file)})


def test_environments_are_found_by_alias_or_url(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[environments.lab]\nurl = "http://lab:8080"\ntoken = "for-lab"\nverify_ssl = false')
    custom = base64.b64encode(json.dumps({"url": "http://custom/api/v1", "alias": "c", "verify_ssl": "true"}).encode())
    environ = {"DTLPIPE_CONFIG": str(file), "DTLPY_CUSTOM_ENV": custom.decode()}
    environments = Environments(environ)
    environments.add(Environment(url="http://added/api/v1", alias="mine", gate_url="http://gate", token="t"))
    assert environments.find("mine").url == "http://added/api/v1"
    assert environments.find("http://added").alias == "mine"
    assert environments.find("lab").verify is False
    assert environments.find("custom").url == "http://custom/api/v1"
    assert environments.find("prod").url == CLOUD
    assert environments.find("http://new").alias is None
    with pytest.raises(ConfigurationError, match="mine") as caught:
        environments.find("lba")
    assert "add_environment" in str(caught.value)
    lab = resolve(url="lab", environ=environ, environments=environments)
    assert (lab.url, lab.token, lab.verify) == ("http://lab:8080/api/v1", "for-lab", False)
    mine = resolve(url="mine", environ=environ, environments=environments)
    assert (mine.gate_url, mine.token) == ("http://gate", "t")


def test_an_alias_names_one_environment():
    environments = Environments({})
    environments.add(Environment(url="http://a/api/v1", alias="x"))
    environments.add(Environment(url="http://b/api/v1", alias="x"))
    assert environments.find("x").url == "http://b/api/v1"
    assert environments.find("http://a").alias is None


@pytest.mark.parametrize("text", ["not base64!", base64.b64encode(b"[1]").decode(), base64.b64encode(b"{").decode()])
def test_a_custom_environment_that_cannot_be_read_is_refused(text):
    with pytest.raises(ConfigurationError, match="DTLPY_CUSTOM_ENV"):
        Environments({"DTLPY_CUSTOM_ENV": text}).find("custom")


def test_blanks_around_a_token_are_dropped():
    assert resolve(url="http://127.0.0.1:1", token="abc\n", environ={}).token == "abc"


@pytest.mark.parametrize("token", [" ", "a b", "a\nb", "tökén", "a\x00b"])
def test_what_cannot_be_a_token_is_refused_without_being_shown(token):
    with pytest.raises(ConfigurationError) as refused:
        resolve(url="http://127.0.0.1:1", token=token, environ={})
    assert token.strip() == "" or token not in str(refused.value)
