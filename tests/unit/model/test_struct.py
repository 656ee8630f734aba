"""Nouns: a field is written once, and JSON goes in and comes out as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dtlpipe.model import times
from dtlpipe.model.data import Dataset, Item
from dtlpipe.model.enums import ExecutionStatus
from dtlpipe.model.execution import Execution, PipelineExecution
from dtlpipe.model.pipeline import Pipeline, PipelineNodeIO, Variable
from dtlpipe.model.struct import Struct, camel, field, local, partial


@attrs.define(slots=False, kw_only=True)
class Leaf(Struct):
    name: str = field()
    count: int = field(0)


@attrs.define(slots=False, kw_only=True)
class Tree(Struct):
    id: str = field("")
    status: ExecutionStatus = field(ExecutionStatus.CREATED)
    is_global: bool | None = field(None, wire="global")
    value: float | None = field(None, null=True)
    leaves: list[Leaf] = field(factory=list)
    by_name: dict[str, Leaf] = field(factory=dict)
    best: Leaf | None = field(None)
    created_at: datetime | None = field(None)
    note: str = local("mine")


WIRE = {
    "id": "t",
    "status": "in-progress",
    "global": False,
    "value": None,
    "leaves": [{"name": "a", "count": 1}, {"name": "b", "count": 0, "unheard": True}],
    "byName": {"x": {"name": "x", "count": 2}},
    "createdAt": "2024-05-06T07:08:09.123Z",
    "unheardOf": {"keys": [1]},
}


def test_names_are_camel_case_on_the_wire():
    assert camel("created_at") == "createdAt"
    assert camel("id") == "id"


def test_what_came_in_goes_out():
    assert Tree.from_wire(WIRE).to_wire() == WIRE


def test_fields_have_their_types_in_memory():
    tree = Tree.from_wire(WIRE)
    assert tree.status is ExecutionStatus.IN_PROGRESS
    assert tree.status == "in-progress"
    assert tree.is_global is False
    assert isinstance(tree.leaves[0], Leaf)
    assert isinstance(tree.by_name["x"], Leaf)
    assert tree.created_at == datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)
    assert tree.extra == {"unheardOf": {"keys": [1]}}


def test_none_is_left_out_unless_the_field_says_null():
    assert Tree(id="t").to_wire() == {"id": "t", "status": "created", "value": None, "leaves": [], "byName": {}}


def test_local_fields_are_neither_sent_nor_compared():
    assert "note" not in Tree(note="secret").to_wire()
    assert Tree(note="a") == Tree(note="b")
    assert "note" not in repr(Tree())


def test_a_state_that_we_do_not_know_is_kept_as_its_text():
    assert Tree.from_wire({"status": "brand-new"}).status == "brand-new"


def test_a_required_key_that_is_absent_is_an_error():
    with pytest.raises(TypeError, match="name"):
        Leaf.from_wire({})


def test_what_goes_out_shares_nothing_with_the_noun():
    tree = Tree.from_wire(WIRE)
    out = tree.to_wire()
    out["unheardOf"]["keys"].append(2)
    assert tree.extra == {"unheardOf": {"keys": [1]}}


def test_json_names_are_the_same_calls():
    assert Tree.from_json(WIRE).to_json() == WIRE
    assert isinstance(Pipeline.from_json({"nodes": None}).nodes, list)


# -- the border -------------------------------------------------------------------------------------------------------


def refused(noun, body) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(noun).validate_python(body)
    return {".".join(str(step) for step in error["loc"]): error["type"] for error in caught.value.errors()}


def test_the_border_makes_the_noun():
    assert TypeAdapter(Tree).validate_python(WIRE) == Tree.from_wire(WIRE)
    assert TypeAdapter(Tree).dump_python(Tree.from_wire(WIRE)) == WIRE


def test_the_border_names_everything_that_is_wrong_with_its_path():
    body = {
        "id": 5,
        "leaves": [{"name": "a"}, {"count": "1"}],
        "byName": {"x": 3},
        "global": 1,
        "createdAt": "yesterday",
    }
    assert refused(Tree, body) == {
        "id": "string_type",
        "leaves.1.name": "missing",
        "leaves.1.count": "int_type",
        "byName.x": "dict_type",
        "global": "bool_type",
        "createdAt": "datetime_from_date_parsing",
    }


def test_the_border_carries_unknown_keys():
    assert TypeAdapter(Leaf).validate_python({"name": "a", "more": 1}).extra == {"more": 1}


def test_a_part_of_a_noun_needs_nothing_and_gives_only_what_came():
    part = TypeAdapter(partial(Leaf))
    assert part.validate_python({"count": 2}) == {"count": 2}
    assert part.validate_python({"more": 1}) == {"more": 1}
    with pytest.raises(ValidationError):
        part.validate_python({"count": "2"})


@pytest.mark.parametrize("noun", [Dataset, Item, Execution, PipelineExecution, Pipeline, PipelineNodeIO])
def test_every_noun_has_a_border(noun):
    assert isinstance(TypeAdapter(noun).validate_python({}), noun)
    assert TypeAdapter(noun).json_schema


names = st.text(max_size=5)
leaves = st.builds(Leaf, name=names, count=st.integers())
trees = st.builds(
    Tree,
    id=names,
    status=st.sampled_from(ExecutionStatus),
    is_global=st.none() | st.booleans(),
    value=st.none() | st.floats(allow_nan=False),
    leaves=st.lists(leaves, max_size=3),
    by_name=st.dictionaries(names, leaves, max_size=3),
    best=st.none() | leaves,
    extra=st.dictionaries(st.text(min_size=20, max_size=21), st.integers(), max_size=2),
)


@given(trees)
def test_any_noun_survives_the_wire_and_the_border(tree):
    wire = tree.to_wire()
    assert Tree.from_wire(wire) == tree
    assert Tree.from_wire(wire).extra == tree.extra
    assert TypeAdapter(Tree).validate_python(wire).to_wire() == wire


# -- times ------------------------------------------------------------------------------------------------------------


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_times_survive_the_wire_to_the_millisecond(moment):
    text = times.to_wire(moment)
    assert text.endswith("Z")
    assert abs(times.from_wire(text) - moment) < timedelta(milliseconds=1)


def test_times_of_other_zones_are_the_same_moment():
    moment = datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert times.to_wire(moment) == "2024-01-01T00:00:00.000Z"
    assert times.from_wire("2024-01-01T02:00:00+02:00") == moment
    assert times.from_wire("2024-01-01T00:00:00").tzinfo is UTC
    assert times.now().tzinfo is UTC
    with pytest.raises(ValueError, match="yesterday"):
        times.from_wire("yesterday")


def test_a_variable_may_be_null_on_purpose():
    assert Variable(name="x").to_wire()["value"] is None
