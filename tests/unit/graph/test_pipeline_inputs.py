"""A run's inputs: whose they are, what is refused, and that nobody's data is changed."""

from __future__ import annotations

import contextlib
import copy
import logging
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.graph import PipelineValidationError, Variadic, run
from dtlpipe.graph.pipeline.base import PipelineBase
from dtlpipe.graph.pipeline.inputs import Inputs, prepare, validate
from tests.unit.graph.building_parts import Part, picture


def pipeline() -> PipelineBase:
    """`a` and `b` both have an open `query`; `b.items` is fed by `a`, and so is `b.flag`."""
    built = PipelineBase()
    built.add_component("a", Part({"query": str, "limit": (int, 10)}, {"items": list[str], "flag": bool}))
    built.add_component("b", Part({"query": str, "items": list[str], "flag": (bool, True), "all": Variadic[int]}))
    built.add_component("c", Part({"all": (Variadic[int], ())}))
    return built.connect("a.items", "b.items").connect("a.flag", "b.flag")


def prepared(data: Any) -> Inputs:
    return prepare(pipeline()._compile(), data)


# ---- whose -----------------------------------------------------------------------------------------------------------


def test_a_dict_of_dicts_is_by_component():
    data = {"a": {"query": "q"}, "b": {"query": "r", "all": 1}}
    assert prepared(data) == data


def test_another_dict_is_by_input_and_reaches_all_open_inputs_of_the_name():
    assert prepared({"query": "q", "limit": 3, "all": 1}) == {
        "a": {"query": "q", "limit": 3},
        "b": {"query": "q", "all": 1},
        "c": {"all": 1},
    }


def test_a_connected_input_is_not_found_by_its_bare_name(caplog):
    assert prepared({"query": "q", "flag": False}) == {"a": {"query": "q"}, "b": {"query": "q"}}
    assert "Inputs ['flag'] were not matched to any component inputs, please check your run parameters." in caplog.text


def test_dicts_may_be_values_by_input_if_no_key_names_a_component_and_all_name_inputs():
    assert prepared({"query": {"text": "q"}}) == {"a": {"query": {"text": "q"}}, "b": {"query": {"text": "q"}}}
    assert prepared({"query": {}, "nothing": {}}) == {"query": {}, "nothing": {}}
    assert prepared({"query": {}, "a": {}}) == {"query": {}, "a": {}}


def test_the_format_does_not_depend_on_whether_the_inputs_are_connected(caplog):
    assert prepared({"query": {"text": "q"}, "items": {}}) == {
        "a": {"query": {"text": "q"}},
        "b": {"query": {"text": "q"}},
    }
    assert "Inputs ['items'] were not matched" in caplog.text


def test_no_inputs_are_no_inputs():
    assert prepared({}) == {}


def test_any_mapping_will_do():
    assert prepared(MappingProxyType({"limit": 1})) == {"a": {"limit": 1}}


def test_what_is_no_mapping_is_refused():
    for wrong in (None, [("a", {})], "query"):
        with pytest.raises(PipelineValidationError, match=f"are a {type(wrong).__name__}; give a dict"):
            prepared(wrong)


def test_both_formats_mixed_are_warned_about(caplog):
    assert prepared({"a": {"limit": 1}, "query": "q"}) == {"a": {"query": "q"}, "b": {"query": "q"}}
    assert "Inputs ['a'] were not matched" in caplog.text
    assert "Names of components are understood only if every value is a dict" in caplog.text


def test_inputs_that_are_all_found_are_not_warned_about(caplog):
    with caplog.at_level(logging.DEBUG):
        prepared({"query": "q", "all": 1})
    assert not caplog.records


# ---- copies ----------------------------------------------------------------------------------------------------------


def test_values_are_copied_and_each_component_has_its_own():
    value = {"nested": [1]}
    data = {"query": value, "limit": 1}
    result = prepared(data)
    assert result["a"]["query"] == result["b"]["query"] == value
    assert result["a"]["query"] is not result["b"]["query"]
    result["a"]["query"]["nested"].append(2)
    assert data == {"query": {"nested": [1]}, "limit": 1}


def test_the_callers_dicts_are_not_the_runs():
    inner = {"query": ["q"]}
    data = {"a": inner}
    result = prepared(data)
    result["a"]["query"].append("more")
    result["a"]["limit"] = 1
    assert data["a"] is inner
    assert inner == {"query": ["q"]}


