"""Building pipelines: adding components, asking about them, their text, and their resources."""

from __future__ import annotations

import asyncio
import copy
import logging
from typing import Any

import pytest

from dtlpipe.errors import DtlpipeError
from dtlpipe.graph import Pipeline, PipelineError, PipelineValidationError, Variadic, component
from dtlpipe.graph.pipeline.base import PipelineBase
from tests.unit.graph.building_parts import Part, picture


def pair() -> PipelineBase:
    pipeline = PipelineBase(metadata={"kind": "test"})
    pipeline.add_component("first", Part({"x": int}, {"out": int}))
    pipeline.add_component("second", Part({"y": int, "z": (str, "a")}, {"done": bool}))
    return pipeline.connect("first", "second.y")


# ---- making and adding -----------------------------------------------------------------------------------------------


def test_a_new_pipeline_is_empty_and_has_haystacks_attributes():
    pipeline = PipelineBase()
    assert (pipeline.metadata, list(pipeline.graph.nodes), list(pipeline.graph.edges)) == ({}, [], [])
    assert pipeline._max_runs_per_component == 100
    assert pipeline._connection_type_validation is True
    assert (pipeline.inputs(), pipeline.outputs(), list(pipeline.walk())) == ({}, {}, [])


def test_arguments_are_kept():
    pipeline = PipelineBase({"a": 1}, 7, False)
    assert (pipeline.metadata, pipeline._max_runs_per_component) == ({"a": 1}, 7)
    assert pipeline._connection_type_validation is False


def test_a_component_is_added_with_its_sockets_and_belongs_to_the_pipeline():
    pipeline, part = PipelineBase(), Part({"x": int}, {"out": int})
    assert pipeline.add_component("part", part) is pipeline
    node = pipeline.graph.nodes["part"]
    assert node["instance"] is part
    assert node["input_sockets"] is part.__haystack_input__._sockets_dict
    assert node["output_sockets"] is part.__haystack_output__._sockets_dict
    assert node["visits"] == 0
    assert part.__haystack_added_to_pipeline__ is pipeline
    assert part.__component_name__ == "part"
    assert pipeline.get_component("part") is part
    assert pipeline.get_component_name(part) == "part"


def test_the_same_component_again_under_its_name_changes_nothing():
    pipeline, part = PipelineBase(), Part()
    pipeline.add_component("part", part)
    before = pipeline.graph.version
    assert pipeline.add_component("part", part) is pipeline
    assert pipeline.add_components({"part": part}) is pipeline
    assert pipeline.graph.version == before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("taken", "A component named 'taken' already exists in this pipeline"),
        ("_debug", "'_debug' is a reserved name"),
        ("a.b", "a.b is an invalid component name, cannot contain '.'"),
        ("", "'' is an invalid component name"),
        (3, "3 is an invalid component name"),
        (["a"], "is an invalid component name"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name, says):
    pipeline = PipelineBase().add_component("taken", Part())
    before = picture(pipeline)
    with pytest.raises(ValueError) as caught:
        pipeline.add_component(name, Part())
    assert isinstance(caught.value, PipelineValidationError)
    assert says in str(caught.value)
    assert picture(pipeline) == before


@pytest.mark.parametrize("given", [object(), 3, "text", None, Part])
def test_what_is_no_component_is_refused(given):
    pipeline = PipelineBase()
    with pytest.raises(PipelineValidationError, match="doesn't seem to be a component"):
        pipeline.add_component("it", given)
    assert not pipeline.graph.nodes


def test_an_instance_has_one_name():
    part = Part()
    pipeline = PipelineBase().add_component("one", part)
    with pytest.raises(PipelineError, match=r"'two': Component has already been added to this Pipeline under .* 'one'"):
        pipeline.add_component("two", part)
    assert list(pipeline.graph.nodes) == ["one"]


def test_an_instance_has_one_pipeline():
    part = Part()
    first = PipelineBase().add_component("part", part)
    with pytest.raises(PipelineError, match="has already been added in another Pipeline"):
        PipelineBase().add_component("part", part)
    assert part.__haystack_added_to_pipeline__ is first


