"""Who may call: the three questions that every request is asked before any vocabulary sees it.

1. Is it meant for this platform? A `Host` that is not one of its names is a web page that had its own name resolve to
   this machine (DNS rebinding): refused.
2. Does a foreign web page send it? A browser says so in `Origin` or `Sec-Fetch-Site`; such a request may not change
   anything.
3. Who sends it? A token, where there is one, must be valid. Without one, a platform on loopback takes the caller for
   its local user; an exposed one refuses, except at the few views marked `public`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request

from dtlpipe.errors import Forbidden, Unauthorized
from mock_server.config import Settings, is_loopback
from mock_server.platform.tokens import Identity

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

View = TypeVar("View", bound=Callable[..., object])

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def public(view: View) -> View:
    """Marks a view that needs no token even when the platform is exposed: it has means of its own, or no secrets."""
    view.__dict__["public"] = True
    return view


def any_token(view: View) -> View:
    """Marks a view whose clients send keys of their own making: on a platform that needs no token, any will do."""
    view.__dict__["any_token"] = True
    return view


def caller() -> Identity:
    """Who sends the current request."""
    identity: Identity = g.identity
    return identity


def hosts(settings: Settings) -> Callable[[str], bool]:
    """Whether a `Host` is one of the platform's names."""
    names = _names(settings)

    @lru_cache(maxsize=256)
    def is_ours(host: str) -> bool:
        name = _hostname(host)
        return is_loopback(name) or name in names or (settings.exposed and _is_address(name))

    return is_ours


def install(app: Flask, platform: Platform, any_token_at: Callable[[str], bool]) -> None:
    """Ask the questions before each request. `any_token_at`: whether a path is for clients as those of `any_token`."""
    settings = platform.settings
    is_ours = hosts(settings)

    @app.before_request
    def guard() -> None:
        host = request.headers.get("Host")
        if host is not None and not is_ours(host):  # without one it is HTTP/1.0, and so no browser
            raise Forbidden(
                f"this platform is not {host[:100]!r}",
                hint="call it by its own address; for a name of your own, start the platform with --allow-host NAME",
            )
        if request.method not in _READS:
            _check_origin(settings)
        view: object = current_app.view_functions.get(request.endpoint or "")
        if view is None and any_token_at(request.path):
            view = _nothing
        if request.method == "OPTIONS" or _is_open(view, settings):  # a browser's question comes without a token
            g.identity = Identity(settings.email)
        elif settings.require_token and "Authorization" not in request.headers:
            raise Unauthorized("a token is needed", hint="send `Authorization: Bearer <token>`")
        else:
            g.identity = platform.tokens.identify(bearer())


@any_token
def _nothing() -> None:
    """What there is not is told to the same callers as what there is beside it."""


def _is_open(view: object, settings: Settings) -> bool:
    """Whether a view answers whoever asks, whatever they send."""
    if getattr(view, "public", False):
        return True
    return bool(getattr(view, "any_token", False)) and not (settings.exposed or settings.require_token)


def bearer() -> str | None:
    """The token of the current request. Raises as `token_of`."""
    return token_of(request.headers.get("Authorization"))


def token_of(header: str | None) -> str | None:
    """The token of an `Authorization`. Raises Unauthorized for one that is not `Bearer <token>`."""
    if header is None:
        return None
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("the Authorization header is not `Bearer <token>`")
    return token.strip()


def _names(settings: Settings) -> frozenset[str]:
    own = {settings.host, *settings.allowed_hosts, urlsplit(settings.public_url or "").hostname or settings.host}
    if settings.exposed:
        own |= {socket.gethostname(), socket.getfqdn()}
    return frozenset(name.strip("[]").rstrip(".").lower() for name in own)


def _hostname(netloc: str) -> str:
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _authority(origin: str) -> str | None:
    """Host and port of a web origin; None if it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _check_origin(settings: Settings) -> None:
    headers = request.headers
    check_page(settings, request.host, headers.get("Origin"), headers.get("Sec-Fetch-Site", "none"))


def check_page(settings: Settings, host: str, origin: str | None, site: str) -> None:
    """Raises Forbidden if a web page elsewhere sends the request, as a browser says in `Origin` or `Sec-Fetch-Site`."""
    if origin is not None:
        own = _authority(origin) == host.lower()
        if not own and origin.rstrip("/").lower() not in settings.allowed_origins:
            raise Forbidden(f"a page of {origin[:100]} may not change anything here")
    elif site not in ("none", "same-origin"):
        raise Forbidden("a page of another site may not change anything here")
