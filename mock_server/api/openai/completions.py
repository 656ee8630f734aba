"""Completions of models that are pipelines of the platform's: one text, as OpenAI's clients read it.

Law: pure. What a wrapper says is made into completions by its own process; here is what runs have said.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from mock_server.platform.serving.calls import Event

_EVENTS = "text/event-stream; charset=utf-8"


def last_said(messages: list[Any]) -> str:
    """The text that the user sent last; of content parts, the texts among them."""
    for each in reversed(messages):
        if each.get("role") == "user":
            content = each.get("content")
            if isinstance(content, str):
                return content
            parts = content if isinstance(content, list) else []
            return "\n".join(part["text"] for part in parts if isinstance(part, dict) and _is_text(part.get("text")))
    return ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def completion(request: Mapping[str, Any], text: str) -> list[Event]:
    """The answer to a request, whole or, as it asks, as a stream."""
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": request["model"]}
    usage = _usage(sum(len(str(each.get("content") or "")) for each in request["messages"]), len(text))
    if not request.get("stream"):
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        found = {**head, "object": "chat.completion", "choices": [choice], "usage": usage, "system_fingerprint": None}
        return [({"kind": "answer", "status": 200, "type": "application/json"}, orjson.dumps(found))]
    options = request.get("stream_options")
    told = usage if isinstance(options, Mapping) and options.get("include_usage") else None
    pieces: list[Event] = [({"kind": "chunk"}, each) for each in _pieces(head, text, told)]
    return [({"kind": "start", "status": 200, "type": _EVENTS}, b""), *pieces, ({"kind": "end"}, b"")]


def _pieces(head: Mapping[str, Any], text: str, usage: Mapping[str, int] | None) -> Iterator[bytes]:
    deltas: tuple[tuple[dict[str, str], str | None], ...] = (
        ({"role": "assistant", "content": ""}, None),
        ({"content": text}, None),
        ({}, "stop"),
    )
    for delta, finish in deltas:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        yield _event(head, {"choices": [choice], **({"usage": None} if usage is not None else {})})
    if usage is not None:
        yield _event(head, {"choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _event(head: Mapping[str, Any], more: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps({**head, "object": "chat.completion.chunk", **more}) + b"\n\n"


def _usage(asked: int, said: int) -> dict[str, int]:
    """About how many tokens that was: four characters each, rounded up."""
    prompt, answer = -(-asked // 4), -(-said // 4)
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
