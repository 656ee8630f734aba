"""`run_calls` makes the moves of the machine itself, only faster: same story, same outputs, same state after it."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from dtlpipe.graph import (
    PipelineMaxComponentRuns,
    RunState,
    Task,
)
from dtlpipe.graph.drive import run_calls
from tests.unit.graph.random_graphs import Case, cases

HAYSTACKS = ("standard", "lazy", "greedy")
thorough = settings(max_examples=settings().max_examples)


class Break(Exception):
    """What a node raises in these tests."""


class Script:
    """What the nodes of a case do, whoever drives them: as the case says, until call number `breaks` raises."""

    def __init__(self, case: Case, breaks: int | None = None, error: type[BaseException] = Break) -> None:
        self.case = case
        self.breaks = breaks
        self.error = error
        self.visits: dict[str, int] = {}
        self.story: list[tuple[str, dict[str, Any]]] = []

    def call(self, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        if len(self.story) == self.breaks:
            self.breaks = None
            raise self.error(name)
        self.story.append((name, inputs))
        visit = self.visits[name] = self.visits.get(name, -1) + 1
        return self.case.call(Task(name, 0, visit, inputs))

    def fast(self, state: RunState) -> None:
        run_calls(state, [lambda _name=name, **inputs: self.call(_name, inputs) for name in state.plan.names])

    def slow(self, state: RunState) -> None:
        while (task := state.next()) is not None:
            try:
                outputs = self.call(task.node, task.inputs)
            except Exception as error:
                state.fail(task, error)
                raise
            state.complete(task, outputs)


def comparable(state: RunState) -> dict[str, Any]:
    data = state.snapshot()
    if data["failed"]:
        data["failed"] = {**data["failed"], "error": repr(data["failed"]["error"])}
    return data


def both(case: Case, **options: Any) -> tuple[tuple[Script, RunState], tuple[Script, RunState]]:
    made = []
    for way in (Script.fast, Script.slow):
        script = Script(case, **options)
        state = case.begin("serial", remember_senders=True)
        try:
            way(script, state)
        except (Break, KeyboardInterrupt, PipelineMaxComponentRuns) as error:
            event(type(error).__name__)
        made.append((script, state))
    return made[0], made[1]


@thorough
@given(cases())
def test_it_tells_the_same_story_and_leaves_the_same_state(case):
    (fast, one), (slow, other) = both(case)
    assert fast.story == slow.story
    assert one.outputs == other.outputs
    assert comparable(one) == comparable(other)


@thorough
@given(cases(), st.integers(0, 8), st.sampled_from([Break, KeyboardInterrupt]))
def test_after_an_exception_in_the_middle_the_state_is_the_same_too(case, breaks, error):
    (fast, one), (slow, other) = both(case, breaks=breaks, error=error)
    assert fast.story == slow.story
    assert comparable(one) == comparable(other)
    assert one.tasks == other.tasks
    for script, state in ((fast, one), (slow, other)):
        for task in state.tasks:  # it was interrupted, and its outcome comes in from elsewhere
            state.complete(task, script.call(task.node, task.inputs))
    way = Script.fast
    for script, state in ((fast, one), (slow, other)):
        try:
            way(script, state)
        except PipelineMaxComponentRuns:
            event("limit after an interruption")
        way = Script.slow
    assert fast.story == slow.story
    assert comparable(one) == comparable(other)


@thorough
@given(cases(), st.integers(0, 8))
def test_it_goes_on_from_a_snapshot_and_from_single_steps(case, steps):
    slow, other = Script(case), case.begin("serial")
    fast, one = Script(case), case.begin("serial")
    for _ in range(steps):
        try:
            task = one.next()
        except PipelineMaxComponentRuns:
            break
        if task is not None:
            one.complete(task, fast.call(task.node, task.inputs))
    one = RunState.restore(case.plan, one.snapshot())
    for script, way, state in ((fast, Script.fast, one), (slow, Script.slow, other)):
        try:
            way(script, state)
        except PipelineMaxComponentRuns:
            event("limit")
    assert fast.story == slow.story
    assert comparable(one)["outputs"] == comparable(other)["outputs"]
    assert one.visits == other.visits


@thorough
@given(cases(starts=False, kinds=HAYSTACKS), st.integers(0, 8), st.sampled_from(["serial", "concurrent"]))
def test_a_run_goes_on_from_its_entries_as_from_itself(case, steps, mode):
    script, state = Script(case), case.begin(mode, remember_senders=True, dead_paths=False)
    for _ in range(steps):
        try:
            task = state.next()
        except PipelineMaxComponentRuns:
            return
        if task is not None:
            state.complete(task, script.call(task.node, task.inputs))
    entries = state.entries()
    again = RunState.from_entries(
        case.plan,
        entries,
        visits=state.visits,
        outputs=state.outputs,
        mode=mode,
        max_runs_per_node=4,
        include_outputs_from=case.plan.names[:1],
        dead_paths=False,
    )
    assert again.entries() == entries
    assert again.outputs == state.outputs
    for name in ("missing", "unreported", "triggered", "users", "values"):
        assert getattr(again._inbox, name) == getattr(state._inbox, name), name
