"""Connecting many: all of them or none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.graph import PipelineConnectError, PipelineError
from dtlpipe.graph.pipeline.base import PipelineBase
from tests.unit.graph.building_parts import Part, picture

SOCKETS: dict[str, Any] = {"one": (int, 0), "many": (list[int], None), "text": (str, "")}


def four() -> PipelineBase:
    parts = {name: Part(SOCKETS, {"one": int, "many": list[int]}) for name in "abcd"}
    return PipelineBase().add_components(parts)


def test_all_connections_are_made_in_their_order():
    pipeline = four()
    pairs = [("c.one", "d.one"), ("a.one", "b.one"), ("a.many", "b.many")]
    assert pipeline.connect_many(pairs) is pipeline
    assert list(pipeline.graph.edges) == [("a", "b", "one/one"), ("a", "b", "many/many"), ("c", "d", "one/one")]


def test_a_later_connection_sees_an_earlier_one():
    pipeline = four()
    pipeline.connect_many([("a.many", "d.many"), ("b.many", "d.many")])
    assert pipeline.graph.nodes["d"]["input_sockets"]["many"].is_lazy_variadic
    with pytest.raises(PipelineConnectError, match="already connected to component 'a'"):
        pipeline.connect_many([("a.one", "d.one"), ("b.one", "d.one")])


def test_if_one_is_refused_none_is_made():
    pipeline = four().connect("a.many", "b.many")
    before = picture(pipeline)
    with pytest.raises(PipelineConnectError, match=r"'d\.nothing' does not exist"):
        pipeline.connect_many(
            [("a.many", "b.many"), ("c.many", "b.many"), ("d.many", "b.many"), ("a.one", "c.one"), ("a", "d.nothing")]
        )
    assert picture(pipeline) == before
    assert not pipeline.graph.nodes["b"]["input_sockets"]["many"].is_lazy_variadic
    pipeline.connect("c.many", "b.many")


@pytest.mark.parametrize("pair", ["ab", ("a",), ("a", "b", "c"), 3, None, ("a", 3)])
def test_what_is_no_pair_is_refused_and_nothing_is_connected(pair):
    pipeline = four()
    before = picture(pipeline)
    with pytest.raises(PipelineConnectError, match="Cannot connect"):
        pipeline.connect_many([("a.one", "b.one"), pair])
    assert picture(pipeline) == before


def test_pairs_that_cannot_all_be_had_connect_nothing():
    def pairs():
        yield ("a.one", "b.one")
        raise OSError("the list could not be read to its end")

    pipeline = four()
    before = picture(pipeline)
    with pytest.raises(OSError, match="could not be read"):
        pipeline.connect_many(pairs())
    assert picture(pipeline) == before


ENDS = st.tuples(st.sampled_from("abcdq"), st.sampled_from(["", ".one", ".many", ".text", ".q"])).map("".join)


@given(st.lists(st.tuples(ENDS, ENDS), max_size=8), st.lists(st.tuples(ENDS, ENDS), max_size=8))
def test_many_do_what_single_ones_do_or_nothing(before, pairs):
    together, apart = four(), four()
    for pipeline in (together, apart):
        for pair in before:
            try:
                pipeline.connect(*pair)
            except PipelineError:
                continue
    untouched = picture(together)
    try:
        for pair in pairs:
            apart.connect(*pair)
    except PipelineError as refusal:
        with pytest.raises(type(refusal)):
            together.connect_many(pairs)
        assert picture(together) == untouched
    else:
        together.connect_many(pairs)
        expected, actual = picture(apart), picture(together)
        for own in (expected, actual):
            own["text"] = own["text"].partition("\n")[2]
        assert actual == expected
