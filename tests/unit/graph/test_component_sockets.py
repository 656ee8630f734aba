"""Where a component's sockets come from: its signature, its declarations, and what its constructor sets."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from dtlpipe.graph import ComponentError, GreedyVariadic, InputSocket, OutputSocket, Variadic, component
from dtlpipe.graph.components.sockets import EMPTY

if TYPE_CHECKING:
    from nowhere import Nothing


@component
class Adder:
    @component.output_types(total=int)
    def run(self, first: int, second: int = 2):
        return {"total": first + second}


def inputs_of(instance: Any) -> dict[str, InputSocket]:
    return instance.__haystack_input__._sockets_dict


def outputs_of(instance: Any) -> dict[str, OutputSocket]:
    return instance.__haystack_output__._sockets_dict


class TestInputs:
    def test_leave_out_args_and_kwargs(self):
        @component
        class Greedy:
            def run(self, a: int, *args: int, b: str = "b", **kwargs: Any):
                return {}

        assert inputs_of(Greedy()) == {"a": InputSocket("a", int), "b": InputSocket("b", str, "b")}

    def test_without_annotation_have_the_empty_type(self):
        @component
        class Bare:
            def run(self, value):
                return {}

        assert inputs_of(Bare())["value"].type is inspect.Parameter.empty

    def test_keep_annotations_that_mean_nothing_at_run_time_as_text_and_resolve_the_others(self):
        @component
        class Half:
            def run(self, known: list[int], unknown: Nothing, broken: 1 / 0):
                return {}

        types = {name: each.type for name, each in inputs_of(Half()).items()}
        assert types == {"known": list[int], "unknown": "Nothing", "broken": "1 / 0"}

    def test_resolve_text_that_comes_to_mean_something_later(self, monkeypatch):
        @component
        class Later:
            def run(self, value: Nothing):
                return {}

        assert inputs_of(Later())["value"].type == "Nothing"
        monkeypatch.setitem(globals(), "Nothing", int)
        assert inputs_of(Later())["value"].type is int

    def test_keep_variadic_marks_that_are_written_as_text_and_drop_other_remarks(self):
        @component
        class Joiner:
            def run(self, lazy: Variadic[int], greedy: GreedyVariadic[str], said: Annotated[int, "dpi"]):
                return {}

        found = inputs_of(Joiner())
        assert (found["lazy"].type, found["lazy"].is_lazy_variadic) == (int, True)
        assert (found["greedy"].type, found["greedy"].is_greedy) == (str, True)
        assert found["said"].type is int

    def test_have_the_first_parameter_left_out_whatever_its_name(self):
        @component
        class This:
            def run(this, value: int):
                return {"value": value}

        assert list(inputs_of(This())) == ["value"]

    def test_can_come_from_static_and_class_methods(self):
        @component
        class Static:
            @staticmethod
            def run(value: int) -> dict[str, int]:
                return {"value": value}

        @component
        class OfClass:
            @classmethod
            def run(cls, value: int) -> dict[str, Any]:
                return {"value": (cls, value)}

        assert list(inputs_of(Static())) == list(inputs_of(OfClass())) == ["value"]
        assert OfClass().run(1) == {"value": (OfClass, 1)}

    def test_can_come_from_a_callable_that_is_no_method(self):
        class Callable:
            def __call__(self, value: int):
                return {"value": value}

        @component
        class Holding:
            run = Callable()

        assert inputs_of(Holding()) == {"value": InputSocket("value", int)}
        assert Holding().run(3) == {"value": 3}

    def test_can_come_through_decorators_and_partial_methods(self):
        def logged(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return function(*args, **kwargs)

            return wrapper

        @component
        class Decorated:
            @component.output_types(value=int)
            @logged
            def run(self, value: int):
                return {"value": value}

        @component
        class Partial:
            def _run(self, value: int, factor: float):
                return {"value": value * factor}

            run = functools.partialmethod(_run, factor=2.0)

        assert inputs_of(Decorated()) == {"value": InputSocket("value", int)}
        assert outputs_of(Decorated()) == {"value": OutputSocket("value", int)}
        assert inputs_of(Partial())["value"] == InputSocket("value", int)
        assert inputs_of(Partial())["factor"] == InputSocket("factor", float, 2.0)

    def test_follow_a_run_method_that_is_replaced_on_the_class(self):
        @component
        class Patched:
            def run(self, old: int):
                return {}

        assert list(inputs_of(Patched())) == ["old"]
        Patched.run = lambda self, new: {}
        assert list(inputs_of(Patched())) == ["new"]

    def test_with_defaults_that_cannot_be_compared_are_equal_to_themselves_alone(self):
        class Array:
            def __eq__(self, other):
                raise ValueError("ambiguous")

            __hash__ = None  # type: ignore[assignment]

        @component
        class Arrays:
            def run(self, value=Array()):  # noqa: B008 - as arrays are written
                return {}

            async def run_async(self, value=Array()):  # noqa: B008
                return {}

        with pytest.raises(ComponentError, match="Parameter 'value' default value mismatch"):
            Arrays()

    def test_may_have_defaults_that_cannot_be_compared(self):
        class Array:
            def __eq__(self, other):
                raise ValueError("ambiguous")

            __hash__ = None  # type: ignore[assignment]

        default = Array()

        @component
        class Arrays:
            def run(self, value=default):
                return {}

            async def run_async(self, value=default):
                return {}

        assert inputs_of(Arrays())["value"].default_value is default


class TestSettingInputs:
    def test_adds_them_to_those_of_the_signature(self):
        @component
        class Any1:
            def __init__(self):
                component.set_input_types(self, a=int, b=Variadic[str])
                component.set_input_type(self, "c", str, default="c")

            def run(self, d: float = 1.0, **kwargs):
                return {}

        assert inputs_of(Any1()) == {
            "a": InputSocket("a", int),
            "b": InputSocket("b", Variadic[str]),
            "c": InputSocket("c", str, "c"),
            "d": InputSocket("d", float, 1.0),
        }

    def test_one_by_one_needs_no_other_call_before_it(self):
        @component
        class One:
            def __init__(self):
                component.set_input_type(self, "value", int)
                component.set_input_type(self, "value", str)

            def run(self, **kwargs):
                return {}

        assert inputs_of(One()) == {"value": InputSocket("value", str, EMPTY)}

    def test_at_once_replaces_all_earlier_ones(self):
        @component
        class Replaced:
            def __init__(self):
                component.set_input_type(self, "old", int)
                component.set_input_types(self, new=int)

            def run(self, **kwargs):
                return {}

        assert list(inputs_of(Replaced())) == ["new"]

    def test_takes_the_instance_by_name_too(self):
        @component
        class Named:
            def __init__(self):
                component.set_input_types(instance=self, a=int)
                component.set_input_type(instance=self, name="instance", type=int)
                component.set_output_types(instance=self, b=int)

            def run(self, **kwargs):
                return {}

        assert list(inputs_of(Named())) == ["a", "instance"]
        assert list(outputs_of(Named())) == ["b"]

    @pytest.mark.parametrize(
        "declare",
        [lambda each: component.set_input_types(each, a=int), lambda each: component.set_input_type(each, "a", int)],
    )
    def test_needs_a_run_that_takes_keywords(self, declare):
        @component
        class Fixed:
            def __init__(self):
                declare(self)

            def run(self, value: int):
                return {}

        with pytest.raises(ComponentError, match=r"doesn't have a kwargs parameter in the 'run' method.*'Fixed.run'"):
            Fixed()

    def test_of_something_without_run_is_refused(self):
        with pytest.raises(ComponentError, match="kwargs parameter"):
            component.set_input_types(object(), a=int)

    @pytest.mark.parametrize("set_it", [{"value": str}, {"value": int | None}])
    def test_cannot_override_the_signature(self, set_it):
        @component
        class Overriding:
            def __init__(self, types):
                component.set_input_types(self, **types)

            def run(self, value: int, **kwargs):
                return {}

        with pytest.raises(ComponentError, match=r"cannot override the parameters of the 'run' method.*'Overriding'"):
            Overriding(set_it)
        assert list(inputs_of(Overriding({"value": int}))) == ["value"]

    @pytest.mark.parametrize(("default", "fits"), [(1, True), (2, False), (EMPTY, False)])
    def test_cannot_override_a_default_of_the_signature(self, default, fits):
        @component
        class Overriding:
            def __init__(self):
                component.set_input_type(self, "value", int, default)

            def run(self, value: int = 1, **kwargs):
                return {}

        if fits:
            assert inputs_of(Overriding())["value"].default_value == 1
        else:
            with pytest.raises(ComponentError, match="cannot override"):
                Overriding()


class TestOutputs:
    def test_can_be_set_on_an_instance(self):
        @component
        class Setting:
            def __init__(self, **types):
                component.set_output_types(self, **types)

            def run(self):
                return {}

            async def run_async(self):
                return {}

        assert outputs_of(Setting(a=int)) == {"a": OutputSocket("a", int)}
        assert outputs_of(Setting()) == {}

    def test_may_be_undeclared(self):
        @component
        class Silent:
            def run(self):
                return {}

        assert outputs_of(Silent()) == {}

    @pytest.mark.parametrize("decorated", ["run", "run_async"])
    def test_cannot_be_declared_and_set(self, decorated):
        declare = component.output_types(a=int)

        def same(method):
            return method

        @component
        class Both:
            def __init__(self):
                component.set_output_types(self, a=int)

            @(declare if decorated == "run" else same)
            def run(self):
                return {}

            @(declare if decorated == "run_async" else same)
            async def run_async(self):
                return {}

        with pytest.raises(ComponentError, match=rf"Cannot call `set_output_types`.*'Both.{decorated}'"):
            Both()

    def test_can_only_be_declared_on_run_methods(self):
        with pytest.raises(ComponentError, match=r"only be used on 'run' and 'run_async' methods.*'.*Wrong.to_dict'"):

            class Wrong:
                @component.output_types(a=int)
                def to_dict(self):
                    return {}

    @pytest.mark.parametrize("on_async", [{"a": str}, {"b": int}, {}])
    def test_must_be_the_same_for_run_and_run_async(self, on_async):
        @component
        class Differing:
            @component.output_types(a=int)
            def run(self):
                return {}

            @component.output_types(**on_async)
            async def run_async(self):
                return {}

        with pytest.raises(ComponentError, match=r"Output type specifications .* must be the same.*'Differing'"):
            Differing()
