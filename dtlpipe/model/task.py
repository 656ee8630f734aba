"""Tasks: items that people look at, and what they may say of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model.struct import Struct, field


@attrs.define(slots=False, kw_only=True)
class Task(Struct):
    """A task of a pipeline's task node.

    `available_actions` are `{"id", "action", "displayName"}`; `spec` is `{"type": "annotation" | "qa"}`. `total_items`
    is how many items it was given, `progress` the percentage of them that have a status.
    """

    id: str = field("")
    name: str = field("")
    status: str = field("inProgress")
    project_id: str | None = field(None)
    dataset_id: str | None = field(None)
    recipe_id: str | None = field(None)
    task_owner: str | None = field(None)
    available_actions: list[dict[str, Any]] = field(factory=list)
    total_items: int = field(0)
    progress: float = field(0.0)
    spec: dict[str, Any] = field(factory=dict)
    metadata: dict[str, Any] = field(factory=dict)
    creator: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    url: str | None = field(None)

    @property
    def actions(self) -> list[str]:
        """What can be said of its items."""
        return [str(each["action"]) for each in self.available_actions]

    @property
    def pipeline_id(self) -> str | None:
        """The pipeline whose node it belongs to."""
        return (self.metadata.get("system") or {}).get("pipelineId")

    @property
    def node_id(self) -> str | None:
        return (self.metadata.get("system") or {}).get("nodeId")
