"""What a pipeline is told once for all its installs and runs."""

from __future__ import annotations

from datetime import datetime

import attrs

from dtlpipe.model.enums import PipelineResumeOption
from dtlpipe.model.struct import Struct, field


@attrs.define(slots=False, kw_only=True)
class PipelineSettings(Struct):
    """For `pipeline.update_settings()`; what is None is not said."""

    default_resume_option: PipelineResumeOption | None = field(None)
    keep_triggers_active: bool | None = field(None)
    active_trigger_ask_again: bool | None = field(None)
    last_update: datetime | None = field(None)
