"""OpenAI's Responses: whatever a wrapper says, as one response object, whole or told in events.

Law: the object that a stream ends with is the one that is kept and found again under its id.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from dtlpipe.hosting import chunks
from dtlpipe.hosting.chat import estimated
from dtlpipe.hosting.renderings import EVENTS, sse

#: What a request may say that its response repeats.
_ECHOED = ("instructions", "metadata", "temperature", "top_p", "max_output_tokens", "previous_response_id", "user")


class Response:
    """One response in the making."""

    def __init__(self, model: str, body: Mapping[str, Any], id: str | None = None) -> None:
        self.id = id or f"resp_{uuid.uuid4().hex}"
        self._model = model
        self._body = body
        self._created = int(time.time())
        self._item = f"msg_{uuid.uuid4().hex}"
        self._texts: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._usage: dict[str, int] | None = None

    def take(self, piece: Any) -> str:
        """Take in a piece; the text that it adds."""
        if chunks.event_of(piece) is not None:
            return ""
        self._usage = chunks.usage_of(piece) or self._usage
        for each in chunks.tool_calls_of(piece):
            call = self._calls.setdefault(each["index"], {"name": "", "arguments": "", "id": None})
            function = each.get("function", {})
            call["id"] = each.get("id") or call["id"]
            call["name"] = function.get("name") or call["name"]
            call["arguments"] += function.get("arguments") or ""
        text = chunks.text_of(piece)
        self._texts.append(text)
        return text

    @property
    def text(self) -> str:
        return "".join(self._texts)

    def part(self) -> dict[str, Any]:
        """The text as a content part."""
        return {"type": "output_text", "text": self.text, "annotations": []}

    def message(self, status: str) -> dict[str, Any]:
        """The output item that holds the text."""
        content = [self.part()] if status == "completed" else []
        return {"id": self._item, "type": "message", "status": status, "role": "assistant", "content": content}

    @property
    def item_id(self) -> str:
        return self._item

    def calls(self) -> list[dict[str, Any]]:
        """The output items of the tool calls."""
        return [
            {
                "id": f"fc_{uuid.uuid4().hex}",
                "type": "function_call",
                "status": "completed",
                "call_id": call["id"] or f"call_{uuid.uuid4().hex[:24]}",
                "name": call["name"],
                "arguments": call["arguments"],
            }
            for _, call in sorted(self._calls.items())
        ]

    def document(
        self, status: str, output: list[dict[str, Any]] | None = None, error: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The response object."""
        body = self._body
        found: dict[str, Any] = {
            "id": self.id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "background": bool(body.get("background", False)),
            "error": error,
            "incomplete_details": None,
            "model": self._model,
            "output": output or [],
            "parallel_tool_calls": bool(body.get("parallel_tool_calls", True)),
            "tool_choice": body.get("tool_choice") or "auto",
            "tools": body.get("tools") or [],
            "text": body.get("text") or {"format": {"type": "text"}},
            "reasoning": body.get("reasoning") or {"effort": None, "summary": None},
            "store": body.get("store") is not False,
            "truncation": body.get("truncation") or "disabled",
            "usage": self._tokens() if status == "completed" else None,
        }
        return found | {name: body.get(name) for name in _ECHOED}

    def _tokens(self) -> dict[str, Any]:
        usage = self._usage or estimated(self._body.get("input"), len(self.text))
        return {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage["total_tokens"],
        }

    def complete(self) -> dict[str, Any]:
        """The object when all has been said."""
        output = [self.message("completed")] if self.text or not self._calls else []
        return self.document("completed", [*output, *self.calls()])

    def failed(self, error: BaseException) -> dict[str, Any]:
        """The object of one that came to nothing."""
        return self.document("failed", error={"code": "server_error", "message": f"Pipeline execution failed: {error}"})


def whole(response: Response, pieces: Iterable[Any]) -> dict[str, Any]:
    """The object from all pieces, or from a wrapper's one result, which may be such an object itself."""
    for each in pieces:
        given = chunks.plain(each) if not isinstance(each, str) and _is_response(each) else None
        if given is not None:
            found: dict[str, Any] = given
            return found
        response.take(each)
    return response.complete()


def _is_response(value: Any) -> bool:
    kind = value.get("object") if isinstance(value, Mapping) else getattr(value, "object", None)
    return kind == "response"


class ResponseStream:
    """One response told in events."""

    kind = EVENTS

    def __init__(self, response: Response) -> None:
        self._response = response
        self._sequence = -1
        self.document: dict[str, Any] | None = None

    def begin(self) -> bytes:
        begun = self._response.document("in_progress")
        item = {"output_index": 0, "item": self._response.message("in_progress")}
        part = {**self._at(), "part": {"type": "output_text", "text": "", "annotations": []}}
        return (
            self._event("response.created", {"response": begun})
            + self._event("response.in_progress", {"response": begun})
            + self._event("response.output_item.added", item)
            + self._event("response.content_part.added", part)
        )

    def piece(self, value: Any) -> bytes:
        event = chunks.event_of(value)
        if event is not None:
            return sse(chunks.dumps({"event": event}).decode())
        text = self._response.take(value)
        return self._event("response.output_text.delta", {**self._at(), "delta": text, "logprobs": []}) if text else b""

    def end(self) -> bytes:
        response = self._response
        self.document = response.complete()
        told = (
            self._event("response.output_text.done", {**self._at(), "text": response.text, "logprobs": []})
            + self._event("response.content_part.done", {**self._at(), "part": response.part()})
            + self._event("response.output_item.done", {"output_index": 0, "item": response.message("completed")})
        )
        for index, item in enumerate(self.document["output"]):
            if item["type"] == "function_call":
                told += self._call(index, item)
        return told + self._event("response.completed", {"response": self.document})

    def _call(self, index: int, item: dict[str, Any]) -> bytes:
        begun = {**item, "status": "in_progress", "arguments": ""}
        at = {"item_id": item["id"], "output_index": index}
        arguments = item["arguments"]
        return (
            self._event("response.output_item.added", {"output_index": index, "item": begun})
            + self._event("response.function_call_arguments.delta", {**at, "delta": arguments})
            + self._event("response.function_call_arguments.done", {**at, "name": item["name"], "arguments": arguments})
            + self._event("response.output_item.done", {"output_index": index, "item": item})
        )

    def fail(self, error: BaseException) -> bytes | None:
        self.document = self._response.failed(error)
        return self._event("response.failed", {"response": self.document})

    def _at(self) -> dict[str, Any]:
        return {"item_id": self._response.item_id, "output_index": 0, "content_index": 0}

    def _event(self, name: str, more: dict[str, Any]) -> bytes:
        self._sequence += 1
        data = chunks.dumps({"type": name, "sequence_number": self._sequence, **more})
        return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
