"""Entities: what changed is what is sent, and the answer is taken over in place."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.resources.entity import changes
from dtlpipe.resources.items import Item
from dtlpipe.resources.projects import Project
from tests.unit.sdk.hand import Hand, reply

DATA = {
    "id": "i1",
    "name": "b.txt",
    "filename": "/a/b.txt",
    "createdAt": "2024-01-01T00:00:00Z",
    "thumbnail": None,
    "unheard": {"of": [1]},
    "metadata": {"user": {"k": 1, "deep": {"a": 1, "b": 2}}, "system": {"size": 5}},
}


def fresh(unconnected) -> Item:
    return Item.from_wire(copy.deepcopy(DATA), session=unconnected)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(st.text(max_size=2), json_values, max_size=4)


def merged(before, patch):
    """What a platform does with a patch: deep merge, null removes."""
    result = dict(before)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def without_nulls(data):
    """Null is absence to a merge; inside lists it is a value."""
    return {k: without_nulls(v) if isinstance(v, dict) else v for k, v in data.items() if v is not None}


@given(objects, objects)
def test_merging_the_changes_makes_the_one_the_other(before, after):
    assert without_nulls(merged(before, changes(before, after))) == without_nulls(after)


@given(objects)
def test_what_is_the_same_has_no_changes(data):
    assert changes(data, copy.deepcopy(data)) == {}


def test_a_fresh_entity_has_no_changes_whatever_the_platform_sent(unconnected):
    assert fresh(unconnected)._changes() == {}


def test_only_what_changed_is_sent_and_what_was_removed_as_null(unconnected):
    item = fresh(unconnected)
    item.metadata["user"]["deep"]["b"] = 3
    item.metadata["user"]["new"] = [1]
    del item.metadata["user"]["k"]
    item.description = "words"
    assert item._changes() == {
        "metadata": {"user": {"k": None, "deep": {"b": 3}, "new": [1]}},
        "description": "words",
    }


def test_a_truth_value_is_not_a_number(unconnected):
    item = fresh(unconnected)
    item.metadata["user"]["k"] = True
    assert item._changes() == {"metadata": {"user": {"k": True}}}


def test_an_update_without_changes_sends_nothing(unconnected):
    item = fresh(unconnected)
    hand = Hand(Item.update.op(item))
    assert hand.done
    assert hand.result is item


def test_an_update_takes_the_answer_over_in_place(unconnected):
    item = fresh(unconnected)
    item.metadata["user"]["k"] = 2
    hand = Hand(Item.update.op(item))
    assert (hand.step.method, hand.step.path) == ("PATCH", "/items/i1")
    assert hand.step.json == {"metadata": {"user": {"k": 2}}}
    answer = copy.deepcopy(DATA)
    answer["metadata"]["user"]["k"] = 2
    answer["metadata"]["system"]["touched"] = True
    answer["updatedBy"] = "me"
    hand.answer(reply(answer))
    assert hand.result is item
    assert item.metadata["system"]["touched"] is True
    assert item.updated_by == "me"
    assert item._changes() == {}


def test_system_metadata_is_asked_for_by_name(unconnected):
    item = fresh(unconnected)
    item.metadata["system"]["x"] = 1
    assert Hand(Item.update.op(item, system_metadata=True)).step.params == {"system": "true"}


def test_a_short_answer_keeps_what_it_leaves_out(unconnected):
    item = fresh(unconnected)
    item._absorb({"id": "i1", "name": "c.txt"})
    assert (item.name, item.filename) == ("c.txt", "/a/b.txt")
    assert item._changes() == {}


def test_changing_the_entity_does_not_change_what_the_platform_said(unconnected):
    data = copy.deepcopy(DATA)
    item = Item.from_wire(data, session=unconnected)
    item.metadata["user"]["k"] = 99
    item.extra["unheard"]["of"].append(2)
    assert data == DATA
    assert item._changes()["unheard"] == {"of": [1, 2]}


def test_unknown_keys_are_carried_and_given_back(unconnected):
    assert fresh(unconnected).to_json()["unheard"] == {"of": [1]}


def test_entities_are_equal_by_id_and_hashable(unconnected):
    one, other = fresh(unconnected), fresh(unconnected)
    other.name = "another"
    assert one == other
    assert len({one, other}) == 1
    assert one != Item.from_wire({"id": "i2"}, session=unconnected)
    assert one != Project.from_wire({"id": "i1"}, session=unconnected)
    assert Item(session=unconnected) != Item(session=unconnected), "those that have no id yet are themselves only"


def test_repr_is_short_and_tells_who_it_is(unconnected):
    assert repr(fresh(unconnected)) == "Item(id='i1', name='b.txt')"
