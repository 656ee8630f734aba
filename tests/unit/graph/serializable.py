"""Components and other classes that can be written as data, for the tests of serialization."""

from __future__ import annotations

from typing import Any

from dtlpipe.graph import component, default_from_dict, default_to_dict
from dtlpipe.graph.pipeline.base import PipelineBase

HERE = __name__


@component
class Add:
    def __init__(self, amount: int = 1, label: str | None = None):
        self.amount = amount
        self.label = label

    @component.output_types(value=int)
    def run(self, value: int):
        return {"value": value + self.amount}


@component
class Bare:
    @component.output_types(value=int)
    def run(self, value: int = 0):
        return {"value": value}


class Point:
    def __init__(self, x: int = 0):
        self.x = x

    def to_dict(self):
        return default_to_dict(self, x=self.x)

    @classmethod
    def from_dict(cls, data) -> Point:
        return default_from_dict(cls, data)


class Plain:
    """No component, and it can neither write nor read itself."""

    def __init__(self, x: int = 0, **_rest: Any):
        self.x = x


@component
class Holder:
    def __init__(self, point: Any = None, other: Any = None):
        self.point = point
        self.other = other

    def run(self):
        return {}


def two() -> PipelineBase:
    pipeline = PipelineBase(metadata={"author": ("me", "you")}, max_runs_per_component=7)
    pipeline.add_component("second", Add(2, label="x"))
    pipeline.add_component("first", Add(3))
    pipeline.connect("first.value", "second.value")
    return pipeline
