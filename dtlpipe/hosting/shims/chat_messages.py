"""What Haystack's chat components hand to each other: messages, tool calls, and the pieces of an answer.

Law: plain values that are written and read as Haystack writes them, so that a message that was kept by one is read by
the other.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

import attrs

__all__ = [
    "ChatMessage",
    "ChatRole",
    "ReasoningContent",
    "StreamingChunk",
    "TextContent",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallResult",
]


class ChatRole(str, Enum):  # noqa: UP042 - Haystack's own is no StrEnum either, and says so when it is printed
    """Who says it."""

    USER = "user"
    SYSTEM = "system"
    ASSISTANT = "assistant"
    TOOL = "tool"

    @staticmethod
    def from_str(string: str) -> ChatRole:
        """The role of that name. Raises ValueError."""
        return ChatRole(string)


@attrs.define
class TextContent:
    """A text."""

    text: str


@attrs.define
class ToolCall:
    """A call that the model wants made."""

    tool_name: str
    arguments: dict[str, Any]
    id: str | None = None
    extra: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ToolCall:
        return cls(**data)


@attrs.define
class ToolCallResult:
    """What a call came to."""

    result: Any
    origin: ToolCall
    error: bool

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ToolCallResult:
        return cls(data["result"], ToolCall.from_dict(data["origin"]), data["error"])


@attrs.define
class ToolCallDelta:
    """A piece of a call. `arguments` is JSON, or a piece of it."""

    index: int
    tool_name: str | None = None
    arguments: str | None = None
    id: str | None = None
    extra: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)


@attrs.define
class ReasoningContent:
    """What the model thought."""

    reasoning_text: str
    extra: dict[str, Any] = attrs.field(factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)


@attrs.define
class StreamingChunk:
    """A piece of a model's answer."""

    content: str
    meta: dict[str, Any] = attrs.field(factory=dict)
    component_info: Any = None
    index: int | None = None
    tool_calls: list[ToolCallDelta] | None = None
    tool_call_result: ToolCallResult | None = None
    start: bool = False
    finish_reason: str | None = None
    reasoning: ReasoningContent | None = None

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)


_KEYS: tuple[tuple[str, Any], ...] = (
    ("tool_call", ToolCall),
    ("tool_call_result", ToolCallResult),
    ("reasoning", ReasoningContent),
)


