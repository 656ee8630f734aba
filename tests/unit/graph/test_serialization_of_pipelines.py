"""Pipelines as data, and back: exact, and nothing half-made when it fails."""

from __future__ import annotations

import copy
import sys

import pytest

from dtlpipe.graph import component
from dtlpipe.graph.errors import DeserializationError, PipelineConnectError, PipelineError
from dtlpipe.graph.pipeline.base import PipelineBase
from dtlpipe.graph.serialization import allowlist
from tests.unit.graph.serializable import HERE, Add, Bare, two


@pytest.fixture(autouse=True)
def trusts_these_classes(monkeypatch):
    monkeypatch.setattr(allowlist, "_added", [HERE])


def test_the_data_of_a_pipeline_has_the_known_keys():
    assert two().to_dict() == {
        "metadata": {"author": ("me", "you")},
        "max_runs_per_component": 7,
        "components": {
            "second": {"type": f"{HERE}.Add", "init_parameters": {"amount": 2, "label": "x"}},
            "first": {"type": f"{HERE}.Add", "init_parameters": {"amount": 3, "label": None}},
        },
        "connections": [{"sender": "first.value", "receiver": "second.value"}],
        "connection_type_validation": True,
    }


def test_the_round_trip_is_exact_and_keeps_the_order_of_components():
    data = two().to_dict()
    again = PipelineBase.from_dict(data).to_dict()
    assert again == data
    assert list(again["components"]) == ["second", "first"]


def test_the_text_round_trip_is_exact_too():
    pipeline = two()
    read = PipelineBase.loads(pipeline.dumps())
    assert read == pipeline
    assert [name for name, _ in read.walk()] == ["second", "first"]


def test_data_is_not_changed_and_not_shared():
    data = two().to_dict()
    before = copy.deepcopy(data)
    pipeline = PipelineBase.from_dict(data)
    pipeline.metadata["new"] = 1
    pipeline.to_dict()["metadata"]["newer"] = 2
    assert data == before
    assert "newer" not in pipeline.metadata


def test_a_from_dict_that_eats_its_data_harms_nobody(monkeypatch):
    class Hungry(Bare):
        @classmethod
        def from_dict(cls, data) -> Hungry:
            data["init_parameters"].clear()
            data.clear()
            return cls()

    monkeypatch.setitem(component.registry, f"{HERE}.Hungry", Hungry)
    shared = {"type": f"{HERE}.Hungry", "init_parameters": {"a": [1, {2}]}}
    data = {"components": {"a": shared, "b": shared}}
    PipelineBase.from_dict(data)
    assert shared == {"type": f"{HERE}.Hungry", "init_parameters": {"a": [1, {2}]}}


def test_missing_sections_have_their_defaults():
    pipeline = PipelineBase.from_dict({"components": None})
    assert pipeline.to_dict() == PipelineBase().to_dict()


def test_given_components_are_used_in_place_of_new_ones():
    mine = Add(40)
    pipeline = PipelineBase.from_dict(two().to_dict(), components={"first": mine, "unused": Add()})
    assert pipeline.get_component("first") is mine


def broken(**changes):
    return {**two().to_dict(), **changes}


@pytest.mark.parametrize(
    ("data", "kind", "problem"),
    [
        (broken(components={"a": {}}), PipelineError, "Missing 'type' in component 'a'"),
        (broken(connections=[{"receiver": "a.b"}]), PipelineError, "Missing sender in connection"),
        (broken(connections=[{"sender": "a.b"}]), PipelineError, "Missing receiver in connection"),
        (broken(connections=["first.value"]), DeserializationError, "A connection is a dictionary"),
        (broken(connections={}), DeserializationError, "'connections' of a pipeline is a list, not a dict"),
        (broken(components=[]), DeserializationError, "'components' of a pipeline is a dict, not a list"),
        (broken(components={"a": "x"}), DeserializationError, "Component 'a' is described by a dictionary"),
        (broken(components={"a": {"type": "NoDot"}}), PipelineError, r"Component 'NoDot' \(name: 'a'\) not imported"),
        (broken(components={"a": {"type": 5}}), PipelineError, r"Component '5' \(name: 'a'\) not imported"),
        (
            broken(components={"a": {"type": "dtlpipe.nowhere.Thing"}}),
            PipelineError,
            r"Component 'dtlpipe.nowhere.Thing' \(name: 'a'\) not imported.*dtlpipe.nowhere",
        ),
        (
            broken(components={"a": {"type": "dtlpipe.client.Client"}}),
            PipelineError,
            "couldn't find 'dtlpipe.client.Client' in the component registry",
        ),
        (broken(components={"a": {"type": "os.path"}}), DeserializationError, "module 'os'"),
        ([], DeserializationError, "described by a dictionary, not by a list"),
        ("text", DeserializationError, "described by a dictionary, not by a str"),
    ],
)
def test_data_that_is_no_pipeline_is_refused_where_it_is_wrong(data, kind, problem):
    with pytest.raises(kind, match=problem):
        PipelineBase.from_dict(data)


