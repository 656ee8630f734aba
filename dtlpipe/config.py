"""Where a client finds its platform and who it is there: arguments, then environment variables, then a file.

| setting         | argument             | environment                             | file                   |
|-----------------|----------------------|-----------------------------------------|------------------------|
| the API         | `url`                | DTLPIPE_URL, else INTERNAL_REQUESTS_URL | `url`                  |
| the gate        | `gate_url`           | DTLPIPE_GATE_URL                        | `gate_url`             |
| who             | `token`              | DTLPIPE_TOKEN                           | `token`                |
|                 | `username, password` | DTLPIPE_USERNAME, DTLPIPE_PASSWORD      | `username`, `password` |
| tokens by proxy |                      | DTLPY_REFRESH_TOKEN_METHOD=proxy with   |                        |
|                 |                      | AGENT_PROXY_MAIN_PORT and, optionally,  |                        |
|                 |                      | GET_JWT_ENDPOINT_SECRET                 |                        |
| seconds         | `timeout`            | DTLPIPE_TIMEOUT                         | `timeout`              |
| certificates    | `verify`             |                                         | `verify_ssl`           |

The file is `$DTLPIPE_CONFIG`, else `~/.dtlpipe/config.toml`; its tables `[environments.<alias>]` name further
platforms. A url may be given as an alias, with or without `/api/v1`. Without any of these the platform is the
public cloud.

Credentials go only where they were meant to go: those of one source are not used for a platform that another names,
if the source names a platform of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from dtlpipe.errors import ConfigurationError

CLOUD = "https://gate.dataloop.ai/api/v1"
API = "/api/v1"
TIMEOUT = 60.0


def api_url(url: str) -> str:
    """The API's address without a trailing slash: `http://127.0.0.1:8080` means `http://127.0.0.1:8080/api/v1`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"{url!r} is neither the url of a platform nor the alias of a known environment",
            hint="a url looks like http://127.0.0.1:8080; dl.add_environment(environment=url, alias=...) names one",
        )
    if parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError(f"{parts.hostname}: a platform's url has no user, query or fragment in it")
    path = parts.path.rstrip("/") or API
    return f"{parts.scheme}://{parts.netloc}{path}"


def gate_of(url: str) -> str:
    """The gate of an API: tokens are handed out beside it, not below it."""
    return api_url(url).removesuffix(API)


def origin_of(url: str) -> tuple[str, str]:
    """Scheme and host with port, which two urls share when they are the same server."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def is_loopback(url: str) -> bool:
    """Whether a url can only be this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def usable_token(token: str) -> str:
    """The token without blanks around it. Raises ConfigurationError for what no header can carry; it is not shown."""
    found = token.strip()
    if not found or not found.isascii() or not found.isprintable() or " " in found:
        raise ConfigurationError(
            "the token is empty, or has characters in it that no token has",
            hint="give it as the platform handed it out: one word",
        )
    return found


@attrs.frozen(kw_only=True)
class Environment:
    """A platform that has a name."""

    url: str
    alias: str | None = None
    gate_url: str | None = None
    console_url: str | None = None
    verify: bool = True
    token: str | None = attrs.field(default=None, repr=False)
    refresh_token: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], alias: str | None) -> Environment:
        """From JSON or TOML data with the keys that the field's SDK uses: `url`, `gate_url`, `verify_ssl`, `token`."""
        if not isinstance(table.get("url"), str):
            raise ConfigurationError(f"environment {alias!r} has no url")
        return cls(
            url=api_url(table["url"]),
            alias=table.get("alias", alias),
            gate_url=table.get("gate_url"),
            console_url=table.get("console_url"),
            verify=str(table.get("verify_ssl", True)).lower() not in ("false", "0", "no"),
            token=table.get("token"),
            refresh_token=table.get("refresh_token"),
        )


_BUILT_IN = (
    Environment(url=CLOUD, alias="prod", console_url="https://console.dataloop.ai/"),
    Environment(url="https://rc-gate.dataloop.ai/api/v1", alias="rc", console_url="https://rc-con.dataloop.ai/"),
    Environment(url="https://dev-gate.dataloop.ai/api/v1", alias="dev", console_url="https://dev-con.dataloop.ai/"),
)


@attrs.frozen(kw_only=True)
class Settings:
    """All that a client needs to know, decided. Secrets are not shown by `repr`."""

    url: str
    gate_url: str
    token: str | None = attrs.field(default=None, repr=False)
    refresh_token: str | None = attrs.field(default=None, repr=False)
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    jwt_url: str | None = None
    jwt_secret: str | None = attrs.field(default=None, repr=False)
    timeout: float = TIMEOUT
    verify: bool = True
    console_url: str | None = None

    @property
    def loopback(self) -> bool:
        return is_loopback(self.url)


@attrs.define(kw_only=True)
class _Source:
    """What one source says; `url` still as it was written."""

    url: str | None = None
    gate_url: str | None = None
    token: str | None = None
    refresh_token: str | None = None
    username: str | None = None
    password: str | None = None
    jwt_url: str | None = None
    jwt_secret: str | None = None
    timeout: float | None = None
    verify: bool | None = None


_IDENTITY = ("token", "refresh_token", "username", "password", "jwt_url", "jwt_secret")


