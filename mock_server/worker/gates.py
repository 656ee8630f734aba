"""Which connections a completion does not take: by the action that was reported, and by conditions on what passes.

A condition on a list that is spread is asked of each element, and closes the connection for those alone that do not
satisfy it; one on a list that passes as it is wants any element to. The answer is kept with the execution, so that what
was decided is not decided again when the run is taken up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dtlpipe.graph.elements import Turn
from dtlpipe.graph.fanning import closed_element
from mock_server.runners.blueprint import Blueprint, Gate
from mock_server.runners.entities import element

#: What a condition looks at, of a value of this type.
Document = Callable[[str | None, Any], Mapping[str, Any]]


def closed_by(
    blueprint: Blueprint, node_id: str, action: str | None, outputs: Mapping[str, Any], document: Document
) -> tuple[int, ...]:
    """Numbers of connections that are not taken, and of elements that do not take one, as the engine is told them."""
    gates, found = blueprint.gates, []
    for edge in blueprint.plan.edges_from(node_id):
        gate = gates.get(edge)
        if gate is None:
            continue
        if gate.action is not None and action != gate.action:
            found.append(edge)
        elif gate.condition is not None:
            found += _refused(blueprint, edge, gate, outputs.get(gate.port.name), document)
    return tuple(found)


def _refused(blueprint: Blueprint, edge: int, gate: Gate, value: Any, document: Document) -> list[int]:
    holds, of = gate.condition, gate.port.type
    if holds is None:
        return []
    if not isinstance(value, list):
        return [] if holds(document(of, value)) else [edge]
    kind, _ = element(of)
    if blueprint.fans is not None and blueprint.fans.turns.get(edge) is Turn.FAN:
        count = len(blueprint.plan.edges)
        return [
            closed_element(edge, index, count) for index, each in enumerate(value) if not holds(document(kind, each))
        ]
    return [] if any(holds(document(kind, each)) for each in value) else [edge]
