"""Reading what OpenAI's clients send: the last thing that the user said, and the files that came with it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from importlib import import_module
from typing import Any

__all__ = [
    "chat_messages_from_openai_response",
    "coerce_pipeline_inputs",
    "get_content",
    "get_input_files",
    "get_last_user_input_text",
    "get_last_user_message",
    "is_user_message",
]


def is_user_message(msg: Any) -> bool:
    """Whether the user said it."""
    role = msg.get("role") if isinstance(msg, Mapping) else getattr(msg, "role", None)
    return str(getattr(role, "value", role)) == "user"


def get_content(msg: Any) -> str:
    """The text of a message; of content parts, the texts among them."""
    content = msg.get("content") if isinstance(msg, Mapping) else getattr(msg, "content", None)
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part["text"] for part in parts if isinstance(part, Mapping) and isinstance(part.get("text"), str))


def get_last_user_message(messages: list[Any]) -> str | None:
    """The text that the user sent last; None if the user said nothing."""
    return next((get_content(each) for each in reversed(messages) if is_user_message(each)), None)


def get_input_files(input_items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The `input_file` parts of the user's items, each with its `file_id`."""
    return [
        dict(part)
        for item in input_items
        if is_user_message(item) and isinstance(item.get("content"), list)
        for part in item["content"]
        if isinstance(part, Mapping) and part.get("type") == "input_file" and part.get("file_id")
    ]


def get_last_user_input_text(input_items: list[dict[str, Any]]) -> str | None:
    """As `get_last_user_message`, for the items of a Responses request."""
    for item in reversed(input_items):
        if is_user_message(item) and item.get("type") in ("message", None):
            content = item.get("content")
            if isinstance(content, str):
                return content
            texts = [part for part in content or () if isinstance(part, Mapping) and part.get("type") == "input_text"]
            if texts:
                return str(texts[-1].get("text") or "")
    return None


def chat_messages_from_openai_response(input_items: list[dict[str, Any]]) -> list[Any]:
    """The items of a Responses request as Haystack's chat messages."""
    haystack = import_module("haystack.dataclasses")
    ChatMessage, ToolCall = haystack.ChatMessage, haystack.ToolCall  # noqa: N806 - they are classes
    found: list[Any] = []
    calls: dict[str, Any] = {}
    for item in input_items:
        if item.get("type") == "function_call":
            id = str(item.get("call_id") or item.get("id") or f"call_{uuid.uuid4().hex[:24]}")
            calls[id] = ToolCall(
                tool_name=item.get("name") or "function", arguments=_object(item.get("arguments")), id=id
            )
            found.append(ChatMessage.from_assistant(tool_calls=[calls[id]]))
        elif item.get("type") == "function_call_output":
            id = str(item.get("call_id") or "")
            origin = calls.get(id) or ToolCall(tool_name="function", arguments={}, id=id or None)
            output = item.get("output", "")
            text = output if isinstance(output, str) else json.dumps(output)
            found.append(ChatMessage.from_tool(tool_result=text, origin=origin))
        elif text := get_content(item):
            role = {"developer": "system"}.get(str(item.get("role")), str(item.get("role")))
            make = getattr(ChatMessage, f"from_{role}", None)
            if make is not None:
                found.append(make(text))
    return found


def _object(given: Any) -> dict[str, Any]:
    try:
        read = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def coerce_pipeline_inputs(pipeline: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Objects in a pipeline's inputs that came as plain dictionaries, as their sockets' types want them."""
    from typing import get_args

    def classes(kind: Any) -> list[Any]:
        inner = [found for each in get_args(kind) for found in classes(each)]
        return inner or ([kind] if isinstance(kind, type) and hasattr(kind, "from_dict") else [])

    def coerce(value: Any, kind: Any) -> Any:
        if isinstance(value, list):
            return [coerce(each, kind) for each in value]
        wanted = classes(kind) if isinstance(value, dict) else []
        if len(wanted) > 1:
            raise ValueError(f"Cannot coerce input for socket type {kind!r}: several of its classes would do.")
        return wanted[0].from_dict(value) if wanted else value

    sockets = pipeline.inputs(include_components_with_connected_inputs=True)
    if all(isinstance(value, dict) for value in data.values()):
        return {
            name: {key: coerce(value, sockets.get(name, {}).get(key, {}).get("type")) for key, value in given.items()}
            for name, given in data.items()
        }
    by_name = {key: socket.get("type") for inputs in sockets.values() for key, socket in inputs.items()}
    return {key: coerce(value, by_name.get(key)) for key, value in data.items()}
