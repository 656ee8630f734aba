"""Values of runs as plain data: what is written is read back equal, also from JSON."""

from __future__ import annotations

import datetime as dt
import enum
import json
import logging
import math
import sys
from typing import Any, NamedTuple

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.graph import NO_OUTPUT
from dtlpipe.graph.errors import DeserializationError, SerializationError
from dtlpipe.graph.serialization import allowlist
from dtlpipe.graph.serialization.values import deserialize_value, serialize_fields, serialize_value

HERE = __name__


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Word(str, enum.Enum):  # noqa: UP042 - the older spelling is what people have
    YES = "yes"


class Shape(pydantic.BaseModel):
    sides: int
    day: dt.date


class Money:
    def __init__(self, amount: Any):
        self.amount = amount

    def to_dict(self):
        return {"amount": self.amount}

    @classmethod
    def from_dict(cls, data) -> Money:
        return cls(data.pop("amount"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.amount == self.amount

    __hash__ = None


class WriteOnly:
    def to_dict(self):
        return {}


class Wrong:
    def to_dict(self):
        return {"x": 1}

    @classmethod
    def from_dict(cls, data) -> Wrong:
        raise KeyError(f"not {data}")


class Pair(NamedTuple):
    a: int
    b: int


def shout(text: str) -> str:
    return text.upper()


class Counter(int):
    pass


class Name(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


@pytest.fixture(autouse=True)
def trusts_this_module(monkeypatch):
    monkeypatch.setattr(allowlist, "_added", [HERE])
    monkeypatch.setitem(sys.modules, HERE, sys.modules[Money.__module__])


def round_trip(value: Any) -> Any:
    return deserialize_value(json.loads(json.dumps(serialize_value(value))))


atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=6)
    | st.dates()
    | st.datetimes()
    | st.sampled_from([*Color, shout, NO_OUTPUT])
)
hashable = st.integers() | st.text(max_size=4) | st.tuples(st.integers(), st.booleans())
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.sets(hashable, max_size=3)
        | st.frozensets(hashable, max_size=3)
        | inner.map(Money)
    ),
    max_leaves=12,
)


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types throughout."""
    if type(left) is not type(right) or left != right:
        return False
    if isinstance(left, dict):
        return all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return all(map(same, left, right))
    return not isinstance(left, Money) or same(left.amount, right.amount)


@given(value=values)
def test_values_come_back_from_json_as_they_were(value):
    try:
        written = serialize_value(value)
    except SerializationError:
        assert "Money" in repr(value) or "shout" in repr(value)  # a payload of its own that cannot be written
        return
    assert same(deserialize_value(json.loads(json.dumps(written))), value)
    assert same(deserialize_value(written), value)


def test_pydantic_models_and_special_numbers_come_back():
    assert round_trip(Shape(sides=3, day=dt.date(2020, 1, 2))) == Shape(sides=3, day=dt.date(2020, 1, 2))
    assert math.isnan(round_trip(math.nan))
    assert round_trip(math.inf) == math.inf
    assert round_trip(Word.YES) is Word.YES


def test_more_special_kinds_come_back_as_the_plain_ones_that_they_are():
    assert round_trip(Pair(1, 2)) == (1, 2)
    assert type(round_trip(Counter(5))) is int
    assert round_trip(Name("x")) == "x"

    class Ratio(float):
        pass

    assert round_trip(Ratio(0.5)) == 0.5


def test_the_schemas_are_haystacks():
    assert serialize_value({"a": [1, 2], "b": (1, "x"), "c": {True}, "d": frozenset(), "e": None}) == {
        "serialization_schema": {
            "type": "object",
            "properties": {
                "a": {"type": "array", "items": {"type": "integer"}},
                "b": {
                    "type": "array",
                    "prefixItems": [{"type": "integer"}, {"type": "string"}],
                    "minItems": 2,
                    "maxItems": 2,
                },
                "c": {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True},
                "d": {"type": "array", "items": {}, "uniqueItems": True, "frozen": True},
                "e": {"type": "null"},
            },
        },
        "serialized_data": {"a": [1, 2], "b": [1, "x"], "c": [True], "d": [], "e": None},
    }
    assert serialize_value(Money(1)) == {
        "serialization_schema": {"type": f"{HERE}.Money"},
        "serialized_data": {"amount": 1},
    }


def test_what_has_no_plain_form_is_refused():
    class Local:
        pass

    def local():
        return 1

    for value in (object(), Local(), Money, local, lambda: 1, Money(1).to_dict, {1: object()}, complex(1, 2)):
        with pytest.raises(SerializationError, match="Cannot serialize"):
            serialize_value(value)


def test_fields_that_cannot_be_written_are_left_out_and_named(caplog):
    with caplog.at_level(logging.WARNING):
        data, omitted = serialize_fields({"a": {"x": 1, "y": object()}, "b": {}}, "the things")
    assert deserialize_value(data) == {"a": {"x": 1}, "b": {}}
    assert omitted == ["a.y"]
    assert "'a.y' field of the things" in caplog.text


def test_reading_does_not_change_the_data():
    written = serialize_value([Money(1), Money((1, [2]))])
    before = json.dumps(written)
    assert deserialize_value(written) == [Money(1), Money((1, [2]))]
    assert json.dumps(written) == before


def envelope(schema: Any, data: Any) -> dict[str, Any]:
    return {"serialization_schema": schema, "serialized_data": data}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (None, "'serialization_schema' and 'serialized_data'"),
        ({}, "'serialization_schema' and 'serialized_data'"),
        (envelope({}, 1), "no 'type'"),
        (envelope({"type": 5}, 1), "no 'type'"),
        (envelope(None, 1), "does not fit its schema"),
        (envelope({"type": "object", "properties": {}}, {"a": 1}), "does not fit its schema"),
        (envelope({"type": "object", "properties": {}}, [1]), "does not fit its schema"),
        (envelope({"type": "array", "prefixItems": [{"type": "null"}]}, []), "0 elements, but 'prefixItems' 1"),
        (envelope({"type": "bytes"}, "xyz"), "does not fit its schema"),
        (envelope({"type": "datetime"}, "today"), "does not fit its schema"),
        (envelope({"type": "os.system"}, "ls"), "module 'os'"),
        (envelope({"type": "typing.Callable"}, "os.system"), "module 'os'"),
        (envelope({"type": "typing.Callable"}, "builtins.eval"), "builtins.eval"),
        (envelope({"type": "nodot"}, 1), "Class 'nodot' not correctly imported"),
        (envelope({"type": f"{HERE}.Nothing"}, 1), "Nothing' not correctly imported"),
        (envelope({"type": f"{HERE}.WriteOnly"}, {}), "no method 'from_dict'"),
        (envelope({"type": f"{HERE}.Color"}, "GREEN"), "'GREEN' is no .*Color"),
        (envelope({"type": f"{HERE}.Shape"}, {"sides": "many"}), "is no .*Shape"),
        (envelope({"type": f"{HERE}.Wrong"}, {}), "is no .*Wrong: KeyError"),
    ],
)
def test_data_that_does_not_fit_is_refused(data, problem):
    with pytest.raises(DeserializationError, match=problem):
        deserialize_value(data)
