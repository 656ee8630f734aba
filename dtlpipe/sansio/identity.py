"""Who the client is: the token in use, when it ends, and the ways to a new one.

Tokens are read, never verified: the platform does that. Nothing here shows them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from dtlpipe.config import Settings
from dtlpipe.errors import Unauthorized

#: Seconds before its end at which a token counts as over, so that it does not end on the way.
MARGIN = 60.0


def claims_of(token: str | None) -> dict[str, Any]:
    """What a JWT says of itself; {} for a token that is none (such as an opaque API key)."""
    parts = (token or "").split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


class Identity:
    """The tokens and credentials in use; changed by logins and renewals."""

    def __init__(self, settings: Settings) -> None:
        self.username = settings.username
        self.password = settings.password
        self.jwt_url = settings.jwt_url
        self.jwt_secret = settings.jwt_secret
        self.refresh_token = settings.refresh_token
        self._token: str | None = None
        self._ends_at: float | None = None
        self.token = settings.token

    @property
    def token(self) -> str | None:
        return self._token

    @token.setter
    def token(self, token: str | None) -> None:
        self._token = token or None
        ends = claims_of(token).get("exp")
        self._ends_at = float(ends) if isinstance(ends, (int, float)) else None

    @property
    def email(self) -> str | None:
        """The user that the token names."""
        email = claims_of(self._token).get("email")
        return email if isinstance(email, str) else None

    def expired(self, now: float, margin: float = MARGIN) -> bool:
        """Whether the token is over, or will be within `margin` seconds. One that names no end never is."""
        return self._ends_at is not None and now > self._ends_at - margin

    @property
    def renewable(self) -> bool:
        return bool(self.jwt_url or self.refresh_token or (self.username and self.password))

    def log_in(self, answer: Any, asked: str) -> None:
        """Takes over a login's answer, `{"id_token", "refresh_token"?}`, or that of a token's proxy, `{"jwt"}`.

        Raises:
            Unauthorized: there is no token in it; names `asked`, where it came from.
        """
        answer = answer if isinstance(answer, Mapping) else {}
        token = answer.get("id_token") or answer.get("jwt")
        if not isinstance(token, str):
            raise Unauthorized(f"{asked} answered the login without a token")
        self.token = token
        self.refresh_token = answer.get("refresh_token") or self.refresh_token

    def forget(self) -> None:
        """Logs out: no token, no credentials."""
        self.token = self.refresh_token = self.username = self.password = None
        self.jwt_url = self.jwt_secret = None

    def __repr__(self) -> str:
        return f"Identity({self.email or self.username or 'nobody'})"
