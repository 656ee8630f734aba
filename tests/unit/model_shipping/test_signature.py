"""A node's ports are what its function's signature says."""

import functools
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from dtlpipe.model.enums import ENTITY_TYPES, PackageInputType
from dtlpipe.model.package import FunctionIO
from dtlpipe.model.pipeline import PipelineNodeIO
from dtlpipe.model.signature import port, port_type, ports_of


def entity(name, sdk="dtlpipe"):
    return type(name, (), {"__module__": f"{sdk}.resources.{name.lower()}s"})


Item, Dataset, Model = entity("Item"), entity("Dataset"), entity("Model")
DtlpyItem = entity("Item", "dtlpy")


class Box(BaseModel):
    size: int


class Keys(TypedDict):
    a: int


@dataclass
class Point:
    x: int


class Mode(StrEnum):
    FAST = "fast"


class Plain(Enum):
    ONE = 1


Name = NewType("Name", str)
Number = TypeVar("Number", bound=float)


def inputs(function):
    return [(each.name, each.input_type) for each in ports_of(function).inputs]


def outputs(function):
    return [(each.name, each.input_type) for each in ports_of(function).outputs]


TYPES = {
    Item: "Item",
    DtlpyItem: "Item",
    Dataset: "Dataset",
    Model: "Model",
    str: "String",
    int: "Integer",
    float: "Float",
    bool: "Boolean",
    dict: "Json",
    list: "Json",
    Any: "Json",
    object: "Json",
    Box: "Json",
    Keys: "Json",
    Point: "Json",
    bytes: "Json",
    Mode: "String",
    Plain: "Json",
    Name: "String",
    Number: "Float",
    list[Item]: "Item[]",
    list[str]: "String[]",
    list[dict]: "Json",
    list[Any]: "Json",
    list[list[str]]: "Json",
    Sequence[Item]: "Item[]",
    set[int]: "Integer[]",
    tuple[Item, ...]: "Item[]",
    dict[str, Item]: "Json",
    Mapping[str, int]: "Json",
    Iterator[Item]: "Json",
    Optional[Item]: "Item",  # noqa: UP045
    Item | None: "Item",
    list[Item] | None: "Item[]",
    Union[int, float]: "Float",  # noqa: UP007
    int | str: "Json",
    Annotated[Item, "note"]: "Item",
    Literal["a", "b"]: "String",
    Literal[1] | None: "Integer",
    Awaitable[Item]: "Item",
    "dl.Item": "Item",
    "list[dl.Item]": "Item[]",
    "dl.Item | None": "Item",
    "Optional['dl.Item']": "Item",
    "typing.List[dl.Dataset]": "Dataset[]",
    "int": "Integer",
    "no python at all": "Json",
    "Something[Item]": "Json",
}


@pytest.mark.parametrize("annotation", TYPES, ids=str)
def test_a_type_hint_is_a_port_type(annotation):
    assert port_type(annotation) == TYPES[annotation]


def test_parameters_without_hints_are_entities_by_name_and_json_otherwise():
    def run(item, dataset, annotation, model, string, number):
        pass

    assert inputs(run) == [
        ("item", "Item"),
        ("dataset", "Dataset"),
        ("annotation", "Annotation"),
        ("model", "Model"),
        ("string", "Json"),
        ("number", "Json"),
    ]


def test_a_hint_wins_over_a_name():
    def run(item: str):
        pass

    assert inputs(run) == [("item", "String")]


def test_what_the_worker_gives_and_what_has_no_name_is_no_port():
    class Runner:
        def run(self, item, *rest, progress=None, context=None, **more):
            pass

    assert inputs(Runner().run) == [("item", "Item")]
    assert inputs(Runner.run) == [("item", "Item")]


def test_defaults_stand_on_the_ports_also_falsy_ones():
    def run(a=0, b=False, c="", d=[], e={}, f=None, g=1.5, h="text"):  # noqa: B006
        pass

    assert [each.default_value for each in ports_of(run).inputs] == [0, False, "", [], {}, None, 1.5, "text"]
    wire = [each.to_wire() for each in ports_of(run).inputs]
    assert [each.get("defaultValue", "absent") for each in wire] == [0, False, "", [], {}, "absent", 1.5, "text"]


def test_defaults_that_json_would_change_stay_the_functions_own():
    def run(a=(1, 2), b=object(), c={1: 2}, d=float("nan")):  # noqa: B006, B008
        pass

    assert [each.default_value for each in ports_of(run).inputs] == [None, None, None, None]


def test_string_hints_are_resolved_one_by_one_also_from_enclosing_functions():
    local = Item

    def run(a: "local", b: "NoSuchName", c: "list[local]", d: "dl.Dataset"):  # noqa: F821
        return local

    assert inputs(run) == [("a", "Item"), ("b", "Json"), ("c", "Item[]"), ("d", "Dataset")]


def test_without_a_return_hint_an_item_passes_through():
    assert outputs(lambda item: item) == [("item", "Item")]
    assert outputs(lambda value: value) == [("output", "Json")]


def test_an_item_that_is_no_item_does_not_pass_through():
    def run(item: str):
        return item

    assert outputs(run) == [("output", "Json")]


def test_a_function_that_returns_none_has_no_outputs():
    def run(item) -> None:
        pass

    def late(item) -> "None":
        pass

    assert outputs(run) == []
    assert outputs(late) == []


