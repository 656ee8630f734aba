"""Classes that both libraries are asked about.

A case is a function that defines a class with the decorator that it is given, and makes an instance. `CASES` are
components to both, `REFUSED` to neither, with words that both errors have.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from haystack.core.component.types import GreedyVariadic as TheirGreedyVariadic
from haystack.core.component.types import Variadic as TheirVariadic

from dtlpipe.graph import GreedyVariadic, Variadic

T = TypeVar("T")
WORDS = {
    "Annotated": Annotated, "Any": Any, "Callable": Callable, "GreedyVariadic": GreedyVariadic, "Iterable": Iterable,
    "Literal": Literal, "Optional": Optional, "T": T, "TheirGreedyVariadic": TheirGreedyVariadic,
    "TheirVariadic": TheirVariadic, "Union": Union, "Variadic": Variadic,
}  # fmt: skip
Case = Callable[[Any], Any]
CASES: list[Case] = []
REFUSED: list[tuple[Case, str]] = []


def case(function: Case) -> Case:
    CASES.append(function)
    return function


def refused(words: str) -> Callable[[Case], Case]:
    def remember(function: Case) -> Case:
        REFUSED.append((function, words))
        return function

    return remember


def signature(text: str, *, types: str = "a=int", run_async: str | None = None) -> Case:
    """A case whose `run` has this signature, as text that is compiled without postponed annotations."""
    body = f"@component\nclass Case:\n    @component.output_types({types})\n    def run({text}): return {{}}\n"
    if run_async is not None:
        body += f"    @component.output_types({types})\n    async def run_async({run_async}): return {{}}\n"

    def make(component: Any) -> Any:
        names = {**WORDS, "component": component, "__name__": __name__}
        exec(compile(body, "<case>", "exec", dont_inherit=True), names)
        return names["Case"]()

    make.__name__ = f"run({text})" + (f" run_async({run_async})" if run_async is not None else "")
    return make


CASES += [
    signature("self"),
    signature("self, value"),
    signature("self, value=None"),
    signature("self, value: int"),
    signature("self, value: int = 0"),
    signature("self, value: 'int'"),
    signature("self, value: 'Nowhere'"),
    signature("self, value: 'list[int]', other: str = ''"),
    signature("self, value: Optional[str]"),
    signature("self, value: Optional[str] = None"),
    signature("self, value: int | None = None"),
    signature("self, value: Union[int, str, None]"),
    signature("self, value: dict[str, list[int]]"),
    signature("self, value: Any"),
    signature("self, value: Literal['a', 'b'] = 'a'"),
    signature("self, value: Callable[[int], str]"),
    signature("self, value: T"),
    signature("self, value: type[int]"),
    signature("self, value: Annotated[int, 'dots']"),
    signature("self, value: 'Annotated[int, \"dots\"]'"),
    signature("self, value: Iterable[int]"),
    signature("self, value: Variadic[int]"),
    signature("self, value: Variadic[list[int]] = ()"),
    signature("self, value: GreedyVariadic[str]"),
    signature("self, value: GreedyVariadic[Optional[str]] = None"),
    signature("self, value: TheirVariadic[int]"),
    signature("self, value: TheirGreedyVariadic[int] = 3"),
    signature("self, a: int, b: str = 'b', *, c: float, d: list[int] = []"),
    signature("self, a: int, /, b: int"),
    signature("self, a: int, *args: int, **kwargs: str"),
    signature("self", types=""),
    signature("self", types="a=int, b=list[str], c=Optional[dict], d='Nowhere', e=Any"),
    signature("self, value: int = 1", run_async="self, value: int = 1"),
    signature("self, *, a: int, b: int", run_async="self, *, b: int, a: int"),
]
REFUSED += [
    (signature("self, value: int", run_async=other), "Parameters of 'run' and 'run_async' methods must be the same")
    for other in (
        "self",
        "self, value: str",
        "self, value: int = 1",
        "self, other: int",
        "self, *, value: int",
        "self, value: int, other: int",
    )
]
REFUSED.append((signature("self, value: Annotated[Iterable, *Variadic.__metadata__]"), "must have a type argument"))


@case
def set_types(component):
    @component
    class Case:
        def __init__(self):
            component.set_input_types(self, a=int, b=list[str], c=Variadic[int])
            component.set_output_types(self, x=int, y=str)

        def run(self, **kwargs):
            return {}

    return Case()


@case
def set_one_by_one(component):
    @component
    class Case:
        def __init__(self):
            component.set_input_type(self, "a", int)
            component.set_input_type(self, name="b", type=str, default="b")
            component.set_input_type(self, "a", Any, default=None)

        def run(self, own: int = 1, **kwargs):
            return {}

    return Case()


@case
def set_then_replaced(component):
    @component
    class Case:
        def __init__(self):
            component.set_input_type(self, "a", int)
            component.set_input_types(self, b=int)
            component.set_input_type(self, "c", int, 3)

        def run(self, d: int = 4, **kwargs):
            return {}

    return Case()


@case
def set_as_in_the_signature(component):
    @component
    class Case:
        def __init__(self):
            component.set_input_types(self, a=int)

        def run(self, a: int, **kwargs):
            return {}

    return Case()


@case
def set_from_outside(component):
    @component
    class Case:
        def run(self, a: int, **kwargs):
            return {}

    instance = Case()
    component.set_input_type(instance, "b", str, "b")
    component.set_output_types(instance, x=int)
    return instance


@case
def inherited(component):
    class Parent:
        @component.output_types(x=int)
        def run(self, a: int, b: str = "b"):
            return {}

    @component
    class Case(Parent):
        pass

    return Case()


@case
def inherited_from_a_component(component):
    @component
    class Parent:
        @component.output_types(x=int)
        def run(self, a: int):
            return {}

    @component
    class Case(Parent):
        @component.output_types(y=int)
        def run(self, a: str, b: int = 2):
            return {}

    return Case()


@case
def overridden_without_declaring(component):
    @component
    class Parent:
        @component.output_types(x=int)
        def run(self, a: int):
            return {}

    class Case(Parent):
        def run(self, b: int):
            return {}

    return Case()


@case
def generic(component):
    @component
    class Case(Generic[T]):
        @component.output_types(x=list[T])
        def run(self, a: T, b: list[T]):
            return {}

    return Case[int]()


@case
def data(component):
    @component
    @dataclasses.dataclass
    class Case:
        factor: int = 1

        @component.output_types(x=int)
        def run(self, a: int, b: Optional[int] = None):  # noqa: UP045 - as people write it
            return {}

    return Case(2)


@case
def decorated_methods(component):
    def logged(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    @component
    class Case:
        @logged
        @component.output_types(x=int)
        def run(self, a: int, b: str = "b"):
            return {}

    return Case()


@case
def with_parentheses(component):
    @component()
    class Case:
        def run(self, a: int):
            return {}

    return Case()


@case
def a_static_method(component):
    @component
    class Case:
        @staticmethod
        def run(a: int) -> dict[str, Any]:
            return {"a": a}

    return Case()


@refused("doesn't have a kwargs parameter in the 'run' method")
def set_without_kwargs(component):
    @component
    class Case:
        def __init__(self):
            component.set_input_types(self, a=int)

        def run(self, b: int):
            return {}

    return Case()


@refused("cannot override the parameters of the 'run' method")
def set_against_the_signature(component):
    @component
    class Case:
        def __init__(self):
            component.set_input_types(self, a=str)

        def run(self, a: int, **kwargs):
            return {}

    return Case()


@refused("must have a 'run()' method")
def without_run(component):
    @component
    class Case:
        pass

    return Case()


@refused("must be a coroutine")
def async_without_async(component):
    @component
    class Case:
        def run(self, a: int):
            return {}

        def run_async(self, a: int):
            return {}

    return Case()


@refused("Output type specifications of 'run' and 'run_async' methods must be the same")
def other_outputs_async(component):
    @component
    class Case:
        @component.output_types(x=int)
        def run(self, a: int):
            return {}

        @component.output_types(x=str)
        async def run_async(self, a: int):
            return {}

    return Case()


@refused("Cannot call `set_output_types`")
def declared_and_set(component):
    @component
    class Case:
        def __init__(self):
            component.set_output_types(self, x=int)

        @component.output_types(x=int)
        def run(self, a: int):
            return {}

    return Case()


@refused("'output_types' decorator can only be used on 'run' and 'run_async' methods")
def declared_elsewhere(component):
    @component
    class Case:
        def run(self, a: int):
            return {}

        @component.output_types(x=int)
        def to_dict(self):
            return {}

    return Case()
