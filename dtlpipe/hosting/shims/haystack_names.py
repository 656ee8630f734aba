"""What wrappers take from Haystack, over our engine: pipelines, the component decorator, the plainest components."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import attrs

from dtlpipe.graph import AsyncPipeline, Pipeline, SuperComponent, component, default_from_dict, default_to_dict

__all__ = [
    "AsyncPipeline",
    "ChatMessage",
    "Pipeline",
    "PromptBuilder",
    "StreamingChunk",
    "SuperComponent",
    "component",
    "default_from_dict",
    "default_to_dict",
]


@attrs.define
class StreamingChunk:
    """A piece of a model's answer."""

    content: str
    meta: dict[str, Any] = attrs.field(factory=dict)
    finish_reason: str | None = None
    tool_calls: list[Any] = attrs.field(factory=list)
    tool_call_result: Any = None
    reasoning: Any = None


@attrs.define
class ChatMessage:
    """A message of a chat."""

    role: str
    text: str
    meta: dict[str, Any] = attrs.field(factory=dict)

    @classmethod
    def from_user(cls, text: str, **_: Any) -> ChatMessage:
        return cls("user", text)

    @classmethod
    def from_system(cls, text: str, **_: Any) -> ChatMessage:
        return cls("system", text)

    @classmethod
    def from_assistant(cls, text: str = "", meta: dict[str, Any] | None = None, **_: Any) -> ChatMessage:
        return cls("assistant", text, meta or {})

    def to_dict(self) -> dict[str, Any]:
        return {"role": self.role, "content": self.text, "meta": self.meta}


@component
class PromptBuilder:
    """A Jinja template and its variables."""

    def __init__(self, template: str, required_variables: Any = None, variables: list[str] | None = None) -> None:
        meta, sandbox = import_module("jinja2.meta"), import_module("jinja2.sandbox")
        self.template, self.required_variables, self.variables = template, required_variables, variables
        environment = sandbox.SandboxedEnvironment()
        self._template = environment.from_string(template)
        names = variables or sorted(meta.find_undeclared_variables(environment.parse(template)))
        for name in names:
            component.set_input_type(self, name, Any, "")

    @component.output_types(prompt=str)
    def run(self, **given: Any) -> dict[str, str]:
        """The prompt."""
        return {"prompt": self._template.render(given)}
