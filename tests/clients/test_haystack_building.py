"""Building pipelines: step by step the same graph, sockets, descriptions and refusals as Haystack's.

Both libraries declare the same components, each through its own decorator, and take the same steps. After each the two
pipelines are compared in all that can be seen of them, and so are the errors, by family: where Haystack raises a bare
ValueError, ours is a PipelineValidationError, which is one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Union

import haystack
import networkx as nx
import pytest
from haystack.core.component.types import GreedyVariadic as TheirGreedy
from haystack.core.component.types import Variadic as TheirVariadic
from haystack.core.errors import PipelineError as TheirError
from haystack.core.pipeline.base import PipelineBase as Theirs
from haystack.dataclasses import ChatMessage
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dtlpipe import graph
from dtlpipe.graph import NO_DEFAULT, GreedyVariadic, PipelineError, PortKind, Variadic
from dtlpipe.graph.pipeline.base import PipelineBase as Ours
from dtlpipe.graph.pipeline.inputs import prepare
from dtlpipe.graph.pipeline.network import Network

OUTPUT_TYPES: list[Any] = [
    int,
    bool,
    str,
    Any,
    list,
    list[int],
    list[str],
    list[int] | None,
    str | None,
    Union[int, str],  # noqa: UP007 - the other spelling is the matter here
    dict[str, int],
    ChatMessage,
    list[ChatMessage],
]
INPUT_TYPES: list[Any] = [
    *OUTPUT_TYPES,
    list[int] | list[str],
    list[Any],
    Variadic[int],
    Variadic[list[int]],
    Variadic[Any],
    GreedyVariadic[str],
    GreedyVariadic[int],
]
SOCKETS = ("p", "q", "r")
NAMES = ("a", "b", "c", "d")


def part_of(component: Any) -> Callable[..., Any]:
    """A class of components with any sockets, declared through one library's decorator."""

    @component
    class Part:
        def __init__(self, inputs: dict[str, tuple[Any, ...]], outputs: dict[str, Any]) -> None:
            for name, declared in inputs.items():
                component.set_input_type(self, name, *declared)
            component.set_output_types(self, **outputs)

        def run(self, **inputs: Any) -> dict[str, Any]:
            return inputs

    return Part


OUR_PART, THEIR_PART = part_of(graph.component), part_of(haystack.component)