def test_a_function_is_made_into_a_component_for_each_pipeline():
    def double(x: int) -> int:
        return 2 * x

    first, second = PipelineBase().add_component("f", double), PipelineBase().add_component("f", double)
    assert first.inputs() == second.inputs() == {"f": {"x": {"type": int, "is_mandatory": True}}}
    assert first.get_component("f") is not second.get_component("f")


def test_a_pipeline_is_made_into_a_component():
    inner = Pipeline().add_component("part", Part({"x": int}, {"out": int}))
    outer = PipelineBase().add_component("inner", inner).add_component("next", Part({"y": int}))
    outer.connect("inner", "next")
    assert outer.inputs()["inner"]["x"]["is_mandatory"] is True
    assert list(outer.graph.edges) == [("inner", "next", "out/y")]


def test_a_pipeline_is_not_put_into_itself():
    pipeline = Pipeline().add_component("part", Part({"x": int}, {"out": int}))
    around = Pipeline().add_component("inner", pipeline)
    before = picture(pipeline)
    for inner in (pipeline, around):
        with pytest.raises(PipelineValidationError, match="contains the pipeline that it is added to"):
            pipeline.add_component("self", inner)
    assert picture(pipeline) == before


def test_a_frozen_class_can_be_a_component():
    @component
    class Frozen:
        @component.output_types(out=int)
        def run(self, x: int):
            return {"out": x}

        def __setattr__(self, name: str, value: Any) -> None:
            raise AttributeError(name)

    frozen = Frozen()
    pipeline = PipelineBase().add_component("it", frozen)
    assert frozen.__haystack_added_to_pipeline__ is pipeline
    assert pipeline.remove_component("it") is frozen
    assert frozen.__haystack_added_to_pipeline__ is None


def test_several_components_are_added_in_their_order():
    parts = {"b": Part(), "a": Part()}
    pipeline = PipelineBase()
    assert pipeline.add_components(parts) is pipeline
    assert list(pipeline.walk()) == list(parts.items())


def test_of_several_components_none_is_added_if_one_is_refused():
    pipeline, good, known = PipelineBase(), Part(), Part()
    pipeline.add_component("known", known)
    before = picture(pipeline)
    for bad in ({"a.b": Part()}, {"known": Part()}, {"x": 5}, {"other": known}):
        with pytest.raises(PipelineError):
            pipeline.add_components({"good": good, **bad})
        assert picture(pipeline) == before
        assert good.__haystack_added_to_pipeline__ is None


def test_an_instance_cannot_stand_under_two_names_in_one_call():
    pipeline, part = PipelineBase(), Part()
    with pytest.raises(PipelineError, match="mapped to both 'a' and 'b'"):
        pipeline.add_components({"a": part, "b": part})
    assert not pipeline.graph.nodes


# ---- asking ----------------------------------------------------------------------------------------------------------


def test_a_component_that_is_not_there_is_named_with_one_that_is_near():
    with pytest.raises(ValueError, match=r"Component named frist not found in the pipeline\. Did you mean 'first'\?"):
        pair().get_component("frist")
    with pytest.raises(ValueError, match=r"Component named q not found in the pipeline\. There are: 'first', 'second'"):
        pair().get_component("q")
    with pytest.raises(ValueError, match=r"There is none yet"):
        PipelineBase().get_component("q")


def test_the_name_of_a_stranger_is_empty_even_if_it_equals_a_member():
    class Equal:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None

    assert pair().get_component_name(Part()) == ""
    assert pair().get_component_name(Equal()) == ""


def test_inputs_are_those_that_nobody_feeds_and_outputs_those_that_nobody_receives():
    pipeline = pair()
    x = {"type": int, "is_mandatory": True}
    z = {"type": str, "is_mandatory": False, "default_value": "a"}
    assert pipeline.inputs() == {"first": {"x": x}, "second": {"z": z}}
    assert pipeline.outputs() == {"second": {"done": {"type": bool}}}


def test_connected_inputs_and_outputs_are_listed_if_asked_for_and_are_not_mandatory():
    pipeline = pair()
    assert pipeline.inputs(include_components_with_connected_inputs=True)["second"]["y"] == {
        "type": int,
        "is_mandatory": False,
    }
    assert pipeline.outputs(include_components_with_connected_outputs=True) == {
        "first": {"out": {"type": int}},
        "second": {"done": {"type": bool}},
    }