class Environments:
    """Platforms that have names: built in, from the file, from DTLPY_CUSTOM_ENV (`custom`), or added by the program."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._added: dict[str, Environment] = {}

    def add(self, environment: Environment) -> None:
        self._added = {
            url: each for url, each in self._added.items() if not each.alias or each.alias != environment.alias
        }
        self._added[environment.url] = environment

    def find(self, url_or_alias: str) -> Environment:
        """The environment of that name or url; a url that has none is an environment of its own.

        Raises ConfigurationError for a name that is not known.
        """
        if url_or_alias.startswith(("http://", "https://")):
            url = api_url(url_or_alias)
            return next((each for each in self._all() if each.url == url), Environment(url=url))
        for each in self._all():
            if each.alias == url_or_alias:
                return each
        known = ", ".join(sorted(each.alias for each in self._all() if each.alias))
        raise ConfigurationError(
            f"there is no environment called {url_or_alias!r}",
            hint=f"known are {known}; dl.add_environment(environment=url, alias={url_or_alias!r}) adds one",
        )

    def _all(self) -> list[Environment]:
        tables = read_file(self._environ).get("environments", {})
        named = [Environment.from_table(table, alias) for alias, table in tables.items()]
        return [*self._added.values(), *_custom(self._environ), *named, *_BUILT_IN]


def _custom(environ: Mapping[str, str]) -> list[Environment]:
    text = environ.get("DTLPY_CUSTOM_ENV")
    if not text:
        return []
    import base64

    try:
        table = json.loads(base64.b64decode(text, validate=True))
    except ValueError:
        raise ConfigurationError("DTLPY_CUSTOM_ENV is not the base64 text of a JSON object") from None
    if not isinstance(table, Mapping):
        raise ConfigurationError("DTLPY_CUSTOM_ENV holds JSON, but not an object")
    return [attrs.evolve(Environment.from_table(table, "custom"), alias="custom")]


def read_file(environ: Mapping[str, str]) -> dict[str, Any]:
    """The file's data; {} when there is none. A file that `DTLPIPE_CONFIG` names must exist."""
    named = environ.get("DTLPIPE_CONFIG")
    path = Path(named) if named else Path.home() / ".dtlpipe" / "config.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if named:
            raise ConfigurationError(f"DTLPIPE_CONFIG names {named}, which does not exist") from None
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from None


def _from_environ(environ: Mapping[str, str]) -> _Source:
    def read(name: str) -> str | None:
        return environ.get(name) or None

    source = _Source(
        url=read("DTLPIPE_URL") or read("INTERNAL_REQUESTS_URL"),
        gate_url=read("DTLPIPE_GATE_URL"),
        token=read("DTLPIPE_TOKEN"),
        username=read("DTLPIPE_USERNAME"),
        password=read("DTLPIPE_PASSWORD"),
        timeout=_seconds(read("DTLPIPE_TIMEOUT"), "DTLPIPE_TIMEOUT"),
    )
    if read("DTLPY_REFRESH_TOKEN_METHOD") == "proxy":
        source.jwt_url = f"http://localhost:{read('AGENT_PROXY_MAIN_PORT') or '1001'}/get_jwt"
        source.jwt_secret = read("GET_JWT_ENDPOINT_SECRET")
    return source


def _from_file(data: Mapping[str, Any]) -> _Source:
    texts = {
        key: data[key] for key in ("url", "gate_url", "token", "refresh_token", "username", "password") if key in data
    }
    for key, value in texts.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"configuration file: {key} is a text, not {type(value).__name__}")
    return _Source(
        **texts, timeout=_seconds(data.get("timeout"), "configuration file: timeout"), verify=data.get("verify_ssl")
    )


def _seconds(value: Any, name: str) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not seconds > 0:
        raise ConfigurationError(f"{name} is {value!r}; it takes seconds, more than 0")
    return seconds


def resolve(
    *,
    url: str | None = None,
    gate_url: str | None = None,
    token: str | None = None,
    refresh_token: str | None = None,
    username: str | None = None,
    password: str | None = None,
    timeout: float | None = None,
    verify: bool | None = None,
    environ: Mapping[str, str] | None = None,
    environments: Environments | None = None,
) -> Settings:
    """Decides all settings. Raises ConfigurationError for what does not work together."""
    environ = os.environ if environ is None else environ
    environments = environments or Environments(environ)
    given = _Source(
        url=url, gate_url=gate_url, token=token, refresh_token=refresh_token, username=username, password=password,
        timeout=_seconds(timeout, "timeout"), verify=verify,
    )  # fmt: skip
    if (username is None) != (password is None):
        raise ConfigurationError("username and password go together; one of them is missing")
    sources = [given, _from_environ(environ), _from_file(read_file(environ))]
    named = next((each.url for each in sources if each.url), CLOUD)
    environment = environments.find(named)
    sources.append(
        _Source(
            url=environment.url, gate_url=environment.gate_url, token=environment.token,
            refresh_token=environment.refresh_token, verify=environment.verify,
        )
    )  # fmt: skip
    target = origin_of(environment.url)
    usable = [each for each in sources if not each.url or origin_of(environments.find(each.url).url) == target]
    who = next((each for each in usable if any(getattr(each, name) for name in _IDENTITY)), _Source())

    def first(name: str, among: list[_Source]) -> Any:
        return next((value for each in among if (value := getattr(each, name)) is not None), None)

    verified = first("verify", usable)
    identity = {name: getattr(who, name) for name in _IDENTITY}
    for name in ("token", "refresh_token"):
        identity[name] = usable_token(identity[name]) if identity[name] else None
    return Settings(
        console_url=environment.console_url,
        url=environment.url,
        gate_url=(first("gate_url", usable) or gate_of(environment.url)).rstrip("/"),
        timeout=first("timeout", sources) or TIMEOUT,
        verify=True if verified is None else verified,
        **identity,
    )
