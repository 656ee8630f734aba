"""Components as data, and back."""

from __future__ import annotations

import copy

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
from dtlpipe.graph.errors import DeserializationError, SerializationError
from dtlpipe.graph.serialization import allowlist
from tests.unit.graph.serializable import HERE, Add, Bare, Holder, Plain, Point


@pytest.fixture(autouse=True)
def trusts_these_classes(monkeypatch):
    monkeypatch.setattr(allowlist, "_added", [HERE])


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

    data = {"type": generate_qualified_class_name(Mute), "init_parameters": {"x": {"type": "subprocess.Popen"}}}
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
