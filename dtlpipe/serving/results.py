"""What the runs of a batch came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class BatchResult:
    """What one of a batch came to: `result`, or the `error` that it ended with."""

    index: int
    params: Mapping[str, Any]
    result: Any = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        return self.error is None
