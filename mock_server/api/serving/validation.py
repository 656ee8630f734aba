"""JSON bodies against pydantic models, refused in FastAPI's shape: `{"detail": [{"type", "loc", "msg", "input"}]}`."""

from __future__ import annotations

from typing import Any, TypeVar

import orjson
from flask import request
from pydantic import BaseModel, ValidationError

from dtlpipe.errors import UnknownException, UnprocessableEntity

Model = TypeVar("Model", bound=BaseModel)


class Unfit(UnprocessableEntity):
    """A body that does not fit; `details` is the list."""

    def __init__(self, details: list[dict[str, Any]]) -> None:
        said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in details)
        super().__init__(said)
        self.details = details


def read(model: type[Model]) -> Model:
    """The current request's body. Raises Unfit."""
    return fitting(model, read_json())


def read_json() -> Any:
    """The current request's JSON. Raises Unfit; a body of another type is refused with 415."""
    kind = (request.mimetype or "").lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise UnknownException(f"a body of type {kind!r} is not read here: send application/json", status=415)
    data = request.get_data(cache=False)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        told = {"type": "json_invalid", "loc": ["body", error.pos], "msg": "JSON decode error", "input": {}}
        raise Unfit([{**told, "ctx": {"error": error.msg}}]) from None


def query(model: type[Model]) -> Model:
    """The current request's query. Raises Unfit."""
    return fitting(model, request.args.to_dict(), "query")


def fitting(model: type[Model], given: Any, where: str = "body") -> Model:
    """The value as the model. Raises Unfit, which says that it stood there."""
    if not isinstance(given, dict):
        text = "Input should be a valid dictionary or object to extract fields from"
        raise Unfit([{"type": "model_attributes_type", "loc": [where], "msg": text, "input": given}])
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Unfit(
            [
                {"type": each["type"], "loc": [where, *each["loc"]], "msg": each["msg"], "input": each["input"]}
                for each in error.errors(include_url=False, include_context=False)
            ]
        ) from None
