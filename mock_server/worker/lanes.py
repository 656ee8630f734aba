"""Lanes: how many runs of a pipeline go at once, and which of those that wait is the next.

The number of those that go is counted from what is open. A limit that is lowered ends nothing: it keeps others from
starting until there is room under it. As long as runs of a pipeline are still to come that were left open, and may go,
there is no room in its lane.
"""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush

from mock_server.worker.opened import OpenRun


class Lanes:
    """`limits` has the pipelines that have one."""

    def __init__(self) -> None:
        self.limits: dict[str, int] = {}
        self.going: Counter[str] = Counter()
        self.coming: Counter[str] = Counter()
        self._waiting: dict[str, list[tuple[int, int, int, OpenRun]]] = {}

    def has_room(self, pipeline_id: str) -> bool:
        """Whether one more run of the pipeline may go."""
        limit = self.limits.get(pipeline_id)
        return limit is None or (self.going[pipeline_id] < limit and not self.coming[pipeline_id])

    def came(self, pipeline_id: str) -> None:
        """One of those that were to come is there, or comes no more."""
        self.coming[pipeline_id] -= 1
        if self.coming[pipeline_id] <= 0:
            del self.coming[pipeline_id]

    def enter(self, run: OpenRun) -> None:
        """It goes."""
        run.going, run.ticket = True, 0
        self.going[run.row.pipeline_id] += 1

    def leave(self, run: OpenRun) -> None:
        """It goes no more, or waits no more."""
        run.ticket = 0
        if run.going:
            run.going = False
            id = run.row.pipeline_id
            self.going[id] -= 1
            if self.going[id] <= 0:
                del self.going[id]

    def wait(self, run: OpenRun, ticket: int) -> None:
        run.ticket = ticket
        entry = (-run.row.priority, run.turn, ticket, run)
        heappush(self._waiting.setdefault(run.row.pipeline_id, []), entry)

    def next(self, pipeline_id: str) -> OpenRun | None:
        """The first that waits, if there is room for it. It does not wait any more."""
        waiting = self._waiting.get(pipeline_id)
        while waiting:
            if waiting[0][3].ticket == waiting[0][2]:
                return heappop(waiting)[3] if self.has_room(pipeline_id) else None
            heappop(waiting)
        self._waiting.pop(pipeline_id, None)
        return None
