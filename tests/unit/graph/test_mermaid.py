"""Pipelines as Mermaid text."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dtlpipe.graph import Pipeline, Variadic, component
from dtlpipe.graph.drawing import to_mermaid


@component
class Add:
    @component.output_types(result=int)
    def run(self, value: int, add: int = 1):
        return {"result": value + add}


@component
class Sum:
    @component.output_types(total=int)
    def run(self, values: Variadic[int]):
        return {"total": sum(values)}


@component
class Lists:
    @component.output_types(items=list[int])
    def run(self, items: list[int]):
        return {"items": items}


def test_a_diagram_shows_components_connections_and_what_comes_and_goes():
    pipeline = Pipeline().add_components({"one": Add(), "two": Add(), "sum": Sum()})
    pipeline.connect("one.result", "two.value").connect("two.result", "sum.values")
    options = "<br><br>Optional inputs:<ul style='text-align:left;'><li>add (int)</li></ul>"
    many = "<br><br>Optional inputs:<ul style='text-align:left;'><li>values (Variadic[int])</li></ul>"
    assert to_mermaid(pipeline).splitlines() == [
        '%%{ init: {"theme": "neutral"} }%%',
        "",
        "graph TD;",
        "",
        f'one["<b>one</b><br><small><i>Add{options}</i></small>"]:::component',
        f'two["<b>two</b><br><small><i>Add{options}</i></small>"]:::component',
        f'sum["<b>sum</b><br><small><i>Sum{many}</i></small>"]:::component',
        "",
        'one -- "result -> value<br><small><i>int</i></small>" --> two',
        'two -- "result -> values<br><small><i>int</i></small>" --> sum',
        'i{#42;} -- "value<br><small><i>int</i></small>" --> one',
        'sum -- "total<br><small><i>int</i></small>" --> o{#42;}',
        "",
        "classDef component text-align:center;",
    ]


def test_connections_to_inputs_with_a_default_are_dotted():
    pipeline = Pipeline().add_components({"one": Add(), "two": Add()}).connect("one.result", "two.add")
    assert 'one -. "result -> add (opt.)<br><small><i>int</i></small>" .-> two' in to_mermaid(pipeline)


def test_conversions_are_told():
    pipeline = Pipeline().add_components({"one": Add(), "two": Lists()}).connect("one", "two")
    assert re.search(r'one -- "result -> items<br><small>wrap</small>', to_mermaid(pipeline), re.IGNORECASE)


@pytest.mark.parametrize(
    "name", ["two words", "end", "End", "i", "graph", '"]; click', "<b>", "日本語", "🚀", "_0", "a-b"]
)
def test_names_that_mermaid_would_take_for_its_own_get_a_number(name: str):
    lines = to_mermaid(Pipeline().add_component(name, Add())).splitlines()
    assert lines[4].startswith('_0["<b>')
    assert lines[4].count('"') == 2
    assert lines[6] == 'i{#42;} -- "value<br><small><i>int</i></small>" --> _0'


def test_special_characters_are_written_as_numbers():
    text = to_mermaid(Pipeline().add_component('a "b" <c> & #d; `e`', Add()))
    assert "<b>a #34;b#34; #60;c#62; #38; #35;d#59; #96;e#96;</b>" in text


def test_a_theme_is_a_word_and_nothing_else():
    assert to_mermaid(Pipeline(), theme="dark").startswith('%%{ init: {"theme": "dark"} }%%')
    assert to_mermaid(Pipeline(), theme='x"}}%%\ny').startswith('%%{ init: {"theme": "xy"} }%%')


def test_an_expanded_pipeline_stands_in_a_frame():
    @component
    class Around:
        def __init__(self, pipeline: Any) -> None:
            self.pipeline = pipeline
            self.input_mapping = {"number": ["one.value"]}
            self.output_mapping = {"one.result": "answer"}
            component.set_input_type(self, "number", int)
            component.set_output_types(self, answer=int)

        def run(self, **kwargs: Any) -> dict[str, Any]:
            return {}

    pipeline = Pipeline().add_components({"one": Add(), "around it": Around(Pipeline().add_component("one", Add()))})
    pipeline.connect("one.result", "around it.number")
    text = to_mermaid(pipeline, super_component_expansion=True)
    assert 'subgraph _g1["around it"]\n_1["<b>one</b>' in text
    assert 'one -- "result -> value<br><small><i>int</i></small>" --> _1' in text
    assert "subgraph" not in to_mermaid(pipeline)
