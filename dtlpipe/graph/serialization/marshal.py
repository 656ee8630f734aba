"""The texts that a pipeline's data is written as.

Law: a marshaller turns plain data into text and back, exactly, and knows nothing of components.
"""

from __future__ import annotations

from typing import Any, Protocol

from dtlpipe.graph import plugins
from dtlpipe.graph.errors import PipelineUnmarshalError, SerializationError

__all__ = ["JsonMarshaller", "Marshaller", "YamlMarshaller"]

_TUPLE, _SET = "!!python/tuple", "!!set"


class Marshaller(Protocol):
    """What writes a pipeline's data as text, and reads it."""

    def marshal(self, dict_: dict[str, Any]) -> str:
        """Return the data as text."""

    def unmarshal(self, data_: str | bytes | bytearray) -> dict[str, Any]:
        """Return the data that a text describes."""


class YamlMarshaller:
    """YAML as Haystack writes it: either reads what the other wrote.

    Keys are sorted, but those whose order says something are not: the components, and what is inside of parameters.
    """

    def marshal(self, dict_: dict[str, Any]) -> str:
        """Return the data as YAML.

        Raises:
            SerializationError: a value is not plain data (a `TypeError` too).
        """
        yaml = plugins.load("yaml")
        try:
            arranged = _arranged_pipeline(dict_)
            text: str = yaml.dump(dict_ if arranged is None else arranged, sort_keys=arranged is None)
        except RecursionError as error:
            raise SerializationError("The data contains itself, or is nested too deeply to be YAML.") from error
        except ValueError as error:
            raise _unwritable(error) from error
        return text

    def unmarshal(self, data_: str | bytes | bytearray) -> dict[str, Any]:
        """Return the data that a YAML text describes.

        Raises:
            PipelineUnmarshalError: it is no YAML of plain data, or one that is made to exhaust its reader; says where.
        """
        data: dict[str, Any] = plugins.load("yaml").load(bytes(data_) if isinstance(data_, bytearray) else data_)
        return data


def _arranged_pipeline(data: Any) -> dict[str, Any] | None:
    """Return a pipeline's data with its keys in the order in which they are written; None if it is none."""
    try:
        arranged = _sorted(data)
        arranged["components"] = {name: _arranged_component(own) for name, own in data["components"].items()}
        arranged["connections"] = [_sorted(connection) for connection in data["connections"]]
    except (AttributeError, LookupError, TypeError):
        return None
    return arranged


def _arranged_component(data: Any) -> dict[str, Any]:
    arranged = _sorted(data)
    if "init_parameters" in data:
        arranged["init_parameters"] = {
            key: _arranged_component(value) if isinstance(value, dict) and "init_parameters" in value else value
            for key, value in _sorted(data["init_parameters"]).items()
        }
    return arranged


def _sorted(data: Any) -> dict[str, Any]:
    return {key: data[key] for key in sorted(data)}


class JsonMarshaller:
    """JSON. What it has no word for is written as an object with one key: tuples and sets, as `{"!!set": [...]}`."""

    def __init__(self, *, indent: int | None = 2) -> None:
        self._indent = indent

    def marshal(self, dict_: dict[str, Any]) -> str:
        """Return the data as JSON.

        Raises:
            SerializationError: a value is not plain data.
        """
        import json

        try:
            return json.dumps(_to_json(dict_), indent=self._indent)
        except RecursionError as error:
            raise SerializationError("The data contains itself, or is nested too deeply to be JSON.") from error
        except ValueError as error:
            raise _unwritable(error) from error

    def unmarshal(self, data_: str | bytes | bytearray) -> dict[str, Any]:
        """Return the data that a JSON text describes.

        Raises:
            PipelineUnmarshalError: it is no JSON, names a key twice or is nested too deeply.
        """
        import json

        try:
            data: dict[str, Any] = json.loads(data_, object_pairs_hook=_from_pairs)
        except RecursionError as error:
            raise PipelineUnmarshalError("Error loading pipeline from JSON: it is nested too deeply.") from error
        except ValueError as error:
            raise PipelineUnmarshalError(f"Error loading pipeline from JSON: {error}") from error
        return data


def _unwritable(error: ValueError) -> SerializationError:
    """The error for numbers of too many digits, and for texts of half characters."""
    return SerializationError(f"The data holds a value that cannot be written: {error}. Leave it out of the pipeline.")


def _to_json(value: Any) -> Any:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise SerializationError(f"JSON has no keys but strings: {key!r:.80}. Use a string, or YAML.")
        if len(value) == 1 and next(iter(value)) in (_TUPLE, _SET):
            raise SerializationError(f"The key {next(iter(value))!r} alone would be read as a tuple or set. Use YAML.")
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    if isinstance(value, tuple):
        return {_TUPLE: [_to_json(item) for item in value]}
    if isinstance(value, set):
        return {_SET: [_to_json(item) for item in value]}
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise SerializationError(f"A value of type '{type(value).__name__}' is no plain data: {value!r:.80}")


def _from_pairs(pairs: list[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object; remove one of the two")
    if len(pairs) == 1 and isinstance(pairs[0][1], list):
        key, items = pairs[0]
        if key == _TUPLE:
            return tuple(items)
        if key == _SET:
            return set(items)
    return found
