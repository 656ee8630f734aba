"""References become entities, and wrong types are refused."""

from __future__ import annotations

import pytest

from dtlpipe.runtime.entities import Entities
from dtlpipe.runtime.failures import NodeFailure


class Door:
    def __init__(self):
        self.asked = []

    def from_wire(self, data):
        return ("whole", data["id"])

    def get(self, id):
        self.asked.append(id)
        if id == "unknown":
            raise LookupError("there is no such thing")
        return ("fetched", id)


@pytest.fixture
def entities():
    made = Entities(client=lambda: pytest.fail("no client is needed"))
    made.doors = {name: Door() for name in ("Item", "Dataset", "PipelineExecution")}
    return made


def hydrate(entities, type_name, value, entity=None):
    return entities.hydrate({"name": "input", "type": type_name, "value": value, "entity": entity}, "Node 'n'")


@pytest.mark.parametrize(
    "value",
    ["i", {"item_id": "i"}, {"dataset_id": "d", "item_id": "i"}, {"itemId": "i"}, {"id": "i"}],
)
def test_every_form_of_reference_is_fetched(entities, value):
    assert hydrate(entities, "Item", value) == ("fetched", "i")


def test_wire_json_needs_no_request(entities):
    assert hydrate(entities, "Item", "i", entity={"id": "i", "name": "x"}) == ("whole", "i")
    assert hydrate(entities, "Item", {"id": "i", "filename": "/x"}) == ("whole", "i")
    assert entities.doors["Item"].asked == []


def test_lists_are_made_element_by_element(entities):
    wires = [{"id": "a", "name": "x"}, None]

    assert hydrate(entities, "Item[]", ["a", "b"], entity=wires) == [("whole", "a"), ("fetched", "b")]
    assert hydrate(entities, "Item[]", ["a", None]) == [("fetched", "a"), None]


def test_names_of_several_words_find_their_id(entities):
    assert hydrate(entities, "PipelineExecution", {"pipeline_execution_id": "c"}) == ("fetched", "c")


@pytest.mark.parametrize("type_name", [None, "Json", "Item", "String", "Item[]", "Whatever"])
def test_none_stays_none(entities, type_name):
    assert hydrate(entities, type_name, None) is None


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("String", "x"),
        ("Integer", 3),
        ("Float", 1),
        ("Number", 0.5),
        ("Boolean", False),
        ("Json", [{}]),
        ("Other", 1),
        ("String[]", ["x"]),
        ("Integer[]", []),
        (None, object),
    ],
)
def test_values_of_their_type_are_handed_over_as_they_are(entities, type_name, value):
    assert hydrate(entities, type_name, value) is value or hydrate(entities, type_name, value) == value


@pytest.mark.parametrize(
    ("type_name", "value", "wanted"),
    [
        ("String", 3, "a text"),
        ("Integer", "3", "a whole number"),
        ("Integer", True, "a whole number"),
        ("Integer", 3.5, "a whole number"),
        ("Float", "0.5", "a number"),
        ("Boolean", 1, "true or false"),
        ("String[]", "text", "a list of String"),
        ("String[]", ["a", 1], "a text"),
        ("Item", 5, "an id of Item"),
        ("Item", {"dataset_id": "d"}, "an id of Item"),
        ("Item", ["i"], "an id of Item"),
        ("Item[]", "i", "a list of Item"),
    ],
)
def test_values_of_another_type_are_refused(entities, type_name, value, wanted):
    with pytest.raises(NodeFailure, match=wanted) as caught:
        hydrate(entities, type_name, value)

    assert "Node 'n': input 'input'" in str(caught.value)
    assert caught.value.kind == "TypeError"


def test_an_entity_that_cannot_be_fetched_is_named(entities):
    with pytest.raises(
        NodeFailure, match="names Item 'unknown', which could not be had: there is no such thing"
    ) as caught:
        hydrate(entities, "Item", "unknown")

    assert caught.value.kind == "LookupError"


def test_a_long_value_is_not_spelled_out(entities):
    with pytest.raises(NodeFailure) as caught:
        hydrate(entities, "Integer", "x" * 1000)

    assert len(str(caught.value)) < 250


def test_the_sdks_own_entities_are_bound_to_this_workers_client():
    import dtlpipe

    client = dtlpipe.Client("http://127.0.0.1:9", token="a.b.c")
    entities = Entities(client=lambda: client)
    wire = {"id": "i", "datasetId": "d", "filename": "/a.jpg", "name": "a.jpg"}

    item = hydrate(entities, "Item", "i", entity=wire)
    dataset = hydrate(entities, "Dataset", "d", entity={"id": "d", "name": "photos"})

    assert (type(item), item.id, item.dataset_id) == (dtlpipe.Item, "i", "d")
    assert (type(dataset), dataset.id, dataset.name) == (dtlpipe.Dataset, "d", "photos")
    client.close()
