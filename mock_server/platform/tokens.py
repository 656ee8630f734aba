"""Tokens: what this platform signs, and nothing else, lets a caller in.

Law: a token is a JWT (HS256) of this platform's own secret, with an e-mail, a kind and an end. A token that is present
and not valid is refused whatever else would have let the caller in. Neither tokens nor secrets are ever logged.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections import OrderedDict
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import Literal

import attrs

from dtlpipe.errors import Forbidden, Unauthorized
from mock_server.config import Settings
from mock_server.platform.throttle import Throttle

Kind = Literal["access", "refresh", "api-key"]

FILE = "dtlpipe-platform.secret"
_ALGORITHM = "HS256"
_KEEP = 512  # tokens whose signature was checked lately


@attrs.frozen
class Identity:
    """Who is calling. `token` names the token without giving it away; it is "" for a caller that sent none."""

    email: str
    token: str = ""


@attrs.frozen
class _Claims:
    email: str
    kind: str
    expires: float
    name: str


class Tokens:
    """Signs and checks. The secret is made at the first need, in the data folder, for the owner's eyes only."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._secret: bytes | None = None
        self._checked: OrderedDict[str, _Claims] = OrderedDict()
        self.throttle = Throttle()

    def issue(self, email: str | None = None, kind: Kind = "access", lifetime: float | None = None) -> str:
        """A token for the e-mail (default: the local user), good for `lifetime` seconds."""
        settings = self._settings
        lifetimes = {
            "access": settings.token_lifetime,
            "refresh": settings.refresh_lifetime,
            "api-key": settings.api_key_lifetime,
        }
        now = int(time.time())
        claims = {
            "email": email or settings.email,
            "sub": email or settings.email,
            "iat": now,
            "exp": int(now + (lifetimes[kind] if lifetime is None else lifetime)),
            "jti": secrets.token_hex(8),
            "kind": kind,
        }
        import jwt  # here and below, since it brings ssl, http and email, of which a start needs nothing

        return jwt.encode(claims, self._key(), algorithm=_ALGORITHM)

    def log_in(self, password: str | None, address: str) -> None:
        """Raises Unauthorized unless the password lets a caller in; on loopback every one does.

        Raises TooManyRequests for an address that gave too many wrong ones.
        """
        if not self._settings.exposed:
            return
        with self.throttle.attempt(address):
            if not _same(self._settings.password, password):
                raise Unauthorized("wrong password", hint="the password is the one that this platform was started with")

    def check_jwt_secret(self, secret: str | None, address: str) -> None:
        """Raises Forbidden unless a token may be handed out to a caller that has only this; TooManyRequests as above.

        Only a secret that was given is a guess: clients ask without one to see whether one is needed.
        """
        expected = self._settings.jwt_secret
        if expected is None:
            if self._settings.exposed:
                raise Forbidden("this platform is exposed and has no secret for /get_jwt, so that the path is closed")
            return
        guarded = self.throttle.attempt(address) if self._settings.exposed and secret else nullcontext()
        with guarded:
            if not _same(expected, secret):
                raise Forbidden("wrong X-Get-Jwt-Secret", hint="set GET_JWT_ENDPOINT_SECRET to this platform's secret")

    def refresh(self, token: str) -> str:
        """A new access token for a refresh token. Raises Unauthorized."""
        claims = self._claims(token)
        if claims.kind != "refresh":
            raise Unauthorized("this is not a refresh token", hint="log in again")
        return self.issue(claims.email)

    def identify(self, token: str | None) -> Identity:
        """Who sent the token. Raises Unauthorized for one that is not valid, and for none where one is needed."""
        if token is None:
            if self._settings.exposed:
                raise Unauthorized(
                    "a token is needed", hint="log in (login_m2m), and send `Authorization: Bearer <token>`"
                )
            return Identity(self._settings.email)
        claims = self._claims(token)
        if claims.kind == "refresh":
            raise Unauthorized("a refresh token opens nothing", hint="exchange it at POST /token for an access token")
        return Identity(claims.email, claims.name)

    def _claims(self, token: str) -> _Claims:
        with self._lock:
            claims = self._checked.get(token)
        if claims is None:
            claims = self._verified(token)
            with self._lock:
                self._checked[token] = claims
                if len(self._checked) > _KEEP:
                    self._checked.popitem(last=False)
        if claims.expires <= time.time():
            raise Unauthorized("the token has expired", hint="log in again")
        return claims

    def _verified(self, token: str) -> _Claims:
        import jwt
        from jwt.utils import base64url_decode, base64url_encode

        try:
            claims = jwt.decode(
                token, self._key(), algorithms=[_ALGORITHM], options={"require": ["exp", "email", "sub", "kind", "jti"]}
            )
            signature = token.rpartition(".")[2]
            if base64url_encode(base64url_decode(signature)).decode() != signature:  # base64 has many ways to say it
                raise jwt.InvalidSignatureError
        except jwt.ExpiredSignatureError:
            raise Unauthorized("the token has expired", hint="log in again") from None
        except jwt.InvalidTokenError:
            raise Unauthorized(
                "the token is not one that this platform signed",
                hint="log in to this platform; a token of another one, or of this one before a reset, opens nothing",
            ) from None
        return _Claims(str(claims["email"]), str(claims["kind"]), float(claims["exp"]), str(claims["jti"]))

    def _key(self) -> bytes:
        with self._lock:
            if self._secret is None:
                self._secret = _secret(self._settings.data_dir / FILE)
            return self._secret


def _same(expected: str | None, given: str | None) -> bool:
    """Whether a secret was given; how long that takes tells neither where it differs nor how long it is."""
    if not expected or not given:
        return False
    digests = (hashlib.sha256(each.encode("utf-8", "surrogatepass")).digest() for each in (expected, given))
    return hmac.compare_digest(*digests)


def _secret(path: Path) -> bytes:
    """The secret in the file, made if there is none. It is complete under its name or not there at all."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    return path.read_text(encoding="ascii").strip().encode("ascii")
