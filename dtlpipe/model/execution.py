"""Runs (pipeline executions, the wire's cycles), the executions of their nodes, and commands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model.enums import CommandStatus, ExecutionStatus
from dtlpipe.model.struct import Struct, field


@attrs.define(slots=False, kw_only=True)
class PipelineExecutionNode(Struct):
    """One node's part in a run. `status` is `pending` for a node that the run did not reach."""

    id: str = field("")
    name: str = field("")
    type: str | None = field(None)
    status: ExecutionStatus = field(ExecutionStatus.PENDING)
    namespace: dict[str, Any] | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)


@attrs.define(slots=False, kw_only=True)
class PipelineExecution(Struct):
    """One pass through a pipeline; `executions` maps node ids to that node's (partial) executions, oldest first.

    `timeout` is in seconds. Runs of other platforms have no `priority`, and are never `paused`.
    """

    id: str = field("")
    pipeline_id: str = field("")
    project_id: str | None = field(None)
    status: ExecutionStatus = field(ExecutionStatus.PENDING)
    creator: str | None = field(None)
    trigger_id: str | None = field(None)
    max_attempts: int | None = field(None)
    priority: int | None = field(None)
    paused: bool | None = field(None)
    timeout: float | None = field(None)
    deadline_at: datetime | None = field(None)
    nodes: list[PipelineExecutionNode] = field(factory=list)
    executions: dict[str, list[dict[str, Any]]] = field(factory=dict)
    transition_errors: list[dict[str, Any]] | None = field(None)
    error: dict[str, Any] | None = field(None)
    duration: float | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    url: str | None = field(None)


@attrs.define(slots=False, kw_only=True)
class Execution(Struct):
    """One run of a function: a node's, or a service call's.

    `pipeline` is `{"id", "nodeId", "executionId"}` for a node's; `latest_status` is `{"timestamp", "status",
    "percentComplete", "message", "error", "output"}`.
    """

    id: str = field("")
    input: dict[str, Any] | None = field(None)
    output: Any = field(None)
    function_name: str | None = field(None)
    service_id: str | None = field(None)
    service_name: str | None = field(None)
    project_id: str | None = field(None)
    package_id: str | None = field(None)
    package_name: str | None = field(None)
    attempts: int | None = field(None)
    max_attempts: int | None = field(None)
    to_terminate: bool | None = field(None)
    duration: float | None = field(None)
    latest_status: dict[str, Any] = field(factory=dict)
    status_log: list[dict[str, Any]] | None = field(None, wire="status")
    pipeline: dict[str, Any] | None = field(None)
    creator: str | None = field(None)
    trigger_id: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    url: str | None = field(None)

    @property
    def status(self) -> ExecutionStatus | str | None:
        status = self.latest_status.get("status")
        return ExecutionStatus._value2member_map_.get(status, status)  # type: ignore[return-value]

    @property
    def error(self) -> Any:
        return self.latest_status.get("error")


@attrs.define(slots=False, kw_only=True)
class Command(Struct):
    """Work that a platform does on its own time. `progress` is a percentage."""

    id: str = field("")
    type: str | None = field(None)
    status: CommandStatus = field(CommandStatus.CREATED)
    progress: float | None = field(None)
    spec: dict[str, Any] = field(factory=dict)
    error: Any = field(None)
    creator: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    url: str | None = field(None)
