"""Removing components: what stays of their connections, which is nothing."""

from __future__ import annotations

import pytest

from dtlpipe.graph import GreedyVariadic, Variadic
from dtlpipe.graph.pipeline.base import PipelineBase
from tests.unit.graph.building_parts import Part, picture, sockets_of


def chain() -> PipelineBase:
    pipeline = PipelineBase()
    for name in "abc":
        pipeline.add_component(name, Part({"x": (int, 0)}, {"out": int}))
    return pipeline.connect("a", "b").connect("b", "c")


def fan(type_: object, senders: str = "abc", output: object = list[int]) -> PipelineBase:
    pipeline = PipelineBase()
    for name in senders:
        pipeline.add_component(name, Part({}, {"out": output}))
    pipeline.add_component("join", Part({"many": type_}))
    for name in senders:
        pipeline.connect(name, "join")
    return pipeline


def test_a_removed_component_is_returned_with_nothing_of_the_pipeline_on_it():
    pipeline = chain()
    part = pipeline.get_component("b")
    assert pipeline.remove_component("b") is part
    assert part.__haystack_added_to_pipeline__ is None
    inputs, outputs = sockets_of(part)
    assert inputs["x"].senders == []
    assert outputs["out"].receivers == []
    assert list(pipeline.graph.nodes) == ["a", "c"]
    assert list(pipeline.graph.edges) == []


def test_its_neighbours_forget_it():
    pipeline = chain()
    pipeline.remove_component("b")
    assert sockets_of(pipeline.get_component("a"))[1]["out"].receivers == []
    assert sockets_of(pipeline.get_component("c"))[0]["x"].senders == []
    assert pipeline.inputs()["c"] == {"x": {"type": int, "is_mandatory": False, "default_value": 0}}
    assert pipeline.outputs()["a"] == {"out": {"type": int}}


def test_it_may_be_added_again_here_and_elsewhere():
    pipeline = chain()
    part = pipeline.remove_component("b")
    pipeline.add_component("other", part)
    PipelineBase().add_component("b", pipeline.remove_component("other"))


def test_removing_and_building_again_gives_the_same_pipeline():
    pipeline = chain()
    before = picture(pipeline)
    part = pipeline.remove_component("c")
    pipeline.add_component("c", part).connect("b", "c")
    assert picture(pipeline) == before


def test_an_unknown_component_is_refused_with_the_names_that_there_are():
    pipeline = chain()
    before = picture(pipeline)
    with pytest.raises(ValueError, match=r"no component named 'q' in the pipeline.*names are: a, b, c"):
        pipeline.remove_component("q")
    with pytest.raises(ValueError, match=r"names are: none"):
        PipelineBase().remove_component("q")
    assert picture(pipeline) == before


def test_a_list_that_gathered_takes_one_sender_again_when_one_is_left():
    pipeline = fan(list[int])
    socket = sockets_of(pipeline.get_component("join"))[0]["many"]
    pipeline.remove_component("b")
    assert (socket.senders, socket.is_lazy_variadic, socket.wrap_input_in_list) == (["a", "c"], True, False)
    pipeline.remove_component("a")
    assert (socket.senders, socket.is_lazy_variadic, socket.wrap_input_in_list) == (["c"], False, True)
    assert pipeline.inputs() == {}


def test_a_removed_component_gathers_no_more():
    pipeline = fan(list[int])
    socket = sockets_of(pipeline.remove_component("join"))[0]["many"]
    assert (socket.senders, socket.is_lazy_variadic, socket.wrap_input_in_list) == ([], False, True)


@pytest.mark.parametrize("type_", [Variadic[int], GreedyVariadic[int]])
def test_what_was_declared_variadic_stays_so(type_):
    pipeline = fan(type_, output=int)
    socket = sockets_of(pipeline.get_component("join"))[0]["many"]
    for name in "abc":
        pipeline.remove_component(name)
    assert socket.senders == []
    assert socket.is_variadic
    pipeline.remove_component("join")
    assert socket.is_variadic


def test_a_sender_with_two_connections_to_one_list_keeps_it_gathering():
    pipeline = PipelineBase()
    pipeline.add_component("twice", Part({}, {"left": list[int], "right": list[int]}))
    pipeline.add_component("once", Part({}, {"out": list[int]}))
    pipeline.add_component("join", Part({"many": list[int]}))
    pipeline.connect_many([("twice.left", "join"), ("twice.right", "join"), ("once", "join")])
    pipeline.remove_component("once")
    socket = sockets_of(pipeline.get_component("join"))[0]["many"]
    assert socket.senders == ["twice", "twice"]
    assert socket.is_lazy_variadic
    pipeline.remove_component("twice")
    assert not socket.is_lazy_variadic
