"""A run that follows a rehearsal is the run that the machine would have made, wherever it departs from it or fails."""

from __future__ import annotations

import logging
import weakref
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from dtlpipe.graph import (
    Pipeline,
    PipelineMaxComponentRuns,
    PipelineRuntimeError,
    RunState,
    Variadic,
    component,
    recording,
)
from dtlpipe.graph.calls import run_calls
from dtlpipe.graph.rehearsal import Rehearsal, perform, rehearse
from tests.unit.graph.machines import build, lazy, optional, stream
from tests.unit.graph.random_graphs import Case, cases
from tests.unit.graph.test_run_calls import Break, Script, comparable

thorough = settings(max_examples=settings().max_examples)


class Runner:
    """A node of a script, called as a component is."""

    def __init__(self, script: Script, name: str) -> None:
        self.script = script
        self.name = name

    def run(self, **inputs: Any) -> dict[str, Any]:
        return self.script.call(self.name, inputs)


def play(case: Case, script: Script, *, rehearsed: bool) -> RunState | dict[str, Any] | None:
    runners = [Runner(script, name) for name in case.plan.names]
    state: RunState | dict[str, Any] = case.begin("serial")
    if rehearsed:
        rehearsal = rehearse(case.plan, case.inputs, runners, frozenset())
        if rehearsal is None:
            return None
        state = perform(
            rehearsal, case.inputs, limit=4, include=frozenset(case.plan.names[:1]), undeclared=lambda *_: None
        )
    if isinstance(state, RunState) and state.failed is None:
        try:
            run_calls(state, [runner.run for runner in runners])
        except (Break, PipelineMaxComponentRuns) as error:
            event(type(error).__name__)
    return state


@thorough
@given(cases(starts=False), st.none() | st.integers(0, 8))
def test_it_tells_the_story_of_the_machine_and_leaves_its_state(case, breaks):
    one, other = Script(case, breaks), Script(case, breaks)
    followed, plain = play(case, one, rehearsed=True), play(case, other, rehearsed=False)
    if followed is None:
        event("no rehearsal")
        return
    assert one.story == other.story
    if isinstance(followed, RunState):
        event("departed" if followed.failed is None else "failed")
        assert comparable(followed) == comparable(plain)
        assert followed.outputs == plain.outputs
    else:
        event("followed")
        assert followed == plain.outputs
        assert list(followed) == list(plain.outputs)
        assert plain.failed is None


def test_a_node_that_runs_twice_is_not_rehearsed():
    plan = build({"a": (["i"], ["o"]), "b": (["i"], ["o"])}, ["a.o -> b.i"])
    assert isinstance(rehearse(plan, {"a": {"i": 1}}, [None, None], frozenset()), Rehearsal)
    loop = build({"a": ([optional("i")], ["o"]), "b": (["i"], ["o"])}, ["a.o -> b.i", "b.o -> a.i"])
    assert rehearse(loop, {"a": {"i": 1}}, [None, None], frozenset()) is None


@pytest.mark.parametrize("socket", [stream("i"), lazy("i", wrap_input_in_list=False)], ids=["a stream", "joined lists"])
def test_what_depends_on_values_is_not_rehearsed(socket):
    plan = build({"a": ([], ["o"]), "b": ([socket], ["o"])}, ["a.o -> b.i"])
    assert rehearse(plan, {}, [None, None], frozenset()) is None


def test_a_run_without_any_visit_is_not_rehearsed():
    assert rehearse(build({}), {}, [], frozenset()) is None


@component
class Add:
    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    @component.output_types(value=int)
    def run(self, value: int) -> dict[str, Any]:
        if self.fails:
            raise ValueError("no more")
        return {"value": value + 1}


@component
class Router:
    @component.output_types(odd=int, even=int)
    def run(self, value: int) -> dict[str, Any]:
        return {"odd": value} if value % 2 else {"even": value}


@component
class Sum:
    @component.output_types(value=int)
    def run(self, values: Variadic[int], more: list[int] | None = None) -> dict[str, Any]:
        return {"value": sum(values) + sum(more or [])}


def chain() -> Pipeline:
    pipeline = Pipeline()
    pipeline.add_components({"a": Add(), "b": Add(), "c": Add()})
    return pipeline.connect("a", "b").connect("b", "c")


def known(pipeline: Pipeline, data: dict[str, Any]) -> Rehearsal | None:
    return pipeline._compile().rehearsal(data)


def test_a_pipeline_is_rehearsed_at_its_second_run():
    pipeline, data = chain(), {"a": {"value": 1}}
    assert pipeline.run(data) == {"c": {"value": 4}}
    assert known(pipeline, data) is None
    assert pipeline.run(data) == {"c": {"value": 4}}
    assert known(pipeline, data) is not None
    assert pipeline.run({"value": 5}) == {"c": {"value": 8}}
    assert pipeline.run(data, include_outputs_from={"a"}) == {"a": {"value": 2}, "c": {"value": 4}}


def test_a_changed_pipeline_forgets_its_rehearsals():
    pipeline, data = chain(), {"a": {"value": 1}}
    for _ in range(3):
        pipeline.run(data)
    pipeline.add_component("d", Add()).connect("c", "d")
    for _ in range(3):
        assert pipeline.run(data) == {"d": {"value": 5}}


def test_a_component_whose_run_is_replaced_is_called_by_the_new_one(monkeypatch):
    pipeline, data = chain(), {"a": {"value": 1}}
    for _ in range(3):
        pipeline.run(data)
    monkeypatch.setattr(pipeline.get_component("b"), "run", lambda value: {"value": value * 100}, raising=False)
    assert pipeline.run(data) == {"c": {"value": 201}}


