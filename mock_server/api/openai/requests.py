"""Requests of OpenAI's clients: JSON with a model that is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from flask import request

from dtlpipe.errors import BadRequest, NotFound, UnknownException, UnprocessableEntity

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


class UnknownModel(NotFound):
    """No deployment of that name."""

    code = "model_not_found"
    param = "model"


class Unfit(UnprocessableEntity):
    """A field that will not do; `param` names it."""

    code = "invalid_value"

    def __init__(self, message: str, param: str | None) -> None:
        super().__init__(message)
        self.param = param


class NotServed(UnknownException):
    """The model does not do that."""

    code = "not_implemented"
    param = "model"

    def __init__(self, message: str) -> None:
        super().__init__(message, status=501)


def read(platform: Platform) -> tuple[bytes, dict[str, Any]]:
    """The current request's body, and what it says. Raises BadRequest, Unfit, UnknownModel."""
    kind = (request.mimetype or "").lower()
    if kind and kind != "application/json":
        raise UnknownException(f"a body of type {kind!r} is not read here: send application/json", status=415)
    data = request.get_data(cache=False)
    try:
        given = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"We could not parse the JSON body of your request: {error}") from None
    if not isinstance(given, dict):
        raise BadRequest("the body of a request is a JSON object")
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise Unfit("you must provide a model parameter", "model")
    try:
        platform.serving.jobs.is_named(model)
    except NotFound:
        text = f"The model '{model}' does not exist: no pipeline of that name is deployed"
        raise UnknownModel(text) from None
    return data, given
