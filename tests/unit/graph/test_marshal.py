"""A pipeline's data as text: exact, and safe to read from anyone."""

from __future__ import annotations

import datetime as dt
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.graph import JsonMarshaller, PipelineError, YamlMarshaller, plugins
from dtlpipe.graph.errors import PipelineUnmarshalError, SerializationError
from dtlpipe.integrations import yaml as integration

BOTH = [YamlMarshaller(), JsonMarshaller()]

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
plain = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
        | st.sets(st.integers(), max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("marshaller", BOTH, ids=lambda m: type(m).__name__)
@given(data=st.dictionaries(st.text(max_size=8), plain, max_size=4))
def test_what_was_written_is_read_back_exactly(marshaller, data):
    assert marshaller.unmarshal(marshaller.marshal(data)) == data


@pytest.mark.parametrize("marshaller", BOTH, ids=lambda m: type(m).__name__)
def test_bytes_and_bytearrays_are_read_too(marshaller):
    text = marshaller.marshal({"a": (1, 2)})
    assert marshaller.unmarshal(text.encode()) == marshaller.unmarshal(bytearray(text.encode())) == {"a": (1, 2)}


@pytest.mark.parametrize("marshaller", BOTH, ids=lambda m: type(m).__name__)
def test_tuples_and_sets_stay_what_they_are(marshaller):
    data = {"t": (1, (2,)), "s": {1, 2}, "l": [()]}
    read = marshaller.unmarshal(marshaller.marshal(data))
    assert read == data
    assert type(read["t"]) is tuple
    assert type(read["s"]) is set


@pytest.mark.parametrize("marshaller", BOTH, ids=lambda m: type(m).__name__)
def test_an_object_is_refused_by_the_name_of_its_class(marshaller):
    class Thing:
        pass

    with pytest.raises(SerializationError, match="Thing"):
        marshaller.marshal({"a": [Thing()]})


# ---- YAML ------------------------------------------------------------------------------------------------------------


def test_keys_are_sorted_but_components_and_the_insides_of_parameters_keep_their_order():
    text = YamlMarshaller().marshal(
        {
            "metadata": {"z": 1, "a": 2},
            "components": {
                "z": {"type": "m.Z", "init_parameters": {"b": {"y": 1, "x": 2}, "a": 1}},
                "a": {"type": "A"},
            },
            "connections": [{"sender": "z.o", "receiver": "a.i"}],
        }
    )
    assert text == (
        "components:\n  z:\n    init_parameters:\n      a: 1\n      b:\n        y: 1\n        x: 2\n    type: m.Z\n"
        "  a:\n    type: A\nconnections:\n- receiver: a.i\n  sender: z.o\nmetadata:\n  z: 1\n  a: 2\n"
    )


@pytest.mark.parametrize("data", [{"components": 1}, {"components": {}, 1: 2}, {"b": 1, "a": {"components": {}}}, [1]])
def test_data_that_is_no_pipeline_is_written_as_it_is(data):
    marshaller = YamlMarshaller()
    assert marshaller.unmarshal(marshaller.marshal(data)) == data


def test_what_cannot_be_written_is_a_type_error_too():
    with pytest.raises(TypeError, match=r"only serialize basic Python types.*builtins.object"):
        YamlMarshaller().marshal({"a": object()})


def test_a_set_in_yaml_and_merge_keys_are_understood():
    text = "base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}\nmany: {<<: [*b, {x: 9, z: 4}]}\ns: !!set {p, q}\nt: ! 5\n"
    assert YamlMarshaller().unmarshal(text) == {
        "base": {"x": 1, "y": 2},
        "own": {"x": 1, "y": 3},
        "many": {"x": 1, "y": 2, "z": 4},
        "s": {"p", "q"},
        "t": 5,
    }


def test_a_merge_sign_that_is_no_key_is_a_string():
    assert YamlMarshaller().unmarshal("a: <<\nb: [<<]\nc: =\n") == {"a": "<<", "b": ["<<"], "c": "="}


def test_aliases_give_the_value_again():
    assert YamlMarshaller().unmarshal("a: &n 1\nb: *n\nc: &l [1, *n]\nd: *l\n") == {
        "a": 1,
        "b": 1,
        "c": [1, 1],
        "d": [1, 1],
    }


def test_dates_and_tuples_as_keys_are_read_as_pyyaml_reads_them():
    read = YamlMarshaller().unmarshal("d: 2020-01-02\n? !!python/tuple [1, 2]\n: x\n")
    assert read == {"d": dt.date(2020, 1, 2), (1, 2): "x"}


def test_an_empty_text_is_nothing():
    assert YamlMarshaller().unmarshal("") is None
    assert YamlMarshaller().unmarshal("---\n") is None


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 1000))


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        (BOMB, "line 6, column 14", "aliases stand for more than 250000 values"),
        (CHAIN, "line 200, column", "more than 200 deep"),
        ("[" * 100_000, "line 1, column 201", "more than 200 deep"),
        ("- " * 10_000 + "x", "line 1, column 401", "more than 200 deep"),
        ("&a [1, *a]", "line 1, column 8", "has no end"),
        ("a: *b", "line 1, column 4", "no anchor &b"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1", "'a' occurs twice"),
        ("? [1]\n: 2", "line 1, column 3", "a list cannot be the key"),
        ("? {a: 1}\n: 2", "line 1, column 3", "a dict cannot be the key"),
        ("a: 1\n---\nb: 2", "line 2, column 1", "second document"),
        ("a: {<<: 5}", "line 1, column 9", "merges a mapping"),
        ("a: !!int x", "line 1, column 4", "'x' is no int"),
        ("a: !!timestamp x", "line 1, column 4", "'x' is no timestamp"),
        ("a: !!binary '\u00e4'", "line 1, column 4", "is no binary"),
        ("a: 2020-99-99", "line 1, column 4", "is no timestamp"),
        ("a: !own x", "line 1, column 4", "'!own' is not allowed"),
        ("a: !own [x]", "line 1, column 4", "'!own' is not allowed"),
        ("a: !own {x: 1}", "line 1, column 4", "'!own' is not allowed"),
        ("!!python/object/apply:os.system ['x']", "line 1, column 1", "os.system' is not allowed"),
        ("!!python/name:os.system ''", "line 1, column 1", "os.system' is not allowed"),
        ("a: [1", "line 2, column 1", "did not find expected"),
        ("a: \x00", "", "control characters"),
    ],
)
def test_yaml_that_is_broken_or_hostile_is_refused_with_its_place(text, where, problem):
    with pytest.raises(PipelineUnmarshalError) as caught:
        YamlMarshaller().unmarshal(text)
    assert where in str(caught.value)
    assert problem in str(caught.value)
    assert isinstance(caught.value, TypeError)


