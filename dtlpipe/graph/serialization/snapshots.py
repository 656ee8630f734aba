"""What a snapshot says of a run and of its pipeline, as plain data.

Law: a run goes on only in a pipeline that has the same components, sockets and connections; otherwise every difference
is named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dtlpipe.graph.errors import DeserializationError
from dtlpipe.graph.plan import Plan
from dtlpipe.graph.serialization.states import Entries
from dtlpipe.graph.serialization.values import (
    Envelope,
    Pair,
    array_of,
    deserialize_value,
    envelope,
    object_of,
    write,
    write_or_warn,
)

__all__ = ["describe", "differences", "read_entries", "read_fields", "write_entries"]


def describe(plan: Plan) -> dict[str, Any]:
    """Return the components with their sockets, and the connections, of a pipeline."""
    return {
        "components": {
            node.name: {"inputs": sorted(node.inputs), "outputs": sorted(node.outputs)} for node in plan.nodes
        },
        "connections": sorted(
            f"{edge.source}.{edge.source_socket} -> {edge.target}.{edge.target_socket}" for edge in plan.edges
        ),
    }


def differences(then: Mapping[str, Any], plan: Plan) -> list[str]:
    """Return in words what is other in the pipeline now than `then`, when `describe` was called."""
    now = describe(plan)
    found = _changes("component", then["components"], now["components"])
    for name, before in then["components"].items():
        if (after := now["components"].get(name)) is not None:
            for kind in ("input", "output"):
                found += _changes(f"{kind} of component '{name}':", before[f"{kind}s"], after[f"{kind}s"])
    return found + _changes("connection", then["connections"], now["connections"])


def _changes(kind: str, then: Collection[str], now: Collection[str]) -> list[str]:
    return [
        *(f"missing {kind} '{name}'" for name in then if name not in now),
        *(f"added {kind} '{name}'" for name in now if name not in then),
    ]


def write_entries(entries: Entries) -> tuple[Envelope, list[str]]:
    """Return what waits in the sockets as plain data, and the names of what cannot be written, which is left out."""
    omitted: list[str] = []
    found: dict[str, Pair] = {}
    for component, own in entries.items():
        sockets: dict[str, Pair] = {}
        for socket, listed in own.items():
            name = f"{component}.{socket}"
            written: list[Pair] = []
            for entry in listed:
                value = write_or_warn(entry["value"], name, "the inputs of the current pipeline state")
                if value is None:
                    omitted.append(name)
                else:
                    written.append(object_of({"sender": write(entry["sender"]), "value": value}))
            if written:
                sockets[socket] = array_of(written)
        found[component] = object_of(sockets)
    return envelope(object_of(found)), omitted


def read_entries(data: Envelope, description: str) -> Entries:
    """Return what `write_entries`, or Haystack, has written.

    Raises:
        DeserializationError: the data has another shape, or names what may not be imported.
    """
    entries = read_fields(data, description)
    for component, own in entries.items():
        for socket, listed in own.items():
            if not isinstance(listed, list) or not all(
                isinstance(each, dict) and each.keys() == {"sender", "value"} for each in listed
            ):
                raise DeserializationError(
                    f"What waits in '{component}.{socket}' is a list of {{'sender': ..., 'value': ...}}, "
                    f"not {listed!r:.200}"
                )
    return entries


def read_fields(data: Envelope, description: str) -> dict[str, dict[str, Any]]:
    """Return `{component: {socket: value}}` that was written.

    Raises:
        DeserializationError: the data has another shape, or names what may not be imported.
    """
    fields = deserialize_value(data)
    if not isinstance(fields, dict) or not all(isinstance(own, dict) for own in fields.values()):
        raise DeserializationError(f"The {description} are a dictionary for each component, not {fields!r:.200}")
    return fields
