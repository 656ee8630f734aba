"""Values of a run as plain data, and back: `{"serialization_schema": ..., "serialized_data": ...}`.

Law: what can be written is read back equal, also after a trip through JSON; what cannot is named. The schema is data,
so classes and functions that it names must be on the allow-list.

The schemas are Haystack's, so that either reads what the other wrote: null, boolean, integer, number, string; object
with `properties`; array with `items` or, if they differ, `prefixItems` (tuples have `minItems` and `maxItems`, sets
`uniqueItems`); "typing.Callable"; and the dotted name of a class that writes itself (by `to_dict` and `from_dict`, an
enum, a pydantic model). Beyond those: "bytes", "datetime", "date", and "mapping" for dictionaries whose keys are not
strings.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any

from dtlpipe.graph.errors import DeserializationError, SerializationError
from dtlpipe.graph.ports import NO_OUTPUT
from dtlpipe.graph.serialization.allowlist import import_class_by_name, import_function_by_name
from dtlpipe.graph.serialization.components import generate_qualified_class_name

__all__ = [
    "Envelope",
    "array_of",
    "deserialize_value",
    "envelope",
    "object_of",
    "serialize_fields",
    "serialize_value",
    "write",
    "write_or_warn",
]

logger = logging.getLogger(__name__)

Envelope = dict[str, Any]
Pair = tuple[dict[str, Any], Any]
"""(schema, data)"""

_NO_OUTPUT = "haystack.core.pipeline.component_checks._NoOutputProduced"

_PRIMITIVES = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
_CALLABLE = "typing.Callable"


# ---- to data ---------------------------------------------------------------------------------------------------------


def serialize_value(value: Any) -> Envelope:
    """Return a value as plain data.

    Raises:
        SerializationError: it is of a kind that cannot be written.
    """
    return envelope(write(value))


def serialize_fields(values: Mapping[str, Mapping[str, Any]], description: str) -> tuple[Envelope, list[str]]:
    """Return `{component: {socket: value}}` as plain data, without what cannot be written; that is warned of.

    Args:
        values: as above.
        description: what they are, for the warning.

    Returns:
        The data, and the names "component.socket" that are missing in it.
    """
    omitted: list[str] = []
    found: dict[str, Pair] = {}
    for component, own in values.items():
        fields: dict[str, Pair] = {}
        for name, value in own.items():
            pair = write_or_warn(value, f"{component}.{name}", description)
            if pair is None:
                omitted.append(f"{component}.{name}")
            else:
                fields[name] = pair
        found[component] = object_of(fields)
    return envelope(object_of(found)), omitted


def write_or_warn(value: Any, name: str, description: str) -> Pair | None:
    """Return a value as plain data; warn, and return None, if it cannot be written."""
    try:
        return write(value)
    except Exception as error:  # noqa: BLE001 - whatever its to_dict raises
        logger.warning(
            "Failed to serialize the '%s' field of %s. The field will be omitted from the snapshot. Error: %s",
            name,
            description,
            error,
        )
        return None


def envelope(pair: Pair) -> Envelope:
    """Return a schema and its data in one dictionary."""
    return {"serialization_schema": pair[0], "serialized_data": pair[1]}


def object_of(fields: Mapping[str, Pair]) -> Pair:
    """Return a dictionary of values that are written already."""
    return (
        {"type": "object", "properties": {name: schema for name, (schema, _) in fields.items()}},
        {name: data for name, (_, data) in fields.items()},
    )


def array_of(items: list[Pair]) -> Pair:
    """Return a list of values that are written already."""
    schemas = [schema for schema, _ in items]
    found: dict[str, Any] = {"type": "array"}
    if all(schema == schemas[0] for schema in schemas):
        found["items"] = schemas[0] if schemas else {}
    else:
        found["prefixItems"] = schemas
    return found, [data for _, data in items]


def write(value: Any) -> Pair:
    """Return the schema and the data of a value.

    Raises:
        SerializationError: it is of a kind that cannot be written.
    """
    kind = type(value)
    if kind in _PRIMITIVES:
        return {"type": _PRIMITIVES[kind]}, value
    if isinstance(value, dict):
        return _write_dict(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _write_many(value)
    if value is NO_OUTPUT:
        return {"type": _NO_OUTPUT}, {}
    if isinstance(value, Enum):
        return {"type": generate_qualified_class_name(kind)}, value.name
    if isinstance(value, (str, int, float)):
        return _write_primitive(value)
    if (write := _BY_NAME.get(f"{kind.__module__}.{kind.__name__}")) is not None:
        return {"type": kind.__name__}, write(value)
    return _write_object(value)


def _write_primitive(value: Any) -> Pair:
    """Write what is more than a string or number as the string or number that it is."""
    if isinstance(value, str):
        return {"type": "string"}, str.__str__(value)
    return ({"type": "integer"}, int(value)) if isinstance(value, int) else ({"type": "number"}, float(value))


def _write_dict(value: dict[Any, Any]) -> Pair:
    if all(type(key) is str for key in value):
        return object_of({key: write(item) for key, item in value.items()})
    schema, data = _write_many(list(value.items()))
    return {"type": "mapping", "entries": schema}, data


def _write_many(value: Collection[Any]) -> Pair:
    schema, data = array_of([write(item) for item in value])
    if isinstance(value, (set, frozenset)):
        schema["uniqueItems"] = True
        if isinstance(value, frozenset):
            schema["frozen"] = True
    elif isinstance(value, tuple):
        schema["minItems"] = schema["maxItems"] = len(value)
    return schema, data


def _write_object(value: Any) -> Pair:
    name = generate_qualified_class_name(type(value))
    if callable(getattr(type(value), "model_validate", None)) and callable(getattr(value, "model_dump", None)):
        return {"type": name}, value.model_dump(mode="json")
    if not isinstance(value, type) and callable(getattr(value, "to_dict", None)):
        written = value.to_dict()
        schema, data = write(written)
        return ({"type": name}, written) if _is_json(written) else ({"type": name, "payload": schema}, data)
    if callable(value) and not isinstance(value, type):
        return {"type": _CALLABLE}, _name_of(value)
    raise SerializationError(
        f"Cannot serialize value of type '{type(value).__name__}'. Supported are primitives, lists, tuples, sets and "
        "dictionaries of them, bytes, dates, enums, functions, pydantic models, and objects with a 'to_dict' method."
    )


def _is_json(value: Any) -> bool:
    """Whether JSON gives this back as it is: its tuples would be lists, its other keys strings."""
    if type(value) is dict:
        return all(type(key) is str and _is_json(item) for key, item in value.items())
    if type(value) is list:
        return all(map(_is_json, value))
    return type(value) in _PRIMITIVES


def _name_of(function: Callable[..., Any]) -> str:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    found: Any = sys.modules.get(str(module))
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not function and not (found is not None and found == function):
        raise SerializationError(
            f"Cannot serialize the function {function!r}: only functions that can be imported under their name can be."
        )
    return f"{module}.{name}"


def _hex(value: bytes) -> str:
    return value.hex()


def _iso(value: Any) -> str:
    text: str = value.isoformat()
    return text


_BY_NAME: dict[str, Callable[[Any], Any]] = {"builtins.bytes": _hex, "datetime.datetime": _iso, "datetime.date": _iso}


# ---- from data -------------------------------------------------------------------------------------------------------


def deserialize_value(serialized: Any) -> Any:
    """Return the value that `serialize_value`, ours or Haystack's, has written.

    Raises:
        DeserializationError: it is no such data, or names what may not be imported.
    """
    if not isinstance(serialized, Mapping) or not {"serialization_schema", "serialized_data"} <= serialized.keys():
        raise DeserializationError(
            "A serialized value is a dictionary with 'serialization_schema' and 'serialized_data', "
            f"not {serialized!r:.200}"
        )
    try:
        return _read(serialized["serialization_schema"], serialized["serialized_data"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DeserializationError(
            f"The data does not fit its schema {serialized['serialization_schema']!r:.200}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _read(schema: Mapping[str, Any], data: Any) -> Any:
    kind = schema.get("type")
    if kind in _PRIMITIVES.values():
        return data
    if kind == "object":
        properties = schema["properties"]
        return {name: _read(properties[name], item) for name, item in data.items()}
    if kind == "array":
        return _read_many(schema, data)
    if kind == "mapping":
        return dict(_read_many(schema["entries"], data))
    if kind in _READERS:
        return _READERS[kind](data)
    if not isinstance(kind, str) or not kind:
        raise DeserializationError(
            f"The schema of a value has no 'type': {schema!r:.200}. Was it written by a version before Haystack 2.15?"
        )
    return _read_object(kind, _read(schema["payload"], data) if "payload" in schema else data)


def _read_date(data: str) -> Any:
    from datetime import date

    return date.fromisoformat(data)


def _read_datetime(data: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(data)


_READERS: dict[str, Callable[[Any], Any]] = {
    "bytes": bytes.fromhex,
    "date": _read_date,
    "datetime": _read_datetime,
    _CALLABLE: import_function_by_name,
    _NO_OUTPUT: lambda _: NO_OUTPUT,
}


def _read_many(schema: Mapping[str, Any], data: Any) -> Any:
    prefix = schema.get("prefixItems")
    schemas = [schema["items"]] * len(data) if prefix is None else prefix
    if len(schemas) != len(data):
        raise DeserializationError(f"An array has {len(data)} elements, but 'prefixItems' {len(schemas)} schemas.")
    items = [_read(own, item) for own, item in zip(schemas, data, strict=True)]
    if schema.get("uniqueItems"):
        return frozenset(items) if schema.get("frozen") else set(items)
    return tuple(items) if schema.get("minItems") is not None and schema.get("maxItems") is not None else items


def _read_object(kind: str, data: Any) -> Any:
    try:
        cls: Any = import_class_by_name(kind)
    except ImportError as error:
        raise DeserializationError(f"Class '{kind}' not correctly imported: {error}") from error
    read: Callable[[Any], Any] | None = None
    if callable(getattr(cls, "from_dict", None)):
        read = cls.from_dict
    elif callable(getattr(cls, "model_validate", None)):
        read = cls.model_validate
    elif isinstance(cls, type) and issubclass(cls, Enum):
        read = type(cls).__getitem__.__get__(cls)  # the enum's own: members may be strings, which have items too
    if read is None:
        raise DeserializationError(f"Class '{kind}' cannot be made from data: it has no method 'from_dict'.")
    try:
        return read(_own(data))
    except Exception as error:
        raise DeserializationError(f"The data {data!r:.200} is no {kind}: {type(error).__name__}: {error}") from error


def _own(data: Any) -> Any:
    """Return containers that a `from_dict` may change."""
    if isinstance(data, dict):
        return {key: _own(item) for key, item in data.items()}
    return [_own(item) for item in data] if isinstance(data, list) else data
