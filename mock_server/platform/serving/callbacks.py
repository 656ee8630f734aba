"""Calling back: the end of a job, told to a URL of its owner's by a signed POST, until it is taken.

Law: at least once. What is to be told stands in the job's note from the moment the job was accepted, and until the
other end has said 2xx or all attempts are used up, which the note then says. Receivers know a repetition by its
delivery id.

Where to: a platform that only this machine reaches calls whatever its user names. One that others reach calls the hosts
that its setting `callback_hosts` lists, and nothing else: a caller could have it call what only the platform reaches.
Redirects are never followed, and answers are read no further than their status.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from dtlpipe.errors import UnprocessableEntity
from mock_server.config import Settings

SIGNATURE: Final = "X-Dtlpipe-Signature"
DELIVERY: Final = "X-Dtlpipe-Delivery"
ATTEMPTS: Final = 10
_FIRST, _LONGEST = 1.0, 3600.0
_TIMEOUT: Final = 10.0


def checked(url: str, settings: Settings) -> str:
    """The URL. Raises UnprocessableEntity for one that is not called."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
        _ = parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise UnprocessableEntity(f"callback: {url[:200]!r} is no http or https URL without a user")
    if settings.exposed and host not in {each.rstrip(".").lower() for each in settings.callback_hosts}:
        raise UnprocessableEntity(
            f"callback: this platform calls back no {host!r}",
            hint="start it with --callback-host (the setting callback_hosts) for each that it may call",
        )
    return url


def signature(secret: str, body: bytes, at: int) -> str:
    """What the header says: the time, and the HMAC-SHA256 of time and body, `t=<seconds>,v1=<hex>`."""
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def deliver(callback: Mapping[str, Any], body: bytes) -> str | None:
    """Tell it once; None if it was taken, else why not."""
    import httpx  # here, since most platforms call nobody back: it is 10 MB, and a fifth of a second

    headers = {
        "Content-Type": "application/json",
        DELIVERY: str(callback["delivery"]),
        SIGNATURE: signature(callback["_secret"], body, int(time.time())),
    }
    try:
        with (
            httpx.Client(timeout=_TIMEOUT, trust_env=False, follow_redirects=False) as client,
            client.stream("POST", callback["url"], content=body, headers=headers) as answer,
        ):
            return None if answer.is_success else f"it answered {answer.status_code}"
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"


def pause(attempts: int) -> float:
    """Seconds between a failed attempt, the first being 1, and the next."""
    return min(_LONGEST, _FIRST * 2.0 ** (attempts - 1))
