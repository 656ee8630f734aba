"""The protocol: what `@component` makes of a class, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from dtlpipe.graph import Component, ComponentError, InputSocket, OutputSocket, component
from dtlpipe.graph.components.decorator import ComponentMeta


@component
class Adder:
    @component.output_types(total=int)
    def run(self, first: int, second: int = 2):
        return {"total": first + second}


def inputs_of(instance: Any) -> dict[str, InputSocket]:
    return instance.__haystack_input__._sockets_dict


def outputs_of(instance: Any) -> dict[str, OutputSocket]:
    return instance.__haystack_output__._sockets_dict


class TestADecoratedClass:
    def test_is_registered_and_its_instances_are_components(self):
        assert component.registry[f"{__name__}.Adder"] is Adder
        assert isinstance(Adder(), Component)
        assert type(Adder) is ComponentMeta

    def test_has_sockets_from_the_signature_and_the_declared_outputs(self):
        adder = Adder()
        assert inputs_of(adder) == {"first": InputSocket("first", int), "second": InputSocket("second", int, 2)}
        assert outputs_of(adder) == {"total": OutputSocket("total", int)}
        assert adder.__haystack_supports_async__ is False
        assert adder.__haystack_added_to_pipeline__ is None
        assert adder.run(1) == {"total": 3}

    def test_can_be_decorated_with_parentheses(self):
        @component()
        class Plain:
            def run(self, value: int):
                return {}

        assert inputs_of(Plain()) == {"value": InputSocket("value", int)}
        assert component.registry[f"{__name__}.Plain"] is Plain

    def test_gives_every_instance_sockets_of_its_own(self):
        one, other = Adder(), Adder()
        one.__haystack_input__.first.senders.append("x")
        one.__haystack_output__.total.receivers.append("y")
        assert inputs_of(other)["first"].senders == outputs_of(other)["total"].receivers == []

    def test_that_is_registered_again_replaces_the_first(self, caplog):
        def make():
            @component
            class Twice:
                def run(self):
                    return {}

            return Twice

        with caplog.at_level("DEBUG", "dtlpipe.graph.components.decorator"):
            first, second = make(), make()
        assert component.registry[f"{__name__}.Twice"] is second is not first
        assert f"{__name__}.Twice is registered again" in caplog.text

    def test_that_is_registered_again_loads_no_logging_for_nobody(self, monkeypatch):
        class Quiet:
            def run(self):
                return {}

        monkeypatch.delitem(sys.modules, "logging")
        component(Quiet)
        component(Quiet)
        assert "logging" not in sys.modules

    def test_without_run_is_refused(self):
        with pytest.raises(ComponentError, match=r"Nothing must have a 'run\(\)' method.*def run"):

            @component
            class Nothing:
                pass

    def test_shows_its_sockets_and_its_name_in_the_pipeline(self):
        class Named:
            def get_component_name(self, instance):
                return "my_adder"

        adder = Adder()
        sockets = "Inputs:\n  - first: int\n  - second: int\nOutputs:\n  - total: int"
        assert repr(adder) == f"{object.__repr__(adder)}\n{sockets}"
        adder.__haystack_added_to_pipeline__ = Named()
        assert repr(adder) == f"{object.__repr__(adder)}\nmy_adder\n{sockets}"

    def test_can_be_shown_before_it_has_sockets(self):
        @component
        class Early:
            def __init__(self):
                self.shown = repr(self)

            def run(self):
                return {}

        assert Early().shown.endswith("\n<invalid_input_sockets>\n<invalid_output_sockets>")


class TestRunAsync:
    def test_makes_a_component_asynchronous(self):
        @component
        class Both:
            @component.output_types(value=int)
            def run(self, value: int):
                return {"value": value}

            @component.output_types(value=int)
            async def run_async(self, value: int):
                return {"value": value}

        assert Both().__haystack_supports_async__ is True
        assert inputs_of(Both()) == {"value": InputSocket("value", int)}

    def test_must_be_a_coroutine(self):
        @component
        class NotAsync:
            def run(self):
                return {}

            def run_async(self):
                return {}

        @component
        class Generating:
            def run(self):
                return {}

            async def run_async(self):
                yield {}

        for cls in (NotAsync, Generating):
            with pytest.raises(ComponentError, match=f"'run_async' of component '{cls.__name__}' must be a coroutine"):
                cls()

    @pytest.mark.parametrize(
        ("run_async", "said"),
        [
            ("(self)", "Different number of parameters: run has 3, run_async has 1"),
            ("(self, c: int, *, b: str = 'b')", "Parameter name mismatch: a vs c"),
            ("(self, a: str, *, b: str = 'b')", "Parameter 'a' type mismatch: <class 'int'> vs <class 'str'>"),
            ("(self, a: int, *, b: str = 'x')", "Parameter 'b' default value mismatch: b vs x"),
            ("(self, a: int, b: str = 'b')", "Parameter 'b' kind (POSITIONAL, KEYWORD, etc.) mismatch: KEYWORD_ONLY"),
            ("(self, a: int, *, b: str = 'b') -> dict", "Return type mismatch"),
        ],
    )
    def test_takes_what_run_takes(self, run_async, said):
        names: dict[str, Any] = {}
        text = (
            "class Differing:\n"
            "    def run(self, a: int, *, b: str = 'b'): return {}\n"
            f"    async def run_async{run_async}: return {{}}\n"
        )
        exec(text, names)
        with pytest.raises(ComponentError) as refused:
            component(names["Differing"])()
        lines = str(refused.value).splitlines()
        assert lines[0].startswith("Parameters of 'run' and 'run_async' methods must be the same")
        assert "'Differing'" in lines[0]
        assert lines[1] == "Differences found:"
        assert any(line.startswith(said) for line in lines[2:])

    def test_may_order_keyword_only_parameters_and_spell_types_in_its_own_way(self):
        names: dict[str, Any] = {}
        text = (
            "class Same:\n"
            "    def run(self, *, a: int = 1, b: 'str' = 'b', **more): return {}\n"
            "    async def run_async(self, *, b: str = 'b', a: 'int' = 1, **more): return {}\n"
        )
        exec(text, names)
        assert list(inputs_of(component(names["Same"])())) == ["a", "b"]


def test_the_decorator_is_light_to_import():
    code = (
        "import sys; from dtlpipe.graph import component; "
        "print([m for m in ('asyncio', 'logging', 'attr', 'typing_extensions') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
