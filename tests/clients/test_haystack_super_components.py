"""Super components beside Haystack's: the same mappings are accepted and refused, and the same runs give the same."""
# ruff: noqa: UP007, UP045 (both spellings of a type are the matter here)

from __future__ import annotations

import os
import random
from typing import Any, Optional, Union

import pytest

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import haystack
from haystack.components.builders import PromptBuilder
from haystack.components.converters import OutputAdapter
from haystack.components.joiners import BranchJoiner, ListJoiner
from haystack.components.routers import ConditionalRouter
from haystack.core.component.types import Variadic
from haystack.core.super_component.super_component import (
    InvalidMappingTypeError as TheirTypeError,
)
from haystack.core.super_component.super_component import InvalidMappingValueError as TheirValueError
from haystack.core.super_component.utils import _is_compatible
from hypothesis import given
from hypothesis import strategies as st

import dtlpipe.graph as ours
from dtlpipe.graph.types.merging import merge_types

Description = dict[str, tuple[Any, bool]]


@haystack.component
class Double:
    @haystack.component.output_types(number=int, text=str)
    def run(self, number: int, times: int = 2):
        return {"number": number * times, "text": str(number)}


@haystack.component
class Describe:
    def __init__(self, word: str = "is"):
        self.word = word

    @haystack.component.output_types(text=str, words=list[str])
    def run(self, text: str, number: int | None = None, word: str | int | None = None):
        said = f"{text} {word or self.word} {number}"
        return {"text": said, "words": said.split()}


@haystack.component
class Collect:
    @haystack.component.output_types(all=list[Any])
    def run(self, values: Variadic[Any], word: Any = "none"):
        return {"all": [*sorted(map(str, values)), word]}


def built(library: Any) -> Any:
    """One and the same pipeline, of instances of its own."""
    pipeline = library.Pipeline()
    pipeline.add_component("double", Double())
    pipeline.add_component("describe", Describe())
    pipeline.add_component("collect", Collect())
    pipeline.connect("double.text", "describe.text")
    pipeline.connect("describe.words", "collect.values")
    return pipeline


def looks(wrapped: Any) -> tuple[Description, dict[str, Any]]:
    return (
        {each.name: (each.type, each.is_mandatory) for each in wrapped.__haystack_input__._sockets_dict.values()},
        {each.name: each.type for each in wrapped.__haystack_output__._sockets_dict.values()},
    )


REFUSALS = {
    TheirTypeError: ours.InvalidMappingTypeError,
    TheirValueError: ours.InvalidMappingValueError,
    # theirs for what is no text or no dictionary at all
    TypeError: ours.InvalidMappingTypeError,
    AttributeError: ours.InvalidMappingTypeError,
}

PATHS_IN = ["double.number", "double.times", "describe.number", "describe.word", "collect.values", "collect.word"]
PATHS_OUT = ["double.number", "double.text", "describe.text", "describe.words", "collect.all"]
BAD_PATHS = ["describe.text", "double", "missing.number", "double.missing", "collect.all.x", 5, None]
NAMES = ["a", "b", "c", "number"]


