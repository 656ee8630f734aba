"""Components for the tests of building: any sockets, made in one line."""

from __future__ import annotations

from typing import Any

from dtlpipe.graph import component
from dtlpipe.graph.pipeline.base import PipelineBase


@component
class Part:
    """A component with the given inputs, `name=type` or `name=(type, default)`, and outputs."""

    def __init__(self, inputs: dict[str, Any] | None = None, outputs: dict[str, Any] | None = None) -> None:
        for name, given in (inputs or {}).items():
            type_, *default = given if isinstance(given, tuple) else (given,)
            component.set_input_type(self, name, type_, *default)
        component.set_output_types(self, **(outputs or {}))

    def run(self, **inputs: Any) -> dict[str, Any]:
        return inputs


def sockets_of(part: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """All inputs and all outputs of a component, by name."""
    return part.__haystack_input__._sockets_dict, part.__haystack_output__._sockets_dict


def picture(pipeline: PipelineBase) -> dict[str, Any]:
    """All that can be seen of a pipeline from outside, for comparing it with itself later."""
    return {
        "metadata": dict(pipeline.metadata),
        "nodes": list(pipeline.graph.nodes),
        "edges": list(pipeline.graph.edges),
        "text": repr(pipeline),
        "inputs": pipeline.inputs(),
        "all inputs": pipeline.inputs(include_components_with_connected_inputs=True),
        "outputs": pipeline.outputs(),
        "sockets": {
            name: (
                {
                    own: (list(s.senders), s.is_lazy_variadic, s.wrap_input_in_list)
                    for own, s in sockets_of(part)[0].items()
                },
                {own: list(s.receivers) for own, s in sockets_of(part)[1].items()},
            )
            for name, part in pipeline.walk()
        },
        "owners": {name: part.__haystack_added_to_pipeline__ is pipeline for name, part in pipeline.walk()},
    }
