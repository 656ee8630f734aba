"""A field is written once: attrs declares it; JSON in and out, and validation at the border, are derived.

A noun is an attrs class on `Struct`. Its wire key is the field's name in camelCase unless `field(wire=...)` says
otherwise; keys that the noun does not know are kept in `extra` and given back, so that nothing a platform sent is lost.

- `from_wire(data)`: trusting and fast, for what a platform sent us.
- `to_wire()`: plain JSON data. None is left out, unless the field says `null=True`.
- pydantic, through its documented schema hook: `TypeAdapter(Noun).validate_python(body)` checks types with full paths
  and gives the noun. `partial(Noun)` is the same with nothing required, for PATCH bodies.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Self, Union, get_args, get_origin

import attrs

from dtlpipe.model import times

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

Codec = Callable[[Any], Any]


def field(
    default: Any = attrs.NOTHING,
    *,
    factory: Callable[[], Any] | None = None,
    wire: str | None = None,
    null: bool = False,
    converter: Callable[[Any], Any] | None = None,
) -> Any:
    """A noun's field. `wire`: its JSON key, if not the camelCase name. `null`: send None as null, not as absence."""
    metadata = {"wire": wire, "null": null}
    if factory is not None:
        return attrs.field(factory=factory, metadata=metadata, converter=converter)
    return attrs.field(default=default, metadata=metadata, converter=converter)


def local(default: Any = None, *, factory: Callable[[], Any] | None = None) -> Any:
    """A field that lives in memory only: never sent, never read, not compared."""
    metadata = {"local": True}
    if factory is not None:
        return attrs.field(factory=factory, metadata=metadata, repr=False, eq=False)
    return attrs.field(default=default, metadata=metadata, repr=False, eq=False)


