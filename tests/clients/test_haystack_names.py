"""What programs written for Haystack take from inside of it does here what it does there."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from haystack import Pipeline as TheirPipeline
from haystack.core.component import types as their_component_types
from haystack.core.pipeline import descriptions, utils
from haystack.core.super_component import utils as super_utils
from haystack.core.type_utils import ConversionStrategy as TheirStrategy
from haystack.core.type_utils import _convert_value as their_convert_value
from haystack.core.type_utils import _get_conversion_strategy as their_get_conversion_strategy
from haystack.core.type_utils import _safe_get_origin as their_safe_get_origin
from haystack.core.type_utils import _strict_types_are_compatible as their_strict_types_are_compatible
from haystack.core.type_utils import _type_name as their_type_name
from haystack.core.type_utils import _types_are_compatible as their_types_are_compatible
from haystack.dataclasses import ChatMessage
from haystack.testing.factory import component_class as their_component_class

import dtlpipe.graph
from dtlpipe.graph import (
    ConversionStrategy,
    InputSocket,
    Pipeline,
    Variadic,
    _convert_value,
    _deepcopy_with_exceptions,
    _delegate_default,
    _empty,
    _get_conversion_strategy,
    _is_compatible,
    _is_snapshot_save_enabled,
    _safe_get_origin,
    _strict_types_are_compatible,
    _type_name,
    _types_are_compatible,
    component_class,
    find_pipeline_inputs,
    find_pipeline_outputs,
    parse_connect_string,
)

TYPES: list[Any] = [
    int,
    str,
    Any,
    list,
    list[str],
    list[int | None],
    str | None,
    ChatMessage,
    list[ChatMessage],
    dict[str, int],
    Literal["a"],
]


@pytest.mark.parametrize("sender", TYPES, ids=str)
def test_types_fit_and_are_called_as_there(sender):
    assert _type_name(sender) == their_type_name(sender)
    assert _safe_get_origin(sender) == their_safe_get_origin(sender)
    for receiver in TYPES:
        fits, strategy = their_types_are_compatible(sender, receiver)
        ours, own = _types_are_compatible(sender, receiver)
        assert (ours, own and own.value) == (fits, strategy and strategy.value)
        assert _strict_types_are_compatible(sender, receiver) == their_strict_types_are_compatible(sender, receiver)
        assert _is_compatible(sender, receiver) == super_utils._is_compatible(sender, receiver)
        if not fits:
            assert _get_conversion_strategy(sender, receiver) is their_get_conversion_strategy(sender, receiver) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHAT_MESSAGE_TO_STR", ChatMessage.from_user("a")),
        ("STR_TO_CHAT_MESSAGE", "a"),
        ("WRAP", 1),
        ("UNWRAP", ["a"]),
        ("WRAP_STR_TO_CHAT_MESSAGE", "a"),
        ("UNWRAP_CHAT_MESSAGE_TO_STR", [ChatMessage.from_user("a")]),
    ],
)
def test_values_are_converted_as_there(name, value):
    assert _convert_value(value, ConversionStrategy[name]) == their_convert_value(value, TheirStrategy[name])


@pytest.mark.parametrize("text", ["a", "a.b", "a.b.c", ".b", "a."])
def test_names_of_sockets_are_taken_apart_as_there(text):
    assert parse_connect_string(text) == utils.parse_connect_string(text)


def test_copies_are_made_as_there():
    value = {"a": [1, {"b": {2}}], "c": ("x", [])}
    copy = _deepcopy_with_exceptions(value)
    assert copy == value == utils._deepcopy_with_exceptions(value)
    assert copy["a"] is not value["a"]


def test_marks_and_switches_have_the_names_of_there(monkeypatch):
    assert their_component_types.HAYSTACK_VARIADIC_ANNOTATION == dtlpipe.graph.HAYSTACK_VARIADIC_ANNOTATION
    assert (
        their_component_types.HAYSTACK_GREEDY_VARIADIC_ANNOTATION == dtlpipe.graph.HAYSTACK_GREEDY_VARIADIC_ANNOTATION
    )
    assert InputSocket("a", int).default_value is _empty
    assert isinstance(_delegate_default, type)
    assert not _is_snapshot_save_enabled()
    monkeypatch.setenv(dtlpipe.graph.HAYSTACK_PIPELINE_SNAPSHOT_SAVE_ENABLED, "true")
    assert _is_snapshot_save_enabled()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"output": {"value": 10}},
        {"input_types": {"a": int}, "output_types": {"b": str}},
        {"bases": (dict,), "extra_fields": {"size": 3}},
    ],
)
def test_classes_for_tests_are_made_as_there(options):
    mine, their = component_class("Fake", **options), their_component_class("Fake", **options)
    one, other = mine(), their()
    assert one.run(value=1) == other.run(value=1)
    assert mine.__mro__[1:] == their.__mro__[1:]
    assert getattr(one, "size", None) == getattr(other, "size", None)
    for side in ("__haystack_input__", "__haystack_output__"):
        assert {name: each.type for name, each in getattr(one, side)._sockets_dict.items()} == {
            name: each.type for name, each in getattr(other, side)._sockets_dict.items()
        }
    assert type(mine.from_dict(one.to_dict())) is mine


def test_open_sockets_are_found_as_there():
    found = []
    for pipeline, make, theirs in ((Pipeline, component_class, False), (TheirPipeline, their_component_class, True)):
        made = pipeline()
        made.add_component("a", make("A", output={"x": 1, "y": 2})())
        made.add_component("b", make("B", input_types={"x": int, "z": Variadic[int]})())
        made.connect("a.x", "b.x")
        ins = descriptions.find_pipeline_inputs if theirs else find_pipeline_inputs
        outs = descriptions.find_pipeline_outputs if theirs else find_pipeline_outputs
        found.append(
            [
                {name: [socket.name for socket in sockets] for name, sockets in find(made.graph, everything).items()}
                for find in (ins, outs)
                for everything in (False, True)
            ]
        )
    assert found[0] == found[1]


def test_an_alias_is_not_advertised():
    assert "_type_name" not in dtlpipe.graph.__all__
    assert "component_class" not in dir(dtlpipe.graph)
