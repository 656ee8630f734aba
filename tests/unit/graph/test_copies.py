"""What nodes receive: copies, but not of everything."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, defaultdict
from typing import Any, NamedTuple

from dtlpipe.graph.copies import copied


class Point(NamedTuple):
    x: Any
    y: Any


class Part:
    """Has what makes an instance a component."""

    __haystack_input__ = None

    def run(self) -> None:
        """Do nothing."""


class Names(list[Any]):
    label = ""


class Stubborn:
    def __deepcopy__(self, memo: Any) -> Any:
        raise RuntimeError("no copies")


def copy(value: Any) -> Any:
    return copied({"x": value})["x"]


def test_containers_are_copied_in_depth_and_keep_their_types():
    value = {"l": [[1]], "t": ([2],), "s": {3}, "f": frozenset({4}), "p": Point([5], 6), "d": {(7,): [8]}}
    result = copy(value)
    assert result == value
    for name in "ltspd":
        assert result[name] is not value[name]
    assert result["l"][0] is not value["l"][0]
    assert result["t"][0] is not value["t"][0]
    assert type(result["p"]) is Point
    assert result["p"].x is not value["p"].x
    assert result["d"][(7,)] is not value["d"][(7,)]


def test_flat_containers_are_copied_too():
    for value in ([1, "a", None], {"a": 1}, {1, 2}):
        assert copy(value) == value
        assert copy(value) is not value


def test_kinds_of_containers_keep_what_makes_them_special():
    names = Names([[1]])
    names.label = "mine"
    groups = defaultdict(list, {"a": [1]})
    result, again = copy(names), copy(groups)
    assert (type(result), result.label, result) == (Names, "mine", names)
    assert result[0] is not names[0]
    assert again == groups
    assert again["new"] == []
    assert again["a"] is not groups["a"]
    assert list(copy(OrderedDict(b=1, a=2))) == ["b", "a"]
    assert copy(Counter("aab")) == Counter("aab")


def test_objects_are_copied_in_depth():
    class Box:
        def __init__(self) -> None:
            self.inside = [1]

    box = Box()
    result = copy(box)
    assert type(result) is Box
    assert result.inside == box.inside
    assert result.inside is not box.inside


def test_components_are_shared_wherever_they_are():
    part = Part()
    assert copy(part) is part
    assert copy([part])[0] is part
    assert copy(defaultdict(list, a=part))["a"] is part
    assert copy({"a": ({part},)})["a"][0] == {part}


def test_tools_of_haystack_are_shared():
    tool_class = type("Tool", (), {"__module__": "haystack.tools.tool"})
    tool = type("Hammer", (tool_class,), {})()
    assert copy([tool])[0] is tool


def test_what_cannot_be_copied_is_shared_and_its_neighbours_are_not():
    lock, stubborn = threading.Lock(), Stubborn()
    value = [lock, stubborn, [1]]
    result = copy(value)
    assert result[0] is lock
    assert result[1] is stubborn
    assert result[2] is not value[2]


def test_what_occurs_twice_stays_one_value():
    shared = [1]
    result = copied({"a": shared, "b": shared, "c": [shared]})
    assert result["a"] is result["b"] is result["c"][0]
    assert result["a"] is not shared


def test_rings_are_copied_as_rings():
    ring: list[Any] = []
    pair = (ring,)
    ring.append(pair)
    result = copy(pair)
    assert result[0][0] is result
    table: dict[str, Any] = {}
    table["self"] = table
    again = copy(table)
    assert again["self"] is again is not table
