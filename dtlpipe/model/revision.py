"""Revisions of a pipeline, and what is different between two of them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model.struct import Struct, field


@attrs.define(slots=False, kw_only=True)
class PipelineRevision(Struct):
    """What a pipeline was at an install; it never changes. `number` counts from 1.

    Runs begin with the one that is `current`.
    """

    id: str = field("")
    pipeline_id: str = field("")
    number: int = field(0)
    name: str = field("")
    current: bool = field(default=False)
    created_at: datetime | None = field(None)
    nodes: list[dict[str, Any]] = field(factory=list)
    connections: list[dict[str, Any]] = field(factory=list)
    start_nodes: list[dict[str, Any]] = field(factory=list)
    variables: list[dict[str, Any]] = field(factory=list)


@attrs.frozen
class RevisionDiff:
    """What changed from one revision to another. `str(diff)` is for people; it is false if nothing changed.

    Attributes:
        added: names of nodes that are new.
        removed: names of nodes that are gone.
        changed: for each node that is another now, by name, what of it changed: paths and both values.
        connections: connections that came ("+") and went ("-"), as texts.
        variables: values of variables before and after, by name; None for one that is not there.
    """

    old: int
    new: int
    added: list[str] = attrs.field(factory=list)
    removed: list[str] = attrs.field(factory=list)
    changed: dict[str, dict[str, tuple[Any, Any]]] = attrs.field(factory=dict)
    connections: list[str] = attrs.field(factory=list)
    variables: dict[str, tuple[Any, Any]] = attrs.field(factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.connections or self.variables)

    def __str__(self) -> str:
        if not self:
            return f"revisions {self.old} and {self.new} are the same"
        lines = [f"revision {self.old} -> {self.new}"]
        lines += [f"+ node {name}" for name in self.added] + [f"- node {name}" for name in self.removed]
        for name, values in self.changed.items():
            lines.append(f"~ node {name}")
            for path, (before, after) in values.items():
                lines += [f"    {line}" for line in _told(path, before, after)]
        lines += self.connections
        lines += [f"~ variable {name}: {before!r} -> {after!r}" for name, (before, after) in self.variables.items()]
        return "\n".join(lines)


def diff(old: PipelineRevision, new: PipelineRevision) -> RevisionDiff:
    """What changed from one to the other. Where nodes are drawn is no change."""
    before, after = ({each["id"]: each for each in one.nodes} for one in (old, new))
    both = [(before[id], after[id]) for id in before if id in after]
    changed = {two["name"]: found for one, two in both if (found := dict(_differences(one, two)))}
    wires = [{_wire(each, one): None for each in one.connections} for one in (old, new)]
    values = [{each["name"]: each.get("value") for each in one.variables} for one in (old, new)]
    return RevisionDiff(
        old.number,
        new.number,
        added=[each["name"] for id, each in after.items() if id not in before],
        removed=[each["name"] for id, each in before.items() if id not in after],
        changed=changed,
        connections=[
            *(f"+ {each}" for each in wires[1] if each not in wires[0]),
            *(f"- {each}" for each in wires[0] if each not in wires[1]),
        ],
        variables={
            name: (values[0].get(name), values[1].get(name))
            for name in {**values[0], **values[1]}
            if values[0].get(name) != values[1].get(name) or (name in values[0]) != (name in values[1])
        },
    )


_UNSEEN = ("metadata.position",)


def _differences(before: Any, after: Any, path: str = "") -> list[tuple[str, tuple[Any, Any]]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found = []
        for key in {**before, **after}:
            at = f"{path}.{key}".lstrip(".")
            if at not in _UNSEEN:
                found += _differences(before.get(key), after.get(key), at)
        return found
    return [] if before == after else [(path, (before, after))]


def _wire(connection: Mapping[str, Any], revision: PipelineRevision) -> str:
    names = {each["id"]: each["name"] for each in revision.nodes}
    ports = {
        port["portId"]: port["name"]
        for node in revision.nodes
        for port in (*(node.get("inputs") or ()), *(node.get("outputs") or ()))
    }
    ends = [
        f"{names.get(end['nodeId'], end['nodeId'])}.{ports.get(end['portId'], end['portId'])}"
        for end in (connection["src"], connection["tgt"])
    ]
    text = " -> ".join(ends)
    if connection.get("action"):
        text += f" on {connection['action']}"
    return f"{text} if {connection['condition']}" if connection.get("condition") not in (None, "", "{}") else text


def _told(path: str, before: Any, after: Any) -> list[str]:
    """Texts of several lines, which code is, line by line; anything else as both values."""
    if isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
        return [f"{path}:", *(f"  {line}" for line in [*lines][2:])]
    return [f"{path}: {_short(before)} -> {_short(after)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
