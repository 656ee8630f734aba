"""Errors in the run service's body: `{"detail": <text>}`, or a list of faults for what does not validate."""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import HTTPException

from dtlpipe.errors import DtlpipeError, InternalServerError, PlatformException, from_status


def translate(error: Exception, method: str, path: str) -> PlatformException:
    """The error as one with a status. What nobody raised on purpose is a 500 that says nothing of its inside."""
    del method, path  # the original says neither
    if isinstance(error, PlatformException):
        return error
    if isinstance(error, HTTPException):
        return from_status(error.code or 500, error.name)
    if isinstance(error, DtlpipeError):
        return from_status(400, error.message, hint=error.hint)
    return InternalServerError("Internal Server Error")


def body(error: PlatformException, request_id: str) -> dict[str, Any]:
    """The JSON of an error. The request's name is in a header alone."""
    del request_id
    if error.errors:
        return {"detail": [_fault(each) for each in error.errors]}
    return {"detail": f"{error.message} ({error.hint})" if error.hint and error.status != 404 else error.message}


def status(error: PlatformException) -> int:
    """The HTTP status; codes that exist only inside clients become a 500."""
    return error.status if 400 <= error.status <= 599 else 500


def _fault(error: dict[str, Any]) -> dict[str, Any]:
    if "loc" in error:
        return error
    return {"type": "value_error", "loc": ["body", *error.get("path", ())], "msg": str(error.get("message"))}
