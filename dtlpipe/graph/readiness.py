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

from dtlpipe.graph.inbox import Inbox
from dtlpipe.graph.plan import GREEDY, STREAM, Plan

__all__ = ["BATCHED", "BLOCKED", "DEFER", "HIGHEST", "READY", "RUNNING", "Readiness"]

RUNNING, BATCHED, HIGHEST, READY, DEFER, BLOCKED = range(6)


class Readiness:
    """Priorities and queues over one run's inbox.

    `priority[node]` is one of the constants above; RUNNING and BATCHED are decided and not weighed. `runnable` counts
    the nodes from BATCHED to DEFER. `forced` is a node that may run whatever it has received, or -1.
    """

    __slots__ = ("_inbox", "_plan", "_queues", "_special", "forced", "priority", "quiet", "runnable")

    def __init__(self, plan: Plan, inbox: Inbox) -> None:
        self._plan = plan
        self._inbox = inbox
        self._special = plan.is_special
        self._queues: tuple[list[int], ...] = ([], [], [], [], [])
        self.priority = bytearray([BLOCKED]) * len(plan.names)
        self.quiet = bytearray(len(plan.names))
        self.forced = -1 if plan.start is None else plan.index[plan.start]
        self.runnable = 0

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
                now = self._weigh_special(node)
            else:
                now = DEFER if inbox.unreported[node] else READY
            if now != was:
                priority[node] = now
                if was == BLOCKED:
                    self.runnable += 1
                heapq.heappush(self._queues[now], self._plan.rank[node] if now == DEFER else node)
        return quiet

    def _weigh_special(self, node: int) -> int:
        inbox, intakes = self._inbox, self._plan.intakes[node]
        if any(i.kind == GREEDY and inbox.is_filled(i.slot) for i in intakes) and all(
            inbox.is_filled(i.slot) for i in intakes if i.mandatory or i.links
        ):
            return HIGHEST
        if inbox.unreported[node]:
            return DEFER
        if any(i.kind == STREAM and not inbox.is_filled(i.slot) and inbox.is_waiting(i) for i in intakes):
            return DEFER
        return READY

    def weigh_all(self) -> None:
        """Weigh every node that could possibly run; for the beginning of a run and for its restoration."""
        self.weigh(node for node, triggered in enumerate(self._inbox.triggered) if triggered or node == self.forced)

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

    def batch(self) -> list[int]:
        """Decide on all nodes of the two upper priorities at once: greedy ones first, each by name."""
        decided = []
        for priority in (HIGHEST, READY):
            while (node := self.head(priority)) is not None:
                self.priority[node] = BATCHED
                decided.append(node)
        return decided

    def resume(self, node: int, *, batched: bool) -> None:
        """Note, in a restored run, that a node is decided on or handed out already."""
        self.priority[node] = BATCHED if batched else RUNNING
        self.runnable += batched

    # ---- dead paths --------------------------------------------------------------------------------------------------

    def retire(self, quiet: list[int]) -> None:
        """Retire nodes that are not running and never will, and those that follow from them."""
        while quiet:
            node = quiet.pop()
            if not self.quiet[node]:
                self.quiet[node] = 1
                self._inbox.part(node)
                quiet += self.weigh(self._plan.receivers[node], bereaved=True) or ()
