"""The state machine of one run: which node may run now, with which inputs.

Theory, table and code stay together in this one file, so it has more than 400 lines.

Law: a value machine. It is told what happened (`complete`, `fail`) and answers what to do (`next`). It never calls node
code, reads a clock, makes an id, waits or logs, and equal histories give equal tasks.

Theory
------
Nodes exchange values over edges. A node may run when it *can*: all its mandatory sockets are filled, and it has a
*trigger*, which is something that no visit has seen: a value from a sender; or, before its first visit, a value among
the run's inputs; or, for a node without any senders, the start of the run. Handing a task out consumes the node's
inputs, so each trigger causes one visit.

Being able to run is not yet being due. An optional or variadic socket may still receive something, so a node that can
run has one of three priorities, and the fourth is that it cannot:

| priority | when                                                                       | concurrent mode hands out |
|----------|----------------------------------------------------------------------------|---------------------------|
| HIGHEST  | a greedy socket is filled, and so is every socket that is mandatory or fed | alone, beside nothing     |
| READY    | every sender has reported, with a value or without                         | at once, beside others    |
| DEFER    | some sender has not reported, and may be waiting for this very node        | when nothing else can run |
| BLOCKED  | a mandatory socket is empty, or nothing new has arrived                    | never                     |

Ties go to the smaller name; among deferred nodes to the earlier topological position (all members of a cycle share
theirs).

*Serial mode* is Haystack's synchronous loop, order and all: a batch of everything HIGHEST, then everything READY, each
by name, is decided at one moment and run to its end without looking again; only when there is no such node, one
deferred node runs.

*Concurrent mode* looks again at every call. It also sees dead paths: a node that can never run again (its senders
cannot, or a mandatory socket of it has lost all of them) counts as having reported for ever, so nobody waits for a
branch that was not taken. Serial mode leaves such receivers deferred, as Haystack does; they run in the end all the
same. Concurrent mode with `dead_paths=False` is Haystack's asynchronous loop, order and all; see
`dtlpipe.graph.lookout`.

A run with `start` uses `Plan.starting_at(start)`: edges from outside count as absent. The start node runs once whatever
it received, so that its code, not the engine, reports a missing parameter.

Moves
-----
| call                    | allowed                          | effect                                               |
|-------------------------|----------------------------------|------------------------------------------------------|
| next()                  | always                           | hands out a task, or None: nothing can run *now*     |
| take(node, visit)       | that task could be handed out    | hands it out; replays a recorded history             |
| complete(task, outputs) | the task is outstanding          | delivers the outputs, closes the task                |
| fail(task, error)       | the task is outstanding          | closes the task; from now on nothing is handed out   |

Replay: build a new `RunState` with the same plan and arguments, then repeat the recorded hand-outs (`take`) and
completions in their order. A driver that calls `next()` until None after every completion need not record hand-outs:
they follow from the completions.

Which sockets hold what is in `dtlpipe.graph.inbox`, who may run in `dtlpipe.graph.readiness`; here are the moves.
Longer than 400 lines because the theory, the tables and all moves stand in one place, to be read together.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from typing import Any, Literal, Self

from dtlpipe.graph import snapshots
from dtlpipe.graph.entries import Entries, of_node
from dtlpipe.graph.errors import (
    PipelineMaxComponentRuns,
    PipelineRuntimeError,
    PipelineValidationError,
    TaskNotOutstanding,
    TaskNotReady,
)
from dtlpipe.graph.inbox import Inbox
from dtlpipe.graph.lookout import Lookout
from dtlpipe.graph.plan import ByName, Plan
from dtlpipe.graph.readiness import BATCHED, BLOCKED, DEFER, HIGHEST, RUNNING, Readiness
from dtlpipe.graph.task import Task, TaskKey, make_task

__all__ = ["Mode", "RunState", "Task", "TaskKey"]

Mode = Literal["concurrent", "serial"]


class RunState:
    """One run of a plan; see the module's docstring for the rules.

    Args:
        plan: the compiled graph.
        inputs: values from outside, `{node: {socket: value}}`; those of nodes that take no part are ignored.
        start: run only this node and what follows from it; None runs the whole graph.
        mode: "concurrent" hands out all that can run side by side; "serial" one task at a time, in Haystack's order.
        max_runs_per_node: how often a node may run before `next()` raises.
        include_outputs_from: nodes all of whose outputs `outputs` keeps, also those that other nodes received.
        remember_senders: note who sent which value, for `entries`.
        dead_paths: whether concurrent mode sees dead paths. Without, its order is that of Haystack's asynchronous runs.

    Raises:
        PipelineValidationError: the plan has no such node or input, or there is no such mode.
    """

    __slots__ = (
        "_alone",
        "_batch",
        "_before",
        "_failed",
        "_inbox",
        "_include",
        "_limit",
        "_lookout",
        "_outputs",
        "_plan",
        "_prunes",
        "_ready",
        "_serial",
        "_tasks",
        "_touched",
        "_visits",
    )

    def __init__(
        self,
        plan: Plan,
        inputs: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        start: str | None = None,
        mode: Mode = "concurrent",
        max_runs_per_node: int = 100,
        include_outputs_from: Collection[str] = (),
        remember_senders: bool = False,
        dead_paths: bool = True,
    ) -> None:
        if mode not in ("concurrent", "serial"):
            raise PipelineValidationError(f"There is no mode {mode!r}. Use 'concurrent' or 'serial'.")
        if start is not None:
            plan = plan.starting_at(start)
        for name in include_outputs_from:
            plan.number(name)
        self._plan = plan
        self._inbox = Inbox(plan, remember_senders=remember_senders)
        self._ready = Readiness(plan, self._inbox)
        self._serial = mode == "serial"
        self._prunes = dead_paths and not self._serial
        self._lookout = None if dead_paths or self._serial else Lookout(plan, self._inbox, self._ready)
        self._limit = max_runs_per_node
        self._include = frozenset(include_outputs_from)
        self._visits = [0] * len(plan.names)
        self._batch: list[int] = []
        self._touched: list[int] = []
        self._alone = False
        self._tasks: dict[int, Task] = {}
        self._before: dict[str, Entries] = {}
        self._failed: tuple[Task, BaseException] | None = None
        self._outputs: dict[str, dict[str, Any]] = {}
        self._begin(inputs or {})

    def _begin(self, inputs: Mapping[str, Mapping[str, Any]]) -> None:
        plan, inbox = self._plan, self._inbox
        for name, values in inputs.items():
            node = plan.number(name)
            self._touched.append(node)
            for socket, value in values.items():
                if socket not in plan.intakes_by_name[node]:
                    known = ", ".join(map(repr, plan.intakes_by_name[node])) or "none"
                    raise PipelineValidationError(f"Node {name!r} has no input {socket!r}; it has: {known}.")
                if plan.participants[node]:
                    inbox.give(node, plan.intakes_by_name[node][socket], value)
        for node in plan.roots:
            inbox.triggered[node] = 1
        self._touched += plan.roots
        if plan.start is not None:
            self._touched.append(plan.index[plan.start])
        if not self._serial:
            self._ready.weigh(self._touched)
        if self._prunes:
            for node in itertools.compress(range(len(plan.needs_input)), plan.needs_input):
                if inbox.is_doomed(node) and self._ready.priority[node] == BLOCKED:
                    self._ready.retire([node])

    # ---- what to do --------------------------------------------------------------------------------------------------

    def next(self) -> Task | None:
        """Hand out the next task, or None if nothing can run now: tasks are outstanding, or the run is finished.

        Raises:
            PipelineMaxComponentRuns: the next node has run `max_runs_per_node` times already; the run has failed.
            PipelineRuntimeError: values that arrived cannot be joined into one list; the run has failed.
        """
        node = self._choose()
        if node is None:
            return None
        if self._lookout is None and (self._visits[node] >= self._limit or self._ready.priority[node] == DEFER):
            self._check_limit(node)
        return self._hand_out(node)

    def take(self, node: str, visit: int) -> Task:
        """Hand out a certain task, as a recorded history tells.

        In concurrent mode any node that can run qualifies; in serial mode only the one that `next()` would hand out.

        Raises:
            TaskNotReady: the task cannot be handed out now; nothing has changed.
            PipelineMaxComponentRuns: as `next()`.
        """
        number = self._plan.number(node)
        chosen = self._choose() if self._serial or self._failed is not None else number
        if chosen != number or not BATCHED <= self._ready.priority[number] <= DEFER:
            raise TaskNotReady(
                f"Node {node!r} cannot run now (visit {visit}): it lacks inputs, is running, or has to wait its turn. "
                "Repeat the recorded hand-outs and completions in their order, with the original plan and inputs."
            )
        if self._visits[number] != visit:
            raise TaskNotReady(f"The next visit of node {node!r} is {self._visits[number]}, not {visit}.")
        if self._lookout is None:
            self._check_limit(number)
        return self._hand_out(number)

    def complete(self, task: Task | TaskKey, outputs: Mapping[str, Any], closed: Collection[int] = ()) -> None:
        """Deliver what a task produced and close it.

        Args:
            task: the task, or (node, visit).
            outputs: values by output socket. A key that is missing, or holds `NO_OUTPUT`, gives its receivers no value;
                None is a value.
            closed: indexes of the plan's edges that are not taken this time; their receivers get no value.

        Raises:
            TaskNotOutstanding: the task is not handed out; nothing has changed.
            PipelineRuntimeError: a value could not be converted for its receiver; nothing has changed.
        """
        held = self._tasks.get(task.index) if type(task) is Task else None
        if held is not task:
            held = self._outstanding(task)
        node = held.index
        plan, inbox, ready = self._plan, self._inbox, self._ready
        gone = (
            self._prunes
            and not (inbox.triggered[node] and not inbox.missing[node])
            and (not inbox.live_nodes[node] or (inbox.doomed[node] > 0 and inbox.is_doomed(node)))
        )
        inbox.write(node, outputs, closed, gone=gone)
        del self._tasks[node]
        self._before.pop(held.node, None)
        self._alone = False
        ready.priority[node] = BLOCKED
        if self._include or not plan.consumed[node].issuperset(outputs):
            self._keep(node, outputs)
        if self._serial:
            self._touched += plan.receivers[node]
            if inbox.triggered[node]:
                self._touched.append(node)
        elif gone:
            ready.quiet[node] = 1
            if quiet := ready.weigh(plan.receivers[node], bereaved=True):
                ready.retire(quiet)
        else:
            ready.weigh(plan.receivers[node])
            if inbox.triggered[node]:
                ready.weigh((node,))
            if self._lookout is not None:
                self._lookout.arrived(plan.receivers[node])
                self._lookout.ended(node)

    def fail(self, task: Task | TaskKey, error: BaseException) -> None:
        """Close a task that failed. Nothing is handed out from now on; outstanding tasks may still complete or fail.

        Raises:
            TaskNotOutstanding: the task is not handed out; nothing has changed.
        """
        held = self._outstanding(task)
        del self._tasks[held.index]
        self._alone = False
        self._ready.priority[held.index] = BLOCKED
        if self._lookout is not None:
            self._lookout.ended(held.index)
        if self._failed is None:
            self._failed = (held, error)

    # ---- what is -----------------------------------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """The plan in use: with `start`, the part of it that takes part."""
        return self._plan

    @property
    def outstanding(self) -> int:
        """How many tasks are handed out and not closed."""
        return len(self._tasks)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The outstanding tasks, in the order in which they were handed out."""
        return tuple(self._tasks.values())

    @property
    def finished(self) -> bool:
        """Whether the run is over: nothing is outstanding, and nothing can run or the run has failed."""
        if self._tasks:
            return False
        if self._failed is not None:
            return True
        return (self._choose() if self._serial else self._ready.first(busy=False)) is None

    @property
    def failed(self) -> tuple[Task, BaseException] | None:
        """The first failure, or None."""
        return self._failed

    @property
    def visits(self) -> Mapping[str, int]:
        """How often each node was handed out (a live view)."""
        return ByName(self._plan, self._visits)

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """What the run produced, `{node: {socket: value}}`.

        These are the outputs that no node received, and all those of the nodes in `include_outputs_from`. A later visit
        of a node replaces what an earlier one left, unless it leaves nothing.
        """
        return self._outputs

    def not_run(self) -> tuple[str, ...]:
        """Return the nodes that never ran, by name; with `start`, also those that take no part."""
        return tuple(name for name, visits in zip(self._plan.names, self._visits, strict=True) if not visits)

    def blocked(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return the nodes that received something but lack something else: (node, its empty mandatory sockets)."""
        inbox, found = self._inbox, []
        for node, priority in enumerate(self._ready.priority):
            if priority == BLOCKED and inbox.triggered[node] and inbox.missing[node]:
                intakes = self._plan.intakes[node]
                if any(inbox.is_filled(intake.slot) for intake in intakes):
                    empty = tuple(i.name for i in intakes if i.mandatory and not inbox.is_filled(i.slot))
                    found.append((self._plan.names[node], empty))
        return found

    def entries(self) -> dict[str, Entries]:
        """Return what waits in the sockets and who sent it, as `dtlpipe.graph.entries` says.

        Tasks that are outstanding or have failed count as not begun: what they received is there, too.

        Raises:
            RunStateError: the state was made without `remember_senders`.
        """
        found = {name: of_node(self._plan, self._inbox, i) for i, name in enumerate(self._plan.names)}
        return {name: waiting for name, waiting in (found | self._before).items() if waiting}

    # ---- as data -----------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Return the state as dicts, lists, strings and numbers around the run's values and error (not copied)."""
        return snapshots.dump(self)

    @classmethod
    def restore(cls, plan: Plan, data: Mapping[str, Any]) -> Self:
        """Return a machine that goes on as the one whose `snapshot()` this is.

        Args:
            plan: that of the whole graph, also for a run with `start`.
            data: is only read; containers in it are not shared with the new machine.

        Raises:
            SnapshotMismatch: the data belongs to another plan or format.
        """
        snapshots.check(plan, data)
        state = cls(
            plan,
            start=data["start"],
            mode=data["mode"],
            max_runs_per_node=data["max_runs_per_node"],
            include_outputs_from=data["include_outputs_from"],
            remember_senders=data["remember_senders"],
            dead_paths=data["dead_paths"],
        )
        snapshots.load(state, data)
        return state

    @classmethod
    def from_entries(
        cls,
        plan: Plan,
        waiting: Mapping[str, Entries],
        *,
        visits: Mapping[str, int],
        outputs: Mapping[str, Mapping[str, Any]],
        **options: Any,
    ) -> Self:
        """Return a machine in which `waiting` is what `entries` returns, and nothing is decided on yet.

        Args:
            plan: the compiled graph.
            waiting: as `entries` returns it.
            visits: how often each node has run.
            outputs: what the run has produced so far.
            options: as for a new RunState.

        Raises:
            PipelineValidationError: the plan has no such node or sender.
        """
        state = cls(plan, remember_senders=True, **options)
        snapshots.load_entries(state, waiting, visits, outputs)
        return state

    # ---- moves, inside -----------------------------------------------------------------------------------------------

    def _choose(self) -> int | None:
        """Return the node that `next` hands out, or None."""
        if self._failed is not None or self._alone:
            return None
        if self._lookout is not None:
            return self._lookout.choose(busy=bool(self._tasks), check_limit=self._check_limit)
        if not self._serial:
            return self._ready.first(busy=bool(self._tasks))
        if self._tasks:
            return None
        if not self._batch and self._touched:
            self._batch += reversed(self._ready.batch(self._touched))
            self._touched.clear()
        return self._batch[-1] if self._batch else self._ready.head(DEFER)

    def _hand_out(self, node: int) -> Task:
        ready, visit, name = self._ready, self._visits[node], self._plan.names[node]
        try:
            inputs = self._inbox.read(node)
        except PipelineRuntimeError as error:  # lists that are none cannot be joined
            self._failed = (Task(name, node, visit, {}), error)
            raise
        was = ready.priority[node]
        if was == BATCHED:
            self._batch.pop()
        elif was == HIGHEST:
            self._alone = True
        ready.priority[node] = RUNNING
        if node == ready.forced:
            ready.forced = -1
        self._visits[node] = visit + 1
        if self._inbox.senders is not None:
            self._before[name] = of_node(self._plan, self._inbox, node)
        task = self._tasks[node] = make_task(name, node, visit, inputs)
        self._inbox.clear(node)
        if self._lookout is not None:
            self._lookout.started(node, visit)
        return task

    def _keep(self, node: int, outputs: Mapping[str, Any]) -> None:
        """Put among the run's outputs what nobody received, or all of it if that was asked for."""
        name, consumed = self._plan.names[node], self._plan.consumed[node]
        if name in self._include:
            self._outputs[name] = dict(outputs)
        elif left := {socket: value for socket, value in outputs.items() if socket not in consumed}:
            self._outputs[name] = left

    def _check_limit(self, node: int) -> None:
        """Fail the run if `node` is exhausted. Of deferred nodes the first by name is asked, as in Haystack."""
        if self._ready.priority[node] == DEFER:
            node = self._ready.priority.index(DEFER)
        if self._visits[node] < self._limit:
            return
        name = self._plan.names[node]
        error = PipelineMaxComponentRuns(
            f"Maximum run count {self._limit} reached for component '{name}', which is due again. "
            "Check the condition that ends its loop, or raise the limit."
        )
        self._failed = (Task(name, node, self._visits[node], {}), error)
        raise error

    def _outstanding(self, task: Task | TaskKey) -> Task:
        name, visit = (task.node, task.visit) if isinstance(task, Task) else task
        held = self._tasks.get(self._plan.number(name))
        if held is None or held.visit != visit:
            state = "no visit of it is" if held is None else f"visit {held.visit} is"
            raise TaskNotOutstanding(
                f"Visit {visit} of node {name!r} is not outstanding; {state}. Close each task once."
            )
        return held
