"""DPKs (packages as a registry has them) and apps (what is installed of them in a project)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model.struct import Struct, field


@attrs.define(slots=False, kw_only=True)
class Dpk(Struct):
    """One version of a DPK; `base_id` is the same for all of them. `components` holds modules, services, triggers."""

    id: str = field("")
    base_id: str | None = field(None)
    name: str = field("")
    display_name: str | None = field(None)
    version: str | None = field(None)
    latest: bool | None = field(None)
    scope: str | None = field(None)
    description: str | None = field(None)
    attributes: dict[str, Any] | None = field(None)
    components: dict[str, Any] = field(factory=dict)
    codebase: dict[str, Any] | None = field(None)
    context: dict[str, Any] | None = field(None)
    creator: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    url: str | None = field(None)


@attrs.define(slots=False, kw_only=True)
class App(Struct):
    """A DPK's version as a project has it installed."""

    id: str = field("")
    name: str = field("")
    project_id: str | None = field(None)
    dpk_name: str | None = field(None)
    dpk_version: str | None = field(None)
    status: str | None = field(None)
    scope: str | None = field(None)
    metadata: dict[str, Any] | None = field(None)
    creator: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    url: str | None = field(None)
