"""What functions return, as JSON on ports."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import pathlib
import sys
import types
import uuid

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.runtime.failures import NodeFailure
from dtlpipe.runtime.results import dehydrate, reference, snake, spread


def out(value):
    return json.loads(dehydrate(value, [("port", "Json")], "Node 'n'"))["port"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_json_passes_unchanged(value):
    assert out(value) == value


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    when: dt.date


@attrs.define
class Pair:
    left: set[int]
    right: Colour


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (dt.datetime(2024, 5, 6, 7, 8, tzinfo=dt.UTC), "2024-05-06T07:08:00+00:00"),
        (dt.date(2024, 5, 6), "2024-05-06"),
        ({3, 1, 2}, [1, 2, 3]),
        ((1, (2, 3)), [1, [2, 3]]),
        (Colour.RED, "red"),
        (Point(1, dt.date(2024, 1, 2)), {"x": 1, "when": "2024-01-02"}),
        (Pair({2, 1}, Colour.RED), {"left": [1, 2], "right": "red"}),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ({1: "one"}, {"1": "one"}),
    ],
)
def test_what_is_sane_is_converted(value, expected):
    assert out(value) == expected
    assert out({"in": [value]}) == {"in": [expected]}


@pytest.mark.parametrize(
    ("value", "place", "hint"),
    [
        (float("inf"), "holds inf, which", "NaN"),
        ({"a": [1, {"b": float("nan")}]}, "nan at ['a'][1]['b']", "NaN"),
        ([b"raw"], "a bytes at [0]", "item"),
        ({"g": (n for n in ())}, "a generator at ['g']", "list"),
        ({(1, 2): 3}, "a tuple at (as a key)", "text keys"),
        (np.array([1.0, float("nan")]), "nan at [1]", "NaN"),
        ([object()], "a object at [0]", "JSON knows"),
        ("half \ud800", "is no JSON", "JSON knows"),
        (Point, "a type", "JSON knows"),
    ],
)
def test_what_is_not_is_refused_with_port_place_and_advice(value, place, hint):
    with pytest.raises(NodeFailure) as caught:
        out(value)

    assert "Node 'n': the value for output port 'port' (type Json)" in str(caught.value)
    assert place in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.cause == "output"


def test_a_value_that_holds_itself_is_refused():
    circle = []
    circle.append(circle)

    with pytest.raises(NodeFailure, match="output port 'port'"):
        out(circle)


@pytest.fixture
def entity_class():
    """Makes entity classes that look as if an SDK had defined them."""

    def make(name, module="dtlpipe.resources.things"):
        cls = type(name, (), {"__module__": module})
        cls.__init__ = lambda self, **fields: self.__dict__.update(fields)
        return cls

    return make


@pytest.mark.parametrize("module", ["dtlpipe.resources.items", "dtlpy.entities.item"])
def test_an_item_becomes_a_reference_with_its_dataset(entity_class, module):
    item = entity_class("Item", module)(id="i", dataset_id="d", metadata={"big": 1})

    assert out([item]) == [{"item_id": "i", "dataset_id": "d"}]


def test_other_entities_become_references_by_their_own_name(entity_class):
    assert reference(entity_class("Dataset")(id="d")) == {"dataset_id": "d"}
    assert reference(entity_class("PipelineExecution")(id="c")) == {"pipeline_execution_id": "c"}
    assert reference(entity_class("Annotation")(id="a", item_id="i", dataset_id=None)) == {
        "annotation_id": "a",
        "item_id": "i",
    }


def test_a_subclass_of_an_entity_is_that_entity(entity_class):
    class Photo(entity_class("Item")):
        pass

    assert reference(Photo(id="i", dataset_id="d")) == {"item_id": "i", "dataset_id": "d"}


def test_a_class_of_the_users_own_named_item_is_no_entity():
    class Item:
        id = "i"

    assert reference(Item()) is None


def test_real_numpy_scalars_of_other_libraries_are_not_guessed_at():
    module = types.ModuleType("somewhere")
    sys.modules["somewhere"] = module
    cls = type("Tensor", (), {"__module__": "somewhere", "tolist": lambda self: [1]})

    with pytest.raises(NodeFailure, match="a Tensor"):
        out(cls())
    del sys.modules["somewhere"]


PORTS = [("a", "Json"), ("b", "Json")]


def test_several_ports_take_a_tuple_in_order_and_anything_else_at_the_first():
    assert [value for _name, _type, value in spread((1, 2), PORTS, "n")] == [1, 2]
    assert [value for _name, _type, value in spread([1, 2], PORTS, "n")] == [[1, 2], None]
    assert [value for _name, _type, value in spread(None, PORTS, "n")] == [None, None]


def test_one_port_takes_a_tuple_as_a_list():
    assert json.loads(dehydrate((1, 2), PORTS[:1], "n")) == {"a": [1, 2]}


def test_without_ports_the_result_is_kept_under_output():
    assert json.loads(dehydrate({"x": 1}, [], "n")) == {"output": {"x": 1}}


def test_snake_case_of_entity_names():
    assert [snake(name) for name in ("Item", "PipelineExecution")] == ["item", "pipeline_execution"]
