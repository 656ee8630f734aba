"""Functions as people write them, made nodes by dtlpipe and truly run; and those that cannot travel."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import threading
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

import pytest

import dtlpipe as dl

FACTOR = 3


def helper(n: int) -> int:
    return n * FACTOR


class Colour(Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Pair(NamedTuple):
    left: int
    right: str


class Model:
    def __init__(self, weight):
        self.weight = weight

    def predict(self, n: int) -> int:
        return n * self.weight

    def __call__(self, n: int) -> int:
        return n + self.weight


def traced(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) + 1

    return wrapper


@traced
def decorated(n: int) -> int:
    return n


def uses_module(n: int) -> int:
    return helper(n)


def recursive(n: int) -> int:
    return 1 if n < 2 else n * recursive(n - 1)


def keywords(n: int, *, times: int = 4, **more) -> int:
    return n * times + len(more)


async def asynchronous(n: int) -> int:
    import asyncio

    await asyncio.sleep(0)
    return n + 100


def with_literals(n: int) -> str:
    text = """a
    b    c
"""
    return text + "    four blanks    " * n


def with_hints(n: int | None, when: dt.date | None = None) -> list[int]:
    return [n or 0]


def adder(offset: int) -> Callable[[int], int]:
    def add(n: int) -> int:
        return n + offset

    return add


def multiplier(k: int) -> Callable[[int], int]:
    return lambda n: n * k


FUNCTIONS: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "a module's function with its helper and global": (uses_module, {"n": 2}, 6),
    "recursive": (recursive, {"n": 5}, 120),
    "decorated": (decorated, {"n": 5}, 6),
    "a closure": (adder(40), {"n": 2}, 42),
    "a lambda": (lambda n: n - 1, {"n": 2}, 1),
    "a lambda with a closure": (multiplier(7), {"n": 2}, 14),
    "a partial": (functools.partial(keywords, times=5), {"n": 2}, 10),
    "an object's method": (Model(9).predict, {"n": 2}, 18),
    "a callable object": (Model(9), {"n": 2}, 11),
    "keyword-only with a default": (keywords, {"n": 2}, 8),
    "keyword-only, given": (keywords, {"n": 2, "times": 3}, 6),
    "extra keywords": (keywords, {"n": 2, "a": 1, "b": 2}, 10),
    "async": (asynchronous, {"n": 1}, 101),
    "blanks within literals": (with_literals, {"n": 1}, "a\n    b    c\n    four blanks    "),
    "hints that are texts": (with_hints, {"n": 1}, [1]),
    "an enumeration": (lambda n: Colour.RED, {"n": 1}, "red"),
    "a dataclass": (lambda n: Point(n), {"n": 1}, {"x": 1, "y": 0}),
    "a set": (lambda n: {3, 1, 2}, {"n": 1}, [1, 2, 3]),
    "a date": (lambda n: dt.date(2026, 1, n), {"n": 1}, "2026-01-01"),
    "nothing": (lambda n: None, {"n": 1}, None),
    "falsy values": (lambda n: [0, False, "", {}], {"n": 1}, [0, False, "", {}]),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_a_function_runs_there_as_it_does_here(project, kind):
    function, inputs, wanted = FUNCTIONS[kind]
    pipeline = project.pipelines.create(name="pipe")
    node = pipeline.nodes.add(dl.CodeNode(name="node", method=function))
    pipeline.install()
    run = pipeline.execute(execution_input=inputs).wait(timeout=60)
    run.raise_for_status()
    output = run.outputs().get("node")
    assert output == wanted, node.outputs


def test_ports_are_those_of_the_signature():
    def run(
        item: dl.Item, words: list[str], n: int = 0, flag: bool = False, anything=None, progress=None, context=None
    ) -> tuple[dl.Item, float]:
        return item, 1.0

    node = dl.CodeNode(name="node", method=run)
    assert [(each.name, each.input_type, each.default_value) for each in node.inputs] == [
        ("item", "Item", None),
        ("words", "String[]", None),
        ("n", "Integer", 0),
        ("flag", "Boolean", False),
        ("anything", "Json", None),
    ]
    assert [(each.name, each.input_type) for each in node.outputs] == [("item", "Item"), ("output_1", "Float")]


def test_falsy_defaults_of_the_signature_are_used(project):
    def first(n: int = 0, text: str = "", flag: bool = False) -> dict:
        return {"n": n, "text": text, "flag": flag}

    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(dl.CodeNode(name="first", method=first))
    pipeline.install()
    run = pipeline.execute(execution_input={}).wait(timeout=60)
    assert run.outputs() == {"first": {"n": 0, "text": "", "flag": False}}


def test_a_named_tuple_names_the_outputs(project):
    def split(n: int) -> Pair:
        return Pair(n, "x" * n)

    def join(right: str, left: int) -> str:
        return f"{left}{right}"

    pipeline = project.pipelines.create(name="pipe")
    one, two = dl.CodeNode(name="split", method=split), dl.CodeNode(name="join", method=join)
    assert [each.name for each in one.outputs] == ["left", "right"]
    pipeline.nodes.add(one)
    one.connect(two, "left", "left")
    one.connect(two, "right", "right")
    pipeline.install()
    run = pipeline.execute(execution_input={"n": 3}).wait(timeout=60)
    run.raise_for_status()
    assert run.outputs() == {"join": "3xxx"}


def test_a_class_with_the_fields_own_base_keeps_its_instance_between_runs(project):
    class ServiceRunner(dl.BaseServiceRunner):
        def __init__(self):
            self.loaded = [1, 2, 3]

        def run(self, n: int) -> int:
            return sum(self.loaded) * n

    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(dl.CodeNode(name="node", method=ServiceRunner().run))
    pipeline.install()
    assert pipeline.execute(execution_input={"n": 2}).wait(timeout=60).outputs() == {"node": 12}


def test_node_code_may_use_dtlpipe_by_its_own_name(project, item):
    def run(item: dl.Item) -> str:
        import dtlpipe

        same = dtlpipe.items.get(item_id=item.id)
        names = [each.name for each in same.dataset.items.list(dtlpipe.Filters(field="dir", values="/in"))]
        return f"{same.name} of {names} in {same.project.name}"

    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(dl.CodeNode(name="node", method=run))
    pipeline.install()
    run = pipeline.execute(execution_input={"item": item}).wait(timeout=60)
    run.raise_for_status()
    assert run.outputs() == {"node": f"one.txt of ['one.txt'] in {project.name}"}


# --- what cannot travel --------------------------------------------------


def unshippable():
    lock, numbers = threading.Lock(), (n for n in range(3))

    def with_lock(n):
        with lock:
            return n

    def with_generator(n):
        return next(numbers)

    class Holder:
        def __init__(self):
            self.deep = {"er": [lock]}

    holder = Holder()

    def with_object(n):
        return holder.deep

    return {
        "a lock": (with_lock, "lock"),
        "a generator": (with_generator, "numbers"),
        "something deep in an object": (with_object, "holder"),
        "a method without its object": (Model.predict, "self"),
        "a class": (Model, "Model"),
        "no function": (5, "5"),
        "nothing": (None, "method"),
    }


@pytest.mark.parametrize("what", unshippable())
def test_what_cannot_travel_is_refused_when_the_node_is_made_naming_what_stands_in_the_way(what):
    function, name = unshippable()[what]
    with pytest.raises(dl.exceptions.CodeNotShippable) as refused:
        dl.CodeNode(name="node", method=function)
    assert name in str(refused.value)


def test_an_entity_that_is_bound_to_a_client_stays_at_home(project, item):
    def run(n):
        return item.name

    with pytest.raises(dl.exceptions.CodeNotShippable, match="item"):
        dl.CodeNode(name="node", method=run)


def test_a_function_of_another_python_is_refused_at_creation_and_says_so(project):
    model = Model(2)

    def run(n):
        return model.predict(n)

    node = dl.CodeNode(name="node", method=run)
    package = node.config["package"]
    package["python"] = "3.9"
    package.pop("hash")
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(node)
    with pytest.raises(dl.exceptions.PipelineError, match=r"3\.9") as refused:
        pipeline.update()
    assert "'model'" in str(refused.value)
    assert refused.value.node == "node"
    assert list(project.pipelines.get(pipeline_name="pipe").nodes) == []
