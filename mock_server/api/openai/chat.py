"""`POST /v1/chat/completions`, and `/{name}/chat` for the one pipeline."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response

from dtlpipe.errors import BadRequest, NotFound
from mock_server.api.bodies import headers
from mock_server.api.guard import any_token, caller
from mock_server.api.openai.completions import completion, last_said
from mock_server.api.openai.errors import MANNERS
from mock_server.api.openai.requests import Unfit, read
from mock_server.api.relay import answered, called

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def install(openai: Blueprint, platform: Platform) -> None:
    """Put the routes on the blueprint."""

    def answer(model: str, data: bytes, given: dict[str, Any]) -> Response:
        check(given)
        if platform.serving.jobs.is_named(model):
            who, named, said = caller().email, platform.serving.named, last_said(given["messages"])
            shape = partial(completion, given)
            return answered(platform, lambda receive: named.chat(model, said, who, receive, shape), MANNERS)
        return answered(platform, called(platform, model, {"call": "chat", "headers": headers()}, data), MANNERS)

    @openai.post("/v1/chat/completions")
    @openai.post("/chat/completions", endpoint="chat_at_root")
    @any_token
    def chat() -> Response:
        data, given = read(platform)
        return answer(given["model"], data, given)

    @openai.post("/<name>/chat")
    @openai.post("/<name>/chat/completions", endpoint="chat_of_one_completions")
    @any_token
    def chat_of_one(name: str) -> Response:
        from flask import request

        try:
            platform.serving.jobs.is_named(name)
        except NotFound:
            raise NotFound("Not Found") from None
        try:
            given = orjson.loads(request.get_data(cache=False))
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"We could not parse the JSON body of your request: {error}") from None
        if not isinstance(given, dict):
            raise BadRequest("the body of a request is a JSON object")
        given["model"] = name
        return answer(name, orjson.dumps(given), given)


def check(given: dict[str, Any]) -> None:
    """Whether that is a request for a completion. Raises Unfit."""
    messages = given.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Unfit("messages: a list of at least one message is needed", "messages")
    for number, each in enumerate(messages):
        if not isinstance(each, dict) or not isinstance(each.get("role"), str):
            raise Unfit(f"messages.{number}: an object with a role is needed", f"messages[{number}]")
    if not isinstance(given.get("stream") or False, bool):
        raise Unfit("stream: true or false is needed", "stream")
    if given.get("n") not in (None, 1):
        raise Unfit("n: a pipeline answers once; ask again for another answer", "n")
