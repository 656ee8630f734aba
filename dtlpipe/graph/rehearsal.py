"""Rehearsals: the course of a run in which every node returns all that others wait for, written down once.

Law: nothing is decided here. The machine of `dtlpipe.graph.schedule` plays the course with marks in place of values,
and what it hands out is written down; where a run departs from that, it takes over, brought up to where the run stands.

What the machine decides in serial mode depends on which values there are, and never on what they are: the exceptions
(values that are converted, lists that are joined, streams) are not rehearsed. So two runs of one plan that are given
the same inputs take the same course for as long as each node returns something for every edge that leaves it, and may
follow it without asking who is next. A node that runs twice is not rehearsed either: a course has each node at most
once, and so ends.

A *wire* is a value on its way: one of the run's inputs, a default, or an output that some node receives.
"""
# ruff: noqa: SLF001 - a run state is brought up to where a run stands

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from dtlpipe.graph.calls import InvalidOutput
from dtlpipe.graph.copies import ATOMIC, copied
from dtlpipe.graph.plan import LAZY, STANDARD, STREAM, Plan
from dtlpipe.graph.ports import NO_OUTPUT
from dtlpipe.graph.schedule import RunState

__all__ = ["Rehearsal", "Runs", "perform", "rehearse"]

_CREDIT = 2

Inputs = Mapping[str, Mapping[str, Any]]
Outputs = dict[str, dict[str, Any]]
Undeclared = Callable[[str, list[str]], object]


class Runs(Protocol):
    """What runs in place of a node."""

    run: Callable[..., Mapping[str, Any]]


class Step(NamedTuple):
    """A visit of a course. A tuple, because unpacking one is the cheapest way to read many fields.

    `only` and `wire`: the input and its wire, if the node receives one value; else `only` is None and `reads` has
    (input, wire, or wires of a list) of each. `key` and `out`: the output and its wire, if others receive one of its
    outputs; else `key` is None and `writes` has all of them. `received`: how many outputs others receive.
    `drops`: the wires that no later visit reads.
    """

    runner: Runs
    only: str | None
    wire: int
    reads: tuple[tuple[str, int | tuple[int, ...]], ...]
    key: str | None
    out: int
    writes: tuple[tuple[str, int], ...]
    received: int
    drops: tuple[int, ...]
    node: int


class Rehearsal:
    """A course, to be followed by any number of runs at the same time.

    Attributes:
        plan: that of the runs.
        steps: the visits, in their order.
        gives: (node, input, wire) of the run's inputs.
        wires: what the wires hold at the beginning: the defaults.
        ends: nodes one of which should produce something.
        credit: how many more runs may depart from the course before it is not worth following; only a guess.
    """

    __slots__ = ("credit", "ends", "gives", "plan", "steps", "wires")

    def __init__(
        self,
        plan: Plan,
        steps: tuple[Step, ...],
        gives: tuple[tuple[str, str, int], ...],
        wires: list[Any],
        ends: frozenset[str],
    ) -> None:
        self.plan = plan
        self.steps = steps
        self.gives = gives
        self.wires = wires
        self.ends = ends
        self.credit = _CREDIT


class _Wire(int):
    """The number of a wire, where a run has the value."""


def rehearse(plan: Plan, inputs: Inputs, runners: Sequence[Runs], ends: frozenset[str]) -> Rehearsal | None:
    """Write down the course of runs that are given these inputs, whatever their values; None if there is none.

    Args:
        plan: of a whole graph.
        inputs: `{node: {socket: value}}`, as such runs will receive them.
        runners: what runs in place of each node, in plan order.
        ends: nodes one of which should produce something.
    """
    if plan.converts or any(i.kind == STREAM or (i.kind == LAZY and i.joins) for own in plan.intakes for i in own):
        return None
    wires: list[Any] = []
    counts: list[int] = []  # how many sockets still hold what is on a wire

    def laid(value: Any, sockets: int) -> _Wire:
        wires.append(value)
        counts.append(sockets)
        return _Wire(len(wires) - 1)

    given = {name: {socket: laid(None, 0) for socket in values} for name, values in inputs.items()}
    state = RunState(plan, given, mode="serial", max_runs_per_node=2)
    steps: list[Step] = []
    kinds = [{reading.name: reading.kind for reading in own} for own in plan.readings]
    while (task := state.next()) is not None:
        if task.visit:
            return None
        node = task.index
        reads = tuple(
            [
                (
                    name,
                    _wire(task.inputs[name], laid)
                    if kinds[node][name] == STANDARD
                    else tuple([_wire(value, laid) for value in task.inputs[name]]),
                )
                for name in task.inputs
            ]
        )
        drops = []
        for wire in itertools.chain.from_iterable([(at,) if isinstance(at, int) else at for _, at in reads]):
            counts[wire] -= 1
            if not counts[wire]:
                drops.append(wire)
        leaving = [delivery.source_socket for delivery in plan.deliveries[node]]
        outputs = {socket: laid(None, leaving.count(socket)) for socket in plan.consumed[node]}
        state.complete(task, outputs)
        steps.append(_step(runners[node], node, reads, outputs, tuple(drops)))
    gives = tuple([(name, socket, int(wire)) for name, values in given.items() for socket, wire in values.items()])
    return Rehearsal(plan, tuple(steps), gives, wires, ends) if steps else None


