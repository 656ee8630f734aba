"""Haystack's asynchronous order, exactly: what its loop sees each time it looks at all nodes anew.

Law: like `dtlpipe.graph.readiness`, a function of the inbox, kept up to date step by step. It only chooses; the moves
are those of `dtlpipe.graph.schedule`.

One look follows each completion (or several), and the first node that can run decides what it brings:

| first node                 | what follows                                                                          |
|----------------------------|---------------------------------------------------------------------------------------|
| HIGHEST                    | nothing starts until all that runs has ended; then this node, alone, whatever came up |
| READY                      | it starts, and with it all others that are READY, by name                             |
| DEFER, and nothing runs    | of all that are deferred, the topologically first one starts                          |
| running itself             | nothing starts before the next completion                                             |

The last row needs an explanation. The loop counts a visit when it has ended, so a node that is running can come up
again: because values arrived meanwhile, or because its first visit still counts as not begun. Such an *echo* is not
started, but it keeps back all that come after it. Limits of visits are checked for the first node of a look only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from dtlpipe.graph.inbox import Inbox
from dtlpipe.graph.plan import Plan
from dtlpipe.graph.readiness import BLOCKED, DEFER, HIGHEST, READY, RUNNING, Readiness

__all__ = ["Lookout"]


class Lookout:
    """The looks of one run. `has_looked` says that this look has brought a node; `pinned` is the HIGHEST one, or -1."""

    __slots__ = ("_echo", "_echoes", "_inbox", "_plan", "_ready", "_unbegun", "has_looked", "pinned")

    def __init__(self, plan: Plan, inbox: Inbox, ready: Readiness) -> None:
        self._plan = plan
        self._inbox = inbox
        self._ready = ready
        self._echo = bytearray([BLOCKED]) * len(plan.names)
        self._echoes: dict[int, list[int]] = {HIGHEST: [], READY: [], DEFER: []}
        self._unbegun: set[int] = set()
        self.has_looked = False
        self.pinned = -1

    def choose(self, *, busy: bool, check_limit: Callable[[int], None]) -> int | None:
        """Return the node that starts now, or None. `busy`: some node is running. `check_limit` may raise."""
        ready = self._ready
        if self.pinned >= 0:
            return None if busy else self.pinned
        if self.has_looked:
            return ready.head(READY)
        for priority in (HIGHEST, READY):
            node, echo = ready.head(priority), self._first_echo(priority)
            if echo is not None and (node is None or echo < node):
                return None
            if node is not None:
                check_limit(node)
                if priority == HIGHEST and busy:
                    self.pinned = node
                    return None
                return node
        node = ready.head(DEFER)
        if node is not None:
            echo = self._first_echo(DEFER)
            if echo is None or ready.priority.index(DEFER) < echo:
                check_limit(node)
        return None if busy else node

    def started(self, node: int, visit: int) -> None:
        """Note that a visit, the node's first if it is 0, has been handed out."""
        self.pinned = -1
        self.has_looked = True
        if not visit:
            self.resume(node)
        self._hear(node)

    def resume(self, node: int) -> None:
        """Note that a node's first visit is running: what set it going counts until the visit has ended."""
        plan, users = self._plan, self._inbox.users
        if not plan.sender_count[node] or any(intake.slot in users for intake in plan.intakes[node]):
            self._unbegun.add(node)

    def arrived(self, nodes: Iterable[int]) -> None:
        """Note that something has arrived at nodes."""
        for node in nodes:
            if self._ready.priority[node] == RUNNING:
                self._hear(node)

    def ended(self, node: int) -> None:
        """Note that a visit has ended."""
        self.has_looked = False
        self._echo[node] = BLOCKED
        self._unbegun.discard(node)

    def _hear(self, node: int) -> None:
        inbox = self._inbox
        if not inbox.missing[node] and (inbox.triggered[node] or node in self._unbegun):
            now = self._ready.rate(node)
            if now != self._echo[node]:
                self._echo[node] = now
                heappush(self._echoes[now], node)

    def _first_echo(self, priority: int) -> int | None:
        queue = self._echoes[priority]
        while queue:
            if self._echo[queue[0]] == priority:
                return queue[0]
            heappop(queue)
        return None
