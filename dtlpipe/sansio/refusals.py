"""What an answer that is no success means: a response's status and body as an error of the one tree."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from dtlpipe.errors import PlatformException, from_status
from dtlpipe.sansio.effects import Response

_TEXT = 500


def refusal(response: Response, clock: Callable[[], float]) -> PlatformException:
    """The error for a response.

    Its body is `{"message", "errors"?, "hint"?, "node"?, "port"?, "requestId"?}` or any text.
    """
    body = _body(response)
    message = body.get("message") or body.get("error") or body.get("detail")
    if isinstance(message, Mapping):
        message = message.get("message")
    errors = body.get("errors")
    if isinstance(message, list):  # of faults, each {"loc": [...], "msg": ...}
        faults = [each for each in message if isinstance(each, dict)]
        errors = [{"path": _place(each), "message": str(each.get("msg"))} for each in faults]
        message = "what was sent does not validate"
    if not isinstance(message, str) or not message:
        message = _text(response)
    return from_status(
        response.status,
        message,
        request_id=_string(body.get("requestId")) or response.headers.get("x-request-id"),
        retry_after=retry_after(response, clock),
        errors=[each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else None,
        hint=_string(body.get("hint")) or _HINTS.get(response.status),
        node=_string(body.get("node")),
        port=_string(body.get("port")),
    )


_HINTS = {
    401: "log in: dl.login_m2m(email, password), dl.login_token(token), or set DTLPIPE_TOKEN",
}


def retry_after(response: Response, clock: Callable[[], float]) -> float | None:
    """Seconds, from a Retry-After header that gives seconds or a date; None without one that can be read."""
    text = response.headers.get("retry-after")
    if not text:
        return None
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(text).timestamp() - clock(), 0.0)
    except ValueError:
        return None


def _place(fault: Mapping[str, Any]) -> list[Any]:
    place = fault.get("loc")
    return list(place[1:]) if isinstance(place, list) else []


def _body(response: Response) -> Mapping[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _text(response: Response) -> str:
    text = response.content[: 4 * _TEXT].decode("utf-8", "replace").strip()
    if response.status < 400:
        return f"the answer points elsewhere: {response.headers.get('location', text)[:_TEXT]}"
    if not text:
        return "the platform gave no reason"
    if text.startswith("<"):
        return "the answer is a web page, so perhaps not a platform's"
    return text if len(text) <= _TEXT else text[:_TEXT] + "..."


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