def test_a_component_that_cannot_be_made_is_shown_with_its_data_cut_off_and_without_secrets():
    parameters = {"api_key": "sk-very-secret", "nope": ["x" * 3000]}
    data = broken(components={"bad": {"type": f"{HERE}.Add", "init_parameters": parameters}})
    with pytest.raises(DeserializationError) as caught:
        PipelineBase.from_dict(data)
    text = str(caught.value)
    assert "Couldn't deserialize component 'bad' of class 'Add'" in text
    assert "... (truncated)" in text
    assert len(text) < 1500
    assert "sk-very-secret" not in text
    assert "unexpected keyword" in text
    assert isinstance(caught.value.__cause__, TypeError)


def test_data_that_json_cannot_show_is_shown_all_the_same():
    data = broken(components={"bad": {"type": f"{HERE}.Add", "init_parameters": {(1, 2): 3}}})
    with pytest.raises(DeserializationError, match=r"\(1, 2\): 3"):
        PipelineBase.from_dict(data)


@pytest.mark.parametrize(
    ("connections", "kind"),
    [([{"sender": "first.value", "receiver": "second.nope"}], PipelineConnectError), (["x"], DeserializationError)],
)
def test_a_failure_leaves_given_components_without_an_owner_or_connections(connections, kind):
    mine, other = Add(1), Add(2)
    good = [{"sender": "first.value", "receiver": "second.value"}]
    with pytest.raises(kind):
        PipelineBase.from_dict(broken(connections=good + connections), components={"first": mine, "second": other})
    for instance in (mine, other):
        assert instance.__haystack_added_to_pipeline__ is None
    assert mine.__haystack_output__._sockets_dict["value"].receivers == []
    assert other.__haystack_input__._sockets_dict["value"].senders == []
    pipeline = PipelineBase()
    pipeline.add_component("a", mine).add_component("b", other)
    assert PipelineBase.from_dict(pipeline.to_dict()) == pipeline


def test_a_failure_before_a_given_component_was_added_leaves_it_alone():
    mine = Add(1)
    owner = PipelineBase()
    owner.add_component("mine", mine)
    data = broken(components={"a": {}, "b": {"type": f"{HERE}.Add"}})
    with pytest.raises(PipelineError, match="Missing 'type'"):
        PipelineBase.from_dict(data, components={"b": mine})
    with pytest.raises(PipelineError):
        PipelineBase.from_dict(broken(), components={"first": mine})
    assert mine.__haystack_added_to_pipeline__ is owner


def test_a_hostile_type_is_never_imported():
    data = broken(components={"a": {"type": "this_module_is_hostile.Thing", "init_parameters": {}}})
    with pytest.raises(DeserializationError, match=r"this_module_is_hostile"):
        PipelineBase.from_dict(data)
    with pytest.raises(PipelineError, match="not imported"):
        PipelineBase.from_dict(data, allowed_modules=["this_module_is_hostile"])
    with pytest.raises(PipelineError, match="not imported"):
        PipelineBase.from_dict(data, unsafe=True)


def test_a_type_under_haystacks_name_gives_what_is_ours(monkeypatch):
    monkeypatch.setitem(allowlist._OUR_NAMES, "haystack.components.Add", f"{HERE}.Add")
    pipeline = PipelineBase.from_dict({"components": {"a": {"type": "haystack.components.Add", "init_parameters": {}}}})
    assert type(pipeline.get_component("a")) is Add


def test_a_component_of_an_allowed_module_is_imported_when_its_name_comes_up(tmp_path, monkeypatch):
    (tmp_path / "parts_of_mine.py").write_text(
        "from dtlpipe.graph import component\n@component\nclass Part:\n    def run(self): return {}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    data = {"components": {"a": {"type": "parts_of_mine.Part", "init_parameters": {}}}}
    with pytest.raises(DeserializationError, match="parts_of_mine"):
        PipelineBase.from_dict(data)
    assert "parts_of_mine" not in sys.modules
    pipeline = PipelineBase.from_dict(data, allowed_modules=["parts_of_mine"])
    assert pipeline.to_dict()["components"] == data["components"]
    monkeypatch.delitem(sys.modules, "parts_of_mine")
    monkeypatch.delitem(component.registry, "parts_of_mine.Part")
