"""Components as Python objects: what making one takes, and copies and pickles of them."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import attrs
import pytest

from dtlpipe.graph import Pipeline, component, super_component


class Run:
    __slots__ = ()

    @component.output_types(value=int)
    def run(self, factor: int) -> dict[str, Any]:
        return {"value": factor * self.number}


@component
@attrs.define
class Slotted(Run):
    number: int = 1


@component
@attrs.frozen
class Frozen(Run):
    number: int = 1


@component
@dataclasses.dataclass(slots=True, frozen=True)
class FrozenData(Run):
    number: int = 1


@component
@dataclasses.dataclass
class Data(Run):
    number: int = 1


@component
class OwnState(Run):
    def __init__(self, number: int = 1) -> None:
        self.number = number
        self.connection = object()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "connection"}


class Child(Slotted):
    pass


WAYS = {"deepcopy": copy.deepcopy, "copy": copy.copy, "pickle": lambda value: pickle.loads(pickle.dumps(value))}
KINDS = [Slotted, Frozen, FrozenData, Data, OwnState, Child]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_a_copy_has_its_sockets_and_runs(kind, way):
    found = WAYS[way](kind(5))
    assert found.number == 5
    assert found.__haystack_input__._sockets_dict == kind(5).__haystack_input__._sockets_dict
    assert found.__haystack_supports_async__ is False
    assert Pipeline().add_component("copy", found).run({"copy": {"factor": 3}}) == {"copy": {"value": 15}}


@pytest.mark.parametrize("kind", KINDS)
def test_the_sockets_of_a_deep_copy_are_its_own(kind):
    first = kind(1)
    second = copy.deepcopy(first)
    Pipeline().add_components({"first": first, "other": Data()}).connect("other.value", "first.factor")
    assert first.__haystack_input__.factor.senders == ["other"]
    assert second.__haystack_input__.factor.senders == []
    assert second.__haystack_input__._component is second


def test_a_constructor_that_copies_itself_copies_what_it_has():
    copies = []

    @component
    @attrs.define
    class Early(Run):
        number: int = 1

        def __attrs_post_init__(self) -> None:
            copies.append(copy.copy(self))

    Early(4)
    assert copies[0].number == 4
    assert not hasattr(copies[0], "__haystack_input__")


def test_the_signature_of_a_component_class_is_its_constructors():
    @component
    class Greeter:
        def __init__(self, name: str, *, loud: bool = False) -> None:
            pass

        def run(self, **kwargs):
            return {}

    class Derived(Greeter):
        def __init__(self, times: int = 2) -> None:
            pass

    assert str(inspect.signature(Greeter)) == "(name: 'str', *, loud: 'bool' = False)"
    assert str(inspect.signature(Derived)) == "(times: 'int' = 2)"
    assert str(inspect.signature(Slotted)).startswith("(number: ")


def test_without_a_constructor_there_are_no_parameters():
    @component
    class Plain:
        def run(self):
            return {}

    assert str(inspect.signature(Plain)) == "()"


def test_a_class_made_by_new_alone_shows_the_parameters_of_that():
    @component
    class Made:
        def __new__(cls, size: int):
            made = super().__new__(cls)
            made.size = size
            return made

        def run(self):
            return {}

    assert str(inspect.signature(Made)) == "(size: 'int')"
    assert Made(3).size == 3


def test_a_signature_that_a_class_declares_is_kept():
    @component
    class Declared:
        __signature__ = inspect.Signature([inspect.Parameter("own", inspect.Parameter.KEYWORD_ONLY)])

        def __init__(self, **kwargs):
            pass

        def run(self):
            return {}

    assert str(inspect.signature(Declared)) == "(*, own)"


def test_the_signature_of_a_super_component_is_its_constructors():
    @super_component
    class Wrapped:
        def __init__(self, number: int):
            self.pipeline = Pipeline().add_component("data", Data(number))

    assert str(inspect.signature(Wrapped)) == "(number: 'int')"
    assert Wrapped(3).run(factor=2) == {"value": 6}