def test_an_entity_that_is_returned_is_named_after_the_input_of_its_type():
    def run(photo: Item, factor: float) -> Item:
        return photo

    def other(photo: Item) -> Dataset:
        return photo

    def unsure(left: Item, right: Item) -> Item:
        return left

    assert outputs(run) == [("photo", "Item")]
    assert outputs(other) == [("dataset", "Dataset")]
    assert outputs(unsure) == [("item", "Item")]


def test_values_that_are_returned_are_called_output():
    def run(text: str) -> str:
        return text

    assert outputs(run) == [("output", "String")]


def test_each_element_of_a_returned_tuple_has_a_port():
    def run(item: Item) -> tuple[Item, str, int]:
        return item, "", 1

    def two(item: Item) -> tuple[str, str]:
        return "", ""

    def same(item: Item) -> tuple[Item, Item]:
        return item, item

    assert outputs(run) == [("item", "Item"), ("output_1", "String"), ("output_2", "Integer")]
    assert outputs(two) == [("output", "String"), ("output_1", "String")]
    assert outputs(same) == [("item", "Item"), ("item_1", "Item")]


def test_a_tuple_of_any_length_is_one_list():
    def run(item: Item) -> tuple[Item, ...]:
        return (item,)

    assert outputs(run) == [("item", "Item[]")]


def test_a_named_tuple_names_its_outputs():
    class Parts(NamedTuple):
        thumbnail: Item
        caption: str

    def run(item: Item) -> Parts:
        return Parts(item, "")

    assert outputs(run) == [("thumbnail", "Item"), ("caption", "String")]


def test_a_tuple_hint_that_cannot_be_resolved_is_still_taken_apart():
    def run(item) -> "tuple[dl.Item, NoSuchName, str]":  # noqa: F821
        return item

    def many(item) -> "tuple[dl.Item, ...]":  # noqa: F821
        return item

    assert outputs(run) == [("item", "Item"), ("output_1", "Json"), ("output_2", "String")]
    assert outputs(many) == [("item", "Item[]")]


def test_async_functions_have_the_ports_of_what_they_await():
    async def run(item: Item) -> tuple[Item, str]:
        return item, ""

    assert outputs(run) == [("item", "Item"), ("output_1", "String")]


def test_decorated_functions_have_the_ports_of_what_was_written():
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    @decorate
    def run(text: str = "a") -> "Item":
        return text

    assert inputs(run) == [("text", "String")]
    assert outputs(run) == [("item", "Item")]


def test_partial_functions_have_what_they_were_given_as_defaults():
    def run(text: str, times: int):
        return text * times

    ports = ports_of(functools.partial(run, times=3)).inputs
    assert [(each.name, each.input_type, each.default_value) for each in ports] == [
        ("text", "String", None),
        ("times", "Integer", 3),
    ]


def test_objects_that_can_be_called_have_ports():
    class Adder:
        def __call__(self, number: "int") -> "float":
            return number + 1.0

    assert inputs(Adder()) == [("number", "Integer")]
    assert outputs(Adder()) == [("output", "Float")]


def test_a_builtin_without_a_signature_takes_and_gives_an_item():
    assert inputs(min) == [("item", "Item")]
    assert outputs(min) == [("item", "Item")]


def test_a_port_may_be_given_in_any_form():
    made = PipelineNodeIO(name="a", input_type=PackageInputType.STRING)
    assert port(made) is made
    typed = port(FunctionIO(type="String", name="b", value="x", actions=["go"]))
    assert (typed.name, typed.input_type, typed.default_value, typed.actions) == ("b", "String", "x", ["go"])
    assert (port(("c", "Item[]")).name, port(("c", "Item[]")).input_type) == ("c", "Item[]")
    assert port(("d", int)).input_type == "Integer"
    assert port(("e", Item)).input_type == "Item"


def test_what_is_no_port_is_refused():
    with pytest.raises(TypeError, match="a port is"):
        port("item")
    with pytest.raises(ValueError, match="Itme"):
        port(("item", "Itme"))


SCALARS = st.sampled_from([str, int, float, bool, dict, Item, Dataset])
HINTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        inner.map(lambda each: list[each]),
        inner.map(lambda each: Optional[each]),  # noqa: UP045
        st.tuples(inner, inner).map(lambda pair: Union[pair[0], pair[1]]),  # noqa: UP007
        inner.map(lambda each: dict[str, each]),
        st.tuples(inner, inner).map(lambda pair: tuple[pair]),
    ),
    max_leaves=6,
)


@given(HINTS)
def test_every_hint_has_a_port_type_and_optional_does_not_change_it(hint):
    assert port_type(hint) in set(PackageInputType)
    assert port_type(Optional[hint]) == port_type(hint)  # noqa: UP045


@given(st.lists(HINTS, min_size=1, max_size=5))
def test_outputs_always_have_different_names_and_the_order_of_the_tuple(hints):
    def run(item: Item):
        pass

    run.__annotations__["return"] = tuple[tuple(hints)]
    ports = ports_of(run).outputs
    assert [each.input_type for each in ports] == [port_type(each) for each in hints]
    assert len({each.name for each in ports}) == len(hints)


@given(st.sampled_from(sorted(ENTITY_TYPES)))
def test_every_entity_is_known_by_parameter_name_and_by_class(name):
    space = {}
    exec(f"def run({name.lower()}): pass", space)
    assert inputs(space["run"]) == [(name.lower(), name)]
    assert port_type(entity(name)) == name
