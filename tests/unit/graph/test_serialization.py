"""Components and pipelines as data, and back: exact, and nothing half-made when it fails."""

from __future__ import annotations

import copy
import sys
from typing import Any

import pytest

from dtlpipe.graph import (
    DeserializationCallbacks,
    component,
    component_from_dict,
    component_to_dict,
    default_from_dict,
    default_to_dict,
    generate_qualified_class_name,
)
from dtlpipe.graph.errors import DeserializationError, PipelineConnectError, PipelineError, SerializationError
from dtlpipe.graph.pipeline.base import PipelineBase
from dtlpipe.graph.serialization import allowlist

HERE = __name__


@component
class Add:
    def __init__(self, amount: int = 1, label: str | None = None):
        self.amount = amount
        self.label = label

    @component.output_types(value=int)
    def run(self, value: int):
        return {"value": value + self.amount}


@component
class Bare:
    @component.output_types(value=int)
    def run(self, value: int = 0):
        return {"value": value}


class Point:
    def __init__(self, x: int = 0):
        self.x = x

    def to_dict(self):
        return default_to_dict(self, x=self.x)

    @classmethod
    def from_dict(cls, data) -> Point:
        return default_from_dict(cls, data)


class Plain:
    """No component, and it can neither write nor read itself."""

    def __init__(self, x: int = 0, **_rest: Any):
        self.x = x


@component
class Holder:
    def __init__(self, point: Any = None, other: Any = None):
        self.point = point
        self.other = other

    def run(self):
        return {}


@pytest.fixture(autouse=True)
def trusts_this_module(monkeypatch):
    monkeypatch.setattr(allowlist, "_added", [HERE])
    module = sys.modules.get(HERE)
    monkeypatch.setitem(sys.modules, HERE, module or sys.modules[Add.__module__])
    for cls in (Add, Bare, Holder):
        monkeypatch.setitem(component.registry, generate_qualified_class_name(cls), cls)


def two() -> PipelineBase:
    pipeline = PipelineBase(metadata={"author": ("me", "you")}, max_runs_per_component=7)
    pipeline.add_component("second", Add(2, label="x"))
    pipeline.add_component("first", Add(3))
    pipeline.connect("first.value", "second.value")
    return pipeline


# ---- components ------------------------------------------------------------------------------------------------------


def test_a_component_is_described_by_the_attributes_named_like_its_parameters():
    assert component_to_dict(Add(5), "adder") == {
        "type": f"{HERE}.Add",
        "init_parameters": {"amount": 5, "label": None},
    }
    assert component_to_dict(Bare(), "bare") == {"type": f"{HERE}.Bare", "init_parameters": {}}


def test_a_parameter_that_the_component_did_not_keep_has_its_default():
    @component
    class Forgetful:
        def __init__(self, kept, lost=5, *args, **kwargs):
            self.kept = kept

        def run(self):
            return {}

    assert component_to_dict(Forgetful(1), "f")["init_parameters"] == {"kept": 1, "lost": 5}


def test_a_parameter_without_value_or_default_is_named_with_the_remedy():
    @component
    class Lossy:
        def __init__(self, lost):
            pass

        def run(self):
            return {}

    with pytest.raises(SerializationError, match=r"init parameter 'lost' for the class Lossy.*self.lost = lost"):
        component_to_dict(Lossy(1), "lossy")


def test_a_constructor_that_was_replaced_is_read_anew():
    class Changing:
        def __init__(self, a=1):
            self.a = a

    assert component_to_dict(Changing(), "c")["init_parameters"] == {"a": 1}

    def other(self, b=2):
        self.b = b

    Changing.__init__ = other
    assert component_to_dict(Changing(), "c")["init_parameters"] == {"b": 2}


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        (
            {"init_parameters": {"deep": {"a": [1, (object(),)]}}},
            r"'object' .*under key 'a' \(at 'init_parameters.deep.a",
        ),
        ({"init_parameters": {"x": object()}}, r"'object' in the serialized data under key 'x'"),
        ({"init_parameters": {"x": {1: 2}}}, "non-string key in the serialized data: 1 at 'init_parameters.x'"),
        ({1: 2}, "non-string key in the serialized data"),
        (["no", "dict"], "'list' in the serialized data instead of a dictionary"),
        ("text", "'str' in the serialized data instead of a dictionary"),
    ],
)
def test_only_plain_data_with_string_keys_is_accepted(returned, problem):
    class Odd:
        def to_dict(self):
            return returned

    with pytest.raises(SerializationError, match=rf"Component 'odd' of type 'Odd' has .*{problem}"):
        component_to_dict(Odd(), "odd")


def test_data_that_contains_itself_is_refused():
    class Loop:
        def to_dict(self):
            data: dict = {}
            data["self"] = [data]
            return data

    with pytest.raises(SerializationError, match="contains itself"):
        component_to_dict(Loop(), "loop")


def test_plain_data_of_all_kinds_passes():
    data = {"type": "T", "init_parameters": {"a": [1, (2.5, None)], "b": {"c": {True}, "d": {"e": "f"}}}}

    class Fine:
        def to_dict(self):
            return data

    assert component_to_dict(Fine(), "fine") == data


