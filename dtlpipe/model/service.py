"""Services: packages in their running form."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model.struct import Struct, field


@attrs.define(slots=False, kw_only=True)
class Service(Struct):
    """`execution_timeout` and `drain_time` are seconds; `runtime` holds concurrency, podType, runnerImage, ..."""

    id: str = field("")
    name: str = field("")
    project_id: str | None = field(None)
    package_id: str | None = field(None)
    package_revision: str | None = field(None)
    module_name: str | None = field(None)
    runtime: dict[str, Any] = field(factory=dict)
    init_params: dict[str, Any] | None = field(None)
    versions: dict[str, Any] | None = field(None)
    active: bool = field(default=True)
    execution_timeout: float | None = field(None)
    drain_time: float | None = field(None)
    max_attempts: int | None = field(None)
    on_reset: str | None = field(None)
    run_execution_as_process: bool | None = field(None)
    metadata: dict[str, Any] | None = field(None)
    is_global: bool | None = field(None, wire="global")
    creator: str | None = field(None)
    version: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    url: str | None = field(None)