@attrs.define
class ChatMessage:
    """A message of a chat; made by the `from_...` methods."""

    _role: ChatRole
    _content: list[Any] = attrs.field(factory=list)
    _name: str | None = None
    _meta: dict[str, Any] = attrs.field(factory=dict)

    @property
    def role(self) -> ChatRole:
        return self._role

    @property
    def name(self) -> str | None:
        return self._name

    @property
    def meta(self) -> dict[str, Any]:
        return self._meta

    @property
    def texts(self) -> list[str]:
        return [each.text for each in self._content if isinstance(each, TextContent)]

    @property
    def text(self) -> str | None:
        return next(iter(self.texts), None)

    @property
    def content(self) -> str:
        """The text, as messages of older Haystacks call it."""
        return self.text or ""

    @property
    def tool_calls(self) -> list[ToolCall]:
        return [each for each in self._content if isinstance(each, ToolCall)]

    @property
    def tool_call(self) -> ToolCall | None:
        return next(iter(self.tool_calls), None)

    @property
    def tool_call_results(self) -> list[ToolCallResult]:
        return [each for each in self._content if isinstance(each, ToolCallResult)]

    @property
    def tool_call_result(self) -> ToolCallResult | None:
        return next(iter(self.tool_call_results), None)

    @property
    def reasonings(self) -> list[ReasoningContent]:
        return [each for each in self._content if isinstance(each, ReasoningContent)]

    @property
    def reasoning(self) -> ReasoningContent | None:
        return next(iter(self.reasonings), None)

    def is_from(self, role: ChatRole | str) -> bool:
        """Whether that role says it."""
        return self._role == ChatRole(role)

    @classmethod
    def from_user(
        cls,
        text: str | None = None,
        meta: dict[str, Any] | None = None,
        name: str | None = None,
        *,
        content_parts: list[Any] | None = None,
    ) -> ChatMessage:
        """What the user says: a text, or parts that are texts. Raises ValueError for parts of other kinds."""
        parts = [text] if text is not None else content_parts or []
        if not all(isinstance(each, (str, TextContent)) for each in parts):
            raise ValueError("this stand-in for Haystack takes texts alone; install haystack-ai for images and files")
        content = [TextContent(each) if isinstance(each, str) else each for each in parts]
        return cls(ChatRole.USER, content, name, meta or {})

    @classmethod
    def from_system(cls, text: str, meta: dict[str, Any] | None = None, name: str | None = None) -> ChatMessage:
        """What the model is told to be."""
        return cls(ChatRole.SYSTEM, [TextContent(text)], name, meta or {})

    @classmethod
    def from_assistant(
        cls,
        text: str | None = None,
        meta: dict[str, Any] | None = None,
        name: str | None = None,
        tool_calls: list[ToolCall] | None = None,
        *,
        reasoning: str | ReasoningContent | None = None,
    ) -> ChatMessage:
        """What the model says, or wants called."""
        thought = ReasoningContent(reasoning) if isinstance(reasoning, str) else reasoning
        content: list[Any] = [thought] if thought is not None else []
        content += [TextContent(text)] if text is not None else []
        return cls(ChatRole.ASSISTANT, [*content, *(tool_calls or [])], name, meta or {})

    @classmethod
    def from_tool(
        cls,
        tool_result: Any,
        origin: ToolCall,
        error: bool = False,  # noqa: FBT001, FBT002 - Haystack's signature
        meta: dict[str, Any] | None = None,
    ) -> ChatMessage:
        """What a call came to."""
        return cls(ChatRole.TOOL, [ToolCallResult(tool_result, origin, error)], None, meta or {})

    def to_dict(self) -> dict[str, Any]:
        content = [
            {"text": each.text}
            if isinstance(each, TextContent)
            else {next(key for key, kind in _KEYS if isinstance(each, kind)): attrs.asdict(each)}
            for each in self._content
        ]
        return {"role": self._role.value, "meta": self._meta, "name": self._name, "content": content}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ChatMessage:
        """Read what `to_dict` wrote. Raises ValueError."""
        given = data.get("content")
        if not isinstance(given, (str, list)):
            raise ValueError(f"Missing 'content' in serialized ChatMessage: `{data}`")  # noqa: TRY004 - as Haystack does
        content = [TextContent(given)] if isinstance(given, str) else [_part(each) for each in given]
        return cls(ChatRole(data["role"]), content, data.get("name"), data.get("meta") or {})

    def to_openai_dict_format(self, require_tool_call_ids: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 - Haystack's signature
        """As OpenAI's protocol has it. Raises ValueError for a message without content, or a call without an id."""
        found: dict[str, Any] = {"role": self._role.value} | ({"name": self._name} if self._name is not None else {})
        calls = [*self.tool_calls, *(each.origin for each in self.tool_call_results)]
        if require_tool_call_ids and any(each.id is None for each in calls):
            raise ValueError("`ToolCall` must have a non-null `id` attribute to be used with OpenAI.")
        if self.tool_call_result is not None:
            result = self.tool_call_result
            text = result.result if isinstance(result.result, str) else json.dumps(result.result, ensure_ascii=False)
            return {**found, "content": text} | ({"tool_call_id": result.origin.id} if result.origin.id else {})
        if not self._content and self._role is not ChatRole.ASSISTANT:
            raise ValueError(f"a message from `{self._role.value}` needs content")
        if len(self.texts) > 1 and self._role is ChatRole.USER:
            return {**found, "content": [{"type": "text", "text": each} for each in self.texts]}
        if self.texts or not self.tool_calls:
            found["content"] = self.text or ""
        if self.tool_calls:
            found["tool_calls"] = [_call(each) for each in self.tool_calls]
        return found


def _part(given: dict[str, Any]) -> Any:
    if "text" in given:
        return TextContent(given["text"])
    for key, kind in _KEYS:
        if key in given:
            return kind.from_dict(given[key]) if hasattr(kind, "from_dict") else kind(**given[key])
    raise ValueError(f"Unsupported content part in the serialized ChatMessage: `{given}`")


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.tool_name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}
    return {"type": "function", "function": function} | ({"id": call.id} if call.id is not None else {})
