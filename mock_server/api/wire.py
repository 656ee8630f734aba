"""JSON in and out for every vocabulary, and the name that each request has in answers and in the log."""

from __future__ import annotations

import json
import random
import re
from datetime import datetime
from typing import Any

import orjson
from flask import Flask, Response, g, request
from flask.json.provider import JSONProvider

from dtlpipe.model import times
from dtlpipe.model.struct import encode

REQUEST_ID = "X-Request-Id"
#: Says to clients that this is a platform of ours, which honours idempotency keys.
PLATFORM = "x-dtlpipe-platform"
#: What every answer says, unless its view says something else.
ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def dumps(value: Any) -> bytes:
    """JSON bytes. What orjson cannot say (integers beyond 64 bits, lone surrogates) is said by the standard library."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME)
    except orjson.JSONEncodeError:
        return json.dumps(value, default=_plain).encode("ascii")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return times.to_wire(value)
    plain = encode(value)
    if plain is value:
        raise TypeError(f"{type(value).__name__} is not JSON")
    return plain


class OrjsonProvider(JSONProvider):
    """Flask's JSON, by orjson."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return json_response(self._prepare_response_obj(args, kwargs))


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON. For objects and lists, a view may as well return the value itself."""
    return Response(dumps(value), status, headers, mimetype="application/json")


def new_request_id() -> str:
    """A name for a request."""
    return f"{random.getrandbits(64):016x}"  # a name, and no secret


def sane_request_id(given: str) -> str:
    """What the client called a request, if that is harmless to repeat; else a new name."""
    return given if _SANE.fullmatch(given) else new_request_id()


def request_id() -> str:
    """The current request's name."""
    found: str | None = g.get("request_id")
    if found is None:
        found = g.request_id = sane_request_id(request.headers.get(REQUEST_ID, ""))
    return found


def install(app: Flask) -> None:
    """Make the application speak JSON so, and name its requests."""
    app.json = OrjsonProvider(app)

    @app.after_request
    def name(response: Response) -> Response:
        response.headers[REQUEST_ID] = request_id()
        response.headers[PLATFORM] = "1"
        for header, value in ALWAYS:
            response.headers.setdefault(header, value)
        return response
