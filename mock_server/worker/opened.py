"""What is open, as the core holds it: runs with their engine state, and executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from dtlpipe.graph.fanning import FanState
from dtlpipe.graph.schedule import RunState, Task
from mock_server.runners.blueprint import Blueprint, NodeSpec
from mock_server.runners.policies import NOTHING, PLAIN, Limit, RunTerms, Terms
from mock_server.store.base import ExecutionRow, RunRow


@attrs.define(eq=False)
class OpenRun:
    """A run that is not over.

    Attributes:
        turn: its place among all that is open, by age.
        open: its executions that are not over.
        error: the first failure in it.
        fault: what could not pass from one node to the next, as the wire shows it, if that is the failure.
        terms: what was said of this run alone.
        going: it was started; until then it waits for its pipeline to have room.
        tasks: what it is to start with, of a run that had not been when the platform was stopped.
        ticket: its number in its lane; 0 if it does not wait there.
        variables: the pipeline's, as this run has them.
    """

    row: RunRow
    blueprint: Blueprint
    state: RunState | FanState
    turn: int
    open: dict[str, OpenExecution] = attrs.field(factory=dict)
    error: dict[str, Any] | None = None
    fault: dict[str, Any] | None = None
    terms: RunTerms = NOTHING
    going: bool = False
    tasks: tuple[Task, ...] = ()
    ticket: int = 0
    variables: Mapping[str, Any] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.variables = self.blueprint.variables

    def learn(self, spec: NodeSpec, given: Mapping[str, Any]) -> None:
        """A node that updates a variable has done so: what comes after it in the run gets the new value."""
        if spec.sets is not None and spec.inputs:
            self.variables = {**self.variables, spec.sets: given.get(spec.inputs[0].name)}


@attrs.define(eq=False)
class OpenExecution:
    """An execution that is not over; `run`, `spec` and `task` are None for a call of a service.

    Attributes:
        terms, limits: what holds for it; the limits are those of its inputs.
        turn: the place of a call among all that is open, by age.
        ticket: its number in line; 0 if it does not wait there.
        waits: for people, or another run, and so takes no place while it runs.
    """

    row: ExecutionRow
    run: OpenRun | None = None
    spec: NodeSpec | None = None
    task: Task | None = None
    terms: Terms = PLAIN
    limits: tuple[Limit, ...] = ()
    turn: int = 0
    ticket: int = 0
    waits: bool = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.waits = self.spec is not None and self.spec.waits