class Twins:
    """The same pipeline built with both libraries."""

    def __init__(self, *, validation: bool = True) -> None:
        self.ours, self.theirs = Ours({"k": 1}, 9, validation), Theirs({"k": 1}, 9, validation)
        self.other_ours, self.other_theirs = Ours(), Theirs()
        self.parts: dict[str, tuple[Any, Any]] = {}

    def take(self, ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[Any, Any]:
        """Do the same in both, compare how it ended and all that can be seen, and return what was returned."""
        first, second = outcome(ours, PipelineError), outcome(theirs, TheirError)
        assert first[0] == second[0], f"{first} {second}"
        assert view(self.ours) == view(self.theirs)
        return first[1], second[1]

    def add(self, name: str, spec: tuple[dict[str, tuple[Any, ...]], dict[str, Any]]) -> None:
        part = self.parts.setdefault(f"{name}{len(self.parts)}", (OUR_PART(*spec), THEIR_PART(*spec)))
        self.take(lambda: self.ours.add_component(name, part[0]), lambda: self.theirs.add_component(name, part[1]))

    def add_known(self, names: list[tuple[str, int]], *, together: bool = False) -> None:
        """Add instances that have been made before, whatever became of them."""
        known = list(self.parts.values())
        if not known:
            return
        chosen = {name: known[number % len(known)] for name, number in names}
        if together:
            self.take(
                lambda: self.ours.add_components({name: part[0] for name, part in chosen.items()}),
                lambda: self.theirs.add_components({name: part[1] for name, part in chosen.items()}),
            )
        else:
            for name, part in chosen.items():
                self.take(
                    lambda name=name, part=part: self.ours.add_component(name, part[0]),
                    lambda name=name, part=part: self.theirs.add_component(name, part[1]),
                )

    def lend(self, name: str, number: int) -> None:
        """Add an instance to another pipeline."""
        known = list(self.parts.values())
        if known:
            part = known[number % len(known)]
            self.take(
                lambda: self.other_ours.add_component(name, part[0]),
                lambda: self.other_theirs.add_component(name, part[1]),
            )

    def connect(self, sender: str, receiver: str) -> None:
        self.take(lambda: self.ours.connect(sender, receiver), lambda: self.theirs.connect(sender, receiver))

    def remove(self, name: str) -> None:
        ours, theirs = self.take(lambda: self.ours.remove_component(name), lambda: self.theirs.remove_component(name))
        if isinstance(ours, OUR_PART):
            assert sockets_of(ours) == sockets_of(theirs)
            assert (ours, theirs) in self.parts.values()

    def give(self, data: dict[str, Any]) -> None:
        """Compare what becomes of a run's inputs. Haystack lets lists gather for ever then, so that is taken back."""
        ours = prepare(self.ours._compile(), data)
        theirs = self.theirs._prepare_component_input_data(copy.deepcopy(data))
        assert ours == theirs
        before = [
            (socket, socket.is_lazy_variadic, socket.wrap_input_in_list)
            for _, part in self.theirs.walk()
            for socket in part.__haystack_input__._sockets_dict.values()
        ]

        def validate_theirs() -> None:
            try:
                self.theirs.validate_input(theirs)
            finally:
                for socket, lazy, wrap in before:
                    socket.is_lazy_variadic, socket.wrap_input_in_list = lazy, wrap

        self.take(lambda: self.ours.validate_input(ours), validate_theirs)


def outcome(act: Callable[[], Any], error: type[Exception]) -> tuple[str, Any]:
    try:
        return "", act()
    except (error, ValueError) as refusal:
        name = type(refusal).__name__
        return {"ValueError": "PipelineValidationError"}.get(name, name), str(refusal)


def sockets_of(part: Any) -> Any:
    return (
        {
            name: (s.type, s.is_mandatory, s.senders, s.is_lazy_variadic, s.is_greedy, s.wrap_input_in_list)
            for name, s in part.__haystack_input__._sockets_dict.items()
        },
        {name: (s.type, s.receivers) for name, s in part.__haystack_output__._sockets_dict.items()},
        getattr(part, "__component_name__", None),
        part.__haystack_added_to_pipeline__ is None,
    )


def view(pipeline: Any) -> dict[str, Any]:
    """All that can be seen of a pipeline, of either library."""
    return {
        "text": repr(pipeline).partition("\n")[2],
        "nodes": list(pipeline.graph.nodes),
        "visits": list(pipeline.graph.nodes(data="visits")),
        "edges": list(pipeline.graph.edges),
        "edge data": [
            (
                sender,
                receiver,
                data["conn_type"],
                data["mandatory"],
                getattr(data["conversion_strategy"], "value", None),
            )
            for sender, receiver, data in pipeline.graph.edges(data=True)
        ],
        "sockets": {name: sockets_of(part) for name, part in pipeline.walk()},
        "names": [pipeline.get_component_name(part) for _, part in pipeline.walk()],
        "inputs": pipeline.inputs(),
        "all inputs": pipeline.inputs(include_components_with_connected_inputs=True),
        "outputs": pipeline.outputs(),
        "all outputs": pipeline.outputs(include_components_with_connected_outputs=True),
    }


OUTPUT = st.sampled_from([int, list[int], int, list[int], *OUTPUT_TYPES])  # types that fit are what most steps need
TAKEN = st.sampled_from([int, list[int], list[int] | None, Variadic[int], *INPUT_TYPES])
INPUT = st.one_of(st.tuples(TAKEN), st.tuples(TAKEN, st.sampled_from([None, 1, ()])))
SPEC = st.tuples(
    st.fixed_dictionaries({"p": INPUT}, optional={"q": INPUT, "r": INPUT}),
    st.fixed_dictionaries({"p": OUTPUT}, optional={"q": OUTPUT, "r": OUTPUT}),
)
ANY_SPEC = st.one_of(
    SPEC,
    st.tuples(
        st.dictionaries(st.sampled_from(SOCKETS), INPUT, max_size=2),
        st.dictionaries(st.sampled_from(SOCKETS), OUTPUT, max_size=2),
    ),
)
NAME = st.sampled_from([*NAMES, *NAMES, *NAMES, "e", "a.b", "_debug"])
END = st.tuples(
    st.sampled_from([*"abcabcabc", "d", "nobody"]), st.sampled_from(["p", "p", "p", "q", "q", "r", "", "", "z"])
).map(lambda end: f"{end[0]}.{end[1]}" if end[1] else end[0])
NUMBER = st.integers(0, 5)
VALUE = st.sampled_from([1, "text", [1], [], {"deep": [1]}, {}])
DATA = st.dictionaries(
    st.sampled_from([*NAMES, *SOCKETS, "nobody"]),
    st.one_of(VALUE, st.dictionaries(st.sampled_from([*SOCKETS, "z"]), VALUE, max_size=3)),
    max_size=3,
)
STEP = st.one_of(
    st.tuples(st.just("connect"), END, END),
    st.tuples(st.just("connect"), END, END),
    st.tuples(st.just("connect"), END, END),
    st.tuples(st.just("add"), NAME, ANY_SPEC),
    st.tuples(st.just("remove"), NAME),
    st.tuples(st.just("give"), DATA),
    st.tuples(st.just("add_known"), st.lists(st.tuples(NAME, NUMBER), max_size=3)),
    st.tuples(st.just("add_together"), st.lists(st.tuples(NAME, NUMBER), max_size=3)),
    st.tuples(st.just("lend"), NAME, NUMBER),
)


@settings(max_examples=60)
@given(
    st.booleans(),
    st.lists(SPEC, min_size=3, max_size=4),
    st.lists(st.tuples(END, END), min_size=6, max_size=12),
    st.lists(STEP, max_size=20),
)
@example(
    True,
    [({}, {"p": list[int]}), ({}, {"p": list[int]}), ({"p": (list[int] | None,)}, {})],
    [("a", "c"), ("b", "c")],
    [
        ("remove", "a"),
        ("give", {"c": {"p": [1]}}),
        ("add_known", [("a", 0)]),
    ],
)
def test_step_by_step_both_build_the_same(validation, specs, pairs, steps):
    twins = Twins(validation=validation)
    for name, spec in zip(NAMES, specs, strict=False):
        twins.add(name, spec)
    for sender, receiver in pairs:
        twins.connect(sender, receiver)
    for what, *arguments in steps:
        if what == "add_together":
            twins.add_known(*arguments, together=True)
        else:
            getattr(twins, what)(*arguments)


PAIRS = st.tuples(st.sampled_from(OUTPUT_TYPES), INPUT)


@settings(max_examples=50)
@given(st.lists(PAIRS, min_size=2, max_size=3), st.booleans())
def test_every_choice_of_sockets_is_the_same(pairs, validation):
    """With several sockets on both sides, all ways to name them."""
    twins = Twins(validation=validation)
    twins.add("a", ({}, {name: pair[0] for name, pair in zip(SOCKETS, pairs, strict=False)}))
    twins.add("b", ({name: pair[1] for name, pair in zip(SOCKETS, pairs, strict=False)}, {}))
    for receiver in ("b", "b.p", "b.q", "b.r"):
        for sender in ("a", "a.p", "a.q", "a.r"):
            twins.connect(sender, receiver)


# ---- Haystack's components in our pipelines --------------------------------------------------------------------------


def test_a_component_of_haystack_is_added_as_it_is():
    @haystack.component
    class Theirs:
        @haystack.component.output_types(out=int)
        def run(self, x: int, y: int = 1):
            return {"out": x + y}

    theirs = Theirs()
    pipeline = Ours().add_component("theirs", theirs).add_component("ours", OUR_PART({"x": (int,)}, {}))
    pipeline.connect("theirs", "ours")
    assert pipeline.get_component("theirs") is theirs
    assert list(pipeline.graph.edges) == [("theirs", "ours", "out/x")]
    assert pipeline.inputs() == {
        "theirs": {
            "x": {"type": int, "is_mandatory": True},
            "y": {"type": int, "is_mandatory": False, "default_value": 1},
        }
    }


@pytest.mark.parametrize("decorate", [graph.component, haystack.component])
@pytest.mark.parametrize(
    ("many", "greedy"), [(Variadic[int], GreedyVariadic[int]), (TheirVariadic[int], TheirGreedy[int])]
)
def test_sockets_of_both_libraries_become_the_same_ports(decorate, many, greedy):
    def take(self, plain, many, greedy=(), given=None):
        return {}

    take.__annotations__ = {"plain": int, "many": many, "greedy": greedy, "given": str | None}
    sockets = decorate(type("Sockets", (), {"run": take}))()
    (node,) = Ours().add_component("it", sockets)._compile().plan.nodes
    assert [(p.name, p.kind, p.type, p.default_value) for p in node.inputs.values()] == [
        ("plain", PortKind.STANDARD, int, NO_DEFAULT),
        ("many", PortKind.LAZY, int, NO_DEFAULT),
        ("greedy", PortKind.GREEDY, int, ()),
        ("given", PortKind.STANDARD, str | None, None),
    ]


# ---- the graph as networkx has it ------------------------------------------------------------------------------------

LETTER = st.sampled_from("abcd")
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("node"), LETTER),
        st.tuples(st.just("edge"), LETTER, LETTER, st.sampled_from("xy")),
        st.tuples(st.just("unedge"), LETTER, LETTER, st.sampled_from("xy")),
        st.tuples(st.just("unnode"), LETTER),
    ),
    max_size=30,
)