def camel(name: str) -> str:
    """`created_at` is `createdAt` on the wire."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _same(value: Any) -> Any:
    return value


def _plain(annotation: Any) -> Any:
    """`list[X]` for a class that is a list of X with verbs of its own."""
    if isinstance(annotation, type) and issubclass(annotation, list) and get_origin(annotation) is None:
        return list[get_args(annotation.__orig_bases__[0])[0]]  # type: ignore[attr-defined,misc]
    return annotation


def _decoder(annotation: Any) -> Codec:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        arms = [arm for arm in args if arm is not type(None)]
        inner = _decoder(arms[0]) if len(arms) == 1 else _same
        return inner if inner is _same else lambda value: None if value is None else inner(value)
    if isinstance(origin, type) and issubclass(origin, list):
        inner = _decoder(args[0])
        return _same if inner is _same else lambda value: [inner(each) for each in value or ()]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        inner = _decoder(args[1])
        return _same if inner is _same else lambda value: {key: inner(each) for key, each in (value or {}).items()}
    if not isinstance(annotation, type):
        return _same
    if issubclass(annotation, Struct):
        return lambda value: value if isinstance(value, Struct) else annotation.from_wire(value or {})
    if issubclass(annotation, Enum):
        members = annotation._value2member_map_
        return lambda value: members.get(value, value)  # a platform may know more states than we do
    if annotation is datetime:
        return lambda value: times.from_wire(value) if isinstance(value, str) else value
    return _same


def encode(value: Any) -> Any:
    """Plain JSON data of a noun, an enum, a time, or a container of them."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, Struct):
        return value.to_wire()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return times.to_wire(value)
    if isinstance(value, Mapping):
        return {key: encode(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(each) for each in value]
    return value


@attrs.frozen
class _Wire:
    """One field, compiled: its name in memory, its key on the wire, how it is read, whether None is sent."""

    name: str
    key: str
    decode: Codec
    null: bool
    annotation: Any
    required: bool


def _compile(cls: type[Any]) -> tuple[_Wire, ...]:
    hints = typing.get_type_hints(cls)
    return tuple(
        _Wire(
            attribute.name,
            attribute.metadata.get("wire") or camel(attribute.name),
            _decoder(_plain(hints[attribute.name])),
            bool(attribute.metadata.get("null")),
            _plain(hints[attribute.name]),
            attribute.default is attrs.NOTHING,
        )
        for attribute in attrs.fields(cls)
        if not attribute.metadata.get("local")
    )


_FIELDS: dict[type[Any], tuple[_Wire, ...]] = {}
_KEYS: dict[type[Any], frozenset[str]] = {}


def wire_fields(cls: type[Any]) -> tuple[_Wire, ...]:
    """The wire fields of a noun, compiled at the first call, when its annotations can be resolved."""
    found = _FIELDS.get(cls)
    if found is None:
        found = _FIELDS[cls] = _compile(cls)
        _KEYS[cls] = frozenset(each.key for each in found)
    return found


@attrs.define(slots=False, kw_only=True)
class Struct:
    """The root of all nouns."""

    NOUN: ClassVar[type[Struct] | None] = None
    extra: dict[str, Any] = local(factory=dict)

    @classmethod
    def _arguments(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        noun = cls.NOUN or cls
        found = {each.name: each.decode(data[each.key]) for each in wire_fields(noun) if each.key in data}
        known = _KEYS[noun]
        unknown = {key: value for key, value in data.items() if key not in known}
        if unknown:
            found["extra"] = unknown
        return found

    @classmethod
    def from_wire(cls, data: Mapping[str, Any], **local_fields: Any) -> Self:
        """The noun for JSON data. Raises TypeError if a required key is absent."""
        return cls(**cls._arguments(data), **local_fields)

    def to_wire(self) -> dict[str, Any]:
        """JSON data: unknown keys as they came, then the noun's own."""
        data: dict[str, Any] = encode(self.extra)
        for each in wire_fields(self.NOUN or type(self)):
            value = getattr(self, each.name)
            if value is not None or each.null:
                data[each.key] = encode(value)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any], **local_fields: Any) -> Self:
        """`from_wire`, by the name that the field's SDK gives it."""
        return cls.from_wire(data, **local_fields)

    def to_json(self) -> dict[str, Any]:
        """`to_wire`, by the name that the field's SDK gives it."""
        return self.to_wire()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _schema(cls, handler, partial=False)


def _schema(cls: type[Struct], handler: GetCoreSchemaHandler, *, partial: bool) -> CoreSchema:
    from pydantic_core import core_schema as cs

    checked: dict[str, cs.TypedDictField] = {
        each.key: cs.typed_dict_field(_strict(each.annotation, handler), required=each.required and not partial)
        for each in wire_fields(cls)
    }
    keys = cs.typed_dict_schema(checked, extra_behavior="allow")
    serializer = cs.plain_serializer_function_ser_schema(encode)
    if partial:
        return cs.no_info_after_validator_function(encode, keys, serialization=serializer)
    return cs.no_info_after_validator_function(cls.from_wire, keys, serialization=serializer)


def _strict(annotation: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """The field's schema, with numbers and truth values taken only as themselves ("5" is not 5, 1 is not true)."""
    from pydantic_core import core_schema as cs

    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType) and type(None) in args and len(args) == 2:
        return cs.nullable_schema(_strict(next(arm for arm in args if arm is not type(None)), handler))
    if annotation is int:
        return cs.int_schema(strict=True)
    if annotation is float:
        return cs.float_schema(strict=True)
    if annotation is bool:
        return cs.bool_schema(strict=True)
    return handler.generate_schema(annotation)


def partial(cls: type[Struct]) -> Any:
    """A type for pydantic that checks the keys given, requires none, and yields plain JSON data of only those."""

    class Partial:
        @classmethod
        def __get_pydantic_core_schema__(cls_, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: N804
            return _schema(cls, handler, partial=True)

    Partial.__name__ = f"Partial{cls.__name__}"
    return Partial
