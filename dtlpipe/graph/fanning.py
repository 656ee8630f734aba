"""The state machine of a run whose plan spreads lists: a task for each element, and lists of what they came to.

Law: a value machine like `dtlpipe.graph.schedule`, with its moves (`next`, `take`, `complete`, `fail`) and its way to
replay. It calls no node code, reads no clock, makes no id and logs nothing; equal histories give equal tasks.

Theory: `dtlpipe.graph.elements` gives each node ports and a number of indexes. A value in a port has the path that
leads to it; a node may run with a path as soon as each of its ports has a value at that path, or at the beginning of
it. Tasks of a node are told apart by their visits, which count them from 0. The count follows from the order of
completions alone, so a history replays whatever part of it is kept, as long as all that led to a task is kept with it.

What is collected is complete when nothing can come any more: when no task is open, at any node that leads there, whose
path may belong to the list. These are counted, by the indexes that count, so that a completion costs what it delivers.
Elements that were not taken, or whose branch ended, are missing from the list; if all are, no list is made.

Values wait in dicts by path, and each path is looked at when its last port is filled, or a port that many paths share:
a list of n elements costs n, however the tasks end.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from dtlpipe.graph.elements import FanPlan, Lane, Port, Turn
from dtlpipe.graph.errors import (
    PipelineTransitionError,
    PipelineValidationError,
    TaskNotOutstanding,
    TaskNotReady,
)
from dtlpipe.graph.plan import Plan
from dtlpipe.graph.ports import NO_OUTPUT
from dtlpipe.graph.task import Task, TaskKey, make_task

__all__ = ["MOST_ELEMENTS", "FanState", "closed_element"]

#: Elements of one list that may be spread.
MOST_ELEMENTS = 1000

Path = tuple[int, ...]


def closed_element(edge: int, element: int, edges: int) -> int:
    """How `complete` is told that an edge (of so many that the plan has) is not taken by one element of its list."""
    return edge + edges * (element + 1)


class _Open(NamedTuple):
    """A task that waits to be handed out, or is."""

    path: Path
    task: Task


class FanState:
    """One run of a plan with fans, from one node; see the module.

    Args:
        fans: the plan.
        inputs: values from outside, `{start: {socket: value}}`.
        start: the node that the run begins with. It runs once, whatever it received.
        most: elements of one list that may be spread.

    Raises:
        PipelineValidationError: the plan has no such node or input.
    """

    __slots__ = (
        "_active",
        "_arrivals",
        "_blocked",
        "_extents",
        "_failed",
        "_fault",
        "_held",
        "_lay",
        "_most",
        "_plan",
        "_ready",
        "_tasks",
        "_uncollected",
        "_under",
        "_visits",
    )

    def __init__(
        self, fans: FanPlan, inputs: Mapping[str, Mapping[str, Any]], *, start: str, most: int = MOST_ELEMENTS
    ) -> None:
        self._plan: Plan = fans.plan
        self._lay = lay = fans.starting_at(start)
        self._most = most
        self._visits = [0] * len(fans.plan.names)
        self._ready: OrderedDict[tuple[int, int], _Open] = OrderedDict()
        self._tasks: dict[tuple[int, int], _Open] = {}
        self._held: dict[int, dict[Path, Any]] = {}
        self._arrivals: dict[tuple[int, Path], int] = {}
        self._blocked: dict[tuple[int, Path], list[Path]] = {}
        self._extents: dict[tuple[int, Path], int] = {}
        self._uncollected: list[dict[Path, list[tuple[Path, Any]]]] = [{} for _ in lay.collections]
        self._under: list[dict[Path, dict[Path, None]]] = [{} for _ in lay.collections]
        self._active: list[dict[Path, int]] = [{} for _ in lay.collections]
        self._failed = False
        self._fault: PipelineTransitionError | None = None
        given = dict(inputs.get(start, {}))
        unknown = [name for name in given if name not in fans.plan.nodes[lay.start].inputs]
        if unknown:
            raise PipelineValidationError(f"Node {start!r} has no input {unknown[0]!r}. Give values to inputs it has.")
        self._open(lay.start, (), given)

    # ---- what to do --------------------------------------------------------------------------------------------------

    def next(self) -> Task | None:
        """Hand out the next task, or None if nothing can run now.

        Raises:
            PipelineTransitionError: a list cannot be spread, or two cannot be paired; the run has failed. Raised once.
        """
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        if self._failed or not self._ready:
            return None
        key, entry = self._ready.popitem(last=False)
        self._tasks[key] = entry
        return entry.task

    def take(self, node: str, visit: int) -> Task:
        """Hand out a certain task, as a recorded history tells.

        Raises:
            TaskNotReady: the task cannot be handed out now; nothing has changed.
        """
        key = (self._plan.number(node), visit)
        entry = None if self._failed else self._ready.pop(key, None)
        if entry is None:
            raise TaskNotReady(
                f"Visit {visit} of node {node!r} cannot be handed out now. Repeat the recorded completions in their "
                "order, with the original plan and inputs."
            )
        self._tasks[key] = entry
        return entry.task

    def complete(self, task: Task | TaskKey, outputs: Mapping[str, Any], closed: Collection[int] = ()) -> None:
        """Deliver what a task produced and close it.

        Args:
            task: the task, or (node, visit).
            outputs: values by output socket; one that is missing, or `NO_OUTPUT`, reaches nobody. None is a value, and
                in place of a list that is to be spread it is the one element of it.
            closed: numbers of the edges that are not taken, and what `closed_element` gives for single elements.

        Raises:
            TaskNotOutstanding: the task is not handed out; nothing has changed.
        """
        node, entry = self._outstanding(task)
        if not self._failed:
            self._deliver(node, entry.path, outputs, closed)
        self._settle(node, entry.path)

    def fail(self, task: Task | TaskKey, error: BaseException) -> None:
        """Close a task that failed. Nothing is handed out from now on; outstanding tasks may still complete or fail.

        Raises:
            TaskNotOutstanding: the task is not handed out; nothing has changed.
        """
        self._outstanding(task)
        self._failed = True

    @property
    def outstanding(self) -> int:
        """How many tasks are handed out and not closed."""
        return len(self._tasks)

    def path(self, task: Task | TaskKey) -> Path:
        """The indexes of the elements that an outstanding task belongs to, the outermost list first.

        Raises:
            TaskNotOutstanding: the task is not handed out.
        """
        return self._tasks[self._key(task)].path

    # ---- delivering --------------------------------------------------------------------------------------------------

    def _deliver(self, node: int, path: Path, outputs: Mapping[str, Any], closed: Collection[int]) -> None:
        count = len(self._plan.edges)
        shut: dict[int, set[int]] = {}
        for code in closed:
            element, edge = divmod(code, count)
            shut.setdefault(edge, set()).add(element - 1)
        for lane in self._lay.lanes[node]:
            value = outputs.get(lane.source_socket, NO_OUTPUT)
            gone = shut.get(lane.edge, ())
            if value is NO_OUTPUT or -1 in gone:
                continue
            if lane.turn is Turn.PASS:
                self._arrive(lane.target, lane.port, path, value)
            elif lane.turn is Turn.FAN:
                self._spread(lane, path, value, gone)
            else:
                self._lay_by(lane.collection, path, value)

    def _spread(self, lane: Lane, path: Path, value: Any, gone: Collection[int]) -> None:
        elements = [None] if value is None else value
        if not isinstance(elements, list | tuple):
            kind = type(value).__name__
            self._refuse(lane.edge, lane.target, f"a list is to be spread, and what came is a value of type {kind}")
            return
        if len(elements) > self._most:
            said = f"a list of {len(elements)} elements is to be spread; {self._most} at most are allowed"
            self._refuse(lane.edge, lane.target, said)
            return
        self._extents[lane.edge, path] = len(elements)
        for rival, node in self._lay.rivals.get(lane.edge, ()):
            other = self._extents.get((rival, path))
            if other is not None and other != len(elements):
                said = f"two lists that are to be paired, first with first, have {other} and {len(elements)} elements"
                self._refuse(lane.edge, node, said)
                return
        for index, element in enumerate(elements):
            if index not in gone:
                self._arrive(lane.target, lane.port, (*path, index), element)

    def _refuse(self, edge: int, target: int, message: str) -> None:
        if not self._failed:
            self._failed = True
            joined = self._plan.edges[edge]
            self._fault = PipelineTransitionError(joined.source, self._plan.names[target], message)

    def _arrive(self, node: int, port: Port, path: Path, value: Any) -> None:
        if port.shared is not None:
            key = (port.slot, path[: port.shared])
            arrival = self._arrivals.get(key, 0)
            self._arrivals[key] = arrival + 1
            path = (*key[1], arrival)
        self._held.setdefault(port.slot, {})[path] = value
        if port.depth == self._lay.depths[node]:
            self._look(node, path)
        else:
            for waiting in self._blocked.pop((port.slot, path), ()):
                self._look(node, waiting)

    def _look(self, node: int, path: Path) -> None:
        """Opens the node's task of that path, if all its ports are filled. Those of most indexes come first."""
        ports, depth = self._lay.ports[node] or (), self._lay.depths[node]
        for port in ports:
            key = path[: port.depth]
            if key not in self._held.get(port.slot, ()):
                if port.depth < depth:
                    self._blocked.setdefault((port.slot, key), []).append(path)
                return
        held = self._held
        inputs = {
            port.name: held[port.slot].pop(path) if port.depth == depth else held[port.slot][path[: port.depth]]
            for port in ports
        }
        self._open(node, path, inputs)

    def _open(self, node: int, path: Path, inputs: dict[str, Any]) -> None:
        visit = self._visits[node]
        self._visits[node] = visit + 1
        self._ready[node, visit] = _Open(path, make_task(self._plan.names[node], node, visit, inputs))
        for number in self._lay.feeding[node]:
            key = path[: self._lay.collections[number].keep]
            self._active[number][key] = self._active[number].get(key, 0) + 1

    # ---- collecting --------------------------------------------------------------------------------------------------

    def _lay_by(self, number: int, path: Path, value: Any) -> None:
        """Keeps a value until the list that it belongs to is complete."""
        key = path[: self._lay.collections[number].keep]
        kept = self._uncollected[number].get(key)
        if kept is None:
            kept = self._uncollected[number][key] = []
            for length in range(len(key)):
                self._under[number].setdefault(key[:length], {})[key] = None
        kept.append((path, value))

    def _settle(self, node: int, path: Path) -> None:
        """A task is over: lists that nothing can come for any more are complete, those upstream first."""
        due: list[tuple[int, Path]] = []
        for number in self._lay.feeding[node]:
            active, key = self._active[number], path[: self._lay.collections[number].keep]
            active[key] -= 1
            if not active[key]:
                del active[key]
                heapq.heappush(due, (number, key))
        while due and not self._failed:
            number, key = heapq.heappop(due)
            whole = len(key) == self._lay.collections[number].keep
            for candidate in (key,) if whole else tuple(self._under[number].get(key, ())):
                self._collect(number, candidate)

    def _collect(self, number: int, key: Path) -> None:
        kept, active = self._uncollected[number], self._active[number]
        if key not in kept or any(key[:length] in active for length in range(len(key) + 1)):
            return
        values = [value for _, value in sorted(kept.pop(key), key=lambda each: each[0])]
        for length in range(len(key)):
            del self._under[number][key[:length]][key]
        collection = self._lay.collections[number]
        self._arrive(collection.target, collection.port, key, values)

    # ---- tasks -------------------------------------------------------------------------------------------------------

    def _key(self, task: Task | TaskKey) -> tuple[int, int]:
        name, visit = (task.node, task.visit) if isinstance(task, Task) else task
        key = (self._plan.number(name), visit)
        if key not in self._tasks:
            raise TaskNotOutstanding(f"Visit {visit} of node {name!r} is not outstanding. Close each task once.")
        return key

    def _outstanding(self, task: Task | TaskKey) -> tuple[int, _Open]:
        key = self._key(task)
        return key[0], self._tasks.pop(key)
