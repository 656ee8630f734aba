"""The default client behind `dl.projects`, `dl.setenv`, ...: one a platform, made when it is first needed.

Names and argument order are those of the field's SDK. Whoever writes a program rather than a script makes a `Client`.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from dtlpipe.client.clients import Client
from dtlpipe.config import Environment, Environments, api_url

_environments = Environments()
_clients: dict[str, Client] = {}
_chosen: str | None = None
_lock = threading.RLock()


def default_client() -> Client:
    """The client of the environment in use."""
    with _lock:
        key = _chosen or ""
        if key not in _clients:
            _clients[key] = Client(_chosen, environments=_environments)
        return _clients[key]


def setenv(env: str) -> None:
    """Uses another platform from now on: a url, or the alias of an environment. Logins are kept apart.

    Inside a platform's own processes (INTERNAL_REQUESTS_URL) requests go on to that platform, whatever is set.

    Raises:
        ConfigurationError: an alias that is not known.
    """
    global _chosen  # noqa: PLW0603 - the default client is the module's own state
    url = _environments.find(env).url
    if os.environ.get("INTERNAL_REQUESTS_URL") and not os.environ.get("DTLPIPE_URL"):
        return
    with _lock:
        _chosen = url


def add_environment(  # takes what the field's SDK takes, needed or not
    environment: str,
    audience: str | None = None,  # noqa: ARG001
    client_id: str | None = None,  # noqa: ARG001
    auth0_url: str | None = None,  # noqa: ARG001
    verify_ssl: bool = True,  # noqa: FBT001, FBT002 - the field's own signature
    token: str | None = None,
    refresh_token: str | None = None,
    alias: str | None = None,
    use_ssl_context: bool = False,  # noqa: ARG001, FBT001, FBT002
    gate_url: str | None = None,
    url: str | None = None,
    login_domain: str | None = None,  # noqa: ARG001
) -> None:
    """Names a platform for `setenv`.

    Args:
        environment: its API's url.
        audience: not needed, as `client_id`, `auth0_url`, `use_ssl_context` and `login_domain`.
        client_id: see `audience`.
        auth0_url: see `audience`.
        verify_ssl: whether to check certificates.
        token: who to be there.
        refresh_token: renews the token when it is over.
        alias: its name.
        use_ssl_context: see `audience`.
        gate_url: where tokens are handed out, if not beside the API.
        url: its web console.
        login_domain: see `audience`.
    """
    added = Environment(
        url=api_url(environment),
        alias=alias,
        gate_url=gate_url,
        console_url=url,
        verify=verify_ssl,
        token=token,
        refresh_token=refresh_token,
    )
    with _lock:
        _environments.add(added)
        _clients.pop(added.url, None)


def environment() -> str:
    """The url of the platform in use."""
    return default_client().environment


def token() -> str | None:
    """The token in use."""
    return default_client().token


def token_expired(t: float = 60) -> bool:
    """Whether a login is needed now, or will be within `t` seconds."""
    return default_client().token_expired(t)


def info(with_token: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - the field's own signature
    """The environment and the user, and with `with_token` the token, which should then not be printed."""
    return default_client().info(with_token)


def login() -> bool:
    """Makes sure of being logged in, without a browser; True."""
    return default_client().login()


def login_m2m(
    email: str,
    password: str,
    client_id: str | None = None,
    client_secret: str | None = None,
    force: bool = False,  # noqa: FBT001, FBT002 - the field's own signature
) -> bool:
    """Logs in with the credentials of a user or bot; True. Raises Unauthorized if they are not accepted."""
    return default_client().login_m2m(email, password, client_id, client_secret, force)


login_secret = login_m2m


def login_token(token: str) -> bool:
    """Uses a token from now on; True. Raises Unauthorized if it is not accepted."""
    return default_client().login_token(token)


def login_api_key(api_key: str) -> bool:
    """Uses an API key from now on; True. Raises Unauthorized if it is not accepted."""
    return default_client().login_api_key(api_key)


def logout() -> None:
    """Forgets token and credentials."""
    default_client().logout()


def reset() -> None:
    """Forgets all default clients and added environments, and reads the environment variables anew. For tests."""
    global _chosen, _environments  # noqa: PLW0603 - the default client is the module's own state
    with _lock:
        for each in _clients.values():
            each.close()
        _clients.clear()
        _environments = Environments()
        _chosen = None