@given(CHANGES)
def test_it_holds_what_networkx_would_hold_in_the_same_order(steps):
    ours, theirs = Network(), nx.MultiDiGraph()
    for what, *names in steps:
        if what == "node":
            ours.add_node(*names)
            theirs.add_node(*names)
        elif what == "unnode" and ours.has_node(*names):
            ours.remove_node(*names)
            theirs.remove_node(*names)
        elif what == "edge" and all(name in ours for name in names[:2]):
            ours.add_edge(*names, mark=1)
            theirs.add_edge(names[0], names[1], key=names[2], mark=1)
        elif what == "unedge" and ours.has_edge(*names):
            ours.remove_edge(*names)
            theirs.remove_edge(names[0], names[1], key=names[2])
        assert list(ours.nodes) == list(theirs.nodes)
        assert list(ours.edges) == list(theirs.edges)
        assert ours.edges(data=True) == list(theirs.edges(data=True))
        assert sorted(ours.in_edges(data=True, keys=True), key=repr) == sorted(
            theirs.in_edges(data=True, keys=True), key=repr
        )
        for name in ours:
            assert list(ours.predecessors(name)) == list(theirs.predecessors(name))
            assert list(ours.successors(name)) == list(theirs.successors(name))
            assert (ours.in_degree(name), ours.out_degree(name)) == (theirs.in_degree(name), theirs.out_degree(name))
