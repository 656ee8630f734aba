"""Runs on the caller's thread."""

from __future__ import annotations

import copy
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any

import pytest

from dtlpipe.graph import (
    BreakpointException,
    Pipeline,
    PipelineComponentsBlockedError,
    PipelineMaxComponentRuns,
    PipelineRuntimeError,
    component,
    tracing,
)
from dtlpipe.graph.breakpoints import Breakpoint
from tests.unit.graph.running_parts import Add, Answer, Call, Sum, Threshold, chain, loop


@pytest.fixture(params=["plain", "logged", "traced"])
def way(request, caplog):
    """Run what the test runs on the fast loop, and on the watched one with a log and with a tracer."""
    if request.param == "logged":
        caplog.set_level(logging.INFO, logger="dtlpipe.graph.pipeline")
    if request.param == "traced":
        with tracing.recording():
            yield request.param
    else:
        yield request.param


def warnings(caplog) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)


# ---- results ---------------------------------------------------------------------------------------------------------


def test_a_run_returns_what_no_other_component_receives(way):
    assert chain(Add(), Add(10)).run({"c0": {"value": 1}}) == {"c1": {"value": 12}}


def test_an_empty_pipeline_returns_nothing(way):
    assert Pipeline().run({}) == {}


def test_components_whose_outputs_are_wanted_give_all_of_them(way):
    result = chain(Add(), Add(), Add()).run({"c0": {"value": 0}}, include_outputs_from={"c0", "c1"})
    assert result == {"c0": {"value": 1}, "c1": {"value": 2}, "c2": {"value": 3}}


def test_an_output_is_kept_beside_one_that_is_received(way):
    pipeline = Pipeline()
    pipeline.add_components({"check": Threshold(), "add": Add()})
    pipeline.connect("check.above", "add.value")
    assert pipeline.run({"check": {"value": 1}}) == {"check": {"below": 1}}
    assert pipeline.run({"check": {"value": 5}}) == {"add": {"value": 6}}


def test_of_a_loop_the_last_visit_counts(way):
    result = loop().run({"merge": {"value": 0}}, include_outputs_from={"merge"})
    assert result == {"merge": {"value": 2}, "check": {"above": 3}}


def test_a_pipeline_runs_again_as_if_it_had_not_run(way):
    pipeline = loop()
    assert [pipeline.run({"value": start}) for start in (0, 2, 0)] == [
        {"check": {"above": 3}},
        {"check": {"above": 3}},
        {"check": {"above": 3}},
    ]


def test_a_mapping_that_is_no_dict_is_a_fine_output(way):
    assert chain(Answer(MappingProxyType({"value": 1})), Add()).run({}) == {"c1": {"value": 2}}


def test_the_callers_data_stays_as_it_was(way):
    data: dict[str, Any] = {"c0": {"value": 1}}
    before, inner = copy.deepcopy(data), data["c0"]
    chain(Add()).run(data)
    assert data == before
    assert data["c0"] is inner


def test_no_component_sees_what_another_does_to_its_inputs(way):
    def spoil(value):
        value.append("spoilt")
        return {"value": value}

    items = ["good"]
    pipeline = Pipeline()
    pipeline.add_components({"give": Answer({"value": items}), "first": Call(spoil), "second": Call(spoil)})
    pipeline.connect_many([("give.value", "first.value"), ("give.value", "second.value")])
    assert pipeline.run({}) == {"first": {"value": ["good", "spoilt"]}, "second": {"value": ["good", "spoilt"]}}
    assert items == ["good"]


def test_components_warm_up_at_every_run_in_the_order_in_which_they_were_added(way):
    calls = []

    @component
    class Warm:
        def __init__(self, name: str):
            self.name = name

        def warm_up(self):
            calls.append(self.name)

        @component.output_types(value=int)
        def run(self, value: int = 0):
            calls.append("run")
            return {"value": value}

    pipeline = Pipeline()
    pipeline.add_components({"z": Warm("z"), "a": Warm("a")})
    pipeline.run({})
    pipeline.run({})
    assert calls == ["z", "a", "run", "run"] * 2


def test_a_run_method_that_was_replaced_is_called(way):
    pipeline = chain(Add())
    pipeline.run({"value": 1})
    pipeline.get_component("c0").run = lambda value: {"value": "replaced"}
    assert pipeline.run({"value": 1}) == {"c0": {"value": "replaced"}}


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_inputs_that_do_not_fit_are_refused(way):
    with pytest.raises(ValueError, match="Missing mandatory input 'value' for component 'c0'"):
        chain(Add()).run({})
    with pytest.raises(ValueError, match="not found in the pipeline"):
        chain(Add()).run({"c7": {"value": 1}})


