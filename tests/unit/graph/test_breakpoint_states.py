"""A run that is stopped anywhere and gone on with gives what it would have given without the stop."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtlpipe.graph import Breakpoint, BreakpointException, Pipeline, PipelineSnapshot, Plan, RunState
from dtlpipe.graph.errors import PipelineMaxComponentRuns
from dtlpipe.graph.stopping import create_snapshot, resume
from tests.unit.graph.random_graphs import Case, cases

LIKE_HAYSTACK = ("standard", "standard", "lazy", "greedy")
LIMIT = 4


class Compiled:
    """A plan as a pipeline for runs, which does not depend on a run's inputs."""

    def __init__(self, plan: Plan):
        self.plan = plan

    def gathering(self, sockets):
        return self


def drive(case: Case, state: RunState) -> list[Any]:
    """Run to the end, one task after the other; return what ran with what, and how it ended."""
    trace: list[Any] = []
    try:
        while (task := state.next()) is not None:
            trace.append((task.key, task.inputs))
            state.complete(task, case.call(task))
    except PipelineMaxComponentRuns as error:
        trace.append(str(error))
    return trace


def through_json(snapshot: PipelineSnapshot) -> PipelineSnapshot:
    return PipelineSnapshot.from_dict(json.loads(json.dumps(snapshot.to_dict())))


@settings(max_examples=4 * settings.default.max_examples)
@given(
    case=cases(kinds=LIKE_HAYSTACK, starts=False),
    place=st.integers(0, 20),
    mode=st.sampled_from(["serial", "concurrent"]),
    remember=st.booleans(),
    is_failure=st.booleans(),
    by_json=st.booleans(),
)
def test_a_run_goes_on_exactly_wherever_it_stopped(case, place, mode, remember, is_failure, by_json):
    options = {"dead_paths": False, "remember_senders": remember}
    reference = case.begin(mode, LIMIT, **options)
    whole = drive(case, reference)

    state = case.begin(mode, LIMIT, **options)
    for _ in range(min(place, len(whole))):
        try:
            task = state.next()
        except PipelineMaxComponentRuns:
            return
        if task is None:
            return
        state.complete(task, case.call(task))
    steps = len([entry for entry in whole if not isinstance(entry, str)])
    if place >= steps:
        return
    task = state.next()
    point = Breakpoint(task.node, task.visit)
    if is_failure:
        state.fail(task, ValueError("it broke"))
    snapshot = create_snapshot(
        state, break_point=point, original_input_data=case.inputs, include_outputs_from=case.plan.names[:1]
    )
    if by_json:
        snapshot = through_json(snapshot)
    for _ in range(2):  # a snapshot serves any number of runs
        resumed = resume(snapshot, Compiled(case.plan), mode=mode, max_runs_per_node=LIMIT)
        assert drive(case, resumed.state) == whole[place:]
        assert resumed.state.outputs == reference.outputs
        assert resumed.data == case.inputs


def test_a_component_that_took_all_it_received_is_listed_with_nothing():
    pipeline = Pipeline()
    for name in "abc":
        pipeline.add_component(name, lambda value: value)
    pipeline.connect("a", "b").connect("b", "c")
    with pytest.raises(BreakpointException) as stopped:
        pipeline.run({"a": {"value": 1}}, break_point=Breakpoint("c"))
    waiting = stopped.value.inputs["serialized_data"]
    assert waiting["b"] == {}
    assert [entry["value"] for entry in waiting["c"]["value"]] == [1]
    result = pipeline.run({}, pipeline_snapshot=PipelineSnapshot.from_dict(stopped.value.pipeline_snapshot.to_dict()))
    assert result == {"c": {"output": 1}}
