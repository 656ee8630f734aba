"""What a wrapper's pieces and results say, whatever they are made of: text, reasoning, tool calls, an event, usage.

Law: told by what an object has, never by its class: pieces come from Haystack, from hayhooks, from us or from a user.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json, to_jsonable_python


def plain(value: Any) -> Any:
    """As JSON values. Raises ValueError for what is none."""
    return to_jsonable_python(value, fallback=_fallback)


def dumps(value: Any) -> bytes:
    """As JSON. Raises ValueError for what is none."""
    return to_json(value, fallback=_fallback, inf_nan_mode="null")


def _fallback(value: Any) -> Any:
    for name in ("to_dict", "model_dump", "tolist"):
        method = getattr(value, name, None)
        if callable(method) and not isinstance(value, type):
            return method()
    raise TypeError(f"{type(value).__name__} is not JSON")


def event_of(piece: Any) -> dict[str, Any] | None:
    """The event that the piece is, as `{"type", "data"}`; None if it is none."""
    method = getattr(piece, "to_event_dict", None)
    found: dict[str, Any] | None = method() if callable(method) else None
    return found


def completion_of(piece: Any) -> dict[str, Any] | None:
    """The piece as what OpenAI's protocol calls a completion or a chunk of one, if it is such; else None."""
    if isinstance(piece, Mapping):
        found = dict(piece)
    elif hasattr(piece, "choices") and callable(getattr(piece, "model_dump", None)):
        found = piece.model_dump(exclude_none=True)
    else:
        return None
    return found if isinstance(found.get("choices"), list) and "object" in found else None


def text_of(piece: Any) -> str:
    """The text of a piece or of a result."""
    if piece is None:
        return ""
    if isinstance(piece, str):
        return piece
    if isinstance(piece, bytes):
        return piece.decode(errors="replace")
    for name in ("content", "text"):
        found = getattr(piece, name, None)
        if isinstance(found, str):
            return found
    if isinstance(piece, Mapping):
        found = piece.get("content")
        return found if isinstance(found, str) else dumps(piece).decode()
    return "" if hasattr(piece, "content") or hasattr(piece, "text") else str(piece)


def reasoning_of(piece: Any) -> str | None:
    """The reasoning that the piece carries."""
    found = getattr(piece, "reasoning", None)
    text = getattr(found, "reasoning_text", found)
    return text if isinstance(text, str) and text else None


def finish_of(piece: Any) -> str | None:
    """Why the model stopped, if the piece says so."""
    found = getattr(piece, "finish_reason", None)
    return {"tool_call_results": "tool_calls"}.get(found, found) if isinstance(found, str) else None


def tool_calls_of(piece: Any) -> list[dict[str, Any]]:
    """The tool calls, or the pieces of them, as OpenAI's protocol has them."""
    found = []
    for number, call in enumerate(getattr(piece, "tool_calls", None) or ()):
        if isinstance(call, Mapping):
            found.append({"index": number, **call})
            continue
        function: dict[str, Any] = {}
        name = getattr(call, "tool_name", None) or getattr(call, "name", None)
        if name is not None:
            function["name"] = name
        arguments = getattr(call, "arguments", None)
        if arguments is not None:
            function["arguments"] = arguments if isinstance(arguments, str) else json.dumps(arguments)
        one: dict[str, Any] = {"index": getattr(call, "index", number), "type": "function", "function": function}
        if getattr(call, "id", None) is not None:
            one["id"] = call.id
        found.append(one)
    return found


def usage_of(piece: Any) -> dict[str, int] | None:
    """The numbers of tokens that the model behind the piece counted."""
    if isinstance(piece, Mapping):
        usage = piece.get("usage")
    else:
        meta = getattr(piece, "meta", None)
        usage = meta.get("usage") if isinstance(meta, Mapping) else getattr(piece, "usage", None)
        dump = getattr(usage, "model_dump", None)
        if callable(dump):
            usage = dump()
    if not isinstance(usage, Mapping) or not isinstance(usage.get("prompt_tokens", usage.get("input_tokens")), int):
        return None
    prompt = int(usage.get("prompt_tokens", usage.get("input_tokens", 0)))
    completion = int(usage.get("completion_tokens", usage.get("output_tokens", 0)) or 0)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def estimated_tokens(text: str) -> int:
    """About how many tokens a text has, for models that do not say: four characters each, rounded up."""
    return -(-len(text) // 4)


def said(messages: Any) -> str:
    """All texts of OpenAI messages or input items, for counting."""
    if isinstance(messages, str):
        return messages
    found: list[str] = []
    for each in messages if isinstance(messages, list) else ():
        content = each.get("content", each.get("output")) if isinstance(each, Mapping) else each
        if isinstance(content, str):
            found.append(content)
        elif isinstance(content, list):
            found.extend(str(part["text"]) for part in content if isinstance(part, Mapping) and part.get("text"))
    return "\n".join(found)