def test_names_of_outputs_that_nobody_has_are_warned_about(way, caplog):
    assert chain(Add()).run({"value": 1}, include_outputs_from={"c0", "nobody"}) == {"c0": {"value": 2}}
    assert "['nobody']" in warnings(caplog)


def test_a_run_in_which_nothing_can_run_is_refused(way):
    pipeline = Pipeline()
    pipeline.add_components({"a": Add(), "b": Add()})
    pipeline.connect_many([("a", "b"), ("b", "a")])
    with pytest.raises(PipelineComponentsBlockedError, match="all components are blocked"):
        pipeline.run({})


def test_a_loop_that_does_not_end_is_ended(way):
    with pytest.raises(PipelineMaxComponentRuns, match="Maximum run count 2 reached for component 'merge'"):
        loop(limit=2, threshold=1000).run({"merge": {"value": 0}})


# ---- failures --------------------------------------------------------------------------------------------------------


def test_the_error_of_a_component_names_it(way):
    with pytest.raises(PipelineRuntimeError) as caught:
        chain(Add(), Answer(KeyError("oops"))).run({"value": 1})
    error = caught.value
    assert (error.component_name, error.component_type) == ("c1", Answer)
    assert "Component name: 'c1'" in str(error)
    assert "Error: 'oops' (KeyError)" in str(error)
    assert isinstance(error.__cause__, KeyError)


def test_an_output_that_is_no_mapping_is_an_error(way):
    with pytest.raises(PipelineRuntimeError, match="got list instead") as caught:
        chain(Answer([1])).run({})
    assert caught.value.component_name == "c0"
    assert caught.value.__cause__ is None


def test_errors_of_runs_within_pass_as_they_are(way):
    own = PipelineRuntimeError("inner", Add, "from within")
    stop = BreakpointException.from_triggered_breakpoint(Breakpoint("inner"))
    for error in (own, stop):
        with pytest.raises(type(error)) as caught:
            chain(Add(), Answer(error)).run({"value": 1})
        assert caught.value is error
        assert error.pipeline_snapshot.break_point.component_name == "c1"


def test_a_limit_reached_within_a_component_is_a_failure_of_that_component(way):
    with pytest.raises(PipelineRuntimeError) as caught:
        chain(Add(), Call(lambda value: loop(limit=1).run({"value": value - 1}))).run({"value": 0})
    assert caught.value.component_name == "c1"
    assert isinstance(caught.value.__cause__, PipelineMaxComponentRuns)


def test_a_value_that_cannot_be_converted_is_an_error_of_no_component(way):
    @component
    class Words:
        @component.output_types(words=list[str])
        def run(self):
            return {"words": ["two", "words"]}

    @component
    class Word:
        def run(self, word: str):
            return {}

    pipeline = Pipeline()
    pipeline.add_components({"words": Words(), "word": Word()})
    pipeline.connect("words", "word")
    with pytest.raises(PipelineRuntimeError, match="Failed to perform conversion between components") as caught:
        pipeline.run({})
    assert caught.value.component_name is None
    assert "Sender component: 'words'" in str(caught.value)


def test_an_interrupt_is_not_a_failure(way):
    with pytest.raises(KeyboardInterrupt):
        chain(Answer(KeyboardInterrupt())).run({})


# ---- warnings --------------------------------------------------------------------------------------------------------


def test_outputs_that_were_never_declared_are_warned_about_and_returned(way, caplog):
    assert chain(Answer({"value": 1, "extra": 2}), Add()).run({}) == {"c0": {"extra": 2}, "c1": {"value": 2}}
    assert "Component 'c0' (type: Answer) returned output keys {'extra'}" in warnings(caplog)


def test_a_component_that_declares_no_outputs_may_return_what_it_likes(way, caplog):
    @component
    class Free:
        def run(self):
            return {"anything": 1}

    assert chain(Free()).run({}) == {"c0": {"anything": 1}}
    assert warnings(caplog) == ""


def test_a_run_without_outputs_says_where_it_got_stuck_and_why(way, caplog):
    pipeline = Pipeline()
    pipeline.add_components({"a": Threshold(), "idle": Add(), "stuck": Pair(), "z": Add()})
    pipeline.connect_many(
        [("a.above", "idle.value"), ("a.below", "stuck.left"), ("idle", "stuck.right"), ("stuck", "z")]
    )
    assert pipeline.run({"a": {"value": 1}}) == {}
    text = warnings(caplog)
    assert "the pipeline appears to be blocked" in text
    assert "  - 'stuck' (Pair): waits for 'right' ('idle.value' did not run)" in text
    assert "'z'" not in text
    assert "'idle'" not in text.replace("'idle.value'", "")


