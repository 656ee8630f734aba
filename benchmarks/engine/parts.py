"""The components and pipelines that both libraries run: one source, decorated by the one library or the other."""
# No `from __future__ import annotations`: the annotations name the library at hand, and are values.

import asyncio
import importlib
import sys
import types
from itertools import pairwise
from typing import Any

import attrs


@attrs.frozen
class Library:
    """One of the two, and its components.

    Attributes:
        name: for the table.
        module: the module of the components, which serialized pipelines name.
    """

    name: str
    pipeline: Any
    module: types.ModuleType

    def chain(self, length: int) -> Any:
        """Each component receives what the one before it produced."""
        made = self.pipeline()
        names = [f"n{number:05}" for number in range(length)]
        for name in names:
            made.add_component(name, self.module.Add())
        for sender, receiver in pairwise(names):
            made.connect(f"{sender}.value", f"{receiver}.value")
        return made

    def fan(self, width: int) -> Any:
        """One sends to many, and a joiner waits for all of them."""
        made = self.pipeline()
        made.add_component("begin", self.module.Add())
        made.add_component("join", self.module.Sum())
        for name in [f"n{number:05}" for number in range(width)]:
            made.add_component(name, self.module.Add())
            made.connect("begin.value", f"{name}.value")
            made.connect(f"{name}.value", "join.values")
        return made

    def loop(self, rounds: int) -> Any:
        """Three components in a ring, `rounds` times."""
        made = self.pipeline(max_runs_per_component=rounds + 1)
        made.add_component("head", self.module.Head())
        made.add_component("add", self.module.Add())
        made.add_component("tail", self.module.Tail(rounds))
        made.connect("head.value", "add.value")
        made.connect("add.value", "tail.value")
        made.connect("tail.again", "head.value")
        return made

    def sleepers(self, count: int) -> Any:
        """Components beside each other that each sleep for 10 ms."""
        made = self.pipeline()
        for number in range(count):
            made.add_component(f"n{number:05}", self.module.Sleeper())
        return made


def library(name: str, package: str) -> Library:
    """Import a library and give it its components.

    Args:
        name: for the table.
        package: where `Pipeline`, `component` and the variadic types can be imported from, or parts of them.
    """
    main = importlib.import_module(package)
    sockets = main if hasattr(main, "Variadic") else importlib.import_module(f"{package}.core.component.types")
    component, variadic, greedy = main.component, sockets.Variadic, sockets.GreedyVariadic
    module = types.ModuleType(f"bench_parts_{name}")

    @component
    class Add:
        __module__ = module.__name__

        @component.output_types(value=int)
        def run(self, value: int):  # noqa: ANN202
            return {"value": value + 1}

    @component
    class Sum:
        __module__ = module.__name__

        @component.output_types(value=int)
        def run(self, values: variadic[int]):  # type: ignore[valid-type] # noqa: ANN202
            return {"value": sum(values)}

    @component
    class Head:
        __module__ = module.__name__

        @component.output_types(value=int)
        def run(self, value: greedy[int]):  # type: ignore[valid-type] # noqa: ANN202
            return {"value": value[0]}

    @component
    class Tail:
        __module__ = module.__name__

        def __init__(self, rounds: int) -> None:
            self.rounds = rounds

        @component.output_types(again=int, done=int)
        def run(self, value: int):  # noqa: ANN202
            return {"again": value} if value < self.rounds else {"done": value}

    @component
    class Sleeper:
        __module__ = module.__name__

        @component.output_types(value=int)
        def run(self, value: int):  # noqa: ANN202
            return {"value": value}

        @component.output_types(value=int)
        async def run_async(self, value: int):  # noqa: ANN202
            await asyncio.sleep(0.01)
            return {"value": value}

    for each in (Add, Sum, Head, Tail, Sleeper):
        setattr(module, each.__name__, each)
    sys.modules[module.__name__] = module
    return Library(name, main.Pipeline, module)
