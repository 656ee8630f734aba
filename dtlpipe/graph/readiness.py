"""Who can run: each node's priority, the queues of those that can, and the nodes that never will again.

Law: a priority is a function of the inbox. `weigh` recomputes it when something about the node has changed, and at no other time, so the work
after a completion is that of its receivers, whatever the size of the graph.

A node is *quiet* when it can never run again: it cannot run, and either none of its senders ever will, or a mandatory socket of it is empty
and has lost all its senders. Quiet nodes have reported for ever, so nobody waits for them (dead-path elimination). In a cycle nobody
becomes quiet first, which is right: there the answer is not known until nothing else runs.
"""

from __future__ import annotations

import heapq

from dtlpipe.graph.inbox import Inbox
from dtlpipe.graph.plan import GREEDY, STREAM, Plan

__all__ = ["BATCHED", "BLOCKED", "DEFER", "HIGHEST", "READY", "RUNNING", "Readiness"]

RUNNING, BATCHED, HIGHEST, READY, DEFER, BLOCKED = range(6)


class Readiness:
    """Priorities and queues over one run's inbox.

    `priority[node]` is one of the constants above; RUNNING and BATCHED are decided and not weighed. `runnable` counts those from BATCHED to DEFER.
    `forced` is a node that may run whatever it has received, or -1.
    """

    __slots__ = ("_live_nodes", "_live_slots", "_queues", "forced", "inbox", "plan", "priority", "quiet", "runnable")

    def __init__(self, plan: Plan, inbox: Inbox) -> None:
        self.plan = plan
        self.inbox = inbox
        self.priority = bytearray([BLOCKED]) * len(plan.names)
        self.quiet = bytearray(len(plan.names))
        self.forced = -1 if plan.start is None else plan.index[plan.start]
        self.runnable = 0
        self._queues: tuple[list[int], ...] = ([], [], [], [], [])
        self._live_nodes = list(plan.sender_count)
        self._live_slots = list(plan.slot_senders)

    def weigh(self, node: int) -> None:
        """Recompute a node's priority, and queue the node if it can run."""
        was = self.priority[node]
        if was <= BATCHED:
            return
        inbox = self.inbox
        if node == self.forced:
            now = READY
        elif inbox.missing[node] or not inbox.triggered[node]:
            now = BLOCKED
        elif self.plan.is_special[node]:
            now = self._weigh_special(node)
        else:
            now = DEFER if inbox.unreported[node] else READY
        if now == was:
            return
        self.priority[node] = now
        if was == BLOCKED:
            self.runnable += 1
        elif now == BLOCKED:
            self.runnable -= 1
            return
        heapq.heappush(self._queues[now], self.plan.rank[node] if now == DEFER else node)

    def _weigh_special(self, node: int) -> int:
        inbox, intakes = self.inbox, self.plan.intakes[node]
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
        for node, triggered in enumerate(self.inbox.triggered):
            if triggered or node == self.forced:
                self.weigh(node)

    def head(self, priority: int) -> int | None:
        """Return the first node of a queue: by name, or by rank among deferred ones. Leaves it there."""
        queue = self._queues[priority]
        while queue:
            node = self.plan.by_rank[queue[0]] if priority == DEFER else queue[0]
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

    def start(self, node: int) -> None:
        """Note that a node is handed out."""
        self.priority[node] = RUNNING
        self.runnable -= 1
        if node == self.forced:
            self.forced = -1

    def stop(self, node: int) -> None:
        """Note that a node's task is closed; `weigh` says what comes next."""
        self.priority[node] = BLOCKED

    # ---- dead paths --------------------------------------------------------------------------------------------------

    def retire_if_quiet(self, node: int) -> None:
        """Retire `node` if it can never run again, and all those that follow from it."""
        if self.priority[node] != BLOCKED or self.quiet[node]:
            return
        if self._live_nodes[node] and not any(
            i.mandatory and not self._live_slots[i.slot] and not self.inbox.is_filled(i.slot)
            for i in self.plan.intakes[node]
        ):
            return
        self._retire([node])

    def retire(self, nodes: list[int]) -> None:
        """Retire nodes that are known to be quiet, as a snapshot says; what follows from them is in the list too."""
        for node in nodes:
            self._retire([node])

    def _retire(self, quiet: list[int]) -> None:
        while quiet:
            node = quiet.pop()
            if self.quiet[node]:
                continue
            self.quiet[node] = 1
            for link in self.plan.links[node]:
                target, slot = link.target, link.slot
                self._live_nodes[target] -= 1
                self._live_slots[slot] -= 1
                self.inbox.discharge(link)
                self.weigh(target)
                if self.priority[target] == BLOCKED and (
                    not self._live_nodes[target]
                    or (link.mandatory and not self._live_slots[slot] and not self.inbox.is_filled(slot))
                ):
                    quiet.append(target)
