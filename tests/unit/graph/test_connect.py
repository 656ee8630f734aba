"""Connecting two components: which sockets are meant, which fit, and what is said when none does."""

from __future__ import annotations

import re
from typing import Any, Optional, Union

import pytest

from dtlpipe.graph import GreedyVariadic, PipelineConnectError, PipelineValidationError, Variadic
from dtlpipe.graph.pipeline.base import PipelineBase
from dtlpipe.graph.pipeline.connecting import gathers
from dtlpipe.graph.types.conversion import ConversionStrategy
from tests.unit.graph.building_parts import Part, picture, sockets_of


def two(outputs: dict[str, Any], inputs: dict[str, Any], *, check: bool = True) -> PipelineBase:
    pipeline = PipelineBase(connection_type_validation=check)
    return pipeline.add_components({"a": Part({"start": (int, 0)}, outputs), "b": Part(inputs, {"end": int})})


def edges(pipeline: PipelineBase) -> list[tuple[str, str, str]]:
    return list(pipeline.graph.edges)


def refused(pipeline: PipelineBase, sender: Any, receiver: Any, kind: type[Exception] = PipelineConnectError) -> str:
    """Connect, see that it is refused and that nothing has changed, and return what was said."""
    before = picture(pipeline)
    version = pipeline.graph.version
    with pytest.raises(kind) as caught:
        pipeline.connect(sender, receiver)
    assert picture(pipeline) == before
    assert pipeline.graph.version == version
    return str(caught.value)


# ---- which sockets ---------------------------------------------------------------------------------------------------


def test_both_sockets_may_be_named():
    pipeline = two({"out": int, "other": int}, {"x": int, "y": int})
    assert pipeline.connect("a.other", "b.x") is pipeline
    assert edges(pipeline) == [("a", "b", "other/x")]


def test_the_edge_tells_all_about_the_connection():
    pipeline = two({"out": list[int]}, {"x": (list[int], None)})
    pipeline.connect("a", "b")
    assert pipeline.graph.edges["a", "b", "out/x"] == {
        "conn_type": "list[int]",
        "from_socket": sockets_of(pipeline.get_component("a"))[1]["out"],
        "to_socket": sockets_of(pipeline.get_component("b"))[0]["x"],
        "mandatory": False,
        "conversion_strategy": None,
    }
    assert pipeline.graph.edges["a", "b", "out/x"]["from_socket"].receivers == ["b"]
    assert pipeline.graph.edges["a", "b", "out/x"]["to_socket"].senders == ["a"]


def test_the_only_pair_that_fits_is_taken():
    pipeline = two({"out": int, "text": str}, {"x": bytes, "y": str})
    pipeline.connect("a", "b")
    assert edges(pipeline) == [("a", "b", "text/y")]


def test_an_output_finds_its_input_and_an_input_its_output():
    pipeline = two({"out": int, "text": str}, {"x": int, "y": str})
    pipeline.connect("a.text", "b").connect("a", "b.x")
    assert edges(pipeline) == [("a", "b", "text/y"), ("a", "b", "out/x")]


def test_of_several_pairs_that_fit_the_one_with_equal_names_is_taken():
    pipeline = two({"p": int, "q": int}, {"q": int, "r": int})
    pipeline.connect("a", "b")
    assert edges(pipeline) == [("a", "b", "q/q")]


def test_a_pair_that_fits_as_it_is_goes_before_one_that_has_to_be_converted():
    pipeline = two({"out": str}, {"x": list[str], "y": str})
    pipeline.connect("a", "b")
    assert edges(pipeline) == [("a", "b", "out/y")]
    assert pipeline.graph.edges["a", "b", "out/y"]["conversion_strategy"] is None


def test_a_pair_that_can_be_converted_is_connected_with_its_conversion():
    pipeline = two({"out": str}, {"x": list[str]})
    pipeline.connect("a", "b")
    assert pipeline.graph.edges["a", "b", "out/x"]["conversion_strategy"] == ConversionStrategy.WRAP


def test_among_pairs_that_have_to_be_converted_equal_names_decide():
    pipeline = two({"x": str}, {"x": list[str], "y": list[str]})
    pipeline.connect("a", "b")
    assert edges(pipeline) == [("a", "b", "x/x")]