class Mappings:
    """Draws mappings, mostly good ones. Plain random numbers, of a seed that Hypothesis draws: that is fast."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def _spoilt(self, good: Any, *bad: Any) -> Any:
        return self._random.choice(bad) if self._random.random() < 0.04 else good

    def _path(self, paths: list[str]) -> Any:
        return self._spoilt(self._random.choice(paths), *BAD_PATHS)

    def inputs(self) -> Any:
        if self._random.random() < 0.2:
            return None
        found = {
            name: self._spoilt(
                [self._path(PATHS_IN) for _ in range(self._random.choice([1, 1, 1, 2, 0]))], "double.number"
            )
            for name in self._random.sample(NAMES, self._random.randint(0, 3))
        }
        if self._random.random() < 0.6:  # else the pipeline lacks what it cannot do without
            found["needed"] = ["double.number"]
        return self._spoilt(found, [], "mapping")

    def outputs(self) -> Any:
        if self._random.random() < 0.2:
            return None
        found = {
            self._path(PATHS_OUT): self._spoilt(name, 5, None)
            for name in self._random.sample(NAMES, self._random.randint(0, 3)) + self._random.sample(NAMES, 1)
        }
        return self._spoilt(found, [1], 5)


def wrapped(library: Any, inputs: Any, outputs: Any) -> Any:
    """The super component, or the class of the error as ours."""
    try:
        return library.SuperComponent(built(library), inputs, outputs)
    except Exception as error:
        return REFUSALS.get(type(error), type(error))


def outcome(instance: Any, data: dict[str, Any]) -> Any:
    try:
        return instance.run(**data)
    except Exception as error:
        return type(error).__name__


@given(st.integers())
def test_mappings_are_resolved_or_refused_alike_and_runs_give_the_same(seed):
    mappings, chance = Mappings(seed), random.Random(seed)
    for _ in range(10):
        inputs, outputs = mappings.inputs(), mappings.outputs()
        their_own, our_own = wrapped(haystack, inputs, outputs), wrapped(ours, inputs, outputs)
        if isinstance(their_own, type):
            # of several faults the two may name another one first
            assert our_own in {ours.InvalidMappingTypeError, ours.InvalidMappingValueError}, (inputs, outputs)
            continue
        assert looks(our_own) == looks(their_own), (inputs, outputs)
        assert (our_own.input_mapping, our_own.output_mapping) == (their_own.input_mapping, their_own.output_mapping)
        given_types, _ = looks(our_own)
        data = {
            name: 3 if type_ is int else "said"
            for name, (type_, mandatory) in given_types.items()
            if mandatory or chance.random() < 0.5
        }
        their_result, our_result = outcome(their_own, data), outcome(our_own, data)
        if their_result == "ValueError":  # inputs that the mapping leaves out
            their_result = "PipelineValidationError"
        assert our_result == their_result, (inputs, outputs, data)


def test_the_mappings_that_are_drawn_are_of_all_kinds():
    mappings = Mappings(1)
    found = [wrapped(haystack, mappings.inputs(), mappings.outputs()) for _ in range(300)]
    refused = {each for each in found if isinstance(each, type)}
    assert refused == {ours.InvalidMappingTypeError, ours.InvalidMappingValueError}
    assert sum(not isinstance(each, type) for each in found) > 100


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        *((mapping, None) for mapping in ([], "mapping", {"a": "double.number"}, {"a": [5]}, {"a": [None]})),
        *(({"a": [path]}, None) for path in BAD_PATHS),
        *(({"a": [one, "double.number"]}, None) for one in PATHS_IN),
        *((None, mapping) for mapping in (None, [1], 5, {5: "a"}, {"double.text": 5}, {"double.text": None})),
        *((None, {path: "a"}) for path in BAD_PATHS),
        *((None, {path: "a", "double.number": "a"}) for path in PATHS_OUT),
    ],
    ids=str,
)
def test_a_mapping_of_one_fault_is_refused_by_the_same_error(inputs, outputs):
    their_own, our_own = wrapped(haystack, inputs, outputs), wrapped(ours, inputs, outputs)
    assert our_own is their_own if isinstance(their_own, type) else looks(our_own) == looks(their_own)


TYPES = [
    *(int, str, Any, None, list, list[int], list[str], list[Any], dict[str, Any], dict[str, int], dict[Any, str]),
    *(Optional[int], int | str, Union[str, int, None], str | None, bytes | None, list[int | str], list[str | bytes]),
    *(Variadic[int], Variadic[str | None], list[list[Any]], list[list[int]] | None, tuple[int, ...], tuple[int, str]),
]


@pytest.mark.parametrize("first", TYPES, ids=str)
def test_types_are_merged_alike(first):
    for second in TYPES:
        assert merge_types(first, second) == _is_compatible(first, second), (first, second)


# ---- genuine components ----------------------------------------------------------------------------------------------


def answering(library: Any) -> Any:
    """Haystack's own components: a prompt, a router, joiners and an adapter."""
    pipeline = library.Pipeline()
    pipeline.add_component("prompt", PromptBuilder("Say {{ word }} to {{ name }}", required_variables=["word"]))
    routes = [
        {"condition": "{{ loud }}", "output": "{{ prompt|upper }}", "output_name": "loudly", "output_type": str},
        {"condition": "{{ not loud }}", "output": "{{ prompt }}", "output_name": "quietly", "output_type": str},
    ]
    pipeline.add_component("router", ConditionalRouter(routes))
    pipeline.add_component("join", BranchJoiner(str))
    pipeline.add_component("list", OutputAdapter("{{ [text] }}", output_type=list[str]))
    pipeline.add_component("lists", ListJoiner(list[str]))
    pipeline.connect("prompt.prompt", "router.prompt")
    pipeline.connect("router.loudly", "join.value")
    pipeline.connect("router.quietly", "join.value")
    pipeline.connect("join.value", "list.text")
    pipeline.connect("list.output", "lists.values")
    return pipeline


