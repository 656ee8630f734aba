"""A run's state as plain data, and back.

Law: what a snapshot holds is what cannot be computed: values, visits, outstanding tasks, decisions that are made.
Counters, priorities and queues follow from these and are computed anew, so a snapshot cannot contradict itself.

The data is JSON-like around the run's own values and error, which are neither copied nor looked into.
"""
# ruff: noqa: SLF001 - this is the other half of RunState, which alone calls it

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.graph.entries import Entries, fill
from dtlpipe.graph.errors import SnapshotMismatch
from dtlpipe.graph.inbox import Inbox
from dtlpipe.graph.lookout import Lookout
from dtlpipe.graph.plan import Plan
from dtlpipe.graph.ports import NO_OUTPUT
from dtlpipe.graph.readiness import BATCHED, RUNNING, Readiness
from dtlpipe.graph.task import Task

if TYPE_CHECKING:
    from dtlpipe.graph.schedule import RunState

__all__ = ["check", "dump", "load"]

_FORMAT = 1


def dump(state: RunState) -> dict[str, Any]:
    """Return the state as data; see `RunState.snapshot`."""
    names, ready, failed = state._plan.names, state._ready, state._failed
    return {
        "format": _FORMAT,
        "plan": state._plan.fingerprint,
        "start": state._plan.start,
        "mode": "serial" if state._serial else "concurrent",
        "max_runs_per_node": state._limit,
        "include_outputs_from": sorted(state._include),
        "visits": {name: visits for name, visits in zip(names, state._visits, strict=True) if visits},
        "tasks": [{"node": t.node, "visit": t.visit, "inputs": dict(t.inputs)} for t in state._tasks.values()],
        "alone": state._alone,
        "remember_senders": state._inbox.senders is not None,
        "dead_paths": state._prunes or state._serial,
        "look": state._lookout and {"taken": state._lookout.has_looked, "pinned": state._lookout.pinned},
        "before": {node: _written(entries) for node, entries in state._before.items()},
        "batch": [names[node] for node in reversed(state._batch)],
        "quiet": [name for name, quiet in zip(names, ready.quiet, strict=True) if quiet],
        "outputs": {node: dict(values) for node, values in state._outputs.items()},
        "failed": failed and {"node": failed[0].node, "visit": failed[0].visit, "error": failed[1]},
        **state._inbox.dump(),
    }


def _written(entries: Entries) -> Entries:
    return {
        socket: [{key: value for key, value in entry.items() if value is not NO_OUTPUT} for entry in waiting]
        for socket, waiting in entries.items()
    }


def _read(entries: Entries) -> Entries:
    return {socket: [{"value": NO_OUTPUT, **entry} for entry in waiting] for socket, waiting in entries.items()}


def check(plan: Plan, data: Mapping[str, Any]) -> None:
    """Refuse data that another format or another plan wrote.

    Raises:
        SnapshotMismatch: it did.
    """
    if data.get("format") != _FORMAT:
        raise SnapshotMismatch(
            f"The snapshot has format {data.get('format')!r}; this version reads format {_FORMAT}. "
            "Finish the run with the version that began it."
        )
    start = data["start"]
    known = start is None or start in plan.index
    if not known or (plan if start is None else plan.starting_at(start)).fingerprint != data["plan"]:
        raise SnapshotMismatch(
            "The snapshot belongs to a graph with other nodes, sockets or edges. "
            "Restore it with the plan that the run began with."
        )


def load_entries(
    state: RunState,
    waiting: Mapping[str, Entries],
    visits: Mapping[str, int],
    outputs: Mapping[str, Mapping[str, Any]],
) -> None:
    """Put entries into a machine that was made for the same plan and arguments, without inputs."""
    plan = state._plan
    state._visits = [visits.get(name, 0) for name in plan.names]
    state._outputs = {node: dict(values) for node, values in outputs.items()}
    state._inbox = inbox = Inbox(plan, remember_senders=True)
    state._ready = Readiness(plan, inbox)
    fill(plan, inbox, waiting, bytes(map(bool, state._visits)))
    _weigh(state)


def _weigh(state: RunState) -> None:
    ready = state._ready
    state._touched = [i for i, triggered in enumerate(state._inbox.triggered) if triggered or i == ready.forced]
    if not state._serial:
        ready.weigh(state._touched)
    if state._lookout is not None:
        state._lookout = Lookout(state._plan, state._inbox, ready)


def load(state: RunState, data: Mapping[str, Any]) -> None:
    """Put the data into a machine that was made for the same plan and arguments, without inputs."""
    plan = state._plan
    state._inbox = inbox = Inbox(plan, remember_senders=data["remember_senders"])
    state._ready = ready = Readiness(plan, inbox)
    inbox.load(data)
    for name, visits in data["visits"].items():
        node = plan.number(name)
        state._visits[node] = visits
        if node == ready.forced:
            ready.forced = -1
    for entry in data["tasks"]:
        node = plan.number(entry["node"])
        state._tasks[node] = Task(entry["node"], node, entry["visit"], dict(entry["inputs"]))
        ready.priority[node] = RUNNING
    state._before = {node: _read(entries) for node, entries in data["before"].items()}
    state._batch = [plan.number(name) for name in reversed(data["batch"])]
    for node in state._batch:
        ready.priority[node] = BATCHED
    ready.retire([plan.number(name) for name in data["quiet"]])
    _weigh(state)
    if state._lookout is not None:
        for node, task in state._tasks.items():
            state._lookout.started(node, task.visit)
        state._lookout.has_looked = data["look"]["taken"]
        state._lookout.pinned = data["look"]["pinned"]
    state._alone = data["alone"]
    state._outputs = {node: dict(values) for node, values in data["outputs"].items()}
    if (failed := data["failed"]) is not None:
        name, visit = failed["node"], failed["visit"]
        state._failed = (Task(name, plan.number(name), visit, {}), failed["error"])
