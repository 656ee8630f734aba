"""Bodies and parameters: what comes in is checked here, and refused with the path of what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from flask import request
from pydantic import TypeAdapter, ValidationError

from dtlpipe.errors import BadRequest
from dtlpipe.model.query import compile_query
from mock_server.platform import json_text

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no", ""})


@lru_cache(maxsize=128)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def validated(kind: Any, data: Any) -> Any:
    """The data as `kind` (a pydantic model, a noun, `partial(Noun)`, ...). Raises BadRequest that names every fault."""
    try:
        return _adapter(kind).validate_python(data)
    except ValidationError as error:
        errors = [{"path": list(each["loc"]), "message": each["msg"]} for each in error.errors(include_url=False)]
        raise BadRequest("", errors=errors) from None


def json_value() -> Any:
    """The body as JSON, whatever its content type says; None if there is no body."""
    return parsed(request.get_data(cache=False))


def parsed(raw: bytes) -> Any:
    """A body's bytes as JSON; None if there are none. Raises BadRequest."""
    if not raw.strip():
        return None
    try:
        return json_text.parse(raw)
    except json_text.TooDeep as error:
        raise BadRequest(f"the body is JSON that cannot be taken: {error}") from None
    except orjson.JSONDecodeError as error:
        raise BadRequest(
            f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})",
            hint="NaN and Infinity are not JSON" if "NaN" in str(error.doc) or "Infinity" in str(error.doc) else None,
        ) from None


def json_object(*, empty: bool = False) -> dict[str, Any]:
    """The body, which must be a JSON object; with `empty`, no body means `{}`."""
    value = json_value()
    return {} if value is None and empty else an_object(value)


def an_object(value: Any) -> dict[str, Any]:
    """The value of a body, which must be a JSON object. Raises BadRequest."""
    if not isinstance(value, dict):
        raise BadRequest(f"the body must be a JSON object, not {_name(value)}")
    return value


def json_list() -> list[Any]:
    """The body, which must be a JSON list."""
    value = json_value()
    if not isinstance(value, list):
        raise BadRequest(f"the body must be a JSON list, not {_name(value)}")
    return value


def body(kind: Any) -> Any:
    """The JSON body as `kind`."""
    return validated(kind, json_object())


def fields() -> dict[str, Any]:
    """The body as an object, sent as a form (as the field's SDK does in places) or as JSON."""
    if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return request.form.to_dict()
    return json_object()


def text(data: dict[str, Any], key: str, *, longest: int = 4096) -> str:
    """The text under the key, which must be there and not be blank."""
    value = data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadRequest("", errors=[{"path": [key], "message": "a text is needed here"}])
    if len(value) > longest:
        raise BadRequest("", errors=[{"path": [key], "message": f"longer than {longest} characters"}])
    if _CONTROL.search(value):
        raise BadRequest("", errors=[{"path": [key], "message": "a text with control characters"}])
    return value


def member(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object under the key, which must be there."""
    value = data.get(key)
    if not isinstance(value, dict):
        raise BadRequest("", errors=[{"path": [key], "message": "an object is needed here"}])
    return value


def truth(data: Mapping[str, Any], key: str, *, default: bool = False) -> bool:
    """The truth value under the key; the default for null and for absence."""
    value = data.get(key)
    if not isinstance(value, bool | None):
        raise BadRequest("", errors=[{"path": [key], "message": "true or false is needed here"}])
    return default if value is None else value


def checked_query(found: Mapping[str, Any]) -> None:
    """Raises BadRequest if the query's filter is none; for queries that are kept before they are asked."""
    compile_query(found.get("filter") or {})


def query() -> dict[str, Any]:
    """The body as a query: `{"filter", "page", "pageSize", "sort", "join", "context"}`; the store checks it in full."""
    return json_object(empty=True)


def flag(name: str, *, default: bool = False) -> bool:
    """A parameter of the URL that is true or false."""
    value = request.args.get(name)
    if value is None:
        return default
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise BadRequest(f"?{name}={value}: true or false is needed")


def seconds(name: str) -> float | None:
    """A parameter of the URL that is a time span, in seconds."""
    value = request.args.get(name)
    if value is None:
        return None
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or found < 0:
        raise BadRequest(f"?{name}={value}: a number of seconds is needed")
    return found


def whole(name: str, default: int) -> int:
    """A parameter of the URL that is a whole number, from 0 up."""
    value = request.args.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise BadRequest(f"?{name}={value[:80]}: a whole number from 0 up is needed")
    return int(value)


def _name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")
