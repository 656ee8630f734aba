"""What was called lately and how long it took, as hayhooks' dashboard reads it.

Law: kept in memory alone, the latest; never a parameter, a header or a result.
"""

from __future__ import annotations

import time
from collections import deque
from itertools import islice
from typing import Any, Final

import attrs

from mock_server.store.base import Document
from mock_server.store.ids import new_id

KEPT: Final = 200
MOST: Final = 100
"""Traces in one answer."""
_USUAL: Final = 25
_SLOW_MS: Final = 1000
_NAMES: Final = {
    "run": "hayhooks.pipeline.run",
    "chat": "hayhooks.openai.run",
    "response": "hayhooks.openai.run",
    "upload": "hayhooks.openai.file_upload",
    "draw": "hayhooks.pipeline.draw",
}


@attrs.define(eq=False)
class Trace:
    """One call of a deployment."""

    name: str
    call: str
    request_id: str
    id: str = attrs.field(factory=new_id)
    at: float = attrs.field(factory=time.time)
    began: float = attrs.field(factory=time.perf_counter)
    took: float | None = None
    status: int = 0

    def end(self, status: int) -> None:
        """It is over; the status that its caller was given, or 0 if it was broken off."""
        self.took, self.status = time.perf_counter() - self.began, status

    def shown(self) -> Document:
        took = self.took if self.took is not None else time.perf_counter() - self.began
        span = {"start_time_ms": int(self.at * 1000), "duration_ms": int(took * 1000)}
        tags = {"hayhooks.pipeline.name": self.name, "hayhooks.request.id": self.request_id}
        if self.took is not None:
            tags |= {"hayhooks.success": str(200 <= self.status < 400).lower(), "http.status_code": str(self.status)}
        told = [{"key": key, "value": value} for key, value in tags.items()]
        root: dict[str, Any] = {
            "span_id": self.id,
            "name": _NAMES.get(self.call, f"hayhooks.pipeline.{self.call}"),
            "running": self.took is None,
            "tags": told,
            "children": [],
        }
        return {
            "trace_id": self.id,
            **span,
            "entrypoint": self.name,
            "tags": told,
            "span_count": 1,
            "root_span": {**root, **span},
        }


class Traces:
    """The latest calls."""

    def __init__(self) -> None:
        self._lately: deque[Trace] = deque(maxlen=KEPT)

    def begin(self, name: str, call: str, request_id: str) -> Trace:
        """Note that a call begins. From any thread."""
        found = Trace(name, call, request_id)
        self._lately.append(found)
        return found

    def shown(self, limit: int | None = None) -> Document:
        """The latest, newest first, and what holds for the list."""
        wanted = min(limit or _USUAL, MOST)
        lately = self._lately.copy()
        return {
            "traces": [each.shown() for each in islice(reversed(lately), wanted)],
            "has_more": len(lately) > wanted,
            "config": {
                "buffer_capacity": KEPT,
                "fetch_limit": MOST,
                "slow_component_ms": _SLOW_MS,
                "scope": "Recent calls of this platform's process; not its history",
            },
        }