def test_variadic_inputs_stay_open_when_they_are_connected():
    pipeline = PipelineBase().add_components({"a": Part({}, {"out": int}), "join": Part({"many": Variadic[int]})})
    assert pipeline.inputs() == {"join": {"many": {"type": int, "is_mandatory": True}}}
    pipeline.connect("a", "join")
    assert pipeline.inputs() == {"join": {"many": {"type": int, "is_mandatory": False}}}


def test_components_without_open_sockets_are_not_listed():
    pipeline = PipelineBase().add_components({"a": Part({}, {"out": int}), "b": Part({"x": int})}).connect("a", "b")
    assert (pipeline.inputs(), pipeline.outputs()) == ({}, {})


def test_the_text_lists_metadata_components_and_connections():
    pipeline = pair()
    assert repr(pipeline) == (
        f"{object.__repr__(pipeline)}\n"
        "🧱 Metadata\n"
        "  - kind: test\n"
        "🚅 Components\n"
        "  - first: Part\n"
        "  - second: Part\n"
        "🛤️ Connections\n"
        "  - first.out -> second.y (int)\n"
    )
    pipeline.metadata = {}
    assert "Metadata" not in repr(pipeline)


def test_pipelines_are_equal_if_class_and_data_are(monkeypatch):
    class Other(PipelineBase):
        pass

    monkeypatch.setattr(PipelineBase, "to_dict", lambda self: {"names": list(self.graph)})
    assert pair() == pair()
    assert pair() != PipelineBase()
    assert pair() != Other().add_components({"first": Part(), "second": Part()})
    assert pair() != 3


def test_a_deep_copy_is_a_pipeline_of_its_own():
    original = pair()
    original.validate_input({"first": {"x": 1}})
    other = copy.deepcopy(original)
    other.remove_component("second")
    assert other.get_component("first").__haystack_added_to_pipeline__ is other
    assert list(original.graph.edges) == [("first", "second", "out/y")]
    other.validate_input({"first": {"x": 1}})


# ---- resources -------------------------------------------------------------------------------------------------------


def resourceful(calls: list[str]) -> PipelineBase:
    class Quiet:
        def run(self):
            return {}

    class Sync(Quiet):
        def __init__(self, name: str) -> None:
            self.name = name

        def warm_up(self):
            calls.append(f"{self.name}.warm_up")

        def close(self):
            calls.append(f"{self.name}.close")

    class Async(Sync):
        async def warm_up_async(self):
            calls.append(f"{self.name}.warm_up_async")

        async def close_async(self):
            calls.append(f"{self.name}.close_async")

    pipeline = PipelineBase()
    return pipeline.add_components({"z": component(Async)("z"), "quiet": component(Quiet)(), "a": component(Sync)("a")})


def test_components_are_warmed_up_and_closed_in_the_order_of_the_pipeline(caplog):
    calls: list[str] = []
    with caplog.at_level(logging.INFO):
        pipeline = resourceful(calls)
        pipeline.warm_up()
        pipeline.close()
    assert calls == ["z.warm_up", "a.warm_up", "z.close", "a.close"]
    assert "Warming up component z..." in caplog.text
    assert "quiet" not in caplog.text


def test_in_an_event_loop_the_asynchronous_ways_come_first():
    calls: list[str] = []

    async def both() -> None:
        pipeline = resourceful(calls)
        await pipeline.warm_up_async()
        await pipeline.close_async()

    asyncio.run(both())
    assert calls == ["z.warm_up_async", "a.warm_up", "z.close_async", "a.close"]


def test_all_refusals_are_errors_of_dtlpipe():
    for refused in (
        lambda p: p.add_component("_debug", Part()),
        lambda p: p.get_component("q"),
        lambda p: p.remove_component("q"),
        lambda p: p.connect("first", "q"),
        lambda p: p.connect("first.q", "second"),
        lambda p: p.validate_input({}),
    ):
        with pytest.raises(DtlpipeError):
            refused(pair())
