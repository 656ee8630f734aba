"""Chat completions: whatever a wrapper says, as OpenAI's clients read it, whole or in pieces.

Law: the first piece of a stream has the role, the last one the reason why it ended, and then comes `[DONE]`; a failure
in the middle is an event that clients raise, never a connection that breaks.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from dtlpipe.hosting import chunks
from dtlpipe.hosting.renderings import EVENTS, openai_error, sse


class ChatStream:
    """One streamed completion. `body` is the request."""

    kind = EVENTS

    def __init__(self, model: str, body: Mapping[str, Any]) -> None:
        self._model = model
        self._id = f"chatcmpl-{uuid.uuid4().hex}"
        self._created = int(time.time())
        options = body.get("stream_options")
        self._tells_usage = isinstance(options, Mapping) and bool(options.get("include_usage"))
        self._asked = body.get("messages")
        self._usage: dict[str, int] | None = None
        self._said = 0
        self._finished = False
        self._foreign = False

    def begin(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, value: Any) -> bytes:
        if type(value) is str:  # as most are: it has none of what is looked for below
            self._said += len(value)
            return self._chunk({"content": value}) if value else b""
        event = chunks.event_of(value)
        if event is not None:
            return sse(chunks.dumps({"event": event}).decode())
        completion = chunks.completion_of(value)
        self._usage = chunks.usage_of(value) or self._usage
        if completion is not None:
            return self._given(completion)
        finish = chunks.finish_of(value)
        self._finished = self._finished or finish is not None
        delta: dict[str, Any] = {}
        reasoning, calls = chunks.reasoning_of(value), chunks.tool_calls_of(value)
        if reasoning is not None:
            delta["reasoning_content"] = reasoning
        if calls:
            delta["tool_calls"] = calls
        text = chunks.text_of(value)
        if text:
            delta["content"] = text
            self._said += len(text)
        if not delta and finish is None:
            return b""
        return self._chunk(delta, finish)

    def _given(self, completion: dict[str, Any]) -> bytes:
        """A chunk that is one of the protocol already."""
        self._foreign = True
        if any(isinstance(each, Mapping) and each.get("finish_reason") for each in completion["choices"]):
            self._finished = True
        choices = [_as_delta(each) if isinstance(each, Mapping) else each for each in completion["choices"]]
        completion = {**completion, "object": "chat.completion.chunk", "choices": choices}
        completion.setdefault("id", self._id)
        completion.setdefault("created", self._created)
        completion.setdefault("model", self._model)
        return sse(chunks.dumps(completion).decode())

    def end(self) -> bytes:
        last = b"" if self._finished else self._chunk({}, "stop")
        if self._tells_usage:
            usage = self._usage or estimated(self._asked, self._said)
            last += self._frame({"choices": [], "usage": usage})
        return last + b"data: [DONE]\n\n"

    def fail(self, error: BaseException) -> bytes | None:
        failed = openai_error(f"Pipeline execution failed: {error}", type="server_error", code="pipeline_error")
        return sse(json.dumps(failed)) + b"data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._frame({"choices": [choice]} | ({"usage": None} if self._tells_usage else {}))

    def _frame(self, more: dict[str, Any]) -> bytes:
        frame = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            **more,
        }
        return b"data: " + chunks.dumps(frame) + b"\n\n"


def _as_delta(choice: Mapping[str, Any]) -> dict[str, Any]:
    """A choice of a whole completion as one of a chunk."""
    found = dict(choice)
    if "delta" not in found and isinstance(found.get("message"), Mapping):
        found["delta"] = dict(found.pop("message"))
        calls = found["delta"].get("tool_calls")
        if isinstance(calls, list):
            found["delta"]["tool_calls"] = [{"index": number, **call} for number, call in enumerate(calls)]
    return found


def estimated(asked: Any, said: int) -> dict[str, int]:
    """Usage where the model told none: see `chunks.estimated_tokens`."""
    prompt, completion = chunks.estimated_tokens(chunks.said(asked)), -(-said // 4)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


class ChatResult:
    """A whole completion from all pieces of a wrapper's answer, or from its one result."""

    def __init__(self, model: str, body: Mapping[str, Any]) -> None:
        self._model = model
        self._asked = body.get("messages")

    def render(self, pieces: Iterable[Any]) -> bytes:
        """The body of the answer."""
        texts: list[str] = []
        reasonings: list[str] = []
        calls: dict[int, dict[str, Any]] = {}
        finish: str | None = None
        usage: dict[str, int] | None = None
        for each in pieces:
            completion = chunks.completion_of(each)
            if completion is not None and completion["object"] == "chat.completion":
                completion.setdefault("usage", estimated(self._asked, 0))
                return chunks.dumps(completion)
            usage = chunks.usage_of(each) or usage
            if completion is not None:
                finish = _join_chunk(completion, texts, calls) or finish
                continue
            if chunks.event_of(each) is not None:
                continue
            finish = chunks.finish_of(each) or finish
            reasonings.append(chunks.reasoning_of(each) or "")
            _join_calls(calls, chunks.tool_calls_of(each))
            texts.append(chunks.text_of(each))
        text, reasoning = "".join(texts), "".join(reasonings)
        message: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None, "refusal": None}
        if reasoning:
            message["reasoning_content"] = reasoning
        if calls:
            message["tool_calls"] = [calls[index] for index in sorted(calls)]
        found = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self._model,
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "logprobs": None,
                    "finish_reason": finish or ("tool_calls" if calls else "stop"),
                }
            ],
            "usage": usage or estimated(self._asked, len(text)),
            "system_fingerprint": None,
        }
        return chunks.dumps(found)


def _join_chunk(completion: Mapping[str, Any], texts: list[str], calls: dict[int, dict[str, Any]]) -> str | None:
    finish = None
    for choice in completion["choices"]:
        delta = choice.get("delta") or {}
        texts.append(delta.get("content") or "")
        _join_calls(calls, delta.get("tool_calls") or [])
        finish = choice.get("finish_reason") or finish
    return finish


def _join_calls(calls: dict[int, dict[str, Any]], pieces: Iterable[Mapping[str, Any]]) -> None:
    for number, piece in enumerate(pieces):
        call = calls.setdefault(
            piece.get("index", number), {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
        )
        function = piece.get("function") or {}
        call["id"] = piece.get("id") or call["id"] or f"call_{uuid.uuid4().hex[:24]}"
        call["function"]["name"] = function.get("name") or call["function"]["name"]
        call["function"]["arguments"] += function.get("arguments") or ""
