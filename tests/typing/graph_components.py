"""What type checkers must say about components: a decorated class or function keeps its type. Read by mypy, never run.

An expected refusal is a `type: ignore` with its code; strict mode complains of those without cause.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, assert_type

from dtlpipe.graph import Component, GreedyVariadic, InputSocket, OutputSocket, Sockets, Variadic, component
from dtlpipe.graph.components.functions import FunctionComponent


@component
class Plain:
    def __init__(self, factor: int, *, name: str = "") -> None:
        self.factor = factor
        self.name = name

    @component.output_types(value=int)
    def run(self, value: int, others: Variadic[int] = ()) -> dict[str, Any]:
        return {"value": value * self.factor + sum(others)}


@component()
class Called:
    @component.output_types(value=int)
    def run(self, value: GreedyVariadic[int]) -> dict[str, Any]:
        return {"value": next(iter(value))}

    @component.output_types(value=int)
    async def run_async(self, value: GreedyVariadic[int]) -> dict[str, Any]:
        return {"value": next(iter(value))}


class Undecorated:
    def run(self) -> dict[str, Any]:
        return {}


@component
def double(value: int, *, times: int = 2) -> int:
    return value * times


@component(outputs={"low": int, "high": int})
def bounds(values: list[int]) -> tuple[int, int]:
    return min(values), max(values)


@component.output_types(text=str)
async def later(value: int) -> dict[str, str]:
    return {"text": str(value)}


def a_decorated_class_is_the_class_that_it_is(plain: Plain, called: Called) -> None:
    assert_type(Plain(2, name="x"), Plain)
    assert_type(plain.factor, int)
    assert_type(plain.run(1, others=[2]), dict[str, Any])
    assert_type(component(Undecorated), type[Undecorated])
    assert_type(component()(Undecorated)(), Undecorated)
    Plain("2")  # type: ignore[arg-type]
    Plain()  # type: ignore[call-arg]
    plain.run("1")  # type: ignore[arg-type]
    _nothing = plain.nonsense  # type: ignore[attr-defined]
    _: Coroutine[Any, Any, dict[str, Any]] = called.run_async([1])


def a_decorated_class_fits_the_protocol(plain: Plain) -> None:
    found: Component = plain
    assert_type(found.run(value=1), Mapping[str, Any])
    wrong: Component = object()  # type: ignore[assignment]
    found = wrong


def a_decorated_function_is_the_function_that_it_is() -> None:
    assert_type(double(1, times=3), int)
    assert_type(bounds([1, 2]), tuple[int, int])
    _: Coroutine[Any, Any, dict[str, str]] = later(1)
    _plain: Callable[[int], int] = component(double)
    double("1")  # type: ignore[arg-type]
    double(1, 2)  # type: ignore[call-arg]
    bounds()  # type: ignore[call-arg]


def the_decorator_takes_classes_and_functions_alone() -> None:
    component(3)  # type: ignore[call-overload]
    component(outputs=3)  # type: ignore[call-overload]
    component(double, outputs={"value": int})
    component(double, {"value": int})  # type: ignore[call-overload]
    component.nonsense(Plain)  # type: ignore[attr-defined]


def a_function_component_is_a_component() -> None:
    found = FunctionComponent(double, outputs={"value": int})
    assert_type(found.run(value=1), Mapping[str, Any])
    fits: Component = found
    assert_type(fits.run(), Mapping[str, Any])
    FunctionComponent(3)  # type: ignore[arg-type]


def sockets_are_set_and_read(plain: Plain) -> None:
    component.set_input_type(plain, "value", int, default=3)
    component.set_input_types(plain, value=int, more=list[str])
    component.set_output_types(plain, value=int | None)
    component.set_input_type(plain, 3, int)  # type: ignore[arg-type]
    assert_type(component.registry, dict[str, type[Any]])
    sockets = Sockets(plain, {"value": InputSocket("value", int)}, InputSocket)
    assert_type("value" in sockets, bool)
    assert_type(InputSocket("value", int).is_mandatory, bool)
    assert_type(OutputSocket("value", int).receivers, list[str])
    InputSocket("value")  # type: ignore[call-arg]
