"""`run_calls` makes the moves of the machine itself, only faster: same story, same outputs, same state after it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from dtlpipe.graph import (
    Graph,
    InputPort,
    PipelineMaxComponentRuns,
    PipelineRuntimeError,
    PipelineValidationError,
    RunState,
    Task,
    freeze,
)
from dtlpipe.graph.drive import InvalidOutput, run_calls
from tests.unit.graph.machines import build, greedy, lazy, optional, stream
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


CHAIN = build({"a": (["x"], ["y"]), "b": (["x"], ["y"])}, ["a.y -> b.x"])


def serial(plan: Any, inputs: Any = None, **options: Any) -> RunState:
    return RunState(plan, inputs, mode="serial", **options)


def same(**inputs: Any) -> dict[str, Any]:
    return {"y": inputs["x"]}


def test_each_node_is_called_with_its_inputs_by_name():
    state = serial(CHAIN, {"a": {"x": 1}})
    run_calls(state, [lambda x: {"y": x + 1}, lambda x: {"y": x * 10}])
    assert state.outputs == {"b": {"y": 20}}
    assert dict(state.visits) == {"a": 1, "b": 1}
    assert state.finished


def test_inputs_are_copies_unless_a_node_shares_them():
    value = ["mine"]
    for shares in (None, [False, True]):
        received = []

        def keep(x: Any, received: list[Any] = received) -> dict[str, Any]:
            received.append(x)
            return {"y": x}

        run_calls(serial(CHAIN, {"a": {"x": value}}), [keep, keep], shares_inputs=shares)
        first, second = received
        assert first == second == value
        assert first is not value
        assert (first is second) == (shares is not None)


@pytest.mark.parametrize("wrong", [None, 3, [("y", 1)]])
def test_what_is_no_mapping_is_reported_with_its_node(wrong):
    state = serial(CHAIN, {"a": {"x": 1}})
    with pytest.raises(InvalidOutput, match="Node 'b' returned") as caught:
        run_calls(state, [same, lambda x: wrong])
    assert (caught.value.node, caught.value.output) == ("b", wrong)
    assert state.failed == (Task("b", 1, 0, {}), caught.value)
    assert state.failed[0].inputs == {"x": 1}


def test_any_mapping_will_do():
    state = serial(CHAIN, {"a": {"x": 1}})
    run_calls(state, [lambda x: MappingProxyType({"y": x}), same])
    assert state.outputs == {"b": {"y": 1}}


def test_outputs_that_were_not_declared_are_told_of_and_kept():
    plan = build({"a": ([], ["y"]), "b": (["x"], ["y"]), "c": ([], [])}, ["a.y -> b.x"])
    told = []
    state = serial(plan)
    calls = [lambda: {"y": 1, "more": 2}, same, lambda: {"free": 3}]
    run_calls(state, calls, undeclared=lambda *what: told.append(what))
    assert told == [("a", ["more"])], "c declares nothing, and b nothing else"
    assert state.outputs == {"a": {"more": 2}, "b": {"y": 1}, "c": {"free": 3}}


def test_what_a_node_raises_comes_out_as_it_is_and_the_state_knows_the_task():
    error = Break("no")

    def fail(x: Any) -> Any:
        raise error

    state = serial(CHAIN, {"a": {"x": [1]}}, remember_senders=True)
    with pytest.raises(Break) as caught:
        run_calls(state, [same, fail])
    assert caught.value is error
    task, noted = state.failed
    assert (task.key, task.inputs, noted) == (("b", 0), {"x": [1]}, error)
    assert state.entries()["b"] == {"x": [{"sender": "a", "value": [1]}]}
    assert state.finished
    assert dict(state.visits) == {"a": 1, "b": 1}


def test_an_interrupted_task_stays_outstanding_and_can_be_completed():
    def interrupt(x: Any) -> Any:
        raise KeyboardInterrupt

    state = serial(CHAIN, {"a": {"x": 1}})
    with pytest.raises(KeyboardInterrupt):
        run_calls(state, [interrupt, same])
    assert [task.key for task in state.tasks] == [("a", 0)]
    state.complete(("a", 0), {"y": 5})
    run_calls(state, [interrupt, same])
    assert state.outputs == {"b": {"y": 5}}


def test_a_run_that_was_interrupted_between_two_moves_does_not_go_on():
    class Interrupting(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise KeyboardInterrupt

    state = serial(CHAIN, {"a": {"x": 1}})
    with pytest.raises(KeyboardInterrupt):
        run_calls(state, [lambda x: Interrupting(y=1), same])
    assert state.failed[0].key == ("a", 0)
    assert state.finished


def converting(convert: Any) -> Any:
    graph = Graph().add_node("a", ["x"], ["y"]).add_node("b", [InputPort("x")], ["y"])
    graph.connect("a", "y", "b", "x", convert=convert)
    return freeze(graph)


def test_values_are_converted_on_their_way():
    state = serial(converting(str), {"a": {"x": 1}})
    run_calls(state, [same, same])
    assert state.outputs == {"b": {"y": "1"}}


def test_a_value_that_cannot_be_converted_fails_its_sender_and_nothing_is_delivered():
    state = serial(converting(int), {"a": {"x": "one"}}, remember_senders=True)
    with pytest.raises(PipelineRuntimeError, match="perform conversion"):
        run_calls(state, [same, same])
    assert state.failed[0].key == ("a", 0)
    assert state.entries() == {"a": {"x": [{"sender": None, "value": "one"}]}}


def test_an_endless_loop_is_stopped_at_the_limit():
    plan = build({"a": ([greedy("x")], ["y"]), "b": (["x"], ["y"])}, ["a.y -> b.x", "b.y -> a.x"])
    state = serial(plan, {"a": {"x": 0}}, max_runs_per_node=5)
    with pytest.raises(PipelineMaxComponentRuns, match="count 5 reached for component 'a'"):
        run_calls(state, [same, same])
    assert dict(state.visits) == {"a": 5, "b": 5}


def test_an_error_of_the_limit_that_a_node_raises_is_the_nodes_failure():
    def nested(x: Any) -> Any:
        raise PipelineMaxComponentRuns("inside")

    state = serial(CHAIN, {"a": {"x": 1}})
    with pytest.raises(PipelineMaxComponentRuns, match="inside"):
        run_calls(state, [nested, same])
    assert state.failed[0].key == ("a", 0)


def test_it_drives_serial_runs_only():
    with pytest.raises(PipelineValidationError, match="mode='serial'"):
        run_calls(RunState(CHAIN, {"a": {"x": 1}}), [same, same])


def test_a_run_with_a_start_begins_there_whatever_the_node_has_received():
    plan = build(
        {"a": ([], ["y"]), "b": (["x", optional("o", 7)], ["y"]), "c": ([lazy("x")], [])}, ["a.y -> b.x", "b.y -> c.x"]
    )
    state = serial(plan, start="b")
    received = []
    run_calls(state, [None, lambda **inputs: received.append(inputs) or {"y": 1}, lambda x: received.append(x) or {}])
    assert received == [{"o": 7}, [1]]


def test_a_stream_gets_a_visit_for_each_value():
    plan = build({"a": ([], ["y"]), "b": ([], ["y"]), "s": ([stream("x")], ["y"])}, ["a.y -> s.x", "b.y -> s.x"])
    received = []
    state = serial(plan)
    run_calls(state, [lambda: {"y": 1}, lambda: {"y": 2}, lambda x: received.append(x) or {"y": x}])
    assert received == [1, 2]


@pytest.mark.parametrize("remembers", [False, True])
def test_values_collect_beside_those_of_the_user(remembers):
    plan = build(
        {
            "a": ([], ["y"]),
            "b": ([], ["y"]),
            "l": ([lazy("x")], []),
            "m": ([lazy("x")], []),
            "o": ([optional("x")], []),
        },
        ["a.y -> l.x", "b.y -> l.x", "a.y -> m.x", "b.y -> m.x", "a.y -> o.x"],
    )
    received = []

    def note(x: Any) -> dict[str, Any]:
        received.append(x)
        return {}

    state = serial(plan, {"l": {"x": 0}, "o": {"x": 0}}, remember_senders=remembers)
    run_calls(state, [lambda: {"y": 1}, lambda: {"y": 2}, note, note, note])
    assert received == [[0, 1, 2], [1, 2], 1]


def test_a_later_value_replaces_one_that_no_visit_has_had():
    plan = build(
        {"a": ([], ["y"]), "b": ([], ["y"]), "g": (["k", greedy("x")], []), "k": (["x"], ["y"])},
        ["a.y -> g.x", "b.y -> g.x", "b.y -> k.x", "k.y -> g.k"],
    )
    received = []
    run_calls(
        serial(plan),
        [lambda: {"y": 1}, lambda: {"y": 2}, lambda **inputs: received.append(inputs) or {}, same],
    )
    assert received == [{"x": [2], "k": 2}]


def test_a_conversion_is_not_asked_for_a_value_that_is_not_there():
    state = serial(converting(int), {"a": {"x": 1}})
    run_calls(state, [lambda x: {}, same])
    assert state.not_run() == ("b",)


@pytest.mark.parametrize("way", ["fast", "slow"])
def test_lists_that_are_none_fail_their_receiver(way):
    joined = lazy("x", wrap_input_in_list=False)
    plan = build({"a": ([], ["y"]), "b": ([], ["y"]), "l": ([joined], [])}, ["a.y -> l.x", "b.y -> l.x"])
    state = serial(plan)
    with pytest.raises(PipelineRuntimeError, match="'l'"):
        if way == "fast":
            run_calls(state, [lambda: {"y": 1}, lambda: {"y": [2]}, same])
        while (task := state.next()) is not None:
            state.complete(task, {"y": 1})
    assert state.failed[0].key == ("l", 0)
    assert state.finished
    assert state.visits["l"] == 0


@pytest.mark.parametrize("way", ["fast", "slow"])
def test_a_sender_of_two_values_reports_once_and_a_silent_one_leaves_the_users(way):
    plan = build(
        {"a": ([], ["p", "q", "r"]), "l": ([lazy("x")], []), "o": ([optional("x")], [])},
        ["a.p -> l.x", "a.q -> l.x", "a.r -> o.x"],
    )
    state = serial(plan, {"o": {"x": "mine"}})
    received = []
    if way == "fast":
        run_calls(state, [lambda: {"p": 1, "q": 2}, *[lambda x: received.append(x) or {}] * 2])
    while (task := state.next()) is not None:
        received += task.inputs.values()
        state.complete(task, {"p": 1, "q": 2})
    assert received == [[1, 2], "mine"]
