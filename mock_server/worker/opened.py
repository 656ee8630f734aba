"""What is open, as the core holds it: runs with their engine state, and executions."""

from __future__ import annotations

from typing import Any

import attrs

from dtlpipe.graph.schedule import RunState, Task
from mock_server.runners.blueprint import Blueprint, NodeSpec
from mock_server.store.base import ExecutionRow, RunRow


@attrs.define(eq=False)
class OpenRun:
    """A run that is not over. `turn` is its place in line; `error` is the first failure in it."""

    row: RunRow
    blueprint: Blueprint
    state: RunState
    turn: int
    open: dict[str, OpenExecution] = attrs.field(factory=dict)
    error: dict[str, Any] | None = None


@attrs.define(eq=False)
class OpenExecution:
    """An execution that is not over; `run`, `spec` and `task` are None for a call of a service."""

    row: ExecutionRow
    run: OpenRun | None = None
    spec: NodeSpec | None = None
    task: Task | None = None
