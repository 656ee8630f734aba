"""`POST /v1/responses`, and finding a response again."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from mock_server.api.bodies import headers
from mock_server.api.guard import any_token, caller
from mock_server.api.openai.errors import MANNERS
from mock_server.api.openai.requests import NotServed, Unfit, read
from mock_server.api.relay import Begin, answered, called
from mock_server.api.wire import json_response
from mock_server.platform.serving import said
from mock_server.platform.serving.named import not_said

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def install(openai: Blueprint, platform: Platform) -> None:
    """Put the routes on the blueprint."""
    kept = platform.serving.responses

    @openai.post("/v1/responses")
    @openai.post("/responses", endpoint="responses_at_root")
    @any_token
    def create_response() -> Response:
        data, given = read(platform)
        _check(given)
        model, named = given["model"], platform.serving.named
        is_named = platform.serving.jobs.is_named(model)
        if given.get("background") is True:
            if given.get("stream"):
                raise Unfit("stream: a response in the background is asked for, not streamed", "stream")
            if is_named and named.asked(model) is None:
                raise NotServed(not_said("Responses"))
            if not is_named and not _makes_responses(platform, model):
                raise NotServed("Responses endpoint not implemented for this model")
            key = request.headers.get("Idempotency-Key")
            return json_response(kept.begin(model, given, creator=caller().email, idempotency_key=key))
        id = f"resp_{uuid.uuid4().hex}"
        header = {"call": "response", "headers": headers(), "response_id": id}
        keep = given.get("store") is not False

        def record(document: bytes) -> None:
            if keep:
                kept.keep(document, given.get("input"))

        begin = _run(platform, given, id) if is_named else called(platform, model, header, data)
        return answered(platform, begin, MANNERS, record=record)

    @openai.get("/v1/responses/<id>")
    @openai.get("/responses/<id>", endpoint="response_at_root")
    @any_token
    def retrieve_response(id: str) -> dict[str, Any]:
        found: dict[str, Any] = kept.get(id)["response"]
        return found

    @openai.get("/v1/responses/<id>/input_items")
    @any_token
    def input_items(id: str) -> dict[str, Any]:
        given = kept.get(id).get("input")
        items = given if isinstance(given, list) else [_item(given)]
        shown = [{"id": f"item_{number}", **each} for number, each in enumerate(items) if isinstance(each, dict)]
        ids = [each["id"] for each in shown] or [None]
        return {"object": "list", "data": shown, "first_id": ids[0], "last_id": ids[-1], "has_more": False}

    @openai.post("/v1/responses/<id>/cancel")
    @any_token
    def cancel_response(id: str) -> dict[str, Any]:
        found: dict[str, Any] = kept.cancel(id, reason=f"canceled by {caller().email}")["response"]
        return found

    @openai.delete("/v1/responses/<id>")
    @any_token
    def delete_response(id: str) -> dict[str, Any]:
        kept.delete(id)
        return {"id": id, "object": "response", "deleted": True}


def _makes_responses(platform: Platform, model: str) -> bool:
    return bool(platform.serving.deployments.described(model).get("capabilities", {}).get("responses"))


def _run(platform: Platform, given: dict[str, Any], id: str) -> Begin:
    """What begins a run of a pipeline of the platform's, whose answer is that response."""
    who, words, shape = caller().email, said.asked(given["input"]), partial(said.responded, given, id)
    named = platform.serving.named
    return lambda receive: named.chat(given["model"], words, who, receive, shape, "Responses")


def _item(text: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def _check(given: dict[str, Any]) -> None:
    if not isinstance(given.get("input"), (str, list)):
        raise Unfit("input: a text or a list of items is needed", "input")
    if not isinstance(given.get("stream") or False, bool):
        raise Unfit("stream: true or false is needed", "stream")