def test_a_socket_may_have_dots_in_its_name_since_only_the_first_one_parts():
    pipeline = two({"out.put": int}, {"in.put": int})
    pipeline.connect("a.out.put", "b.in.put")
    assert edges(pipeline) == [("a", "b", "out.put/in.put")]


def test_an_empty_socket_name_is_none():
    pipeline = two({"out": int}, {"x": int})
    pipeline.connect("a.", "b.")
    assert edges(pipeline) == [("a", "b", "out/x")]


def test_without_validation_everything_fits_and_nothing_is_converted():
    pipeline = two({"out": str}, {"x": list[str]}, check=False)
    pipeline.connect("a", "b")
    assert pipeline.graph.edges["a", "b", "out/x"]["conversion_strategy"] is None
    other = two({"out": int}, {"x": bytes}, check=False)
    other.connect("a", "b")
    assert edges(other) == [("a", "b", "out/x")]


def test_one_output_feeds_several_components_and_several_inputs_of_one():
    pipeline = two({"out": int}, {"x": int, "y": int}).add_component("c", Part({"x": int}))
    pipeline.connect("a", "c").connect("a", "b.x").connect("a", "b.y")
    assert edges(pipeline) == [("a", "c", "out/x"), ("a", "b", "out/x"), ("a", "b", "out/y")]
    assert sockets_of(pipeline.get_component("a"))[1]["out"].receivers == ["c", "b", "b"]


def test_loops_are_connections_like_others():
    pipeline = two({"out": int}, {"x": int})
    pipeline.connect("a", "b").connect("b", "a.start")
    assert edges(pipeline) == [("a", "b", "out/x"), ("b", "a", "end/start")]


def test_the_same_connection_again_changes_nothing():
    pipeline = two({"out": int, "more": int}, {"x": int, "y": int}).connect("a.out", "b.x")
    before = picture(pipeline)
    assert pipeline.connect("a.out", "b.x") is pipeline
    assert picture(pipeline) == before


# ---- several senders -------------------------------------------------------------------------------------------------


def senders(type_: Any, outputs: Any = list[int], count: int = 3) -> PipelineBase:
    pipeline = PipelineBase()
    for number in range(count):
        pipeline.add_component(f"s{number}", Part({}, {"out": outputs}))
    return pipeline.add_component("r", Part({"many": type_}))


@pytest.mark.parametrize("type_", [list[int], Optional[list[int]], list[int] | None, Union[list[int], list[str]]])  # noqa: UP007, UP045
def test_a_list_with_a_second_sender_gathers_from_all_and_joins(type_):
    pipeline = senders(type_)
    socket = sockets_of(pipeline.get_component("r"))[0]["many"]
    pipeline.connect("s0", "r")
    assert (socket.is_lazy_variadic, socket.wrap_input_in_list) == (False, True)
    pipeline.connect("s1", "r").connect("s2", "r")
    assert (socket.is_lazy_variadic, socket.wrap_input_in_list) == (True, False)
    assert socket.senders == ["s0", "s1", "s2"]


@pytest.mark.parametrize("type_", [Variadic[int], GreedyVariadic[int]])
def test_a_variadic_input_takes_any_number_of_senders_and_stays_what_it_is(type_):
    pipeline = senders(type_, int)
    socket = sockets_of(pipeline.get_component("r"))[0]["many"]
    kind = (socket.is_lazy_variadic, socket.is_greedy, socket.wrap_input_in_list)
    pipeline.connect("s0", "r").connect("s1", "r").connect("s2", "r")
    assert (socket.is_lazy_variadic, socket.is_greedy, socket.wrap_input_in_list) == kind
    assert len(edges(pipeline)) == 3


@pytest.mark.parametrize("type_", [int, int | None, list[int] | int])
def test_another_input_takes_one_sender(type_):
    pipeline = senders(type_, int).connect("s0", "r")
    said = refused(pipeline, "s1", "r.many")
    assert "Cannot connect 's1.out' with 'r.many': Component 'r' cannot accept multiple inputs to 'many'" in said
    assert "It is already connected to component 's0'" in said


def test_another_output_of_the_same_sender_is_another_sender():
    pipeline = two({"out": int, "more": int}, {"x": int}).connect("a.out", "b.x")
    assert "already connected to component 'a'" in refused(pipeline, "a.more", "b.x")


