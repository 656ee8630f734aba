"""Haystack is asked what it makes of the same classes, and its pipeline runs ours.

Both libraries must give equal sockets, or refuse in the same words.
"""

from __future__ import annotations

import copy
import os
from typing import Any, TypeVar

import pytest

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import haystack
from haystack.components.builders import PromptBuilder
from haystack.components.joiners import BranchJoiner
from haystack.core.component import component as their_component
from haystack.core.component.sockets import Sockets as TheirSockets
from haystack.core.component.types import InputSocket as TheirInputSocket
from haystack.core.errors import ComponentError as TheirComponentError

from dtlpipe.graph import ComponentError, GreedyVariadic, InputSocket, Pipeline, Sockets, Variadic, component
from dtlpipe.graph.components.functions import FunctionComponent, as_component
from tests.clients.haystack_component_cases import CASES, REFUSED, signature


def inputs_of(instance: Any) -> dict[str, Any]:
    names = ("name", "type", "is_lazy_variadic", "is_greedy", "is_variadic", "is_mandatory", "wrap_input_in_list")
    return {
        name: {each: getattr(socket, each) for each in names}
        | {"default": "none" if socket.is_mandatory else socket.default_value, "senders": list(socket.senders)}
        for name, socket in instance.__haystack_input__._sockets_dict.items()
    }


def outputs_of(instance: Any) -> dict[str, Any]:
    return {
        name: (socket.name, socket.type, list(socket.receivers))
        for name, socket in instance.__haystack_output__._sockets_dict.items()
    }


def shown(instance: Any) -> list[str]:
    return repr(instance).splitlines()[1:]


def test_there_are_cases_enough():
    assert len(CASES) > 45
    assert len(REFUSED) > 12


@pytest.mark.parametrize("make", CASES, ids=lambda each: each.__name__)
def test_both_decorators_give_equal_sockets(make):
    theirs, ours = make(their_component), make(component)
    assert inputs_of(ours) == inputs_of(theirs)
    assert list(inputs_of(ours)) == list(inputs_of(theirs))
    assert outputs_of(ours) == outputs_of(theirs)
    assert ours.__haystack_supports_async__ == theirs.__haystack_supports_async__
    assert ours.__haystack_added_to_pipeline__ is theirs.__haystack_added_to_pipeline__ is None
    if not any(strange in repr(theirs) for strange in ("Union[", "Callable[")):  # named by halves there
        assert shown(ours) == shown(theirs)


@pytest.mark.parametrize("make", CASES, ids=lambda each: each.__name__)
def test_their_pipeline_takes_every_component_of_ours(make):
    ours, theirs = haystack.Pipeline(), haystack.Pipeline()
    ours.add_component("it", make(component))
    theirs.add_component("it", make(their_component))
    assert ours.inputs() == theirs.inputs()
    assert ours.outputs() == theirs.outputs()


@pytest.mark.parametrize(("make", "words"), REFUSED, ids=lambda each: getattr(each, "__name__", ""))
def test_both_decorators_refuse_the_same_classes(make, words):
    with pytest.raises(TheirComponentError) as theirs:
        make(their_component)
    with pytest.raises(ComponentError) as ours:
        make(component)
    assert words in str(theirs.value)
    assert words in str(ours.value)


@pytest.mark.parametrize(
    "other",
    [
        "self",
        "self, value: str",
        "self, value: int = 1",
        "self, other: int",
        "self, *, value: int",
        "self, a: str, b: int",
    ],
)
def test_differences_between_run_and_run_async_are_listed_alike(other):
    make = signature("self, value: int", run_async=other)
    with pytest.raises(TheirComponentError) as theirs:
        make(their_component)
    with pytest.raises(ComponentError) as ours:
        make(component)
    assert str(ours.value).splitlines()[1:] == str(theirs.value).splitlines()[1:]


@component
class Repeat:
    @component.output_types(texts=list[str])
    def run(self, text: str, times: int = 2):
        return {"texts": [text] * times}

    @component.output_types(texts=list[str])
    async def run_async(self, text: str, times: int = 2):
        return {"texts": [text] * times}


@component
class Join:
    @component.output_types(text=str)
    def run(self, texts: Variadic[list[str]]):
        return {"text": "+".join(text for each in texts for text in each)}


@their_component
class TheirShout:
    @their_component.output_types(text=str)
    def run(self, text: str):
        return {"text": text.upper()}


def exclaim(text: str) -> str:
    return f"{text}!"


def assembled(pipeline: Any) -> Any:
    pipeline.add_component("one", Repeat())
    pipeline.add_component("two", Repeat())
    pipeline.add_component("join", Join())
    pipeline.add_component("shout", TheirShout())
    pipeline.add_component("exclaim", FunctionComponent(exclaim))
    pipeline.add_component("prompt", PromptBuilder("{{ said }} {{ question }}", required_variables="*"))
    pipeline.connect("one.texts", "join.texts")
    pipeline.connect("two.texts", "join.texts")
    pipeline.connect("join.text", "shout.text")
    pipeline.connect("shout", "exclaim")
    pipeline.connect("exclaim.output", "prompt.said")
    return pipeline


DATA: dict[str, Any] = {"one": {"text": "a"}, "two": {"text": "b", "times": 1}, "prompt": {"question": "why?"}}


@pytest.mark.parametrize("kind", [haystack.Pipeline, Pipeline], ids=["theirs", "ours"])
def test_components_of_both_libraries_run_together_in_the_pipelines_of_both(kind):
    result = assembled(kind()).run(copy.deepcopy(DATA))
    assert result == {"prompt": {"prompt": "A+A+B! why?"}}


