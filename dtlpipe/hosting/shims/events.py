"""Events for chat pages: what a wrapper yields beside text, and how hayhooks' callbacks make them."""

from __future__ import annotations

from typing import Any

import attrs

__all__ = [
    "OpenWebUIEvent",
    "PipelineEvent",
    "create_chat_completion_event",
    "create_custom_element_event",
    "create_details_tag",
    "create_message_event",
    "create_notification_event",
    "create_replace_event",
    "create_source_event",
    "create_status_event",
    "default_on_pipeline_end",
    "default_on_tool_call_end",
    "default_on_tool_call_start",
]


@attrs.define
class PipelineEvent:
    """An event of that type; `data` is JSON."""

    type: str
    data: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return {"type": self.type, "data": self.data}

    def to_event_dict(self) -> dict[str, Any]:
        return self.to_dict()


OpenWebUIEvent = PipelineEvent


def create_status_event(description: str, done: bool = False, hidden: bool = False) -> PipelineEvent:  # noqa: FBT001, FBT002 - hayhooks' signature
    """Say what is being done."""
    return PipelineEvent("status", {"description": description, "done": done, "hidden": hidden})


def create_notification_event(content: str, notification_type: str = "info") -> PipelineEvent:
    """Show a notice; the type is info, success, warning or error."""
    return PipelineEvent("notification", {"type": notification_type, "content": content})


def create_chat_completion_event(data: dict[str, Any]) -> PipelineEvent:
    """Say what a completion came to."""
    return PipelineEvent("chat:completion", data)


def create_message_event(content: str) -> PipelineEvent:
    """Add to the message."""
    return PipelineEvent("message", {"content": content})


def create_replace_event(content: str) -> PipelineEvent:
    """Replace the message."""
    return PipelineEvent("replace", {"content": content})


def create_source_event(source_data: dict[str, Any]) -> PipelineEvent:
    """Add a source or a citation."""
    return PipelineEvent("source", source_data)


def create_custom_element_event(name: str, props: dict[str, Any] | None = None) -> PipelineEvent:
    """Show an element of a page's own."""
    return PipelineEvent("custom_element", {"name": name, "props": props or {}})


def create_details_tag(tool_name: str, summary: str, content: str) -> str:
    """A block that opens when clicked, for the results of tools."""
    return f'<details type="{tool_name}" done="true">\n<summary>{summary}</summary>\n\n{content}\n</details>\n\n'


def default_on_tool_call_start(tool_name: str, arguments: Any, tool_call_id: str | None) -> PipelineEvent | None:  # noqa: ARG001 - hayhooks' signature
    """Say that a tool is being called."""
    return create_status_event(f"Calling '{tool_name}' tool...") if tool_name else None


def default_on_tool_call_end(tool_name: str, arguments: dict[str, Any], result: str, error: bool) -> list[Any]:  # noqa: FBT001 - hayhooks' signature
    """Say that a tool was called, and show what it said."""
    how = "Error calling" if error else "Called"
    return [
        create_status_event(f"{how} '{tool_name}' tool", done=True),
        create_details_tag(
            tool_name, f"Tool call result for '{tool_name}'", f"Arguments: {arguments}\nResponse: {result}"
        ),
    ]


def default_on_pipeline_end(output: dict[str, Any]) -> None:
    """Say nothing."""