@pytest.mark.parametrize(
    ("type_", "does"),
    [
        (list, True),
        (list[int], True),
        (list[int] | None, True),
        (list[int] | list[str] | None, True),
        (int, False),
        (tuple[int], False),
        (list[int] | str, False),
        (Any, False),
        (None, False),
        ("list[int]", False),
    ],
)
def test_lists_gather_also_as_options_and_in_unions_of_lists(type_, does):
    assert gathers(type_) is does


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sender", "receiver"), [("a", "a"), ("a.out", "a.start"), ("a.nothing", "a")])
def test_a_component_is_not_connected_to_itself(sender, receiver):
    said = refused(two({"out": int}, {"x": int}), sender, receiver)
    assert "Connecting a Component to itself is not supported" in said


@pytest.mark.parametrize(("sender", "receiver"), [("q", "b"), ("a", "q"), ("q.out", "b.x"), ("a.out", "q.x")])
def test_an_unknown_component_is_refused_as_a_value_error(sender, receiver):
    said = refused(two({"out": int}, {"x": int}), sender, receiver, PipelineValidationError)
    assert "Component named q not found in the pipeline. There are: 'a', 'b'." in said


def test_a_misspelt_component_is_recognised():
    pipeline = PipelineBase().add_components({"retriever": Part({}, {"out": int}), "reader": Part({"x": int})})
    assert "Did you mean 'retriever'?" in refused(pipeline, "retreiver", "reader", ValueError)


def test_in_a_large_pipeline_not_all_names_are_listed():
    pipeline = PipelineBase().add_components({f"part{number}": Part() for number in range(30)})
    said = refused(pipeline, "q", "part1", ValueError)
    assert "'part19', ..." in said
    assert "'part20'" not in said


def test_an_unknown_output_is_refused_with_those_that_there_are():
    said = refused(two({"out": int, "documents": list[str]}, {"x": int}), "a.document", "b.x")
    assert said == (
        "'a.document' does not exist. Output connections of a are: out (type int), documents (type list[str]). "
        "Did you mean 'a.documents'?"
    )


def test_an_unknown_input_is_refused_with_those_that_there_are():
    assert refused(two({"out": int}, {"x": int, "y": str}), "a.out", "b.wrong") == (
        "'b.wrong' does not exist. Input connections of b are: x (type int), y (type str)."
    )
    assert "Input connections of b are: none." in refused(two({"out": int}, {}), "a.out", "b.wrong")


def test_a_component_without_outputs_cannot_send():
    said = refused(two({}, {"x": int}), "a", "b")
    assert "'a' does not have any output connections" in said
    assert "@component.output_types" in said


def test_two_named_sockets_that_do_not_fit_are_shown_with_their_types():
    said = refused(two({"out": int, "other": str}, {"x": str, "y": int}), "a.out", "b.x")
    assert said.startswith(
        "Cannot connect 'a.out' with 'b.x': their declared input and output types do not match.\n"
        "'a':\n - out: int\n'b':\n - x: str (available)\n"
    )
    assert "connection_type_validation=False" in said


def test_components_of_which_nothing_fits_are_shown_with_all_their_sockets():
    pipeline = two({"out": int, "more": bool}, {"x": bytes, "y": (dict[str, int], None)})
    pipeline.add_component("c", Part({}, {"out": bytes})).connect("c", "b")
    assert refused(pipeline, "a", "b").startswith(
        "Cannot connect 'a' with 'b': no matching connections available.\n"
        "'a':\n - out: int\n - more: bool\n"
        "'b':\n - x: bytes (sent by c)\n - y: dict[str, int] (available)\n"
    )


def test_a_component_without_inputs_cannot_receive():
    assert "no matching connections available" in refused(two({"out": int}, {}), "a", "b")


def test_several_pairs_that_fit_equally_are_refused_with_an_example():
    said = refused(two({"out": int}, {"x": int, "y": int}), "a", "b")
    assert "more than one connection is possible between these components" in said
    assert re.search(r"pipeline\.connect\('a\.out', 'b\.x'\)", said)
    assert " - y: int (available)" in said


def test_two_pairs_of_equal_names_are_refused_too():
    assert "more than one connection" in refused(two({"x": int, "y": int}, {"x": int, "y": int}), "a", "b")


@pytest.mark.parametrize(("sender", "receiver"), [(3, "b"), ("a", None), (("a", "out"), "b")])
def test_names_are_strings(sender, receiver):
    assert "name both ends as 'component' or 'component.socket'" in refused(
        two({"out": int}, {"x": int}), sender, receiver
    )
