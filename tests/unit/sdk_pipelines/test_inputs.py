"""Inputs travel as JSON: values by name, entities as their ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dtlpipe as dl
from dtlpipe.errors import BadRequest
from dtlpipe.resources.inputs import batch_query, input_data
from dtlpipe.resources.items import Item


@pytest.fixture
def item(paper):
    return Item.from_wire({"id": "i1", "datasetId": "d1"}, session=paper())


def test_entities_travel_as_their_ids_also_within_lists_and_dicts(item):
    assert input_data({"item": item, "items": [item, item], "named": {"one": item}}) == {
        "item": "i1",
        "items": ["i1", "i1"],
        "named": {"one": "i1"},
    }


def test_enums_tuples_and_nouns_travel_as_their_json():
    noun = dl.Variable(name="v", value=1)
    assert input_data({"type": dl.PackageInputType.ITEM, "pair": (1, 2), "noun": noun}) == {
        "type": "Item",
        "pair": [1, 2],
        "noun": {"name": "v", "type": "String", "value": 1},
    }


def test_none_is_no_inputs_and_an_empty_dict_is_empty_inputs():
    assert input_data(None) is None
    assert input_data({}) == {}


@pytest.mark.parametrize("value", [object(), float("nan"), b"bytes", {1, 2}, 1j])
def test_what_is_not_json_is_refused_by_name(value):
    with pytest.raises(BadRequest, match="'x'") as caught:
        input_data({"item": "i1", "x": value})
    assert caught.value.port == "x"


@pytest.mark.parametrize("given_", [["i1"], [1], [{"item": "i1"}]])
def test_what_is_no_form_of_inputs_is_refused(given_):
    with pytest.raises(BadRequest, match="FunctionIO"):
        input_data(given_)


def test_inputs_go_by_names_that_are_texts():
    with pytest.raises(BadRequest, match="names of parameters"):
        input_data({1: "x"})


def test_a_batch_takes_filters_or_a_query():
    assert batch_query(dl.Filters("dir", "/a", context={"datasets": ["d1"]}))["context"] == {"datasets": ["d1"]}
    assert batch_query({"filter": {}}) == {"filter": {}}
    with pytest.raises(BadRequest, match="which items"):
        batch_query(None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_json_data_travels_unchanged(inputs):
    assert input_data(inputs) == inputs