# ---- refusals --------------------------------------------------------------------------------------------------------

GOOD = {"a": {"query": "q"}, "b": {"query": "q", "all": 1}}


def with_inputs(**more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {**GOOD.get(name, {}), **more.get(name, {})} for name in {**GOOD, **more}}


def test_inputs_that_fit_are_accepted():
    pipeline().validate_input(GOOD)
    pipeline().validate_input(with_inputs(a={"limit": 1}, c={"all": 2}))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (with_inputs(q={"x": 1}), r"Component named 'q' not found in the pipeline.*'a', 'b', 'c'"),
        (with_inputs(a={"x": 1}), r"Input 'x' not found in component 'a'. It has: 'query', 'limit'"),
        ({"b": GOOD["b"]}, r"Missing mandatory input 'query' for component 'a'"),
        ({"a": GOOD["a"], "b": {"all": 1}}, r"Missing mandatory input 'query' for component 'b'"),
        ({"a": GOOD["a"], "b": {"query": 1}}, r"Missing mandatory input 'all' for component 'b'"),
        ({}, r"Missing mandatory input 'query' for component 'a'.*\{'a': \{'query': \.\.\.\}\}"),
        (with_inputs(b={"flag": True}), r"'b' cannot accept multiple inputs to 'flag'.*connected to component 'a'"),
        ({"a": 5}, r"inputs of component 'a' are a int; give a dict"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_with_where_and_what(data, says):
    built = pipeline()
    before = picture(built)
    kept = copy.deepcopy(data)
    with pytest.raises(ValueError, match=says) as caught:
        built.validate_input(data)
    assert isinstance(caught.value, PipelineValidationError)
    assert picture(built) == before
    assert data == kept


def test_a_component_without_inputs_says_so():
    built = PipelineBase().add_component("a", Part())
    with pytest.raises(ValueError, match="has: no inputs"):
        built.validate_input({"a": {"x": 1}})
    with pytest.raises(ValueError, match=r"not found in the pipeline.*There are: none"):
        PipelineBase().validate_input({"a": {"x": 1}})


def test_inputs_of_branches_that_may_never_run_are_mandatory_too():
    built = PipelineBase().add_components({"a": Part({"x": (int, 0)}), "alone": Part({"y": int})})
    with pytest.raises(ValueError, match="Missing mandatory input 'y' for component 'alone'"):
        built.validate_input({"a": {"x": 1}})


# ---- a value for a list that a component feeds too -------------------------------------------------------------------


def outputs_of(built: PipelineBase, data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    compiled = built._compile()
    inputs = prepare(compiled, data)
    gathering = compiled.gathering(validate(compiled, inputs))
    return run(gathering.plan, inputs, lambda task: gathering.instances[task.index].run(**task.inputs))


def listing() -> PipelineBase:
    built = PipelineBase()
    built.add_component("source", Part({"out": list[int]}, {"out": list[int]}))
    built.add_component("sink", Part({"many": list[int] | None}, {"many": list[int]}))
    return built.connect("source.out", "sink.many")


def test_a_value_for_a_connected_list_is_joined_with_what_is_sent():
    data = {"source": {"out": [3, 4]}, "sink": {"many": [1, 2]}}
    assert outputs_of(listing(), data) == {"sink": {"many": [1, 2, 3, 4]}}


def test_joining_is_this_runs_matter_and_leaves_the_pipeline_as_it_was():
    built = listing()
    before = picture(built)
    outputs_of(built, {"source": {"out": [3]}, "sink": {"many": [1]}})
    built.validate_input({"source": {"out": [3]}, "sink": {"many": [1]}})
    assert picture(built) == before
    assert outputs_of(built, {"source": {"out": [3]}}) == {"sink": {"many": [3]}}


VALUES = st.one_of(st.integers(), st.text(max_size=2), st.lists(st.integers(), max_size=2))
NAMES = st.sampled_from(["a", "b", "c", "q", "query", "limit", "items", "flag", "all"])
DATA = st.dictionaries(NAMES, st.one_of(VALUES, st.dictionaries(NAMES, VALUES, max_size=3)), max_size=4)


@given(DATA)
def test_whatever_is_given_stays_as_it_was_and_so_does_the_pipeline(data):
    built = pipeline()
    before, kept = picture(built), copy.deepcopy(data)
    with contextlib.suppress(PipelineValidationError):
        validate(built._compile(), prepare(built._compile(), data))
    assert data == kept
    assert picture(built) == before
