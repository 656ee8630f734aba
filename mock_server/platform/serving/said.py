"""What runs of the platform's pipelines have said, as OpenAI's Responses: whole, or told in events.

Law: pure. What a wrapper says is made into responses by its own process; here is one text, and all of it at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from mock_server.platform.serving.calls import Event
from mock_server.store.base import Document

_EVENTS: Final = "text/event-stream; charset=utf-8"
_ECHOED: Final = (
    "instructions",
    "metadata",
    "temperature",
    "top_p",
    "max_output_tokens",
    "previous_response_id",
    "user",
)


def asked(given: Any) -> str:
    """The text of a request's input that the user sent last; of content parts, the texts among them."""
    if isinstance(given, str):
        return given
    for each in reversed(given if isinstance(given, list) else []):
        if isinstance(each, Mapping) and each.get("role") == "user":
            content = each.get("content")
            if isinstance(content, str):
                return content
            parts = content if isinstance(content, list) else []
            texts = (part.get("text") for part in parts if isinstance(part, Mapping))
            return "\n".join(text for text in texts if isinstance(text, str))
    return ""


def response(request: Mapping[str, Any], id: str, text: str | None, created: int | None = None) -> Document:
    """The object of a request: of one that has been answered with the text, else of one in progress."""
    done = text is not None
    said = text or ""
    asked_for, answered = -(-len(asked(request.get("input"))) // 4), -(-len(said) // 4)
    usage = {
        "input_tokens": asked_for,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": asked_for + answered,
    }
    return {
        "id": id,
        "object": "response",
        "created_at": created or int(time.time()),
        "status": "completed" if done else "in_progress",
        "background": bool(request.get("background", False)),
        "error": None,
        "incomplete_details": None,
        "model": request["model"],
        "output": [_message(id, "completed", [_part(said)])] if done else [],
        "parallel_tool_calls": True,
        "tool_choice": request.get("tool_choice") or "auto",
        "tools": request.get("tools") or [],
        "text": request.get("text") or {"format": {"type": "text"}},
        "store": request.get("store") is not False,
        "usage": usage if done else None,
        **{name: request.get(name) for name in _ECHOED},
    }


def responded(request: Mapping[str, Any], id: str, text: str) -> list[Event]:
    """What comes of a request that was answered so: what is kept, and the answer, whole or, as it asks, as a stream."""
    document = response(request, id, text)
    body = orjson.dumps(document)
    kept: Event = ({"kind": "record"}, body)
    if not request.get("stream"):
        return [kept, ({"kind": "answer", "status": 200, "type": "application/json"}, body)]
    told = [_event(number, name, more) for number, (name, more) in enumerate(_told(request, document, text))]
    return [({"kind": "start", "status": 200, "type": _EVENTS}, b"".join(told)), kept, ({"kind": "end"}, b"")]


def _told(request: Mapping[str, Any], document: Document, text: str) -> Iterator[tuple[str, Document]]:
    id = document["id"]
    begun = response(request, id, None, document["created_at"])
    at: Document = {"item_id": document["output"][0]["id"], "output_index": 0, "content_index": 0}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    yield "response.output_item.added", {"output_index": 0, "item": _message(id, "in_progress", [])}
    yield "response.content_part.added", {**at, "part": _part("")}
    yield "response.output_text.delta", {**at, "delta": text, "logprobs": []}
    yield "response.output_text.done", {**at, "text": text, "logprobs": []}
    yield "response.content_part.done", {**at, "part": _part(text)}
    yield "response.output_item.done", {"output_index": 0, "item": document["output"][0]}
    yield "response.completed", {"response": document}


def _message(id: str, status: str, content: list[Document]) -> Document:
    item = f"msg_{id.removeprefix('resp_')}"
    return {"id": item, "type": "message", "status": status, "role": "assistant", "content": content}


def _part(text: str) -> Document:
    return {"type": "output_text", "text": text, "annotations": []}


def _event(number: int, name: str, more: Document) -> bytes:
    data = orjson.dumps({"type": name, "sequence_number": number, **more})
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
