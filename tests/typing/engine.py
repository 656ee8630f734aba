"""What type checkers must say about the engine's machine. Read by mypy, never run."""

from __future__ import annotations

from typing import assert_type

from dtlpipe.graph import Graph, Plan, RunState, Task, freeze


def a_machine_hands_out_tasks_or_none(graph: Graph) -> None:
    plan = freeze(graph)
    assert_type(plan, Plan)
    state = RunState(plan)
    assert_type(state.next(), Task | None)


def a_task_must_be_there_before_it_is_completed(state: RunState) -> None:
    state.complete(state.next(), {})  # type: ignore[arg-type]


def a_machine_needs_a_plan_and_not_a_graph(graph: Graph) -> None:
    RunState(graph)  # type: ignore[arg-type]


def the_mode_is_one_of_two(plan: Plan) -> None:
    RunState(plan, mode="serial")
    RunState(plan, mode="sideways")  # type: ignore[arg-type]
