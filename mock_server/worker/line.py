"""The line: executions that wait for a place, the most urgent first, among equals those of the oldest run.

Who cannot start yet steps aside and does not hold up the others: until its time has come (`available_at`), until there
is a slot under each of its keys, or until there is a token in each of its buckets. What steps aside for a key stays in
order there; as soon as there is room, the first of them comes back into the line.

An execution is in line as long as it bears the number of its ticket. Who leaves gives up the number; what is left of
it in one of the queues is passed over when it is found.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from mock_server.worker.opened import OpenExecution
from mock_server.worker.slots import Bucket, Buckets, Slots

#: Urgency, turn, ticket, who, and the key for which it had stepped aside.
Entry = tuple[int, int, int, OpenExecution, str | None]


class Line:
    """See the module."""

    def __init__(self) -> None:
        self.slots = Slots()
        self.buckets = Buckets()
        self._ready: list[Entry] = []
        self._later: list[tuple[datetime, int, OpenExecution]] = []
        self._aside: dict[str, list[Entry]] = {}
        self._dry: dict[str, datetime] = {}

    def __bool__(self) -> bool:
        """Whether somebody may be there to be taken."""
        return bool(self._ready)

    # --- coming and going ---------------------------------------------------------------------------------------------

    def join(self, execution: OpenExecution, ticket: int, at: datetime) -> None:
        """Lines it up, or has it wait until it is available. Tickets grow."""
        execution.ticket = ticket
        execution.turn = execution.turn or ticket
        available = execution.row.available_at
        if available is not None and available > at:
            heappush(self._later, (available, ticket, execution))
        else:
            self._queue(execution, None)

    def _queue(self, execution: OpenExecution, key: str | None) -> None:
        turn = execution.turn if execution.run is None else execution.run.turn
        heappush(self._ready, (-execution.row.priority, turn, execution.ticket, execution, key))

    # --- taking -------------------------------------------------------------------------------------------------------

    def take(self, at: datetime) -> OpenExecution | None:
        """The first that may start, which then has its slots; its tokens are `pay`'s."""
        while self._ready:
            entry = heappop(self._ready)
            _, _, ticket, execution, came_from = entry
            if execution.ticket != ticket:
                self._next(came_from)
                continue
            if not execution.limits:
                execution.ticket = 0
                return execution
            key = self._hindrance(execution, at)
            if key is None:
                execution.ticket = 0
                self.slots.take(execution.limits)
                self._next(came_from)
                return execution
            heappush(self._aside.setdefault(key, []), (*entry[:4], key))
            if came_from != key:
                self._next(came_from)
        return None

    def _hindrance(self, execution: OpenExecution, at: datetime) -> str | None:
        key = self.slots.full(execution.limits)
        if key is not None:
            return key
        for each in execution.limits:
            due = self.buckets.ready_at(each, at)
            if due is not None:
                self._dry[each.key] = min(due, self._dry.get(each.key, due))
                return each.key
        return None

    def pay(self, execution: OpenExecution, at: datetime) -> list[tuple[str, Bucket]]:
        """Takes its tokens; the buckets that changed."""
        return [(each.key, self.buckets.take(each, at)) for each in execution.limits if each.rate is not None]

    def hold(self, execution: OpenExecution) -> None:
        """It runs already: it has its slots, whether there is room or not."""
        self.slots.take(execution.limits)

    def give_back(self, execution: OpenExecution) -> None:
        """It runs no more."""
        if execution.limits:
            for key in self.slots.give_back(execution.limits):
                self._next(key)

    def _next(self, key: str | None) -> None:
        """Has the first that stepped aside for the key come back."""
        if key is None:
            return
        aside = self._aside.get(key)
        while aside:
            entry = heappop(aside)
            if entry[3].ticket == entry[2]:
                heappush(self._ready, entry)
                break
        if not aside:
            self._aside.pop(key, None)

    # --- time ---------------------------------------------------------------------------------------------------------

    def ripen(self, at: datetime) -> None:
        """Those whose time has come line up."""
        while self._later and (self._later[0][0] <= at or self._later[0][2].ticket != self._later[0][1]):
            _, ticket, execution = heappop(self._later)
            if execution.ticket == ticket:
                self._queue(execution, None)
        for key in [key for key, due in self._dry.items() if due <= at]:
            del self._dry[key]
            self._next(key)

    def due(self) -> datetime | None:
        """When there is something to be done though nothing happens."""
        while self._later and self._later[0][2].ticket != self._later[0][1]:
            heappop(self._later)
        due = min((each for key, each in self._dry.items() if key in self._aside), default=None)
        if self._later and (due is None or self._later[0][0] < due):
            due = self._later[0][0]
        return due

    def shift(self, by: timedelta, at: datetime) -> None:
        """The clock was set, and this is its time now. Who waits for a time has it moved already, in its row.

        Who was lined up from the rows before that was known may have been taken for one whose time had come.
        """
        self.buckets.shift(by)
        self._dry = {key: due + by for key, due in self._dry.items()}
        self._later = [(each[2].row.available_at or each[0], *each[1:]) for each in self._later]
        for queue in (self._ready, *self._aside.values()):
            early = [each for each in queue if _is_early(each, at)]
            if early:
                queue[:] = [each for each in queue if not _is_early(each, at)]
                heapify(queue)
                self._later += [(each[3].row.available_at or at, each[2], each[3]) for each in early]
                came_back = {each[4] for each in early} if queue is self._ready else set()
                for key in came_back:
                    self._next(key)
        heapify(self._later)


def _is_early(entry: Entry, at: datetime) -> bool:
    available = entry[3].row.available_at
    return available is not None and available > at
