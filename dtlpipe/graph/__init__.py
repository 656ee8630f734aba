"""The engine: components and pipelines of them, and the pure state machine that says which one runs next.

Law: the standard library, attrs and `dtlpipe.errors`, nothing else. Of these packages the upper may import the lower:

    aliases                              all that Haystack has other names for
    super_components                     a pipeline as a component of another one
    pipeline                             components, connected with each other, that run
    breakpoints serialization drawing    a run, a pipeline as data; a picture of it
    components types                     what one component takes and gives; which types fit
    drive schedule (inbox readiness) plan graph ports      the machine

The machine (the last line) calls no network, reads no clock, makes no id, starts no thread and logs nothing; asyncio is
imported by the asynchronous drivers when they are called.

Names are imported when they are first used, so importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtlpipe.graph.breakpoints import Breakpoint as Breakpoint
    from dtlpipe.graph.breakpoints import PipelineSnapshot as PipelineSnapshot
    from dtlpipe.graph.breakpoints import PipelineState as PipelineState
    from dtlpipe.graph.breakpoints import load_pipeline_snapshot as load_pipeline_snapshot
    from dtlpipe.graph.caching import DiskCache as DiskCache
    from dtlpipe.graph.caching import MemoryCache as MemoryCache
    from dtlpipe.graph.components.code_nodes import CodeNodeComponent as CodeNodeComponent
    from dtlpipe.graph.components.decorator import Component as Component
    from dtlpipe.graph.components.decorator import _hook_component_init as _hook_component_init
    from dtlpipe.graph.components.decorator import component as component
    from dtlpipe.graph.components.functions import FunctionComponent as FunctionComponent
    from dtlpipe.graph.components.sockets import GreedyVariadic as GreedyVariadic
    from dtlpipe.graph.components.sockets import InputSocket as InputSocket
    from dtlpipe.graph.components.sockets import OutputSocket as OutputSocket
    from dtlpipe.graph.components.sockets import Sockets as Sockets
    from dtlpipe.graph.components.sockets import Variadic as Variadic
    from dtlpipe.graph.drawing import to_mermaid as to_mermaid
    from dtlpipe.graph.drawing import to_svg as to_svg
    from dtlpipe.graph.drive import run as run
    from dtlpipe.graph.drive import run_async as run_async
    from dtlpipe.graph.drive import steps as steps
    from dtlpipe.graph.drive import steps_async as steps_async
    from dtlpipe.graph.errors import BreakpointException as BreakpointException
    from dtlpipe.graph.errors import ComponentDeserializationError as ComponentDeserializationError
    from dtlpipe.graph.errors import ComponentError as ComponentError
    from dtlpipe.graph.errors import DeserializationError as DeserializationError
    from dtlpipe.graph.errors import PipelineComponentsBlockedError as PipelineComponentsBlockedError
    from dtlpipe.graph.errors import PipelineConnectError as PipelineConnectError
    from dtlpipe.graph.errors import PipelineDrawingError as PipelineDrawingError
    from dtlpipe.graph.errors import PipelineError as PipelineError
    from dtlpipe.graph.errors import PipelineInvalidPipelineSnapshotError as PipelineInvalidPipelineSnapshotError
    from dtlpipe.graph.errors import PipelineMaxComponentRuns as PipelineMaxComponentRuns
    from dtlpipe.graph.errors import PipelineRuntimeError as PipelineRuntimeError
    from dtlpipe.graph.errors import PipelineTransitionError as PipelineTransitionError
    from dtlpipe.graph.errors import PipelineUnmarshalError as PipelineUnmarshalError
    from dtlpipe.graph.errors import PipelineValidationError as PipelineValidationError
    from dtlpipe.graph.errors import RunStateError as RunStateError
    from dtlpipe.graph.errors import SerializationError as SerializationError
    from dtlpipe.graph.errors import SnapshotMismatch as SnapshotMismatch
    from dtlpipe.graph.errors import TaskNotOutstanding as TaskNotOutstanding
    from dtlpipe.graph.errors import TaskNotReady as TaskNotReady
    from dtlpipe.graph.graph import Edge as Edge
    from dtlpipe.graph.graph import Graph as Graph
    from dtlpipe.graph.graph import Node as Node
    from dtlpipe.graph.pipeline.base import PipelineBase as PipelineBase
    from dtlpipe.graph.pipeline.pipeline import AsyncPipeline as AsyncPipeline
    from dtlpipe.graph.pipeline.pipeline import Pipeline as Pipeline
    from dtlpipe.graph.pipeline.streaming import PipelineStreamHandle as PipelineStreamHandle
    from dtlpipe.graph.plan import Plan as Plan
    from dtlpipe.graph.plan import freeze as freeze
    from dtlpipe.graph.policies import ComponentFailure as ComponentFailure
    from dtlpipe.graph.policies import ComponentTimeout as ComponentTimeout
    from dtlpipe.graph.policies import Policy as Policy
    from dtlpipe.graph.policies import Retry as Retry
    from dtlpipe.graph.ports import NO_DEFAULT as NO_DEFAULT
    from dtlpipe.graph.ports import NO_OUTPUT as NO_OUTPUT
    from dtlpipe.graph.ports import InputPort as InputPort
    from dtlpipe.graph.ports import OutputPort as OutputPort
    from dtlpipe.graph.ports import PortKind as PortKind
    from dtlpipe.graph.schedule import RunState as RunState
    from dtlpipe.graph.schedule import Task as Task
    from dtlpipe.graph.serialization.allowlist import allow_deserialization_module as allow_deserialization_module
    from dtlpipe.graph.serialization.components import DeserializationCallbacks as DeserializationCallbacks
    from dtlpipe.graph.serialization.components import component_from_dict as component_from_dict
    from dtlpipe.graph.serialization.components import component_to_dict as component_to_dict
    from dtlpipe.graph.serialization.components import default_from_dict as default_from_dict
    from dtlpipe.graph.serialization.components import default_to_dict as default_to_dict
    from dtlpipe.graph.serialization.components import generate_qualified_class_name as generate_qualified_class_name
    from dtlpipe.graph.serialization.components import import_class_by_name as import_class_by_name
    from dtlpipe.graph.serialization.marshal import JsonMarshaller as JsonMarshaller
    from dtlpipe.graph.serialization.marshal import Marshaller as Marshaller
    from dtlpipe.graph.serialization.marshal import YamlMarshaller as YamlMarshaller
    from dtlpipe.graph.super_components import InvalidMappingTypeError as InvalidMappingTypeError
    from dtlpipe.graph.super_components import InvalidMappingValueError as InvalidMappingValueError
    from dtlpipe.graph.super_components import SuperComponent as SuperComponent
    from dtlpipe.graph.super_components import super_component as super_component
    from dtlpipe.graph.tracing import Span as Span
    from dtlpipe.graph.tracing import Tracer as Tracer
    from dtlpipe.graph.tracing import disable_tracing as disable_tracing
    from dtlpipe.graph.tracing import enable_tracing as enable_tracing
    from dtlpipe.graph.tracing import is_tracing_enabled as is_tracing_enabled
    from dtlpipe.graph.tracing import recording as recording

_HOME = {
    name: f"dtlpipe.graph.{module}"
    for module, names in {
        "breakpoints": (
            "Breakpoint",
            "PipelineSnapshot",
            "PipelineState",
            "load_pipeline_snapshot",
        ),
        "components.code_nodes": ("CodeNodeComponent",),
        "components.decorator": (
            "Component",
            "_hook_component_init",
            "component",
        ),
        "components.functions": ("FunctionComponent",),
        "components.sockets": (
            "GreedyVariadic",
            "InputSocket",
            "OutputSocket",
            "Sockets",
            "Variadic",
        ),
        "drive": (
            "run",
            "run_async",
            "steps",
            "steps_async",
        ),
        "errors": (
            "BreakpointException",
            "ComponentDeserializationError",
            "ComponentError",
            "DeserializationError",
            "PipelineComponentsBlockedError",
            "PipelineConnectError",
            "PipelineDrawingError",
            "PipelineError",
            "PipelineInvalidPipelineSnapshotError",
            "PipelineMaxComponentRuns",
            "PipelineRuntimeError",
            "PipelineTransitionError",
            "PipelineUnmarshalError",
            "PipelineValidationError",
            "RunStateError",
            "SerializationError",
            "SnapshotMismatch",
            "TaskNotOutstanding",
            "TaskNotReady",
        ),
        "graph": (
            "Edge",
            "Graph",
            "Node",
        ),
        "pipeline.base": ("PipelineBase",),
        "pipeline.pipeline": ("AsyncPipeline", "Pipeline"),
        "pipeline.streaming": ("PipelineStreamHandle",),
        "plan": (
            "Plan",
            "freeze",
        ),
        "ports": (
            "NO_DEFAULT",
            "NO_OUTPUT",
            "InputPort",
            "OutputPort",
            "PortKind",
        ),
        "schedule": (
            "RunState",
            "Task",
        ),
        "serialization.allowlist": ("allow_deserialization_module",),
        "serialization.components": (
            "DeserializationCallbacks",
            "component_from_dict",
            "component_to_dict",
            "default_from_dict",
            "default_to_dict",
            "generate_qualified_class_name",
            "import_class_by_name",
        ),
        "serialization.marshal": (
            "JsonMarshaller",
            "Marshaller",
            "YamlMarshaller",
        ),
        "super_components": (
            "InvalidMappingTypeError",
            "InvalidMappingValueError",
            "SuperComponent",
            "super_component",
        ),
        "tracing": (
            "Span",
            "Tracer",
            "disable_tracing",
            "enable_tracing",
            "is_tracing_enabled",
            "recording",
        ),
        "caching": (
            "DiskCache",
            "MemoryCache",
        ),
        "drawing": (
            "to_mermaid",
            "to_svg",
        ),
        "policies": (
            "ComponentFailure",
            "ComponentTimeout",
            "Policy",
            "Retry",
        ),
    }.items()
    for name in names
}

__all__ = [name for name in _HOME if not name.startswith("_")]

_ALIASES = frozenset(
    {
        "HAYSTACK_GREEDY_VARIADIC_ANNOTATION",
        "HAYSTACK_PIPELINE_SNAPSHOT_SAVE_ENABLED",
        "HAYSTACK_VARIADIC_ANNOTATION",
        "ComponentMeta",
        "ConversionStrategy",
        "_convert_value",
        "_deepcopy_with_exceptions",
        "_delegate_default",
        "_empty",
        "_get_conversion_strategy",
        "_is_compatible",
        "_is_snapshot_save_enabled",
        "_safe_get_origin",
        "_strict_types_are_compatible",
        "_type_name",
        "_types_are_compatible",
        "component_class",
        "find_pipeline_inputs",
        "find_pipeline_outputs",
        "parse_connect_string",
    }
)
"""What `dtlpipe.graph.aliases` has for programs that were written for Haystack."""


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value
    if name in _ALIASES:
        return getattr(import_module("dtlpipe.graph.aliases"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
