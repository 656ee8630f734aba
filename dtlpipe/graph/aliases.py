"""Names by which programs that were written for Haystack reach what is inside of it: types, copies, parts of tests.

Law: nothing is done here that is not done elsewhere under a name of our own. These are importable from `dtlpipe.graph`
and not advertised, by the list that stands there; a program that is not moving from Haystack needs none of them.
"""
# ruff: noqa: F401 - names for others

from __future__ import annotations

from typing import Any

from dtlpipe.graph.breakpoints import SAVE_VARIABLES
from dtlpipe.graph.breakpoints import saves_files as _is_snapshot_save_enabled
from dtlpipe.graph.components.decorator import ComponentMeta, component
from dtlpipe.graph.components.sockets import EMPTY as _empty  # noqa: N811 - a class, to Haystack
from dtlpipe.graph.components.sockets import GREEDY_VARIADIC_MARK as HAYSTACK_GREEDY_VARIADIC_ANNOTATION
from dtlpipe.graph.components.sockets import VARIADIC_MARK as HAYSTACK_VARIADIC_ANNOTATION
from dtlpipe.graph.copies import copied
from dtlpipe.graph.pipeline.network import Network
from dtlpipe.graph.serialization.components import default_from_dict, default_to_dict
from dtlpipe.graph.super_components import _Delegated as _delegate_default
from dtlpipe.graph.types.compatibility import types_are_compatible as _types_are_compatible
from dtlpipe.graph.types.conversion import ConversionStrategy, converter
from dtlpipe.graph.types.conversion import conversion_of as _get_conversion_strategy
from dtlpipe.graph.types.merging import merge_types as _is_compatible
from dtlpipe.graph.types.names import type_name as _type_name
from dtlpipe.graph.types.subtypes import is_strictly_compatible as _strict_types_are_compatible
from dtlpipe.graph.types.subtypes import origin_of as _safe_get_origin

HAYSTACK_PIPELINE_SNAPSHOT_SAVE_ENABLED = SAVE_VARIABLES[-1]


def parse_connect_string(connection: str) -> tuple[str, str | None]:
    """Return the component and the socket, if there is one, of "component.socket"."""
    name, dot, socket = connection.partition(".")
    return name, socket if dot else None


def find_pipeline_inputs(graph: Network, include_connected_sockets: bool = False) -> dict[str, list[Any]]:  # noqa: FBT001, FBT002 - Haystack's signature
    """Return the sockets of each component that a run may give something to; connected ones only if asked for."""
    return {
        name: [
            socket
            for socket in own["input_sockets"].values()
            if socket.is_variadic or include_connected_sockets or not socket.senders
        ]
        for name, own in graph.nodes.items()
    }


def find_pipeline_outputs(graph: Network, include_connected_sockets: bool = False) -> dict[str, list[Any]]:  # noqa: FBT001, FBT002 - Haystack's signature
    """Return the sockets of each component whose values a run may return; connected ones only if asked for."""
    return {
        name: [socket for socket in own["output_sockets"].values() if include_connected_sockets or not socket.receivers]
        for name, own in graph.nodes.items()
    }


def component_class(
    name: str,
    input_types: dict[str, Any] | None = None,
    output_types: dict[str, Any] | None = None,
    output: dict[str, Any] | None = None,
    bases: tuple[type, ...] | None = None,
    extra_fields: dict[str, Any] | None = None,
) -> type[Any]:
    """Make the class of a component for tests; see `haystack.testing.factory.component_class`.

    Args:
        name: of the class.
        input_types: its inputs; None is one called "value" of any type.
        output_types: its outputs; None is those of `output`, or else one called "value" of type None.
        output: what it returns; None is None for each output.
        bases: of the class.
        extra_fields: attributes and methods, in place of those made here too.
    """
    inputs = {"value": Any} if input_types is None else input_types
    outputs = output_types
    if outputs is None:
        outputs = {"value": type(None)} if output is None else {key: type(value) for key, value in output.items()}

    def init(self: Any) -> None:
        component.set_input_types(self, **inputs)
        component.set_output_types(self, **outputs)

    def run(self: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG001
        return dict.fromkeys(outputs) if output is None else output

    def from_dict(cls: type[Any], data: dict[str, Any]) -> Any:
        return default_from_dict(cls, data)

    made = {"__init__": init, "run": run, "to_dict": default_to_dict, "from_dict": classmethod(from_dict)}
    plain: type[Any] = type(name, bases or (object,), {**made, **(extra_fields or {})})
    return component(plain)


def _deepcopy_with_exceptions(obj: Any) -> Any:
    """Return a copy as components receive them."""
    return copied({"value": obj})["value"]


def _convert_value(value: Any, conversion_strategy: ConversionStrategy) -> Any:
    """Return a value as a connection with this conversion passes it on."""
    return converter(conversion_strategy)(value)