MAPPINGS: list[tuple[Any, Any]] = [
    (None, None),
    (
        {"word": ["prompt.word"], "name": ["prompt.name"], "loud": ["router.loud"]},
        {"lists.values": "answers", "prompt.prompt": "prompt"},
    ),
]


@pytest.mark.parametrize(("inputs", "outputs"), MAPPINGS, ids=["own names", "mapped"])
@pytest.mark.parametrize("loud", [True, False])
async def test_genuine_components_are_wrapped_alike(inputs, outputs, loud):
    their_own = haystack.SuperComponent(answering(haystack), inputs, outputs)
    our_own = ours.SuperComponent(answering(ours), inputs, outputs)
    assert looks(our_own) == looks(their_own)
    data = {"word": "hi", "name": "you", "loud": loud}
    expected = their_own.run(**data)
    assert expected[outputs["lists.values"] if outputs else "values"] == ["SAY HI TO YOU" if loud else "Say hi to you"]
    assert our_own.run(**data) == expected
    assert await our_own.run_async(**data) == expected == await their_own.run_async(**data)


def test_a_genuine_super_component_runs_in_our_pipeline_and_ours_around_a_genuine_pipeline():
    genuine = haystack.SuperComponent(built(haystack), {"number": ["double.number"]}, {"describe.text": "text"})
    around = ours.SuperComponent(built(haystack), {"text": ["double.number"]}, {"collect.all": "all"})
    pipeline = ours.Pipeline().add_component("genuine", genuine).add_component("around", around)
    assert pipeline.run({"genuine": {"number": 1}, "around": {"text": 2}}) == {
        "genuine": {"text": "1 is None"},
        "around": {"all": ["2", "None", "is", "none"]},
    }


@pytest.mark.parametrize(("inputs", "outputs"), MAPPINGS, ids=["own names", "mapped"])
def test_what_haystack_has_written_becomes_ours(inputs, outputs):
    theirs_outer = haystack.Pipeline()
    theirs_outer.add_component("answering", haystack.SuperComponent(answering(haystack), inputs, outputs))
    data = {"answering": {"word": "hi", "name": "you", "loud": True}}
    ours_outer = ours.Pipeline.loads(theirs_outer.dumps())
    assert type(ours_outer.get_component("answering")) is ours.SuperComponent
    assert ours_outer.run(data) == theirs_outer.run(data)
    assert ours.Pipeline.loads(ours_outer.dumps()) == ours_outer


def test_a_class_decorated_by_either_library_does_the_same():
    def decorated(library: Any) -> Any:
        @library.super_component
        class Described:
            def __init__(self, word: str):
                self.pipeline = built(library)
                self.pipeline.get_component("describe").word = word
                self.output_mapping = {"describe.text": "text"}

        return Described("was")

    their_own, our_own = decorated(haystack), decorated(ours)
    assert looks(our_own) == looks(their_own)
    assert our_own.run(number=1) == their_own.run(number=1) == {"text": "1 was 1"}
