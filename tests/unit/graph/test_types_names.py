# ruff: noqa: UP006, UP007, UP035, UP045 (both spellings of a type are the matter here)
from __future__ import annotations

import contextlib
import enum
import importlib
import typing
from collections import abc
from collections.abc import Callable, Iterable
from typing import (
    Annotated,
    Any,
    Dict,
    ForwardRef,
    Generic,
    List,
    Literal,
    NewType,
    Optional,
    Type,
    TypedDict,
    TypeVar,
    Union,
)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.graph.errors import DeserializationError, SerializationError
from dtlpipe.graph.types.names import TEXT_LIMIT, deserialize_type, serialize_type, type_name

T = TypeVar("T")
Number = NewType("Number", int)
HERE = __name__


class Colour(enum.Enum):
    RED = 1


class Box(Generic[T]):
    class Lid:
        pass


class Row(TypedDict):
    name: str


def imported(name: str) -> Any:
    """Imports anything, nested classes too, as a trusting reader of files would."""
    parts = name.split(".")
    if name.startswith(HERE):
        found, rest = globals(), parts[len(HERE.split(".")) :]
        value = found[rest[0]]
        for part in rest[1:]:
            value = getattr(value, part)
        return value
    return getattr(importlib.import_module(".".join(parts[:-1])), parts[-1])


def refused(name: str) -> Any:
    raise DeserializationError(f"{name} may not be imported")


# type, for people, for files
NAMED = [
    (int, "int", "int"),
    (None, "None", "None"),
    (Any, "Any", "typing.Any"),
    (Row, "Row", f"{HERE}.Row"),
    (Number, "Number", f"{HERE}.Number"),
    (T, "T", f"{HERE}.T"),
    (Box.Lid, "Lid", f"{HERE}.Box.Lid"),
    ("Unresolved", "'Unresolved'", "'Unresolved'"),
    (ForwardRef("Later"), "'Later'", "'Later'"),
    (list, "list", "list"),
    (list[int], "list[int]", "list[int]"),
    (List[int], "List[int]", "typing.List[int]"),
    (List[ForwardRef("Later")], "List['Later']", "typing.List['Later']"),
    (list[None], "list[None]", "list[None]"),
    (list[type(None)], "list[None]", "list[NoneType]"),
    (Dict[str, None], "Dict[str, None]", "typing.Dict[str, None]"),
    (dict[str, list[Row]], "dict[str, list[Row]]", f"dict[str, list[{HERE}.Row]]"),
    (tuple[int, ...], "tuple[int, ...]", "tuple[int, ...]"),
    (tuple[()], "tuple", "tuple[()]"),
    (Type[int], "Type[int]", "typing.Type[int]"),
    (Box, "Box", f"{HERE}.Box"),
    (Box[int], "Box[int]", f"{HERE}.Box[int]"),
    (Iterable[int], "Iterable[int]", "collections.abc.Iterable[int]"),
    (Optional[int], "Optional[int]", "typing.Optional[int]"),
    (Union[int, str], "Union[int, str]", "typing.Union[int, str]"),
    (Union[int, str, None], "Union[int, str, None]", "typing.Union[int, str, None]"),
    (int | None, "int | None", "int | None"),
    (list[int] | str | None, "list[int] | str | None", "list[int] | str | None"),
    (list[int | None], "list[int | None]", "list[int | None]"),
    (List[bytes | float], "List[bytes | float]", "typing.List[typing.Union[bytes, float]]"),
    (
        Literal["a", 1, True, b"x"],
        "Literal['a', 1, True, b'x']",
        "typing.Literal['a', 1, True, b'x']",
    ),
    (Literal["a,]b"], "Literal['a,]b']", "typing.Literal['a,]b']"),
    (Literal[-1], "Literal[-1]", "typing.Literal[-1]"),
    (Optional[Literal["a"]], "Optional[Literal['a']]", "typing.Optional[typing.Literal['a']]"),
    (Annotated[int, "metres"], "Annotated[int, 'metres']", "typing.Annotated[int, 'metres']"),
    (Callable, "Callable", "collections.abc.Callable"),
    (Callable[[], None], "Callable[[], None]", "collections.abc.Callable[[], None]"),
    (Callable[[int, Row], str], "Callable[[int, Row], str]", f"collections.abc.Callable[[int, {HERE}.Row], str]"),
    (Callable[[type(None)], None], "Callable[[None], None]", "collections.abc.Callable[[NoneType], None]"),
    (typing.Callable[[int], None], "Callable[[int], None]", "typing.Callable[[int], None]"),
    (Callable[..., str], "Callable[..., str]", "collections.abc.Callable[..., str]"),
]