def test_parameters_that_can_write_themselves_are_written_and_restored():
    holder = Holder(Point(3), other=Point)
    data = default_to_dict(holder, point=holder.point, other=None)
    assert data["init_parameters"]["point"] == {"type": f"{HERE}.Point", "init_parameters": {"x": 3}}
    before = copy.deepcopy(data)
    restored = default_from_dict(Holder, data)
    assert type(restored.point) is Point
    assert restored.point.x == 3
    assert data == before


def test_a_class_is_not_asked_to_write_itself():
    assert default_to_dict(Holder(), point=Point)["init_parameters"]["point"] is Point


def test_a_class_without_from_dict_is_made_by_its_constructor():
    data = {
        "type": f"{HERE}.Holder",
        "init_parameters": {"point": {"type": f"{HERE}.Plain", "init_parameters": {"x": 4}}},
    }
    assert default_from_dict(Holder, data).point.x == 4


@pytest.mark.parametrize(
    "value", [{"type": 5}, {"type": "no_dot"}, {"type": "single"}, {"kind": "a.b"}, {"type": None}]
)
def test_dictionaries_that_describe_no_object_stay_dictionaries(value):
    data = {"type": f"{HERE}.Holder", "init_parameters": {"point": value}}
    assert default_from_dict(Holder, data).point == value


@pytest.mark.parametrize("parameters", [{}, None])
def test_missing_parameters_are_none(parameters):
    assert default_from_dict(Add, {"type": f"{HERE}.Add", "init_parameters": parameters}).amount == 1
    assert default_from_dict(Add, {"type": f"{HERE}.Add"}).amount == 1


def test_data_of_another_class_or_shape_is_refused():
    for data, problem in [
        ({}, "Missing 'type'"),
        ({"type": "other.Thing"}, "Class 'other.Thing' can't be deserialized as 'Add'"),
        ({"type": ["x"]}, "can't be deserialized as 'Add'"),
        ({"type": f"{HERE}.Add", "init_parameters": [1]}, "'init_parameters' of .* are no dictionary"),
    ]:
        with pytest.raises(DeserializationError, match=problem):
            default_from_dict(Add, data)


def test_an_object_from_a_module_that_is_not_allowed_is_refused_by_its_parameter():
    data = {"type": f"{HERE}.Holder", "init_parameters": {"point": {"type": "subprocess.Popen", "init_parameters": {}}}}
    with pytest.raises(DeserializationError, match=r"Failed to deserialize 'point'.*subprocess"):
        default_from_dict(Holder, data)


def test_an_object_that_is_not_there_is_an_import_error_with_its_parameter():
    data = {"type": f"{HERE}.Holder", "init_parameters": {"point": {"type": "dtlpipe.nowhere.Thing"}}}
    with pytest.raises(ImportError, match=r"Failed to deserialize 'point'.*dtlpipe.nowhere.Thing"):
        default_from_dict(Holder, data)


def test_data_cannot_make_the_sdks_own_objects():
    data = {
        "type": f"{HERE}.Holder",
        "init_parameters": {"point": {"type": "dtlpipe.client.Client", "init_parameters": {}}},
    }
    with pytest.raises(DeserializationError, match="no class that data may make"):
        default_from_dict(Holder, data)


def test_an_object_for_a_parameter_that_there_is_not_is_refused_before_its_import():
    for cls, known in [(Holder, "Valid parameters are: 'other', 'point'"), (Bare, "'Bare' accepts no init parameters")]:
        data = {"type": f"{HERE}.{cls.__name__}", "init_parameters": {"extra": {"type": "subprocess.Popen"}}}
        with pytest.raises(DeserializationError, match=f"unknown parameter 'extra' for '{cls.__name__}'. {known}"):
            default_from_dict(cls, data)


def test_a_constructor_with_open_keywords_takes_any_object():
    data = {"type": f"{HERE}.Plain", "init_parameters": {"extra": {"type": f"{HERE}.Point", "init_parameters": {}}}}
    assert default_from_dict(Plain, data).x == 0


def test_a_constructor_that_tells_nothing_is_called_as_it_is():
    class Mute:
        __init__ = dict.update  # a C function without a signature

    data = {"type": f"{HERE}.Mute", "init_parameters": {"x": {"type": "subprocess.Popen"}}}
    with pytest.raises(DeserializationError, match=r"Failed to deserialize 'x'.*subprocess"):
        default_from_dict(Mute, data)


def test_a_component_may_read_itself():
    class Own:
        @classmethod
        def from_dict(cls, data) -> str:
            return f"read {data} by itself"

    assert component_from_dict(Own, {}, "own") == "read {} by itself"


def test_the_callback_sees_and_changes_the_parameters():
    seen = []

    def pre_init(name, cls, parameters):
        seen.append((name, cls, dict(parameters)))
        parameters["amount"] = 9

    made = component_from_dict(
        Add, {"type": f"{HERE}.Add", "init_parameters": {"amount": 1}}, "adder", DeserializationCallbacks(pre_init)
    )
    assert seen == [("adder", Add, {"amount": 1})]
    assert made.amount == 9
    assert component_from_dict(Add, {"type": f"{HERE}.Add"}, "adder", DeserializationCallbacks()).amount == 1


# ---- pipelines -------------------------------------------------------------------------------------------------------


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
