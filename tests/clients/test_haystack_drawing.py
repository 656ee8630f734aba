"""Pictures of Haystack's own components, in our pipeline and in Haystack's."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import haystack
import pytest
from haystack.components.builders import PromptBuilder
from haystack.components.joiners import BranchJoiner
from haystack.components.routers import ConditionalRouter

from dtlpipe import graph
from dtlpipe.graph.drawing import to_mermaid, to_svg

ROUTES = [
    {"condition": "{{ good }}", "output": "{{ text }}", "output_name": "done", "output_type": str},
    {"condition": "{{ not good }}", "output": "{{ text }}", "output_name": "again", "output_type": str},
]


def looped(pipeline_class: type) -> object:
    pipeline = pipeline_class()
    pipeline.add_component("joiner", BranchJoiner(str))
    pipeline.add_component("prompt", PromptBuilder("{{ query }}", required_variables=["query"]))
    pipeline.add_component("router", ConditionalRouter(ROUTES))
    pipeline.connect("joiner.value", "prompt.query")
    pipeline.connect("prompt.prompt", "router.text")
    pipeline.connect("router.again", "joiner.value")
    return pipeline


def test_a_pipeline_of_haystacks_and_ours_of_the_same_components_look_the_same():
    assert to_svg(looped(graph.Pipeline)) == to_svg(looped(haystack.Pipeline))
    assert to_mermaid(looped(graph.Pipeline)) == to_mermaid(looped(haystack.Pipeline))


@pytest.mark.parametrize("pipeline_class", [graph.Pipeline, haystack.Pipeline])
def test_haystacks_components_are_drawn_with_their_sockets(pipeline_class):
    root = ET.fromstring(to_svg(looped(pipeline_class)))
    shown = {"".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"value GreedyVariadic[str]", "query Any", "again str", "template str | None"} <= shown
    loops = [element.get("data-sender") for element in root.iter() if "loop" in element.get("class", "").split()]
    assert "router.again" in loops