@pytest.mark.parametrize(("type_", "name", "_"), NAMED, ids=str)
def test_a_type_is_shown_as_people_write_it(type_, name, _):
    assert type_name(type_) == name


@pytest.mark.parametrize(("type_", "_", "name"), NAMED, ids=str)
def test_a_type_is_written_with_its_modules_and_reads_back_as_itself(type_, _, name):
    written = serialize_type(type_)
    assert written == name
    assert deserialize_type(written, imported) == (type_ if not isinstance(type_, ForwardRef) else "Later")


def test_the_class_of_none_is_written_as_none():
    assert type_name(type(None)) == serialize_type(type(None)) == "None"
    assert deserialize_type("None", refused) is None
    assert deserialize_type("NoneType", refused) is type(None)


def test_an_ellipsis_is_read_as_older_files_spell_it():
    assert deserialize_type("tuple[int, Ellipsis]", refused) == tuple[int, ...]


def test_names_without_a_module_are_builtin_or_from_typing():
    assert deserialize_type("List[Optional[int]]", refused) == List[Optional[int]]


def test_whatever_has_a_module_is_asked_for():
    asked = []

    def importer(name: str) -> Any:
        asked.append(name)
        return imported(name)

    assert (
        deserialize_type("dict[typing.Any, list[collections.abc.Iterable[int]]]", importer)
        == dict[Any, list[abc.Iterable[int]]]
    )
    assert asked == ["typing.Any", "collections.abc.Iterable"]


def test_a_type_that_may_not_be_imported_is_not_read():
    with pytest.raises(DeserializationError, match=r"os\.PathLike may not be imported"):
        deserialize_type("list[os.PathLike]", refused)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "list[",
        "eval",
        "sys",
        "open",
        "Missing",
        "5",
        "list[5]",
        "(int, str)",
        "list[*int]",
        "int + str",
        "None | None",
        "int[str]",
        "__import__('os').system",
        "f().x",
        "os.path[0].x",
        "lambda: 1",
        "typing.Annotated[int]",
        "a\0b",
        "(" * 5000,
        "|".join(["int"] * 2400),
    ],
)
def test_text_that_is_no_type_is_refused(text):
    with pytest.raises(DeserializationError, match="Could not deserialize type"):
        deserialize_type(text, imported)


def test_text_that_no_type_needs_is_not_even_parsed():
    with pytest.raises(DeserializationError, match=f"{TEXT_LIMIT + 1} characters; {TEXT_LIMIT} are allowed"):
        deserialize_type("i" * (TEXT_LIMIT + 1), refused)


def test_a_type_that_no_file_can_find_again_is_not_written():
    class Local:
        pass

    with pytest.raises(SerializationError, match="Local is defined inside a function"):
        serialize_type(list[Local])


@pytest.mark.parametrize(
    "type_",
    [Literal[Colour.RED], Annotated[int, 1.5], Annotated[int, object()]],
    ids=["a member", "a float", "an object"],
)
def test_literals_that_no_text_can_hold_are_not_written(type_):
    with pytest.raises(SerializationError, match="part of a type and cannot be written"):
        serialize_type(type_)


def test_what_is_no_type_is_not_written():
    with pytest.raises(SerializationError, match="5 is no type"):
        serialize_type(5)


def types():
    leaves = st.sampled_from([int, str, bytes, Any, Row, Number, Box, Box.Lid, list, dict, type(None), T])
    literals = st.lists(st.one_of(st.text(), st.integers(), st.booleans(), st.binary(), st.none()), min_size=1).map(
        lambda values: Literal[tuple(values)]
    )

    def grown(parts):
        several = st.lists(parts, min_size=1, max_size=3)
        return st.one_of(
            parts.map(lambda part: list[part]),
            parts.map(lambda part: List[part]),
            parts.map(lambda part: Optional[part]),
            parts.map(lambda part: Iterable[part]),
            parts.map(lambda part: Box[part]),
            parts.map(lambda part: tuple[part, ...]),
            several.map(lambda some: tuple[tuple(some)]),
            several.map(lambda some: Union[tuple(some)]),
            st.tuples(st.one_of(st.just(...), several), parts).map(lambda both: Callable[both[0], both[1]]),
            st.tuples(parts, parts).map(lambda both: dict[both]),
        )

    return st.recursive(st.one_of(leaves, literals), grown, max_leaves=6)


@given(types().filter(lambda type_: type_ is not type(None)))
def test_every_type_reads_back_as_itself(type_):
    assert deserialize_type(serialize_type(type_), imported) == type_


@given(st.text())
def test_no_text_does_anything_but_name_a_type(text):
    with contextlib.suppress(DeserializationError):
        deserialize_type(text, refused)