def _wire(value: Any, laid: Callable[[Any, int], _Wire]) -> int:
    """Return the wire of a value that a task receives. A default gets a wire of its own."""
    return int(value if type(value) is _Wire else laid(value, 0))


def _step(
    runner: Runs,
    node: int,
    reads: tuple[tuple[str, int | tuple[int, ...]], ...],
    outputs: Mapping[str, _Wire],
    drops: tuple[int, ...],
) -> Step:
    writes = tuple([(key, int(wire)) for key, wire in outputs.items()])
    only, wire = None, 0
    if len(reads) == 1 and isinstance(reads[0][1], int):
        only, wire = reads[0][0], reads[0][1]
    key, out = writes[0] if len(writes) == 1 else (None, 0)
    return Step(runner, only, wire, reads, key, out, writes, len(writes), drops, node)


def perform(  # noqa: C901, PLR0912 - one loop, since calls are what it saves
    rehearsal: Rehearsal, inputs: Inputs, *, limit: int, include: frozenset[str], undeclared: Undeclared
) -> Outputs | RunState:
    """Make a run that is given what was rehearsed, as `run_calls` would, and return its outputs.

    Args:
        rehearsal: the course.
        inputs: those of the run, named as in the rehearsal.
        limit: how often a node may run; at least once.
        include: nodes all of whose outputs are wanted.
        undeclared: as for `run_calls`.

    Returns:
        The outputs, if the run has followed the course to its end. Else its machine: the run has failed (`failed` is
        not None), or has departed from the course and goes on with `run_calls`, or has ended without an output.

    Raises:
        BaseException: what a node raised that is no Exception.
    """
    wires, outputs = rehearsal.wires.copy(), dict[str, dict[str, Any]]()
    for name, socket, wire in rehearsal.gives:
        wires[wire] = inputs[name][socket]
    plan, node, done = rehearsal.plan, -1, 0
    produced: Mapping[str, Any] = {}
    try:
        for runner, only, wire, reads, key, out, writes, received, drops, node in rehearsal.steps:
            if only is not None:
                value = wires[wire]
                given = {only: value}
                if type(value) not in ATOMIC:
                    given = copied(given)
            else:
                given = {name: wires[at] if isinstance(at, int) else [wires[i] for i in at] for name, at in reads}
                if not ATOMIC.issuperset(map(type, given.values())):
                    given = copied(given)
            produced = runner.run(**given)
            if type(produced) is not dict and not isinstance(produced, Mapping):  # the first is many times cheaper
                raise InvalidOutput(plan.names[node], produced)
            if key is not None:
                wires[out] = value = produced.get(key, NO_OUTPUT)
                departs = value is NO_OUTPUT
            else:
                departs = False
                for name, at in writes:
                    wires[at] = value = produced.get(name, NO_OUTPUT)
                    departs |= value is NO_OUTPUT
            if departs or len(produced) != received or include:
                _check_declared(plan, node, produced, undeclared)
                if departs:
                    break
                _keep(plan, node, produced, include, outputs)
            for at in drops:
                wires[at] = None
            done += 1
    except Exception as error:  # noqa: BLE001 - the machine takes it
        state = _recall(rehearsal, inputs, wires, done, limit=limit, include=include, outputs=outputs)
        state.fail(state.take(plan.names[node], 0), error)
        return state
    if done == len(rehearsal.steps):
        rehearsal.credit = _CREDIT
        if not (rehearsal.ends and rehearsal.ends.isdisjoint(outputs)):
            return outputs
        return _recall(rehearsal, inputs, wires, done, limit=limit, include=include, outputs=outputs)
    rehearsal.credit -= 1
    state = _recall(rehearsal, inputs, wires, done, limit=limit, include=include, outputs=outputs)
    state.complete(state.take(plan.names[node], 0), produced)
    return state


def _check_declared(plan: Plan, node: int, produced: Mapping[str, Any], undeclared: Undeclared) -> None:
    declared = plan.nodes[node].outputs
    if declared and not declared.keys() >= produced.keys():
        undeclared(plan.names[node], [key for key in produced if key not in declared])


def _keep(plan: Plan, node: int, produced: Mapping[str, Any], include: frozenset[str], outputs: Outputs) -> None:
    """Put among a run's outputs what nobody receives, or all of it if that was asked for."""
    name, consumed = plan.names[node], plan.consumed[node]
    if name in include:
        outputs[name] = dict(produced)
    elif left := {key: value for key, value in produced.items() if key not in consumed}:
        outputs[name] = left


def _recall(
    rehearsal: Rehearsal,
    inputs: Inputs,
    wires: Sequence[Any],
    done: int,
    *,
    limit: int,
    include: frozenset[str],
    outputs: Outputs,
) -> RunState:
    """Return the machine of a run that has made `done` visits; what no later visit reads may be anything by now."""
    state = RunState(rehearsal.plan, inputs, mode="serial", max_runs_per_node=limit, include_outputs_from=include)
    for step in rehearsal.steps[:done]:
        task = state.take(rehearsal.plan.names[step.node], 0)
        state.complete(task, {key: wires[wire] for key, wire in step.writes})
    state._outputs = outputs
    return state
