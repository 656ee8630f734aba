from __future__ import annotations

import copy
import pickle
from collections.abc import Iterable
from typing import Annotated, Any, Optional, TypeVar

import pytest

from dtlpipe.graph import ComponentError, GreedyVariadic, InputSocket, OutputSocket, Sockets, Variadic, component


@component
class Adder:
    @component.output_types(total=int)
    def run(self, first: int, second: int = 2):
        return {"total": first + second}


def inputs(**types: Any) -> dict[str, InputSocket]:
    return {name: InputSocket(name, each) for name, each in types.items()}


def test_sockets_are_attributes_and_entries_at_once():
    sockets = inputs(first=int, second=str)
    found = Sockets(Adder(), sockets, InputSocket)
    assert found.first is sockets["first"]
    assert found.get("second") is sockets["second"]
    assert found.__dict__["first"] is found._sockets_dict["first"]
    assert "first" in found
    assert "third" not in found


def test_get_returns_its_default_for_a_socket_that_there_is_not():
    found = Sockets(Adder(), {}, InputSocket)
    other = InputSocket("other", int)
    assert found.get("other") is None
    assert found.get("other", other) is other


def test_a_socket_can_be_added_and_replaced():
    found = Sockets(Adder(), {}, OutputSocket)
    found["text"] = OutputSocket("text", str)
    found["text"] = replaced = OutputSocket("text", bytes)
    assert found.text is found._sockets_dict["text"] is replaced


@pytest.mark.parametrize("name", ["get", "_sockets_dict", "_component", "__class__", "_component_name"])
def test_a_socket_named_as_something_of_the_container_takes_nothing_away(name):
    found = Sockets(Adder(), inputs(**{name: int}), InputSocket)
    found[name] = found.get(name)
    assert found.get(name).name == name
    assert found._sockets_dict == inputs(**{name: int})
    assert repr(found) == f"Inputs:\n  - {name}: int"


def test_an_unknown_socket_is_an_attribute_error_that_lists_the_known_ones():
    with pytest.raises(AttributeError, match="no socket 'frist'; there is: 'first', 'second'"):
        Adder().__haystack_input__.frist  # noqa: B018
    with pytest.raises(AttributeError, match="there is: none"):
        Sockets(Adder(), {}, OutputSocket).anything  # noqa: B018


def test_sockets_are_equal_if_component_direction_and_sockets_are():
    adder = Adder()
    assert Sockets(adder, inputs(a=int), InputSocket) == Sockets(adder, inputs(a=int), InputSocket)
    assert Sockets(adder, inputs(a=int), InputSocket) != Sockets(adder, inputs(a=str), InputSocket)
    assert Sockets(adder, {}, InputSocket) != Sockets(adder, {}, OutputSocket)
    assert Sockets(adder, {}, InputSocket) != Sockets(Adder(), {}, InputSocket)
    assert Sockets(adder, {}, InputSocket) != {}
    with pytest.raises(TypeError, match="unhashable"):
        hash(Sockets(adder, {}, InputSocket))


def test_the_repr_lists_names_and_types():
    sockets = inputs(a=int, b=Optional[str], c=list[int], d=int | None, e=Any, f="Later")  # noqa: UP045
    assert repr(Sockets(Adder(), sockets, InputSocket)) == (
        "Inputs:\n  - a: int\n  - b: Optional[str]\n  - c: list[int]\n  - d: int | None\n  - e: Any\n  - f: 'Later'"
    )
    assert repr(Sockets(Adder(), {}, OutputSocket)) == "Outputs:\n"


def test_a_container_knows_its_component_by_the_name_in_the_pipeline():
    class Named:
        def get_component_name(self, instance):
            return "adder" if instance is adder else ""

    adder = Adder()
    assert adder.__haystack_input__._component_name() == object.__repr__(adder)
    adder.__haystack_added_to_pipeline__ = Named()
    assert adder.__haystack_input__._component_name() == "adder"


def test_a_copy_of_a_component_has_its_own_sockets():
    adder = Adder()
    adder.__haystack_input__.first.senders.append("somebody")
    for twin in (copy.deepcopy(adder), pickle.loads(pickle.dumps(adder))):
        sockets = twin.__haystack_input__
        assert sockets._component is twin
        assert sockets._sockets_dict == adder.__haystack_input__._sockets_dict
        assert sockets.first is sockets._sockets_dict["first"] is not adder.__haystack_input__.first
        assert sockets.first.is_mandatory


def test_a_socket_without_a_default_is_mandatory_and_none_is_a_default():
    assert InputSocket("a", int).is_mandatory
    assert not InputSocket("a", int, None).is_mandatory


def test_a_default_with_odd_equality_is_never_compared():
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise AssertionError

        __hash__ = None  # type: ignore[assignment]

    assert not InputSocket("a", int, default_value=Odd()).is_mandatory


@pytest.mark.parametrize(("kind", "lazy", "greedy"), [(Variadic, True, False), (GreedyVariadic, False, True)])
def test_a_variadic_type_is_taken_apart(kind, lazy, greedy):
    socket = InputSocket("many", kind[list[int]])
    assert (socket.type, socket.is_lazy_variadic, socket.is_greedy) == (list[int], lazy, greedy)
    assert socket.is_variadic
    assert socket.wrap_input_in_list
    assert not InputSocket("one", list[int]).is_variadic


@pytest.mark.parametrize("bare", [Variadic, GreedyVariadic, Annotated[Iterable, *Variadic.__metadata__]])
def test_a_variadic_type_must_say_of_what(bare):
    with pytest.raises(ComponentError, match=r"'many' must have a type argument.*Variadic\[int\]"):
        InputSocket("many", bare)


def test_a_variadic_type_may_be_of_a_type_variable():
    kind = TypeVar("kind")
    assert InputSocket("many", Variadic[kind]).type is kind
