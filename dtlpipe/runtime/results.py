"""From what a function returned to JSON on output ports.

Law: what is sane becomes JSON (entities become references by id, numpy values plain numbers, dates ISO text, sets
lists, dataclasses objects); what is not fails the execution and says which port, which place in the value, and what to
do. Nothing is dropped, rounded or made into a string by guess.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
import os
import re
import uuid
from collections.abc import Sequence
from typing import Any, Final

from dtlpipe.runtime.failures import NodeFailure, size

OUTPUT_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of JSON that one execution may return."""

ENTITIES: Final = frozenset(
    {
        "Annotation", "App", "Assignment", "Command", "Dataset", "Dpk", "Execution", "Item", "Model", "Ontology",
        "Package", "Pipeline", "PipelineExecution", "Project", "Recipe", "Service", "Task", "Trigger",
    }
)  # fmt: skip
_HOMES: Final = ("dtlpipe", "dtlpy")
_HINTS: Final = {
    "bytes": "Upload the bytes as an item and return the item, or encode them as text.",
    "bytearray": "Upload the bytes as an item and return the item, or encode them as text.",
    "float": "JSON has no NaN and no infinity: return None or a text for them.",
    "generator": "Return a list: list(...).",
    "coroutine": "Await it in the function and return its result.",
    "DataFrame": "Return frame.to_dict('records'), or upload it as an item.",
}
_HINT: Final = "Return values that JSON knows (None, bool, numbers, text, lists, dicts with text keys), or entities."


class Unfit(TypeError):
    """This value has no JSON form."""


def snake(name: str) -> str:
    """`PipelineExecution` as `pipeline_execution`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def reference(value: Any) -> dict[str, Any] | None:
    """How an entity travels: `{"item_id": ..., "dataset_id": ...}`; None for what is no entity."""
    for cls in type(value).__mro__:
        if cls.__name__ in ENTITIES and cls.__module__.partition(".")[0] in _HOMES:
            key = f"{snake(cls.__name__)}_id"
            found: dict[str, Any] = {key: value.id}
            if cls.__name__ in {"Item", "Annotation"}:
                if cls.__name__ == "Annotation":
                    found["item_id"] = getattr(value, "item_id", None)
                found["dataset_id"] = getattr(value, "dataset_id", None)
            return {name: value for name, value in found.items() if value is not None or name == key}
    return None


def plain(value: Any) -> Any:  # noqa: PLR0911 - one return for each kind of value
    """One step towards JSON for a value that the json module does not know.

    Raises:
        Unfit: there is no sane form.
    """
    if (entity := reference(value)) is not None:
        return entity
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return ordered(value)
    if isinstance(value, uuid.UUID | os.PathLike):
        return os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(type(value), "__attrs_attrs__"):
        return {field.name: getattr(value, field.name) for field in type(value).__attrs_attrs__}
    if type(value).__module__.partition(".")[0] in {"numpy", "torch"} and hasattr(value, "tolist"):
        listed = value.tolist()
        if type(listed) is not type(value):
            return listed
    if hasattr(value, "model_dump") and not isinstance(value, type):
        return value.model_dump(mode="json")
    raise Unfit(type(value).__name__)


def ordered(values: set[Any] | frozenset[Any]) -> list[Any]:
    """A set as a list: sorted where its elements can be, so that equal sets give equal outputs."""
    try:
        return sorted(values)
    except TypeError:
        return list(values)


def encode(value: Any, port: str, type_name: str | None, node: str) -> bytes:
    """The JSON text of one port's value, as UTF-8.

    Raises:
        NodeFailure: with cause "output"; names node, port, its type, and the place in the value.
    """
    try:
        return _to_text(value).encode()
    except (Unfit, TypeError, ValueError, RecursionError) as error:
        place, culprit = locate(value, "")
        kind = type(culprit).__name__
        shown = repr(culprit) if isinstance(culprit, float) else f"a {kind}"
        at = f" at {place}" if place else ""
        what = f"holds {shown}{at}, which JSON cannot carry" if culprit is not _NOTHING else f"is no JSON: {error}"
        typed = f" (type {type_name})" if type_name else ""
        raise NodeFailure(
            "output",
            f"{node}: the value for output port {port!r}{typed} {what}.",
            kind="OutputError",
            hint=_HINTS.get(kind, _HINT),
        ) from None


_to_text: Final = json.JSONEncoder(default=plain, allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode
_NOTHING: Final = object()


def locate(value: Any, place: str, depth: int = 0) -> tuple[str, Any]:  # noqa: PLR0911 - as plain
    """The place and the value that has no JSON form; `_NOTHING` if the walk finds none (a circle, say)."""
    if depth > 60 or value is None or isinstance(value, str | bool | int):
        return place, _NOTHING
    if isinstance(value, float):
        return place, (_NOTHING if math.isfinite(value) else value)
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str | int | float | bool | None):
                return f"{place} (as a key)".strip(), key
            found = locate(inner, f"{place}[{key!r}]", depth + 1)
            if found[1] is not _NOTHING:
                return found
        return place, _NOTHING
    if isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            found = locate(inner, f"{place}[{index}]", depth + 1)
            if found[1] is not _NOTHING:
                return found
        return place, _NOTHING
    try:
        return locate(plain(value), place, depth + 1)
    except Exception:  # noqa: BLE001 - whatever it threw, this is the value that cannot be carried
        return place, value


def spread(result: Any, outputs: Sequence[tuple[str, str | None]], node: str) -> list[tuple[str, str | None, Any]]:
    """Which port gets what: a tuple goes element by element to several ports, everything else goes to the first.

    Raises:
        NodeFailure: a tuple's length is not the number of ports.
    """
    if not outputs:
        return [("output", None, result)]
    if len(outputs) == 1:
        return [(*outputs[0], result)]
    if not isinstance(result, tuple):
        return [(*port, result if index == 0 else None) for index, port in enumerate(outputs)]
    if len(result) != len(outputs):
        names = ", ".join(repr(name) for name, _type in outputs)
        raise NodeFailure(
            "output",
            f"{node}: the function returned {len(result)} values for {len(outputs)} output ports ({names}).",
            kind="OutputError",
            hint="Return one value for each output port, in the order of the ports; None for a port that stays empty.",
        )
    return [(*port, value) for port, value in zip(outputs, result, strict=True)]


def dehydrate(result: Any, outputs: Sequence[tuple[str, str | None]], node: str, limit: int = OUTPUT_LIMIT) -> bytes:
    """The outputs as one JSON object by port name.

    Raises:
        NodeFailure: with cause "output": a value has no JSON form, or all together are over `limit` bytes.
    """
    parts = [
        json.dumps(name).encode() + b":" + encode(value, name, type_name, node)
        for name, type_name, value in spread(result, outputs, node)
    ]
    text = b"{" + b",".join(parts) + b"}"
    if len(text) > limit:
        raise NodeFailure(
            "output",
            f"{node}: the function returned {size(len(text))} of JSON; the limit is {size(limit)}.",
            kind="OutputError",
            hint="Upload large values as items and return the items.",
        )
    return text
