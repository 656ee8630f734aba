"""Whatever a class is made of, it works as a component as it worked before."""

from __future__ import annotations

import abc
import copy
import functools
import gc
import pickle
import weakref
from typing import Any, Generic, Protocol, TypeVar

import pytest

from dtlpipe.graph import ComponentError, InputSocket, component
from dtlpipe.graph.components.decorator import ComponentMeta

T = TypeVar("T")


class Base:
    def __init__(self, factor: int = 2):
        self.factor = factor

    def describe(self):
        return "base"


def passing_on(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def opaque(function):
    """A decorator that says nothing of what it decorates."""
    return lambda *args: function(*args)


@component
class Everything(Base):
    """Refers to its own class in every way there is."""

    def __init__(self, factor: int = 3):
        super().__init__(factor)

    @property
    def described(self):
        return super().describe()

    @functools.cached_property
    def cached(self):
        return super().describe()

    @staticmethod
    def own_class() -> type:
        return __class__

    @classmethod
    def of_class(cls) -> str:
        return super().describe.__qualname__

    @passing_on
    def passed_on(self):
        return super().describe()

    @opaque
    def hidden(self):
        return super().describe()

    def _described(self, suffix):
        return super().describe() + suffix

    partly = functools.partialmethod(_described, "!")

    def in_a_closure(self):
        return [__class__ for _ in range(1)]

    def run(self, value: int):
        return {"value": value * self.factor}


def test_super_and_class_mean_the_component_in_all_kinds_of_methods():
    it = Everything()
    assert it.run(2) == {"value": 6}
    assert it.described == it.cached == it.passed_on() == it.hidden() == "base"
    assert it.partly() == "base!"
    assert it.own_class() is Everything
    assert it.of_class() == "Base.describe"
    assert it.in_a_closure() == [Everything]


@pytest.mark.parametrize("kind", ["property", "opaque", "setter", "deleter"])
def test_the_only_reference_to_the_class_may_be_anywhere(kind):
    class Target:
        log: list[type]

        def run(self):
            return {}

        if kind == "property":

            @property
            def it(self):
                return __class__

        elif kind == "opaque":

            @property
            @opaque
            def it(self):
                return __class__

        else:

            def _get(self):
                return self.log[0]

            def _note(self, *_):
                self.log = [__class__]

            it = property(_get, _note, _note)
            del _get, _note

    new = component(Target)
    instance = new()
    if kind == "setter":
        instance.it = 1
    elif kind == "deleter":
        del instance.it
    assert instance.it is new


def test_other_variables_that_hold_a_class_are_left_alone():
    class Original:
        def run(self):
            return {"original": original, "later": later}

    original = Original
    new = component(Original)
    later = 1
    assert new is not Original
    assert new().run() == {"original": Original, "later": 1}


def test_a_name_in_a_closure_may_have_no_value_yet():
    @component
    class Early:
        def run(self):
            return {"later": later, "own": __class__}

    later = 1
    assert Early().run() == {"later": 1, "own": Early}


def test_an_attribute_that_cannot_be_looked_at_is_passed_over():
    class Prickly:
        def __getattr__(self, name):
            raise RuntimeError(name)

    @component
    class Holding:
        thorn = Prickly()

        def run(self):
            return {"own": __class__}

    assert Holding().run() == {"own": Holding}


@component
class Outer:
    @component
    class Inner:
        def run(self, value: int):
            return {}

    def run(self):
        return {}


def test_names_modules_and_docs_stay():
    assert Outer.Inner.__qualname__ == "Outer.Inner"
    assert Everything.__module__ == __name__
    assert Everything.__doc__ == "Refers to its own class in every way there is."
    assert Everything.__name__ == Everything.__qualname__ == "Everything"
    assert component.registry[f"{__name__}.Inner"] is Outer.Inner


def test_components_can_be_pickled_and_copied():
    one = Everything(5)
    for twin in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert twin.run(2) == {"value": 10}
        assert twin.__haystack_input__._component is twin
        assert twin.__haystack_input__.value == InputSocket("value", int)
    assert copy.copy(one).run(2) == {"value": 10}
    assert type(pickle.loads(pickle.dumps(Outer.Inner()))) is Outer.Inner


class Abstract(abc.ABC):
    @abc.abstractmethod
    def run(self, value: int) -> Any: ...


def test_abstract_bases_still_refuse_what_is_not_written():
    @component
    class Written(Abstract):
        def run(self, value: int) -> Any:
            return {}

    @component
    class Unwritten(Abstract):
        pass

    assert isinstance(Written(), Abstract)
    assert isinstance(type(Written), type)
    assert issubclass(type(Written), ComponentMeta)
    assert type(Written) is type(Unwritten)
    with pytest.raises(TypeError, match="abstract"):
        Unwritten()


def test_metaclasses_of_the_users_are_kept():
    class Single(type):
        made: dict[type, Any] = {}  # noqa: RUF012

        def __call__(cls, *args, **kwargs):
            if cls not in Single.made:
                Single.made[cls] = super().__call__(*args, **kwargs)
            return Single.made[cls]

    @component
    class Only(metaclass=Single):
        def run(self, value: int):
            return {}

    assert Only() is Only()
    assert Only().__haystack_input__.value.type is int

    class Deeper(ComponentMeta):
        pass

    class Theirs(metaclass=Deeper):
        def run(self):
            return {}

    assert component(Theirs) is Theirs


def test_protocols_and_generics_can_be_bases():
    class Shape(Protocol):
        def run(self, value: int) -> Any: ...

    @component
    class Of(Generic[T]):
        def run(self, value: T):
            return {"value": value}

    @component
    class Shaped(Shape):
        def run(self, value: int) -> Any:
            return {}

    assert Of[int]().run(1) == {"value": 1}
    assert Of[int]().__haystack_input__.value.type is T
    assert list(Shaped().__haystack_input__._sockets_dict) == ["value"]


def test_a_component_can_be_inherited_with_and_without_the_decorator():
    class Undecorated(Everything):
        def run(self, value: int, extra: str = ""):
            return super().run(value)

    @component
    class Decorated(Undecorated):
        @component.output_types(value=int)
        def run(self, value: int):
            return super().run(value)

    assert Undecorated().run(1) == Decorated().run(1) == {"value": 3}
    assert list(Undecorated().__haystack_input__._sockets_dict) == ["value", "extra"]
    assert list(Decorated().__haystack_input__._sockets_dict) == ["value"]
    assert list(Decorated().__haystack_output__._sockets_dict) == ["value"]
    assert f"{__name__}.Undecorated" not in component.registry
    assert component.registry[f"{__name__}.Decorated"] is Decorated


def test_a_class_that_is_a_component_already_stays_itself():
    assert component(Everything) is Everything


def test_a_base_that_wants_arguments_at_class_creation_is_named():
    class Wanting:
        def __init_subclass__(cls, *, key):
            cls.key = key

    class Wanted(Wanting, key=1):
        def run(self):
            return {}

    with pytest.raises(ComponentError, match=r"Class Wanted cannot be made a component.*key"):
        component(Wanted)


def test_a_component_class_lives_no_longer_than_it_is_used():
    @component
    class Mortal:
        def run(self):
            return {"own": __class__}

    assert Mortal().run() == {"own": Mortal}
    del component.registry[f"{__name__}.Mortal"]
    gone = weakref.ref(Mortal)
    del Mortal
    gc.collect()
    assert gone() is None
