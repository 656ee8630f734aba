"""Components and pipelines that the tests of super components are about."""

from __future__ import annotations

from dtlpipe.graph import (
    Pipeline,
    Variadic,
    component,
)


@component
class Split:
    """Text into words; a limit that may be left out."""

    @component.output_types(words=list[str], count=int)
    def run(self, text: str, limit: int = 3):
        return {"words": text.split()[:limit], "count": len(text.split())}


@component
class Join:
    def __init__(self, separator: str = "-"):
        self.separator = separator
        self.log: list[str] = []

    def warm_up(self):
        self.log.append("warm_up")

    async def warm_up_async(self):
        self.log.append("warm_up_async")

    def close(self):
        self.log.append("close")

    async def close_async(self):
        self.log.append("close_async")

    @component.output_types(text=str)
    def run(self, words: list[str], separator: str | None = None):
        return {"text": (separator or self.separator).join(words)}


@component
class Shout:
    @component.output_types(loud=str)
    def run(self, text: str | None):
        return {"loud": (text or "").upper()}


@component
class Number:
    @component.output_types(text=int)
    def run(self, text: int):
        return {"text": text}


@component
class Collect:
    @component.output_types(all=list)
    def run(self, values: Variadic[int]):
        return {"all": sorted(values)}


@component
class Maybe:
    @component.output_types(even=int, odd=int)
    def run(self, value: int):
        return {"odd" if value % 2 else "even": value}


@component
class Fail:
    @component.output_types(never=int)
    def run(self, value: int):
        raise OSError("the disk is full")


def rejoin(separator="-"):
    pipeline = Pipeline()
    pipeline.add_component("split", Split())
    pipeline.add_component("join", Join(separator))
    return pipeline.connect("split.words", "join.words")


def inputs(instance):
    return {each.name: (each.type, each.is_mandatory) for each in instance.__haystack_input__._sockets_dict.values()}


def outputs(instance):
    return {each.name: each.type for each in instance.__haystack_output__._sockets_dict.values()}