def test_a_failure_names_the_component_and_takes_a_snapshot_along():
    pipeline, data = chain(), {"a": {"value": 1}}
    for _ in range(3):
        pipeline.run(data)
    pipeline.get_component("b").fails = True
    with pytest.raises(PipelineRuntimeError, match="Component name: 'b'") as caught:
        pipeline.run(data)
    snapshot = caught.value.pipeline_snapshot
    pipeline.get_component("b").fails = False
    assert snapshot.pipeline_state.component_visits == {"a": 1, "b": 0, "c": 0}
    assert pipeline.run({}, pipeline_snapshot=snapshot) == {"c": {"value": 4}}


def test_what_is_no_mapping_is_refused_on_a_known_course_too(monkeypatch):
    pipeline, data = chain(), {"a": {"value": 1}}
    for _ in range(3):
        pipeline.run(data)
    monkeypatch.setattr(pipeline.get_component("b"), "run", lambda value: [value], raising=False)
    with pytest.raises(PipelineRuntimeError, match="'b'"):
        pipeline.run(data)


def test_undeclared_outputs_are_warned_about_and_kept(monkeypatch, caplog):
    pipeline, data = chain(), {"a": {"value": 1}}
    for _ in range(3):
        pipeline.run(data)
    monkeypatch.setattr(pipeline.get_component("b"), "run", lambda value: {"value": 7, "more": value}, raising=False)
    assert pipeline.run(data) == {"b": {"more": 2}, "c": {"value": 8}}
    assert "not declared" in caplog.text


def test_a_run_that_ends_without_outputs_says_where_it_got_stuck(monkeypatch, caplog):
    pipeline, data = chain(), {"a": {"value": 1}}
    for _ in range(3):
        pipeline.run(data)
    monkeypatch.setattr(pipeline.get_component("b"), "run", lambda value: {}, raising=False)
    assert pipeline.run(data) == {}
    assert "'b.value' ran and did not return it" in caplog.text
    monkeypatch.undo()
    monkeypatch.setattr(pipeline.get_component("c"), "run", lambda value: {}, raising=False)
    caplog.clear()
    assert pipeline.run(data) == {}
    assert "none returned an output" in caplog.text


def test_branches_that_are_always_left_out_are_followed_no_longer():
    pipeline = Pipeline()
    pipeline.add_components({"r": Router(), "x": Add(), "y": Add(), "sum": Sum()})
    pipeline.connect("r.odd", "x").connect("r.even", "y").connect("x", "sum.values").connect("y", "sum.values")
    results = [pipeline.run({"r": {"value": value}}) for value in (1, 2, 3, 4, 5, 6)]
    assert results == [{"sum": {"value": value + 1}} for value in (1, 2, 3, 4, 5, 6)]
    assert known(pipeline, {"r": {"value": 1}}) is None


def test_inputs_beside_those_of_a_component_are_joined_as_ever():
    pipeline = Pipeline()
    pipeline.add_components({"a": Add(), "sum": Sum()}).connect("a", "sum.values")
    for _ in range(4):
        assert pipeline.run({"a": {"value": 1}, "sum": {"values": 5, "more": [1]}}) == {"sum": {"value": 8}}


def test_names_of_inputs_that_differ_each_time_are_not_kept_for_ever():
    @component
    class Anything:
        def __init__(self) -> None:
            for number in range(20):
                component.set_input_type(self, f"i{number}", int, 0)

        @component.output_types(value=int)
        def run(self, **inputs: int) -> dict[str, Any]:
            return {"value": sum(inputs.values())}

    pipeline = Pipeline().add_component("a", Anything())
    for number in range(20):
        for _ in range(3):
            assert pipeline.run({"a": {f"i{number}": number}}) == {"a": {"value": number}}
    assert len(pipeline._compile()._rehearsals) <= 8


def test_who_watches_sees_all_components(caplog):
    pipeline, data = chain(), {"a": {"value": 1}}
    for _ in range(3):
        pipeline.run(data)
    with recording() as trace:
        pipeline.run(data)
    assert [event.name for event in trace.events] == ["a", "b", "c"]
    with caplog.at_level(logging.INFO, logger="dtlpipe.graph.pipeline"):
        pipeline.run(data)
    assert [record.args[0] for record in caplog.records] == ["a", "b", "c"]


class Value:
    pass


def test_values_are_let_go_when_nobody_needs_them_any_more():
    alive: list[bool] = []
    made: list[weakref.ref[Value]] = []

    @component
    class Make:
        @component.output_types(value=Value)
        def run(self) -> dict[str, Any]:
            value = Value()
            made.append(weakref.ref(value))
            return {"value": value}

    @component
    class Use:
        @component.output_types(value=int)
        def run(self, value: Value) -> dict[str, Any]:
            return {"value": 1}

    @component
    class Look:
        @component.output_types(value=int)
        def run(self, value: int) -> dict[str, Any]:
            alive.append(made[-1]() is not None)
            return {"value": value}

    pipeline = Pipeline()
    pipeline.add_components({"make": Make(), "use": Use(), "look": Look(), "look again": Look()})
    pipeline.connect("make", "use").connect("use", "look").connect("look", "look again")
    for _ in range(3):
        pipeline.run({})
    assert alive[-2:] == [False, False]


def test_limits_below_one_still_stop_a_run():
    pipeline, data = chain(), {"a": {"value": 1}}
    for _ in range(3):
        pipeline.run(data)
    pipeline._max_runs_per_component = 0
    with pytest.raises(PipelineMaxComponentRuns):
        pipeline.run(data)