def test_if_nothing_received_anything_the_first_that_was_left_out_is_named(way, caplog):
    assert chain(Add(), Answer({}), Add(), Add()).run({"value": 1}) == {}
    text = warnings(caplog)
    assert "  - 'c2' (Add): waits for 'value' ('c1.value' ran and did not return it)" in text
    assert "'c3'" not in text


def test_what_never_had_a_chance_is_named_if_there_is_nothing_better(way, caplog):
    pipeline = Pipeline()
    pipeline.add_components({"sink": Call(lambda value: {}), "a": Add(), "b": Add()})
    pipeline.connect_many([("a", "b"), ("b", "a")])
    pipeline.add_component("lone", Answer({"value": 1}))
    pipeline.add_component("after", Answer({}))
    pipeline.connect("lone.value", "after.value")
    assert pipeline.run({}) == {}
    assert "  - 'a' (Add): waits for 'value' ('b.value' did not run)" in warnings(caplog)


def test_if_all_ran_and_returned_nothing_that_is_said(way, caplog):
    assert chain(Answer({})).run({}) == {}
    assert "all components ran" in warnings(caplog)
    assert "blocked" not in warnings(caplog)


def test_a_run_with_an_output_is_not_commented_on(way, caplog):
    pipeline = Pipeline()
    pipeline.add_components({"check": Threshold(), "low": Add(), "high": Add()})
    pipeline.connect_many([("check.below", "low.value"), ("check.above", "high.value")])
    assert pipeline.run({"check": {"value": 1}}) == {"low": {"value": 2}}
    assert warnings(caplog) == ""


def test_the_log_says_which_component_runs(caplog):
    caplog.set_level(logging.INFO, logger="dtlpipe.graph.pipeline")
    chain(Add(), Add()).run({"value": 1})
    said = [record.getMessage() for record in caplog.records]
    assert said == ["Running component c0", "Running component c1"]


# ---- side by side ----------------------------------------------------------------------------------------------------


def test_one_pipeline_runs_in_many_threads_at_once(way):
    barrier = threading.Barrier(4)

    def meet(value):
        if value % 10 == 1:
            barrier.wait(30)
        return {"value": value}

    pipeline = loop(threshold=20)
    pipeline.add_component("meet", Call(meet))
    pipeline.connect("merge.value", "meet.value")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda start: pipeline.run({"merge": {"value": start}}), [0, 0, 0, 0]))
    assert results == [{"check": {"above": 20}, "meet": {"value": 19}}] * 4


def test_a_run_that_began_goes_on_as_it_was_when_the_pipeline_changes(way):
    pipeline = chain(Call(lambda value: pipeline.remove_component("c1") and {"value": value}), Add())
    assert pipeline.run({"c0": {"value": 1}}) == {"c1": {"value": 2}}
    assert chain_names(pipeline) == ["c0"]


def test_a_pipeline_may_run_itself(way):
    def again(value):
        return {"value": 1} if value > 3 else pipeline.run({"value": value + 1})["c0"]

    pipeline = chain(Call(again))
    assert pipeline.run({"value": 0}) == {"c0": {"value": 1}}


def chain_names(pipeline: Pipeline) -> list[str]:
    return [name for name, _ in pipeline.walk()]


def test_a_join_waits_for_all_its_inputs(way):
    pipeline = Pipeline()
    pipeline.add_components({"sum": Sum(), "a": Add(), "b": Add(10)})
    pipeline.connect_many([("a", "sum"), ("b", "sum")])
    assert pipeline.run({"value": 1}) == {"sum": {"total": 13}}


def test_a_list_from_outside_joins_those_of_the_senders_for_this_run_only(way):
    pipeline = Pipeline()
    pipeline.add_components({"a": Items(), "b": Items()})
    pipeline.connect("a", "b")
    assert pipeline.run({"a": {"items": [1]}, "b": {"items": [2]}}) == {"b": {"items": [2, 1]}}
    assert pipeline.run({"a": {"items": [1]}}) == {"b": {"items": [1]}}
    assert not pipeline.get_component("b").__haystack_input__.items.is_lazy_variadic


def test_what_is_no_list_cannot_be_joined_with_others(way):
    pipeline = Pipeline(connection_type_validation=False)
    pipeline.add_components({"a": Answer({"value": 1}), "b": Answer({"value": 2}), "items": Items()})
    pipeline.connect_many([("a.value", "items.items"), ("b.value", "items.items")])
    with pytest.raises(
        PipelineRuntimeError, match=r"Input 'items' of component 'items' joins .* received: int\."
    ) as caught:
        pipeline.run({})
    assert caught.value.component_name == "items"


@component
class Items:
    @component.output_types(items=list[int])
    def run(self, items: list[int]):
        return {"items": items}


@component
class Pair:
    @component.output_types(value=int)
    def run(self, left: int, right: int):
        return {"value": left + right}
