"""What users give as inputs, as the JSON data that travels: values by name, entities as their ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from dtlpipe.errors import BadRequest
from dtlpipe.model.filters import Filters
from dtlpipe.model.package import FunctionIO
from dtlpipe.model.struct import Struct, encode
from dtlpipe.resources.entity import Entity

#: `{'item': item, 'threshold': 0.5}`, one typed value, or several.
Inputs = Mapping[str, Any] | FunctionIO | Iterable[FunctionIO]


def input_data(given: Inputs | None) -> dict[str, Any] | None:
    """Inputs by name, or None if none were given.

    Raises:
        BadRequest: what was given is no form of inputs, or a value is not JSON; names the input.
    """
    if given is None:
        return None
    if isinstance(given, Mapping):
        named = dict(given)
    else:
        several = [given] if isinstance(given, FunctionIO) else list(given)
        named = {}
        for each in several:
            if not isinstance(each, FunctionIO):
                raise BadRequest(
                    f"inputs are a dict, a FunctionIO or a list of these, and not {type(each).__name__}",
                    hint="for example execution_input={'item': item.id}",
                )
            named[each.name] = each.value
    return {_name(name): _travelling(name, value) for name, value in named.items()}


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise BadRequest(f"inputs go by the names of parameters, and {name!r} is a {type(name).__name__}")
    return name


def _travelling(name: str, value: Any) -> Any:
    data = _reference(value)
    try:
        json.dumps(data, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(
            f"input {name!r} cannot travel as JSON: {error}",
            port=name,
            hint="give its parts as numbers, texts, lists, dicts",
        ) from None
    return data


def _reference(value: Any) -> Any:
    if isinstance(value, Entity):
        return value.to_wire().get("id")
    if isinstance(value, Struct):
        return encode(value)
    if isinstance(value, Mapping):
        return {key: _reference(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_reference(each) for each in value]
    return encode(value)


def batch_query(filters: Filters | Mapping[str, Any] | None) -> dict[str, Any]:
    """The query of a batch.

    Raises:
        BadRequest: there is none: a batch over everything has to be asked for.
    """
    if filters is None:
        raise BadRequest(
            "a batch needs filters that say which items",
            hint="dl.Filters(field='dir', values='/folder', context={'datasets': [dataset.id]})",
        )
    return filters.prepare() if isinstance(filters, Filters) else dict(filters)
