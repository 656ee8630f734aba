"""Logs: lines that node code and services wrote, read page by page, to the end or as they come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model import times
from dtlpipe.model.struct import Struct, field
from dtlpipe.sansio.effects import Emit, Flow, Now, Request, Response, Sleep

#: Seconds between looks at a platform that answers at once when there is nothing new.
PAUSE = 1.0
#: With this line the field's own platform ends an execution's log.
DONE = "[Done] Executing function."


@attrs.define(slots=False, kw_only=True)
class LogLine(Struct):
    """One line. `stream` is stdout, stderr or log; `str(line)` is for people."""

    message: str = field("")
    timestamp: datetime | None = field(None)
    level: str | None = field(None)
    stream: str | None = field(None)
    execution_id: str | None = field(None)
    pipeline_execution_id: str | None = field(None)
    service_id: str | None = field(None)

    def __str__(self) -> str:
        at = times.to_wire(self.timestamp) if isinstance(self.timestamp, datetime) else self.timestamp
        return " ".join(str(each) for each in (at, self.level, self.message) if each)


def log_lines(body: Mapping[str, Any], *, follow: bool, until_done: bool = False) -> Flow[LogLine]:
    """The lines that a request for logs asks for: those there are, or, following, also those to come.

    Args:
        body: the request, without `checkpoint`.
        follow: goes on until the platform says that there will be no more.
        until_done: ends at the line with which the field's platform ends an execution.
    """
    asked = {**body, "follow": follow}
    while True:
        began: float = yield Now()
        response: Response = yield Request("POST", "/services/logs", json=dict(asked), idempotent=True)
        data = response.json() or {}
        lines = [LogLine.from_wire(each) for each in data.get("logs") or ()]
        for line in lines:
            yield Emit(line)
        finished = until_done and any(DONE in line.message for line in lines)
        if data.get("stop") or finished or not (lines or follow):
            return
        asked["checkpoint"] = data.get("checkpoint")
        now: float = yield Now()
        if not lines and now - began < PAUSE / 2:  # it was not held, so that the pause is ours to make
            yield Sleep(PAUSE)
