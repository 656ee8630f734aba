"""Functions as components: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import math
import pickle
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NotRequired, TypedDict
from unittest.mock import Mock

import pytest

from dtlpipe.graph import (
    Component,
    ComponentError,
    GreedyVariadic,
    InputSocket,
    Pipeline,
    PipelineValidationError,
    Variadic,
    component,
)
from dtlpipe.graph.components.functions import FunctionComponent, as_component

if TYPE_CHECKING:
    from nowhere import Nothing


@component
def double(value: int, times: int = 2) -> int:
    """Doubles, mostly."""
    return value * times


@component(outputs={"low": int, "high": float})
def bounds(values: list[int]):
    return {"low": min(values), "high": float(max(values))}


@component
async def later(value: int) -> int:
    await asyncio.sleep(0)
    return value + 1


class Both(TypedDict):
    text: str
    score: NotRequired[float]


class Pair(NamedTuple):
    left: int
    right: str


@dataclass
class Point:
    x: int
    y: list[int]


@dataclass
class Unresolved:
    x: Nothing


@dataclass
class Document:
    content: str

    def to_dict(self):
        return {"content": self.content}


def types(sockets: Any) -> dict[str, Any]:
    return {name: each.type for name, each in sockets._sockets_dict.items()}


def inputs_of(function: Any) -> dict[str, InputSocket]:
    return as_component(function).__haystack_input__._sockets_dict


def outputs_of(function: Any) -> dict[str, Any]:
    return types(as_component(function).__haystack_output__)


class TestADecoratedFunction:
    def test_stays_the_function_that_it_is(self):
        assert inspect.isfunction(double)
        assert double(3) == 6
        assert double.__doc__ == "Doubles, mostly."
        assert inspect.iscoroutinefunction(later)
        assert pickle.loads(pickle.dumps(double)) is double

    def test_becomes_a_component_of_its_own_each_time(self):
        one, other = as_component(double), as_component(double)
        assert one is not other
        assert isinstance(one, Component)
        one.__haystack_input__.value.senders.append("somebody")
        assert other.__haystack_input__.value.senders == []

    def test_can_be_added_to_pipelines_many_times_decorated_or_not(self):
        def plain(value: int) -> int:
            return value + 1

        for _ in range(2):
            pipeline = Pipeline()
            pipeline.add_component("first", double)
            pipeline.add_component("second", component(double))
            pipeline.add_component("third", plain)
            pipeline.add_component("fourth", FunctionComponent(plain))
            pipeline.connect("first", "second.value")
            pipeline.connect("second", "third")
            pipeline.connect("third", "fourth")
            assert pipeline.run({"first": {"value": 1}}) == {"fourth": {"output": 6}}

    def test_can_be_decorated_with_parentheses(self):
        @component()
        def plain(value: int) -> int:
            return value

        assert plain(1) == 1
        assert outputs_of(plain) == {"output": int}

    @pytest.mark.parametrize("given", [3, "text", None])
    def test_is_told_from_what_is_none(self, given):
        with pytest.raises(ComponentError, match="takes a class with a 'run\\(\\)' method, or a function"):
            component()(given)

    def test_is_not_a_class(self):
        with pytest.raises(ComponentError, match="outputs= with a function"):

            @component(outputs={"a": int})
            class Wrong:
                def run(self):
                    return {}

    def test_is_refused_where_it_is_written_if_it_cannot_be_a_component(self):
        with pytest.raises(ComponentError, match="'many' must have a type argument"):

            @component
            def wrong(many: Variadic):
                return many


class TestInputs:
    def test_are_the_parameters(self):
        def function(a: int, /, b: str = "b", *args: int, c: float, d: list[str] | None = None, **kwargs: int):
            return None

        assert inputs_of(function) == {
            "a": InputSocket("a", int),
            "b": InputSocket("b", str, "b"),
            "c": InputSocket("c", float),
            "d": InputSocket("d", list[str] | None, None),
        }

    def test_without_annotation_take_anything(self):
        assert inputs_of(lambda value: value)["value"].type is Any

    def test_may_be_variadic(self):
        def function(lazy: Variadic[int], greedy: GreedyVariadic[str]) -> int:
            return 1

        found = inputs_of(function)
        assert found["lazy"].is_lazy_variadic
        assert found["greedy"].is_greedy

    def test_that_go_by_position_only_are_passed_so(self):
        def function(a: int, b: int = 5, /, c: int = 7) -> tuple[int, int, int]:
            return a, b, c

        run = as_component(function).run
        assert run(a=1, b=2, c=3) == {"output": 1, "output_1": 2, "output_2": 3}
        assert run(a=1, c=3) == {"output": 1, "output_1": 5, "output_2": 3}

    def test_can_be_those_of_methods_partials_callable_objects_and_builtins(self):
        class Scale:
            def __init__(self, factor: int):
                self.factor = factor

            def times(self, value: int) -> int:
                return value * self.factor

            def __call__(self, value: int) -> int:
                return value * self.factor

            @staticmethod
            def plain(value: int) -> int:
                return value

        for function, result in [
            (Scale(3).times, 6),
            (Scale(4), 8),
            (Scale.plain, 2),
            (functools.partial(double, times=5), 10),
        ]:
            assert as_component(function).run(value=2) == {"output": result}
            assert inputs_of(function)["value"] == InputSocket("value", int)
            assert outputs_of(function) == {"output": int}
        assert as_component(math.sqrt).run(x=4) == {"output": 2.0}

    def test_of_a_method_without_its_object_are_refused(self):
        class Scale:
            def times(self, value: int) -> int:
                return value

        with pytest.raises(ComponentError, match="'times' is a method without its object"):
            as_component(Scale.times)
        with pytest.raises(ComponentError, match="decorate its class"):

            class Decorated:
                @component
                def times(self, value: int) -> int:
                    return value

    def test_may_be_called_self_in_a_plain_function(self):
        def function(self: int) -> int:
            return self

        assert as_component(function).run(self=1) == {"output": 1}

    def test_must_be_known(self):
        with pytest.raises(ComponentError, match="'dict' does not say what it takes"):
            FunctionComponent(dict)


class TestOutputs:
    @pytest.mark.parametrize(
        ("returned", "expected"),
        [
            (int, {"output": int}),
            (inspect.Signature.empty, {"output": Any}),
            (Any, {"output": Any}),
            ("Nothing", {"output": "Nothing"}),
            (dict[str, int], {"output": dict[str, int]}),
            (list[int], {"output": list[int]}),
            (int | None, {"output": int | None}),
            (Both | None, {"output": Both | None}),
            (None, {}),
            ("None", {}),
            (tuple[int, str], {"output": int, "output_1": str}),
            (tuple[int, ...], {"output": tuple[int, ...]}),
            (tuple, {"output": tuple}),
            (Annotated[tuple[int, str], "pair"], {"output": int, "output_1": str}),
            (Awaitable[int], {"output": int}),
            (Coroutine[Any, Any, Both], {"text": str, "score": float}),
            (Both, {"text": str, "score": float}),
            ("Both", {"text": str, "score": float}),
            (Pair, {"left": int, "right": str}),
            (Point, {"x": int, "y": list[int]}),
            (Unresolved, {"x": "Nothing"}),
            (Document, {"output": Document}),
        ],
    )
    def test_are_read_from_the_return_annotation(self, returned, expected):
        def function():
            return None

        if returned is not inspect.Signature.empty:
            function.__annotations__["return"] = returned
        assert outputs_of(function) == expected

    @pytest.mark.parametrize(
        ("returned", "result", "expected"),
        [
            (int, 3, {"output": 3}),
            (dict, {"a": 1}, {"output": {"a": 1}}),
            (None, None, {}),
            (tuple[int, str], (1, "b"), {"output": 1, "output_1": "b"}),
            (Both, {"text": "t"}, {"text": "t"}),
            (Pair, Pair(1, "b"), {"left": 1, "right": "b"}),
            (Point, Point(1, [2]), {"x": 1, "y": [2]}),
            (Document, Document("c"), {"output": Document("c")}),
        ],
    )
    def test_are_named_as_declared(self, returned, result, expected):
        def function():
            return result

        function.__annotations__["return"] = returned
        assert as_component(function).run() == expected

    @pytest.mark.parametrize(
        ("returned", "result", "said"),
        [
            (tuple[int, str], (1,), "returned a tuple of 1, and its outputs are 'output', 'output_1'.*tuple of 2"),
            (tuple[int, str], 1, "returned a int"),
            (Both, [1], "returned a list, and its outputs are 'text', 'score'. Return a dict"),
            (Pair, None, "returned a NoneType, and its outputs are 'left', 'right'"),
        ],
    )
    def test_that_do_not_fit_are_refused_when_they_come(self, returned, result, said):
        def function():
            return result

        function.__annotations__["return"] = returned
        with pytest.raises(ComponentError, match=f"Function 'function' {said}"):
            as_component(function).run()

    @pytest.mark.parametrize(
        "declare", [lambda types: component(outputs=types), lambda types: component.output_types(**types)]
    )
    def test_can_be_declared(self, declare):
        @declare({"low": int, "high": float})
        def function(result: Any):
            return result

        run = as_component(function).run
        assert outputs_of(function) == {"low": int, "high": float}
        assert run(result={"low": 1}) == {"low": 1}
        assert run(result=(1, 2.0)) == {"low": 1, "high": 2.0}
        for wrong in ((1,), 1, None):
            with pytest.raises(ComponentError, match=r"its outputs are 'low', 'high'. Return a dict"):
                run(result=wrong)

    def test_declared_as_one_may_be_returned_bare(self):
        @component(outputs={"point": Point})
        def function(result: Any) -> Point:
            return result

        run = as_component(function).run
        assert run(result=Point(1, [])) == {"point": Point(1, [])}
        assert run(result=(1, 2)) == {"point": (1, 2)}
        assert run(result=None) == {"point": None}
        assert run(result={"point": 3}) == {"point": 3}

    def test_can_be_declared_on_the_component_without_touching_the_function(self):
        found = FunctionComponent(double, outputs={"product": int})
        assert found.run(value=2) == {"product": 4}
        assert outputs_of(double) == {"output": int}

    def test_cannot_be_noted_on_everything(self):
        with pytest.raises(ComponentError, match=r"cannot be noted on a builtin_function.*FunctionComponent\("):
            component(math.sqrt, outputs={"root": float})
        assert FunctionComponent(math.sqrt, {"root": float}).run(x=9) == {"root": 3.0}


class TestTheDoor:
    def test_lets_components_through(self):
        @component
        class Own:
            def run(self):
                return {}

        own = Own()
        assert as_component(own) is own

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (int, "a class. Add an instance of it: int"),
            (3, r"it has no method 'run', and is no function. Is this class decorated with @component\?"),
            (None, "doesn't seem to be a component"),
            ("double", "doesn't seem to be a component"),
            (Mock(), "it has 'run', but no sockets"),
        ],
    )
    def test_says_what_is_missing(self, given, said):
        with pytest.raises(PipelineValidationError, match=said):
            as_component(given)
        with pytest.raises(ValueError, match="doesn't seem to be a component"):
            as_component(given)

    def test_names_the_class_that_is_not_decorated(self):
        class Forgotten:
            def run(self):
                return {}

        with pytest.raises(PipelineValidationError, match="Put that above 'class Forgotten'"):
            as_component(Forgotten())


def test_function_components_can_be_pickled_and_copied():
    for twin in (pickle.loads(pickle.dumps(as_component(bounds))), copy.deepcopy(as_component(bounds))):
        assert twin.function is bounds
        assert twin.run(values=[1, 2]) == {"low": 1, "high": 2.0}
        assert twin.__haystack_input__._component is twin


def test_function_components_show_their_sockets():
    found = as_component(double)
    assert repr(found).endswith("Inputs:\n  - value: int\n  - times: int\nOutputs:\n  - output: int")
