"""A run that stands still, and one that goes on from there.

Law: what a run holds is what waits in its sockets (`dtlpipe.graph.entries`), its visits and its outputs. Beyond those
there is one decision: the batch of components that serial mode has begun. Haystack does not write it and decides anew.

A component that was handed out and has not completed counts as not begun: its inputs wait, its visit has not happened,
and it is the first that runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import attrs

from dtlpipe.graph.errors import PipelineMaxComponentRuns
from dtlpipe.graph.plan import GREEDY, LAZY, STANDARD, Intake, Plan
from dtlpipe.graph.ports import NO_OUTPUT
from dtlpipe.graph.schedule import Mode, RunState
from dtlpipe.graph.task import Task

__all__ = ["Entries", "Pause", "gathered", "pause", "proceed", "without_senders"]

Entries: TypeAlias = dict[str, dict[str, list[dict[str, Any]]]]
Inputs: TypeAlias = Mapping[str, Mapping[str, Any]]


@attrs.frozen
class Pause:
    """A run that stands still.

    Attributes:
        entries: what waits in the sockets, and who sent it.
        visits: how often each component has run.
        outputs: what the run has produced so far.
        batch: the components that run next, in their order; the rest is decided after them.
    """

    entries: Entries
    visits: dict[str, int]
    outputs: dict[str, dict[str, Any]]
    batch: list[str]


def pause(state: RunState, component: str, original: Inputs) -> Pause:
    """Return the state as it is before its outstanding tasks, with `component` as the first that will run.

    Args:
        state: is only read. Made with `remember_senders` it knows who sent what; otherwise that is inferred, for values
            in variadic sockets as well as can be.
        component: the one that is due, or was running when the run failed.
        original: the inputs of the run; tells whose a value is that was taken out already.
    """
    data, tasks = state.snapshot(), _tasks(state)
    visits = {**dict(state.visits), **{task.node: task.visit for task in tasks}}
    entries = state.entries() if data["remember_senders"] else _inferred(state.plan, data, tasks, original)
    batch = [component, *(name for name in data["batch"] if name != component)] if data["mode"] == "serial" else []
    return Pause(entries, visits, {name: dict(own) for name, own in data["outputs"].items()}, batch)


def proceed(
    plan: Plan,
    entries: Mapping[str, dict[str, list[dict[str, Any]]]],
    visits: Mapping[str, int],
    outputs: Inputs,
    batch: Collection[str],
    *,
    mode: Mode,
    max_runs_per_node: int,
    include_outputs_from: Collection[str],
) -> RunState:
    """Return a run that goes on from what `pause` returned, or from what Haystack wrote (then `batch` is empty)."""
    state = RunState.from_entries(
        plan,
        entries,
        visits=visits,
        outputs=outputs,
        mode=mode,
        max_runs_per_node=max_runs_per_node,
        include_outputs_from=include_outputs_from,
        dead_paths=False,
    )
    if mode == "serial" and batch:
        state = RunState.restore(plan, {**state.snapshot(), "batch": list(batch)})
    return state


def gathered(plan: Plan, given: Inputs) -> set[tuple[str, str]]:
    """Return the standard sockets that a run's inputs and another component feed; in that run they join lists."""
    return {
        (name, socket)
        for name, own in given.items()
        for socket in own
        if (intake := plan.intakes_by_name[plan.number(name)].get(socket)) is not None
        if intake.kind == STANDARD and intake.links
    }


def without_senders(plan: Plan, inputs: Inputs, due: str) -> Entries:
    """Return the entries of what old versions of Haystack wrote: values, those of `due` as it receives them."""
    entries: Entries = {}
    for name, own in inputs.items():
        intakes = plan.intakes_by_name[plan.number(name)]
        for socket, value in own.items():
            intake = intakes.get(socket)
            is_listed = name == due and intake is not None and intake.kind != STANDARD and isinstance(value, list)
            entries.setdefault(name, {})[socket] = [
                {"sender": None, "value": each} for each in (value if is_listed else [value])
            ]
    return entries


def _tasks(state: RunState) -> list[Task]:
    """Return the tasks that count as not begun: those that are outstanding, and the one that has failed."""
    tasks = list(state.tasks)
    if state.failed is not None and not isinstance(state.failed[1], PipelineMaxComponentRuns):
        tasks.append(state.failed[0])
    return tasks


# ---- when senders were not remembered --------------------------------------------------------------------------------


def _inferred(plan: Plan, data: Mapping[str, Any], tasks: Collection[Task], original: Inputs) -> Entries:
    """Return entries of a machine's own data, after putting back what tasks have taken out."""
    begun = {task.node: task for task in tasks}
    reported = set(data["reported"])
    entries: Entries = {}
    for node, name in enumerate(plan.names):
        for intake in plan.intakes[node]:
            held = data["sockets"].get(name, {}).get(intake.name, {})
            senders = [plan.names[plan.link_senders[link]] for link in intake.links if link in reported]
            if name in begun:
                held = _put_back(begun[name], intake, held, original.get(name, {}))
                senders = [plan.names[plan.link_senders[link]] for link in intake.links]
            if listed := _listed(intake, held, senders):
                entries.setdefault(name, {})[intake.name] = listed
    return entries


def _put_back(task: Task, intake: Intake, held: Mapping[str, Any], original: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the socket held before the task. A default stays out, for it would be the default again."""
    found = dict(held)
    if intake.name not in task.inputs or (intake.kind == STANDARD and "user" in held):
        return found
    value = task.inputs[intake.name]
    if intake.kind == STANDARD:
        return found if value is intake.default else {"sent": [value]}
    if not intake.mandatory and len(value) == 1 and value[0] is intake.default:
        return found
    if intake.kind == GREEDY:
        is_user = not task.visit and original.get(intake.name, NO_OUTPUT) is value[0]
        return {"user": value[0]} if is_user else {"sent": value}
    if "user" in held:
        value = value[len(held["user"]) if intake.joins else 1 :]
    if value:
        found["sent"] = [value] if intake.joins else value
    return found


def _listed(intake: Intake, held: Mapping[str, Any], reported: list[str]) -> list[dict[str, Any]]:
    """Return a socket's entries. Whose a value is of several senders is a guess: theirs who reported, in order."""
    listed: list[dict[str, Any]] = [{"sender": None, "value": held["user"]}] if "user" in held else []
    sent = held.get("sent", ())
    listed += [{"sender": reported[min(i, len(reported) - 1)], "value": value} for i, value in enumerate(sent)]
    if intake.kind == LAZY or not listed:
        listed += [{"sender": sender, "value": NO_OUTPUT} for sender in reported[len(sent) :]]
    return listed if intake.kind == LAZY else listed[:1]