async def test_their_asynchronous_runs_await_our_components():
    result = await assembled(haystack.Pipeline()).run_async(copy.deepcopy(DATA))
    assert result == {"prompt": {"prompt": "A+A+B! why?"}}


def test_their_pipeline_names_and_releases_our_components():
    pipeline, repeat = haystack.Pipeline(), Repeat()
    pipeline.add_component("repeat", repeat)
    assert "\nrepeat\nInputs:" in repr(repeat)
    assert repeat.__haystack_input__._component_name() == "repeat"
    assert pipeline.remove_component("repeat") is repeat
    pipeline.add_component("again", repeat)


def test_their_pipeline_writes_our_components_and_ours_reads_them():
    pipeline = haystack.Pipeline()
    pipeline.add_component("repeat", Repeat())
    pipeline.add_component("shout", TheirShout())
    data = pipeline.to_dict()
    assert data["components"]["repeat"] == {"type": f"{__name__}.Repeat", "init_parameters": {}}
    again = Pipeline.from_dict(data)
    assert isinstance(again.get_component("repeat"), Repeat)
    assert isinstance(again.get_component("shout"), TheirShout)


def test_a_loop_with_a_greedy_input_of_ours_runs_in_their_pipeline():
    @component
    class Merge:
        @component.output_types(value=int)
        def run(self, value: GreedyVariadic[int]):
            return {"value": value[0]}

    @component
    class Grow:
        @component.output_types(again=int, done=int)
        def run(self, value: int):
            return {"done": value} if value > 5 else {"again": value * 2}

    pipeline = haystack.Pipeline()
    pipeline.add_component("merge", Merge())
    pipeline.add_component("grow", Grow())
    pipeline.connect("merge.value", "grow.value")
    pipeline.connect("grow.again", "merge.value")
    assert pipeline.run({"merge": {"value": 1}}) == {"grow": {"done": 8}}


@pytest.mark.parametrize("cls", [PromptBuilder, BranchJoiner])
def test_a_genuine_component_class_passes_our_decorator_unchanged(cls):
    assert component(cls) is cls
    assert component.registry[f"{cls.__module__}.{cls.__name__}"] is cls


def test_a_child_of_a_genuine_component_can_have_our_decorator():
    @component
    class Polite(PromptBuilder):
        def run(self, **kwargs):
            return {"prompt": super().run(**kwargs)["prompt"] + ", please"}

    for kind in (haystack.Pipeline, Pipeline):
        pipeline = kind()
        pipeline.add_component("prompt", Polite("{{ text }}", required_variables="*"))
        assert pipeline.run({"prompt": {"text": "tea"}}) == {"prompt": {"prompt": "tea, please"}}


def test_genuine_components_come_through_our_door_as_they_are():
    joiner = BranchJoiner(int)
    assert as_component(joiner) is joiner
    assert isinstance(joiner.__haystack_input__, TheirSockets)


def test_declarations_of_one_library_hold_in_classes_of_the_other():
    @component
    class Ours:
        def __init__(self):
            their_component.set_input_types(self, a=int, b=str)

        @their_component.output_types(x=int)
        def run(self, a: int, **kwargs):
            return {}

    @their_component
    class Theirs:
        @component.output_types(x=int)
        def run(self, a: int, b: str):
            return {}

    ours, theirs = Ours(), Theirs()
    assert inputs_of(ours) == inputs_of(theirs)
    assert outputs_of(ours) == outputs_of(theirs)
    assert isinstance(ours.__haystack_output__, Sockets)
    assert isinstance(ours.__haystack_input__.a, InputSocket)
    assert isinstance(ours.__haystack_input__.b, TheirInputSocket)


# -- What we do otherwise ----------------------------------------------------------------------------------------------


def test_super_works_in_ours_alone():
    def make(component):
        class Base:
            def __init__(self):
                self.made = True

        @component
        class Case(Base):
            def __init__(self):
                super().__init__()

            def run(self):
                return {}

        return Case()

    with pytest.raises(TypeError, match="super"):
        make(their_component)
    assert make(component).made


def test_variadic_marks_survive_postponed_annotations_in_ours_alone():
    def make(component):
        @component
        class Case:
            def run(self, values: Variadic[int]):
                return {}

        return make_socket(Case())

    def make_socket(instance):
        return instance.__haystack_input__.values

    assert not make(their_component).is_variadic
    assert (make(component).is_lazy_variadic, make(component).type) == (True, int)


def test_inputs_named_as_the_container_names_its_own_work_in_ours_alone():
    make = signature("self, get: int, value: str, _component: float")
    with pytest.raises(TypeError, match="not callable"):
        make(their_component)
    assert list(inputs_of(make(component))) == ["get", "value", "_component"]


def test_one_annotation_that_cannot_be_resolved_spoils_no_other_in_ours():
    make = signature("self, known: 'int', unknown: 'Nowhere'")
    assert [each["type"] for each in inputs_of(make(their_component)).values()] == ["int", "Nowhere"]
    assert [each["type"] for each in inputs_of(make(component)).values()] == [int, "Nowhere"]


def test_a_bare_variadic_is_refused_by_ours():
    make = signature("self, values: Variadic")
    assert isinstance(make(their_component).__haystack_input__.values.type, TypeVar)
    with pytest.raises(ComponentError, match="must have a type argument"):
        make(component)
