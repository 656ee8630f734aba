"""Functions as components, written as data and read again."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from dtlpipe.graph import (
    DeserializationError,
    OutputSocket,
    Pipeline,
    SerializationError,
    component,
    component_from_dict,
    component_to_dict,
)
from dtlpipe.graph.components.functions import FunctionComponent, as_component


@component
def double(value: int, times: int = 2) -> int:
    return value * times


@component(outputs={"low": int, "high": float})
def bounds(values: list[int]):
    return {"low": min(values), "high": float(max(values))}


@component
async def later(value: int) -> int:
    return value + 1


def types(sockets: Any) -> dict[str, Any]:
    return {name: each.type for name, each in sockets._sockets_dict.items()}


class Owner:
    @staticmethod
    def triple(value: int) -> int:
        return 3 * value

    @classmethod
    def four_times(cls, value: int) -> int:
        return 4 * value

    def five_times(self, value: int) -> int:
        return 5 * value


class TestAsData:
    @pytest.fixture(autouse=True)
    def _trusted(self, monkeypatch):
        monkeypatch.setenv("DTLPIPE_DESERIALIZATION_ALLOWLIST", __name__)

    @pytest.mark.parametrize(
        ("function", "name", "result"),
        [
            (double, "double", 4),
            (later, "later", 3),
            (Owner.triple, "Owner.triple", 6),
            (Owner.four_times, "Owner.four_times", 8),
        ],
    )
    def test_is_named_and_found_again(self, function, name, result):
        data = component_to_dict(as_component(function), "it")
        assert data == {
            "type": "dtlpipe.graph.components.functions.FunctionComponent",
            "init_parameters": {"function": f"{__name__}.{name}"},
        }
        again = component_from_dict(FunctionComponent, data, "it")
        assert again.run(value=2) == {"output": result}
        assert component_to_dict(again, "it") == data

    def test_keeps_outputs_that_the_component_declares(self):
        data = component_to_dict(FunctionComponent(double, outputs={"product": int, "many": list[Any]}), "it")
        assert data["init_parameters"]["outputs"] == {"product": "int", "many": "list[typing.Any]"}
        again = component_from_dict(FunctionComponent, data, "it")
        assert types(again.__haystack_output__) == {"product": int, "many": list[Any]}

    def test_leaves_outputs_that_the_function_declares_to_it(self):
        data = component_to_dict(as_component(bounds), "it")
        assert "outputs" not in data["init_parameters"]
        again = component_from_dict(FunctionComponent, data, "it")
        assert again.__haystack_output__._sockets_dict == {
            "low": OutputSocket("low", int),
            "high": OutputSocket("high", float),
        }

    @pytest.mark.parametrize(
        "function",
        [lambda value: value, functools.partial(double), Owner().five_times, functools.lru_cache(lambda value: value)],
    )
    def test_refuses_what_no_import_finds(self, function):
        with pytest.raises(SerializationError, match=r"no import finds it.*Define it at the top of a module"):
            component_to_dict(as_component(function), "it")

    def test_refuses_local_functions(self):
        def local(value: int) -> int:
            return value

        with pytest.raises(SerializationError, match="no import finds it"):
            as_component(local).to_dict()

    @pytest.mark.parametrize("name", ["os.system", "builtins.eval", "subprocess.run", "dtlpipe.graph.plugins.load"])
    def test_imports_nothing_that_is_not_allowed(self, name):
        data = {
            "type": "dtlpipe.graph.components.functions.FunctionComponent",
            "init_parameters": {"function": name},
        }
        with pytest.raises(DeserializationError, match="Refusing to deserialize"):
            component_from_dict(FunctionComponent, data, "it")

    def test_goes_through_a_whole_pipeline(self):
        pipeline = Pipeline()
        pipeline.add_component("bounds", bounds)
        pipeline.add_component("double", double)
        pipeline.connect("bounds.low", "double.value")
        again = Pipeline.from_dict(pipeline.to_dict())
        assert again == pipeline
        assert again.run({"bounds": {"values": [4, 2]}}) == {"bounds": {"high": 4.0}, "double": {"output": 4}}
