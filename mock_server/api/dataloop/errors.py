"""Errors in Dataloop's body: `message` is all that the field's SDK shows, so it says everything by itself."""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import HTTPException

from dtlpipe.errors import (
    CodeNotShippable,
    ConfigurationError,
    DtlpipeError,
    InternalServerError,
    NotAnItemPath,
    PlatformException,
    from_status,
)

_LONGEST = 4000  # characters of a message: what is quoted in it may be as long as a body
_TEXTS = {
    404: "there is nothing at {method} {path}",
    405: "{path} does not take {method}",
    413: "the body is larger than is allowed here",
}


def translate(error: Exception, method: str, path: str) -> PlatformException:
    """The error as one with a status. What nobody raised on purpose is a 500 that says nothing of its inside."""
    if isinstance(error, PlatformException):
        return error
    if isinstance(error, HTTPException):
        status = error.code or 500
        text = _TEXTS.get(status, error.description or error.name)
        return from_status(status, text.format(method=method, path=path))
    if isinstance(error, (CodeNotShippable, ConfigurationError, NotAnItemPath)):
        return from_status(400, error.message, hint=error.hint)
    if isinstance(error, DtlpipeError):
        return from_status(424, error.message, hint=error.hint)
    return InternalServerError("the platform failed at this; its log tells more under the request id")


def body(error: PlatformException, request_id: str) -> dict[str, Any]:
    """The JSON of an error. Absent keys are those that have nothing to say."""
    message = error.message
    unsaid = [each for each in error.errors if str(each.get("message")) not in message]
    where = "; ".join(f"{_path(each.get('path', ()))}: {each.get('message')}" for each in unsaid)
    if where:
        message = f"{message}: {where}" if message else where
    if len(message) > _LONGEST:
        message = f"{message[: _LONGEST // 2]} [...] {message[-_LONGEST // 2 :]}"
    found = {
        "message": message,
        "status": status(error),
        "errors": error.errors or None,
        "hint": error.hint,
        "node": error.node,
        "port": error.port,
        "requestId": request_id,
    }
    return {key: value for key, value in found.items() if value is not None}


def status(error: PlatformException) -> int:
    """The HTTP status; codes that exist only inside clients become a 500."""
    return error.status if 400 <= error.status <= 599 else 500


def _path(path: Any) -> str:
    return ".".join(str(step) for step in path) or "the body"
