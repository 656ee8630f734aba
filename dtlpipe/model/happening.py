"""What happened on a platform, as it tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model.struct import Struct, field


@attrs.define(slots=False, kw_only=True)
class Happening(Struct):
    """One event. `kind` says what, such as `run.status`; `body` has what there is to say; `id` counts up."""

    id: int = field(0)
    kind: str = field("")
    at: datetime | None = field(None)
    project_id: str | None = field(None)
    pipeline_id: str | None = field(None)
    run_id: str | None = field(None)
    node_id: str | None = field(None)
    service_id: str | None = field(None)
    execution_id: str | None = field(None)
    body: dict[str, Any] = field(factory=dict)
