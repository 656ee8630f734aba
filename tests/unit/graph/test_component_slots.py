"""Dataclasses and classes with slots as components."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import dataclass

import attrs
import pytest

from dtlpipe.graph import InputSocket, component


class Base:
    def __init__(self, factor: int = 2):
        self.factor = factor


@component
@dataclass(frozen=True)
class Frozen:
    factor: int = 2

    def run(self, value: int):
        return {"value": value * self.factor}


@component
class Slotted:
    __slots__ = ("__private", "factor")

    def __init__(self, factor: int):
        super().__init__()
        self.factor = factor
        self.__private = "private"

    def run(self, value: int):
        return {"value": value * self.factor, "private": self.__private}


@component
class OneSlot:
    __slots__ = "factor"  # noqa: PLC0205 - a legal way to write it

    def run(self):
        return {}


@component
@dataclass(slots=True)
class SlottedData:
    factor: int = 2

    def run(self, value: int):
        return {"value": value * self.factor}


@component
@attrs.define
class WithAttrs:
    factor: int = 2

    def run(self, value: int):
        return {"value": value * self.factor}


@component
class Open(Base):
    __slots__ = ("own",)

    def run(self, value: int):
        return {"value": value * self.factor}


def test_dataclasses_can_be_components_even_frozen_ones():
    assert Frozen(3).run(2) == {"value": 6}
    assert Frozen(3) == Frozen(3)
    assert Frozen(3).__haystack_input__.value == InputSocket("value", int)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Frozen(3).factor = 4


def test_dataclasses_can_be_made_of_components():
    @dataclass
    @component
    class Late:
        factor: int = 2

        def run(self, value: int):
            return {"value": value * self.factor}

    assert Late(3).run(2) == {"value": 6}
    assert Late().__haystack_input__.value.type is int


def test_slots_stay_slots_and_make_room_for_the_protocol():
    slotted = Slotted(3)
    assert slotted.run(2) == {"value": 6, "private": "private"}
    assert not hasattr(slotted, "__dict__")
    assert slotted.__haystack_added_to_pipeline__ is None
    object.__setattr__(slotted, "__component_name__", "as pipelines do")
    with pytest.raises(AttributeError):
        slotted.other = 1
    assert SlottedData(3).run(2) == WithAttrs(3).run(2) == {"value": 6}
    assert not hasattr(SlottedData(), "__dict__")
    OneSlot().factor = 1


def test_slots_beside_a_dictionary_need_no_room():
    assert Open.__slots__ == ("own",)
    assert Open().__haystack_supports_async__ is False


def test_a_class_with_slots_can_be_inherited_and_decorated_again():
    @component
    class Child(Slotted):
        __slots__ = ("more",)

        def run(self, value: int, more: int):
            return {}

    assert list(Child(1).__haystack_input__._sockets_dict) == ["value", "more"]
    assert not hasattr(Child(1), "__dict__")


@pytest.mark.parametrize("make", [lambda: Frozen(5), lambda: SlottedData(5), lambda: Open(5)])
def test_they_can_be_pickled_and_copied(make):
    one = make()
    for twin in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert twin.run(2) == {"value": 10}
        assert twin.__haystack_input__._component is twin
