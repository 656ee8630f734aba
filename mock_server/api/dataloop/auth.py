"""The gate: how clients come by tokens. These paths stand outside of /api/v1, and none of them needs a token."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from dtlpipe.errors import BadRequest
from mock_server.api.dataloop import validation
from mock_server.api.guard import public
from mock_server.config import is_loopback

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_JWT_SECRET = "X-Get-Jwt-Secret"  # noqa: S105 - the name of a header


def register(gate: Blueprint, platform: Platform) -> None:
    """Adds the gate's routes."""
    tokens, settings = platform.tokens, platform.settings

    def granted(email: str) -> dict[str, Any]:
        token = tokens.issue(email)
        return {
            "id_token": token,
            "access_token": token,
            "refresh_token": tokens.issue(email, "refresh"),
            "token_type": "Bearer",
            "expires_in": int(settings.token_lifetime),
        }

    def authenticated(body: dict[str, Any]) -> str:
        """The e-mail of who logs in."""
        email = validation.text(body, "username", longest=320)
        password = body.get("password")
        if not isinstance(password, str | None):
            raise BadRequest("", errors=[{"path": ["password"], "message": "a text is needed here"}])
        tokens.log_in(password, _address())
        return email

    @gate.post("/token")
    @public
    def token() -> Any:
        body = validation.fields()
        kinds = [body[key] for key in ("type", "grant_type") if body.get(key) not in (None, "")]
        kind = kinds[0] if kinds else "user_credentials"
        if kind == "refresh_token":
            return {"id_token": tokens.refresh(validation.text(body, "refresh_token", longest=8192))}
        if kind not in ("user_credentials", "password"):
            raise BadRequest(f"type: {kind!r} is neither 'user_credentials' nor 'refresh_token'")
        return granted(authenticated(body))

    @gate.get("/login")
    @public
    def login() -> AnyResponse:
        callback = _callback()
        return _form() if settings.exposed else _back(callback, granted(settings.email))

    @gate.post("/login")
    @public
    def login_with_password() -> AnyResponse:
        callback = _callback()
        return _back(callback, granted(authenticated(validation.fields())))

    @gate.get("/get_jwt")
    @public
    def get_jwt() -> Any:
        tokens.check_jwt_secret(request.headers.get(_JWT_SECRET), _address())
        return {"jwt": tokens.issue()}


def _address() -> str:
    """Where the request comes from: the other end of its connection, as what headers say of it can be made up."""
    return request.remote_addr or ""


def _callback() -> SplitResult:
    """The client's own small server, which waits for the tokens. Only this machine's: they open everything."""
    callback = request.args.get("callback", "http://localhost:3001")
    try:
        parts = urlsplit(callback)
        _ = parts.port  # a ValueError for one that is none
    except ValueError as error:
        raise BadRequest(f"callback: {callback[:200]!r} is no address: {error}") from None
    if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
        raise BadRequest(
            f"callback: {callback[:200]!r} is not on this machine", hint="tokens are sent to http://localhost only"
        )
    return parts


def _back(callback: SplitResult, granted: dict[str, Any]) -> AnyResponse:
    query = urlencode({key: granted[key] for key in ("id_token", "access_token", "refresh_token")})
    return redirect(urlunsplit((callback.scheme, callback.netloc, callback.path, query, "")))


def _form() -> Response:
    action = html.escape(f"/login?{request.query_string.decode('latin-1')}", quote=True)
    page = f"""<!doctype html><meta charset="utf-8"><title>Log in</title>
<form method="post" action="{action}">
<label>E-mail <input name="username" type="email" required autofocus></label>
<label>Password <input name="password" type="password" required></label>
<button>Log in</button></form>
"""
    return Response(page, mimetype="text/html", headers={"Content-Security-Policy": "default-src 'none'"})
