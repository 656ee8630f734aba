"""Haystack's generator of chats, over any server that speaks OpenAI's protocol.

Law: what is sent and what is made of the answer is told once, and sent in two colours. A request that did nothing is
sent again, as OpenAI's own client does it; one that has begun to answer is not.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from dtlpipe.errors import DtlpipeError
from dtlpipe.graph import component, default_from_dict, default_to_dict
from dtlpipe.hosting.shims.chat_messages import ChatMessage, ReasoningContent, StreamingChunk, ToolCall, ToolCallDelta
from dtlpipe.hosting.shims.chat_tools import Tool
from dtlpipe.hosting.shims.secret_names import Secret
from dtlpipe.transports import served

__all__ = ["OpenAIChatGenerator"]

_URL: Final = "https://api.openai.com/v1"
_PATH: Final = "/chat/completions"
_AGAIN: Final = frozenset({408, 409, 429, 500, 502, 503, 504})
_CONNECTIONS: Final = 32
_KEY: Final = Secret.from_env_var("OPENAI_API_KEY")


class ModelFailed(DtlpipeError):
    """The model's server refused, failed, or could not be reached."""


@component
class OpenAIChatGenerator:
    """Asks a model.

    Args:
        api_base_url: the server; `$OPENAI_BASE_URL`, else OpenAI's own.
        streaming_callback: is called with each piece; a run's own goes first.
        generation_kwargs: what else is sent; a run's own is put over it.
        timeout: seconds to wait for the answer's beginning, and between its pieces; `$OPENAI_TIMEOUT`, else 30.
        max_retries: further attempts; `$OPENAI_MAX_RETRIES`, else 5.
        tools: what the model may have called.
        http_client_kwargs: taken for Haystack's sake, and not used.
    """

    def __init__(
        self,
        api_key: Secret = _KEY,
        model: str = "gpt-5-mini",
        streaming_callback: Callable[[StreamingChunk], Any] | None = None,
        api_base_url: str | None = None,
        organization: str | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
        tools: list[Tool] | None = None,
        tools_strict: bool = False,  # noqa: FBT001, FBT002 - Haystack's signature
        http_client_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.api_key = api_key
        self.model, self.streaming_callback, self.api_base_url = model, streaming_callback, api_base_url
        self.organization, self.generation_kwargs = organization, generation_kwargs or {}
        self.timeout, self.max_retries = timeout, max_retries
        self.tools, self.tools_strict, self.http_client_kwargs = tools, tools_strict, http_client_kwargs
        self._client: Any = None
        self._clients: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def to_dict(self) -> dict[str, Any]:
        """Its settings; a callback is none that could be written."""
        names = ("model", "api_base_url", "organization", "generation_kwargs", "timeout", "max_retries", "tools_strict")
        return default_to_dict(self, api_key=self.api_key, **{name: getattr(self, name) for name in names})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> OpenAIChatGenerator:
        """Read what `to_dict` wrote, or Haystack did."""
        given = dict(data.get("init_parameters") or {})
        if isinstance(given.get("api_key"), dict):
            given["api_key"] = Secret.from_dict(given["api_key"])
        found: OpenAIChatGenerator = default_from_dict(cls, {**data, "init_parameters": given})
        return found

    @component.output_types(replies=list[ChatMessage])
    def run(
        self,
        messages: list[ChatMessage] | str,
        streaming_callback: Callable[[StreamingChunk], Any] | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        tools: list[Tool] | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, list[ChatMessage]]:
        """The model's replies. Raises ModelFailed."""
        callback = streaming_callback or self.streaming_callback
        if inspect.iscoroutinefunction(callback):
            raise ValueError("the streaming callback is a coroutine function, which only run_async can call")
        body = self._body(messages, callback, generation_kwargs, tools=tools, strict=tools_strict)
        if self._client is None:
            self._client = served.connect(*self._where(), _CONNECTIONS, proxies=True)
        for attempt in range(self._retries() + 1):
            last = attempt == self._retries()
            try:
                with self._client.stream("POST", _PATH, json=body) as answer:
                    if answer.status_code < 400:
                        return {"replies": self._heard(answer, callback)}
                    answer.read()
            except served.FAILED as error:
                self._failed(error, last=last)
            else:
                self._refused(answer, last=last)
            time.sleep(_pause(attempt))
        raise ModelFailed("the model was not asked")  # there is at least one attempt, which returns or raises

    @component.output_types(replies=list[ChatMessage])
    async def run_async(
        self,
        messages: list[ChatMessage] | str,
        streaming_callback: Callable[[StreamingChunk], Any] | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        tools: list[Tool] | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, list[ChatMessage]]:
        """As `run`; the callback may be a coroutine function."""
        callback = streaming_callback or self.streaming_callback
        body = self._body(messages, callback, generation_kwargs, tools=tools, strict=tools_strict)
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = served.connect_async(*self._where(), _CONNECTIONS, proxies=True)
        for attempt in range(self._retries() + 1):
            last = attempt == self._retries()
            try:
                async with client.stream("POST", _PATH, json=body) as answer:
                    if answer.status_code < 400:
                        return {"replies": await self._heard_async(answer, callback)}
                    await answer.aread()
            except served.FAILED as error:
                self._failed(error, last=last)
            else:
                self._refused(answer, last=last)
            await asyncio.sleep(_pause(attempt))
        raise ModelFailed("the model was not asked")  # as above

    # --- what is sent -------------------------------------------------------------------------------------------------

    def _where(self) -> tuple[str, dict[str, str], float]:
        headers = {"Authorization": f"Bearer {self.api_key.resolve_value() or ''}"}
        headers |= {"OpenAI-Organization": self.organization} if self.organization else {}
        timeout = self.timeout if self.timeout is not None else float(os.environ.get("OPENAI_TIMEOUT", "30"))
        return self._url(), headers, timeout

    def _url(self) -> str:
        return self.api_base_url or os.environ.get("OPENAI_BASE_URL") or _URL

    def _retries(self) -> int:
        return self.max_retries if self.max_retries is not None else int(os.environ.get("OPENAI_MAX_RETRIES", "5"))

    def _body(
        self, messages: Any, callback: Any, more: Mapping[str, Any] | None, *, tools: Any, strict: bool | None
    ) -> dict[str, Any]:
        said = [ChatMessage.from_user(messages)] if isinstance(messages, str) else messages
        body: dict[str, Any] = {"model": self.model, "messages": [each.to_openai_dict_format() for each in said]}
        body |= {**self.generation_kwargs, **(more or {})}
        offered = tools if tools is not None else self.tools
        if offered:
            be_strict = strict if strict is not None else self.tools_strict
            body["tools"] = [_offered(each, strict=be_strict) for each in offered]
        if callback is not None:
            if body.get("n", 1) != 1:
                raise ValueError("Cannot stream multiple responses, please set n=1.")
            body["stream"] = True
        return body

    # --- what is answered ---------------------------------------------------------------------------------------------

    def _heard(self, answer: Any, callback: Any) -> list[ChatMessage]:
        if callback is None:
            answer.read()
            return _replies(answer.json())
        heard = _Heard()
        for line in answer.iter_lines():
            for chunk in heard.line(line):
                callback(chunk)
        return [heard.message()]

    async def _heard_async(self, answer: Any, callback: Any) -> list[ChatMessage]:
        if callback is None:
            await answer.aread()
            return _replies(answer.json())
        heard = _Heard()
        async for line in answer.aiter_lines():
            for chunk in heard.line(line):
                found = callback(chunk)
                if inspect.isawaitable(found):
                    await found
        return [heard.message()]

    def _failed(self, error: Exception, *, last: bool) -> None:
        if last or not isinstance(error, served.UNSENT):
            raise ModelFailed(f"{self._url()} did not answer: {type(error).__name__}: {error}") from error

    def _refused(self, answer: Any, *, last: bool) -> None:
        if last or answer.status_code not in _AGAIN:
            raise ModelFailed(f"{self._url()} refused with {answer.status_code}: {_said(answer.content)}")


def _said(content: bytes) -> str:
    """What an error's body says."""
    try:
        told = json.loads(content)
    except ValueError:
        return content.decode(errors="replace")[:500]
    error = told.get("error") if isinstance(told, dict) else told
    return str(error.get("message") or error) if isinstance(error, dict) else str(error or told)


def _pause(attempt: int) -> float:
    return float(min(0.5 * 2.0**attempt, 8.0))


def _offered(tool: Tool, *, strict: bool) -> dict[str, Any]:
    return {"type": "function", "function": {**tool.tool_spec, "strict": True} if strict else dict(tool.tool_spec)}


def _replies(completion: Mapping[str, Any]) -> list[ChatMessage]:
    found = []
    for choice in completion["choices"]:
        message = choice["message"]
        calls = [
            ToolCall(call["function"]["name"], _arguments(call["function"].get("arguments")), call.get("id"))
            for call in message.get("tool_calls") or ()
        ]
        meta = {
            "model": completion.get("model"),
            "index": choice.get("index", 0),
            "finish_reason": choice.get("finish_reason"),
            "usage": completion.get("usage") or {},
        }
        thought = message.get("reasoning_content")
        found.append(ChatMessage.from_assistant(message.get("content"), meta, tool_calls=calls, reasoning=thought))
    return found


def _arguments(text: Any) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    if not isinstance(found, dict):
        raise ModelFailed(f"the model wants a tool called with {text!r}, which is no object")
    return found


@attrs.define
class _Heard:
    """A streamed answer as far as it was heard."""

    texts: list[str] = attrs.field(factory=list)
    thoughts: list[str] = attrs.field(factory=list)
    calls: dict[int, ToolCallDelta] = attrs.field(factory=dict)
    meta: dict[str, Any] = attrs.field(factory=lambda: {"model": None, "index": 0, "finish_reason": None, "usage": {}})

    def line(self, line: str) -> Iterator[StreamingChunk]:
        """The pieces that a line of the stream holds. Raises ModelFailed for an error that it tells of."""
        data = line[5:].strip() if line.startswith("data:") else ""
        if not data or data == "[DONE]":
            return
        told = json.loads(data)
        if "error" in told:
            raise ModelFailed(f"the model failed: {_said(data.encode())}")
        if "choices" not in told:
            return  # an event of a chat page's
        self.meta["model"] = told.get("model") or self.meta["model"]
        self.meta["usage"] = told.get("usage") or self.meta["usage"]
        if not told["choices"]:
            yield StreamingChunk("", {"model": told.get("model"), "usage": told.get("usage")})
        for choice in told["choices"]:
            yield self._piece(choice, told)

    def _piece(self, choice: Mapping[str, Any], told: Mapping[str, Any]) -> StreamingChunk:
        delta = choice.get("delta") or {}
        finish = choice.get("finish_reason")
        self.meta["finish_reason"] = finish or self.meta["finish_reason"]
        meta = {"model": told.get("model"), "index": choice.get("index", 0), "finish_reason": finish}
        text, thought = delta.get("content") or "", delta.get("reasoning_content") or ""
        first = bool(text) and not self.texts
        if text:
            self.texts.append(text)
        if thought:
            self.thoughts.append(thought)
        pieces = [self._called(each) for each in delta.get("tool_calls") or ()]
        index = pieces[0].index if pieces else 0 if text or thought else None
        return StreamingChunk(
            text,
            meta,
            index=index,
            tool_calls=pieces or None,
            start=first or bool(pieces and pieces[0].tool_name),
            finish_reason=finish,
            reasoning=ReasoningContent(thought) if thought else None,
        )

    def _called(self, piece: Mapping[str, Any]) -> ToolCallDelta:
        function = piece.get("function") or {}
        made = ToolCallDelta(
            piece.get("index", 0), function.get("name"), function.get("arguments") or None, piece.get("id")
        )
        known = self.calls.setdefault(made.index, ToolCallDelta(made.index, arguments=""))
        known.tool_name, known.id = made.tool_name or known.tool_name, made.id or known.id
        known.arguments = (known.arguments or "") + (made.arguments or "")
        return made

    def message(self) -> ChatMessage:
        """The whole answer. Raises ModelFailed for arguments that are no JSON."""
        calls = [
            ToolCall(call.tool_name or "", _arguments(call.arguments), call.id)
            for _, call in sorted(self.calls.items())
        ]
        text = "".join(self.texts) if self.texts or not calls else None
        thought = "".join(self.thoughts) or None
        return ChatMessage.from_assistant(text, dict(self.meta), tool_calls=calls, reasoning=thought)