def test_without_pyyaml_the_error_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "dtlpipe.integrations.yaml", None)
    with pytest.raises(PipelineError, match="pip install pyyaml"):
        YamlMarshaller().marshal({})


def test_reading_is_the_same_without_libyaml(monkeypatch):
    text = "a: &x [1, 2.5, true, ~, !!python/tuple [x]]\nb: *x\nc: {<<: {d: 1}}\n"
    fast = integration.load(text)
    monkeypatch.setattr(integration, "_SafeLoader", integration.yaml.SafeLoader)
    assert integration.load(text) == fast
    with pytest.raises(PipelineUnmarshalError, match="line 1"):
        integration.load("a: [1")


def test_the_loaded_plugin_is_the_integration():
    assert plugins.load("yaml") is integration


# ---- JSON ------------------------------------------------------------------------------------------------------------


def test_json_has_no_keys_but_strings():
    with pytest.raises(SerializationError, match="no keys but strings: 1"):
        JsonMarshaller().marshal({"a": {1: 2}})


def test_a_dict_that_looks_like_a_tuple_is_refused_and_not_misread():
    with pytest.raises(SerializationError, match="read as a tuple"):
        JsonMarshaller().marshal({"a": {"!!python/tuple": [1]}})
    assert JsonMarshaller().unmarshal('{"!!set": 1}') == {"!!set": 1}
    assert JsonMarshaller().unmarshal('{"x": [1]}') == {"x": [1]}


def test_json_that_is_broken_or_hostile_is_refused():
    for text, problem in [
        ("{", "line 1"),
        ('{"a": 1, "b": 2, "a": 3}', "'a' occurs twice"),
        ("[" * 100_000, "nested too deeply"),
    ]:
        with pytest.raises(PipelineUnmarshalError, match=problem):
            JsonMarshaller().unmarshal(text)


def test_data_that_contains_itself_is_no_json():
    data: dict = {}
    data["self"] = data
    with pytest.raises(SerializationError, match="contains itself"):
        JsonMarshaller().marshal(data)
