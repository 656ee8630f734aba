"""What a function returns, as outputs by name.

Law: which outputs there are is decided by what the function declares, before it runs, and never by a value.

| declared                                    | outputs                   | what is to be returned         |
|---------------------------------------------|---------------------------|--------------------------------|
| `@component(outputs={...})`, `output_types` | these                     | a mapping, the outputs by name |
|   (if there are several)                    |                           | or a tuple of them, in order   |
|   (if there is one)                         |                           | or its value                   |
| `-> None`                                   | none                      | nothing                        |
| a TypedDict                                 | its keys                  | a mapping, the outputs by name |
| a NamedTuple, a dataclass without `to_dict` | its fields                | an object that has them        |
| `-> tuple[A, B]`                            | `output`, `output_1`, ... | a tuple of the values          |
| any other type, or no annotation            | `output`                  | its value                      |

A dataclass with a `to_dict` is a value in its own right (a document, a message) and goes as a whole. `Annotated[...]`
and `Awaitable[...]` are looked into.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import attrs

from dtlpipe.graph.errors import ComponentError

__all__ = ["OUTPUT", "Declared", "Elements", "Fields", "Keys", "Outputs", "outputs_of", "positional_names"]

OUTPUT: Final = "output"
_NOTHING: Final = (None, type(None), typing.NoReturn, typing.Never, "None")
_WAITED: Final = (collections.abc.Awaitable, collections.abc.Coroutine)


@attrs.frozen
class Outputs:
    """The outputs of a function.

    Attributes:
        types: the type of each, by name, in order.
    """

    types: Mapping[str, Any]

    def named(self, result: Any, function: str) -> Mapping[str, Any]:
        """Return what the function returned as outputs by name.

        Raises:
            ComponentError: it does not fit what is declared.
        """
        return dict.fromkeys(self.types, result)  # one name, or none


class Keys(Outputs):
    """The result is a mapping."""

    def named(self, result: Any, function: str) -> Mapping[str, Any]:
        if not isinstance(result, Mapping):
            raise _unfit(function, self, result, "Return a dict with these keys.")
        return result


class Fields(Outputs):
    """The result has an attribute for each output."""

    def named(self, result: Any, function: str) -> Mapping[str, Any]:
        try:
            return {name: getattr(result, name) for name in self.types}
        except AttributeError as error:
            raise _unfit(function, self, result, "Return an object of the class in the annotation.") from error


class Elements(Outputs):
    """The result is a tuple with an element for each output."""

    def named(self, result: Any, function: str) -> Mapping[str, Any]:
        if not isinstance(result, tuple) or len(result) != len(self.types):
            raise _unfit(function, self, result, f"Return a tuple of {len(self.types)}.")
        return dict(zip(self.types, result, strict=True))


class Declared(Outputs):
    """The result is what the table says for declared outputs."""

    def named(self, result: Any, function: str) -> Mapping[str, Any]:
        if isinstance(result, Mapping):
            return result
        if len(self.types) == 1:
            return dict.fromkeys(self.types, result)
        if isinstance(result, tuple) and len(result) == len(self.types):
            return dict(zip(self.types, result, strict=True))
        raise _unfit(function, self, result, "Return a dict with these keys, or a tuple in their order.")


def _unfit(function: str, outputs: Outputs, result: Any, remedy: str) -> ComponentError:
    returned = f"a tuple of {len(result)}" if isinstance(result, tuple) else f"a {type(result).__name__}"
    names = ", ".join(map(repr, outputs.types)) or "none"
    return ComponentError(f"Function '{function}' returned {returned}, and its outputs are {names}. {remedy}")


def outputs_of(returned: Any) -> Outputs:
    """Return the outputs that a resolved return annotation declares; `inspect.Signature.empty` is no annotation."""
    origin, args = get_origin(returned), get_args(returned)
    if origin is Annotated:
        return outputs_of(args[0])
    if origin in _WAITED:
        return outputs_of(args[-1])
    if returned in _NOTHING:
        return Outputs({})
    if origin is tuple and Ellipsis not in args:
        return Elements(dict(zip(positional_names(len(args)), args, strict=True)))
    plain = origin or returned
    if typing.is_typeddict(plain):
        return Keys(get_type_hints(plain))
    if isinstance(plain, type) and _has_fields(plain):
        hints = _hints(plain)
        return Fields({name: hints.get(name, Any) for name in _fields(plain)})
    return Outputs({OUTPUT: Any if returned is inspect.Signature.empty else returned})


def positional_names(count: int) -> list[str]:
    """Names for outputs that have none: `output`, `output_1`, `output_2`, as the platform's nodes have them."""
    return [f"{OUTPUT}_{index}" if index else OUTPUT for index in range(count)]


def _has_fields(cls: type[Any]) -> bool:
    if issubclass(cls, tuple):
        return hasattr(cls, "_fields")
    return dataclasses.is_dataclass(cls) and not hasattr(cls, "to_dict")


def _fields(cls: type[Any]) -> list[str]:
    if issubclass(cls, tuple):
        return list(cls._fields)  # type: ignore[attr-defined]
    return [field.name for field in dataclasses.fields(cls)]


def _hints(cls: type[Any]) -> dict[str, Any]:
    try:
        return get_type_hints(cls)
    except Exception:  # noqa: BLE001 - names that mean nothing here; what is written is the best that is known
        return inspect.get_annotations(cls)
