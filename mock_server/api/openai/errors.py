"""Errors as OpenAI's clients read them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from typing import Any

import orjson

from dtlpipe.errors import PlatformException
from mock_server.api.relay import Manners
from mock_server.platform.serving.calls import Answer

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_CODES = {401: "invalid_api_key", 413: "request_too_large", 503: "overloaded"}
_ROOTS = frozenset({"v1", "models", "files", "responses"})


def owns(path: str) -> bool:
    """Whether a path is of this vocabulary."""
    return path.strip("/").split("/")[0] in _ROOTS or path.rstrip("/") == "/chat/completions"


def body(error: PlatformException, _request_id: str) -> dict[str, Any]:
    """The JSON of an error."""
    code = getattr(error, "code", None) or _CODES.get(error.status)
    return error_body(error.status, error.message, code=code, param=getattr(error, "param", None))


def error_body(status: int, message: str, *, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """An error of that status."""
    kind = _TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}, "detail": message}


def reshaped(answer: Answer) -> Answer:
    """A host's answer; its refusals in OpenAI's shape."""
    if answer.status < 400:
        return answer
    try:
        given = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        given = {}
    if isinstance(given, dict) and "error" in given:
        return answer
    detail = given.get("detail") if isinstance(given, dict) else None
    message = detail if isinstance(detail, str) else orjson.dumps(detail or "the pipeline failed").decode()
    code = "pipeline_error" if answer.status >= 500 else None
    told = orjson.dumps(error_body(answer.status, message, code=code))
    return Answer(answer.status, "application/json", {}, told)


MANNERS = Manners(body, reshaped)
