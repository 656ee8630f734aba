"""Haystack's tools: functions that a model may have called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

__all__ = ["Tool"]


@attrs.define
class Tool:
    """A function, and what the model is told of it; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]
    function: Callable[..., Any] | None = None

    @property
    def tool_spec(self) -> dict[str, Any]:
        """What the model is told."""
        return {"name": self.name, "description": self.description, "parameters": self.parameters}

    def invoke(self, **arguments: Any) -> Any:
        """Call the function. Raises ValueError if there is none."""
        if self.function is None:
            raise ValueError(f"the tool {self.name!r} has no function to call")
        return self.function(**arguments)
