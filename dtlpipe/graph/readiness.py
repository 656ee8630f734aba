"""Who can run: each node's priority, the queues of those that can, and the nodes that never will again.

Law: a priority is a function of the inbox. It is recomputed when something about the node has changed, and at no other
time, so the work after a completion is that of its receivers, whatever the size of the graph.

A node is *quiet* when it can never run again: it cannot run, and either none of its senders ever will, or a mandatory
socket of it is empty and has lost all its senders. Quiet nodes have reported for ever, so nobody waits for them
(dead-path elimination). Members of a cycle wait for each other and so never become quiet by themselves; who waits for
them is deferred, and runs when nothing else can.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from dtlpipe.graph.inbox import EMPTY, Inbox
from dtlpipe.graph.plan import Plan

__all__ = ["BATCHED", "BLOCKED", "DEFER", "HIGHEST", "READY", "RUNNING", "Readiness"]

RUNNING, BATCHED, HIGHEST, READY, DEFER, BLOCKED = range(6)


class Readiness:
    """Priorities and queues over one run's inbox.

    `priority[node]` is one of the constants above; RUNNING and BATCHED are decided and not weighed. `forced` is a node
    that may run whatever it has received, or -1.
    """

    __slots__ = ("_inbox", "_plan", "_queues", "_special", "forced", "priority", "quiet")

    def __init__(self, plan: Plan, inbox: Inbox) -> None:
        self._plan = plan
        self._inbox = inbox
        self._special = plan.is_special
        self._queues: tuple[list[int], ...] = ([], [], [], [], [])
        self.priority = bytearray([BLOCKED]) * len(plan.names)
        self.quiet = bytearray(len(plan.names))
        self.forced = -1 if plan.start is None else plan.index[plan.start]

    def weigh(self, nodes: Iterable[int], *, bereaved: bool = False) -> list[int] | None:
        """Recompute the priorities of nodes, and queue those that can run.

        `bereaved`: a sender of theirs is gone. Those that became quiet by that, if any, are returned to be retired.
        """
        quiet: list[int] | None = None
        priority, inbox = self.priority, self._inbox
        missing, triggered = inbox.missing, inbox.triggered
        for node in nodes:
            was = priority[node]
            if was <= BATCHED:
                continue
            if node == self.forced:
                now = READY
            elif missing[node] or not triggered[node]:
                if bereaved and (not inbox.live_nodes[node] or (inbox.doomed[node] and inbox.is_doomed(node))):
                    quiet = [] if quiet is None else quiet
                    quiet.append(node)
                continue
            elif self._special[node]:
                now = self.rate(node)
            else:
                now = DEFER if inbox.unreported[node] else READY
            if now != was:
                priority[node] = now
                heapq.heappush(self._queues[now], self._plan.rank[node] if now == DEFER else node)
        return quiet

    def rate(self, node: int) -> int:
        """Return the priority of a node that can run."""
        plan, inbox = self._plan, self._inbox
        values, users = inbox.values, inbox.users
        for slot in plan.greedy_slots[node]:
            if values[slot] is not EMPTY:
                for awaited in plan.awaited_slots[node]:
                    if values[awaited] is EMPTY and awaited not in users:
                        break
                else:
                    return HIGHEST
                break
        if inbox.unreported[node]:
            return DEFER
        for intake in plan.streams[node]:
            if values[intake.slot] is EMPTY and inbox.is_waiting(intake):
                return DEFER
        return READY

    def batch(self, touched: list[int]) -> list[int]:
        """Decide on all nodes of the two upper priorities at once: greedy ones first, each by name.

        `touched`: the nodes of which something has changed since the last batch, which took all that could run.
        """
        priority, inbox = self.priority, self._inbox
        missing, triggered, unreported, forced = inbox.missing, inbox.triggered, inbox.unreported, self.forced
        first: list[int] = []
        then: list[int] = []
        for node in touched:
            was = priority[node]
            if was <= BATCHED:
                continue
            if node == forced:
                now = READY
            elif missing[node] or not triggered[node]:
                continue
            elif self._special[node]:
                now = self.rate(node)
            else:
                now = DEFER if unreported[node] else READY
            if now != DEFER:
                priority[node] = BATCHED
                (then if now == READY else first).append(node)
            elif was != DEFER:
                priority[node] = DEFER
                heapq.heappush(self._queues[DEFER], self._plan.rank[node])
        if first:
            first.sort()
        if len(then) > 1:
            then.sort()
        return first + then if first else then

    def first(self, *, busy: bool) -> int | None:
        """Return the node that runs next in concurrent mode, or None. `busy`: some node is running."""
        if self._queues[HIGHEST]:
            node = self.head(HIGHEST)
            if node is not None:
                return None if busy else node
        queue, priority = self._queues[READY], self.priority
        while queue:
            if priority[queue[0]] == READY:
                return queue[0]
            heapq.heappop(queue)
        return None if busy else self.head(DEFER)

    def head(self, priority: int) -> int | None:
        """Return the first node of a queue: by name, or by rank among deferred ones. Leaves it there."""
        queue = self._queues[priority]
        while queue:
            node = self._plan.by_rank[queue[0]] if priority == DEFER else queue[0]
            if self.priority[node] == priority:
                return node
            heapq.heappop(queue)  # an entry from before the node ran or changed its priority
        return None

    # ---- dead paths --------------------------------------------------------------------------------------------------

    def retire(self, quiet: list[int]) -> None:
        """Retire nodes that are not running and never will, and those that follow from them."""
        while quiet:
            node = quiet.pop()
            if not self.quiet[node]:
                self.quiet[node] = 1
                self._inbox.part(node)
                quiet += self.weigh(self._plan.receivers[node], bereaved=True) or ()
