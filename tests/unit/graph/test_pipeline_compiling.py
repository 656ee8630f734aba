"""What runs use of a pipeline: made once, made anew when the pipeline has changed, and never changed itself."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest

from dtlpipe.graph import NO_DEFAULT, GreedyVariadic, PortKind, Variadic, component, run
from dtlpipe.graph.pipeline.base import PipelineBase
from dtlpipe.graph.pipeline.compiling import _VARIANTS, Compiled
from tests.unit.graph.building_parts import Part


def chain(names: str = "zay") -> PipelineBase:
    pipeline = PipelineBase()
    for name in names:
        pipeline.add_component(name, Part({"x": int}, {"x": int}))
    for sender, receiver in itertools.pairwise(names):
        pipeline.connect(sender, receiver)
    return pipeline


def ports_of(compiled: Compiled, name: str) -> dict[str, Any]:
    return compiled.plan.nodes[compiled.plan.index[name]].inputs


def test_it_is_made_once_as_long_as_the_pipeline_stays():
    pipeline = chain()
    compiled = pipeline._compile()
    pipeline.inputs()
    pipeline.connect("z", "a")
    assert pipeline._compile() is compiled


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.add_component("more", Part()),
        lambda p: p.remove_component("y"),
        lambda p: p.add_components({"m": Part({}, {"x": int}), "n": Part({"x": int})}).connect("m", "n"),
        lambda p: p.graph.remove_edge("z", "a", "x/x"),
    ],
)
def test_every_change_of_the_pipeline_makes_another_and_leaves_the_first_alone(change):
    pipeline = chain()
    compiled = pipeline._compile()
    names, edges = compiled.plan.names, compiled.plan.edges
    change(pipeline)
    assert pipeline._compile() is not compiled
    assert (compiled.plan.names, compiled.plan.edges) == (names, edges)


def test_an_input_that_a_component_got_after_it_was_added_is_noticed():
    pipeline = chain()
    compiled = pipeline._compile()
    component.set_input_type(pipeline.get_component("a"), "late", str, "x")
    assert not compiled.holds_for(pipeline.graph)
    assert pipeline._compile().givens["a"].keys() == {"x", "late"}


def test_a_run_that_has_begun_goes_on_with_what_it_began_with():
    pipeline = chain()
    compiled = pipeline._compile()
    seen = []

    def call(task):
        seen.append(task.node)
        if task.node == "z":
            pipeline.remove_component("a")
            pipeline.remove_component("y")
        return compiled.instances[task.index].run(**task.inputs)

    assert run(compiled.plan, {"z": {"x": 1}}, call) == {"y": {"x": 1}}
    assert seen == ["z", "a", "y"]


def test_the_plan_has_the_order_of_names_and_the_users_view_that_of_the_pipeline():
    compiled = chain()._compile()
    assert compiled.plan.names == ("a", "y", "z")
    assert [part.__component_name__ for part in compiled.instances] == ["a", "y", "z"]
    assert compiled.types == (Part, Part, Part)
    assert list(compiled.givens) == ["z", "a", "y"]
    assert compiled.required == (("z", ("x",)),)
    assert compiled.leaves == {"y"}
    assert compiled.declared == (frozenset({"x"}),) * 3
    assert compiled.flat == {"x": ("z",)}
    assert compiled.flat_names == {"x"}


def test_components_are_asked_once_what_they_can():
    @component
    class Both:
        def warm_up(self):
            raise AssertionError("it is not for compiling to warm up")

        def run(self):
            return {}

        async def run_async(self):
            return {}

    @component
    class Later:
        async def warm_up_async(self):
            raise AssertionError("it is not for compiling to warm up")

        def run(self):
            return {}

    both, later = Both(), Later()
    compiled = PipelineBase().add_components({"b": both, "a": later})._compile()
    assert compiled.supports_async == (False, True)
    assert compiled.warm_ups == (("b", both),)
    assert compiled.warm_ups_async == (("b", both), ("a", later))


@pytest.mark.parametrize(
    ("type_", "kind"),
    [(int, PortKind.STANDARD), (Variadic[int], PortKind.LAZY), (GreedyVariadic[int], PortKind.GREEDY)],
)
def test_sockets_become_ports(type_, kind):
    pipeline = PipelineBase().add_component("it", Part({"must": type_, "may": (type_, None)}))
    must, may = ports_of(pipeline._compile(), "it").values()
    assert (must.name, must.kind, must.type, must.default_value) == ("must", kind, int, NO_DEFAULT)
    assert (may.name, may.kind, may.type, may.default_value) == ("may", kind, int, None)


def test_a_list_with_several_senders_becomes_a_lazy_port_that_joins():
    pipeline = PipelineBase().add_components(
        {"a": Part({}, {"o": list[int]}), "b": Part({}, {"o": list[int]}), "r": Part({"many": list[int]})}
    )
    assert ports_of(pipeline._compile(), "r")["many"].kind is PortKind.STANDARD
    pipeline.connect("a", "r").connect("b", "r")
    port = ports_of(pipeline._compile(), "r")["many"]
    assert (port.kind, port.wrap_input_in_list) == (PortKind.LAZY, False)


def test_conversions_travel_with_their_edges():
    pipeline = PipelineBase().add_components({"a": Part({}, {"o": str}), "b": Part({"x": list[str]}, {"x": list[str]})})
    compiled = pipeline.connect("a", "b")._compile()

    def call(task):
        return {"o": "text"} if task.node == "a" else compiled.instances[task.index].run(**task.inputs)

    assert run(compiled.plan, {}, call) == {"b": {"x": ["text"]}}


def test_gathering_is_made_once_for_each_set_of_inputs_and_keeps_all_else():
    pipeline = PipelineBase().add_components(
        {"z": Part({}, {"o": str}), "b": Part({"x": list[str], "y": (list[str] | None, None)})}
    )
    compiled = pipeline.connect("z.o", "b.x").connect("z.o", "b.y")._compile()
    one = compiled.gathering([("b", "x")])
    assert compiled.gathering([("b", "x")]) is one
    assert compiled.gathering([("b", "x"), ("b", "y")]) is not one
    assert ports_of(one, "b")["x"].kind is PortKind.LAZY
    assert not ports_of(one, "b")["x"].wrap_input_in_list
    assert ports_of(one, "b")["y"].kind is PortKind.STANDARD
    assert ports_of(compiled, "b")["x"].kind is PortKind.STANDARD
    assert [e.convert is not None for e in one.plan.edges] == [True, True]
    assert (one.instances, one.givens) == (compiled.instances, compiled.givens)


def test_the_inputs_of_runs_do_not_pile_up_variants_without_end():
    inputs = {f"x{number}": (list[int] | None, None) for number in range(_VARIANTS + 5)}
    pipeline = PipelineBase().add_components({"a": Part({}, {"o": list[int]}), "b": Part(inputs)})
    compiled = pipeline.connect_many([("a.o", f"b.{name}") for name in inputs])._compile()
    for name in inputs:
        compiled.gathering([("b", name)])
        assert len(compiled._variants) <= _VARIANTS


def test_deep_copies_and_states_leave_it_behind():
    pipeline = chain()
    compiled = pipeline._compile()
    other = copy.deepcopy(pipeline)
    assert other._compiled is None
    assert other._compile().instances[0] is other.get_component("a")
    assert pipeline._compile() is compiled
