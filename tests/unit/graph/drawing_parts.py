"""Pipelines to be drawn, and pictures taken apart, for the tests of drawing."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from dtlpipe.graph import GreedyVariadic, Pipeline, Variadic, component

SVG = "{http://www.w3.org/2000/svg}"


@component
class Add:
    @component.output_types(result=int)
    def run(self, value: int, add: int = 1):
        return {"result": value + add}


@component
class Sum:
    @component.output_types(total=int)
    def run(self, values: Variadic[int]):
        return {"total": sum(values)}


@component
class First:
    @component.output_types(value=int)
    def run(self, value: GreedyVariadic[int]):
        return {"value": value[0]}


@component
class Flatten:
    @component.output_types(items=list[int])
    def run(self, items: list[int]):
        return {"items": items}


@component
class Router:
    @component.output_types(again=int, done=int)
    def run(self, number: int):
        return {"done": number}


@component
class Silent:
    def run(self):
        return {}


@component
class Wide:
    @component.output_types(an_output_with_a_long_name=dict[str, list[int]])
    def run(self, an_input_with_a_long_name: dict[str, list[int]], unused_variadic: Variadic[int] = ()):
        return {}


class Picture:
    """An SVG text, taken apart."""

    def __init__(self, written: str) -> None:
        self.root = ET.fromstring(written)

    def of_class(self, name: str, within: ET.Element | None = None) -> list[ET.Element]:
        start = self.root if within is None else within
        return [element for element in start.iter() if name in element.get("class", "").split()]

    def component(self, name: str) -> ET.Element:
        return next(element for element in self.of_class("component") if element.get("data-name") == name)

    def connection(self, sender: str, receiver: str) -> ET.Element:
        return next(
            element
            for element in self.of_class("connection")
            if (element.get("data-sender"), element.get("data-receiver")) == (sender, receiver)
        )

    def texts(self, within: ET.Element) -> list[str]:
        return ["".join(element.itertext()) for element in within.iter(f"{SVG}text")]

    def title(self, within: ET.Element) -> str:
        return within.findtext(f"{SVG}title") or ""


def loop() -> Pipeline:
    pipeline = Pipeline()
    pipeline.add_components({"first": First(), "add": Add(), "router": Router()})
    pipeline.connect("first", "add.value")
    pipeline.connect("add", "router")
    pipeline.connect("router.again", "first")
    return pipeline


def fan(count: int = 4) -> Pipeline:
    pipeline = Pipeline().add_component("start", Add()).add_component("sum", Sum())
    for index in range(count):
        pipeline.add_component(f"add_{index}", Add())
        pipeline.connect("start.result", f"add_{index}.value")
        pipeline.connect(f"add_{index}.result", "sum.values")
    return pipeline


def corner(element: ET.Element) -> tuple[float, float]:
    x, y = re.findall(r"[-\d.]+", element.get("transform", ""))
    return float(x), float(y)
