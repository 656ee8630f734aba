"""Adding components: which objects may become a pipeline's components, and under which names.

Law: everything that is asked of a component is asked before the pipeline changes. An instance belongs to one pipeline,
under one name, because its sockets note who feeds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.graph.errors import PipelineError, PipelineValidationError

if TYPE_CHECKING:
    from dtlpipe.graph.pipeline.base import PipelineBase

__all__ = ["add", "checked", "is_component", "release"]

_RESERVED = "_debug"


def is_component(instance: Any) -> bool:
    """Whether an object is an instance of a component, of this library or of Haystack. Told by its attributes."""
    return (
        hasattr(instance, "__haystack_input__")
        and hasattr(instance, "__haystack_output__")
        and hasattr(instance, "run")
        and not isinstance(instance, type)
    )


def checked(pipeline: PipelineBase, components: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Return the components that have to be added, functions and pipelines among them made into components.

    Raises:
        PipelineValidationError: a name is taken or no name for a component, or an object is no component, or one that
            contains the pipeline itself.
        PipelineError: an instance is in a pipeline already, or stands under two names.
    """
    wanted: dict[str, Any] = {}
    names: dict[int, str] = {}
    for name, given in components:
        if _is_there(pipeline, name, given):
            continue
        instance = given if is_component(given) else _as_component(given)
        _refuse_owned(pipeline, name, instance)
        if hasattr(type(instance), "contains_pipeline") and instance.contains_pipeline(pipeline):
            raise PipelineValidationError(
                f"Component '{name}' contains the pipeline that it is added to, which would run itself without end. "
                "Build the two from separate pipelines."
            )
        if id(instance) in names:
            raise PipelineError(
                "Component instance cannot be added to the pipeline more than once. It is mapped to both "
                f"'{names[id(instance)]}' and '{name}'. Create an instance for each name."
            )
        names[id(instance)] = name
        wanted[name] = instance
    return wanted


def add(pipeline: PipelineBase, components: Mapping[str, Any]) -> None:
    """Put components that were `checked` into the pipeline's graph."""
    for name, instance in components.items():
        # past the instance's own __setattr__: a frozen class can be a component too
        object.__setattr__(instance, "__haystack_added_to_pipeline__", pipeline)
        object.__setattr__(instance, "__component_name__", name)
        pipeline.graph.add_node(
            name,
            instance=instance,
            input_sockets=instance.__haystack_input__._sockets_dict,  # noqa: SLF001 - the protocol's own attribute
            output_sockets=instance.__haystack_output__._sockets_dict,  # noqa: SLF001
            visits=0,
        )


def release(instance: Any) -> None:
    """Let a component that was removed be added again, here or elsewhere."""
    object.__setattr__(instance, "__haystack_added_to_pipeline__", None)


def _is_there(pipeline: PipelineBase, name: Any, instance: Any) -> bool:
    """Whether this very component has this very name already; if it needs adding, the name is a good one."""
    if not isinstance(name, str) or not name:
        raise PipelineValidationError(f"{name!r} is an invalid component name: give each component a string.")
    if name in pipeline.graph:
        if pipeline.graph.nodes[name]["instance"] is instance:
            return True
        raise PipelineValidationError(
            f"A component named '{name}' already exists in this pipeline: choose another name, or remove the other "
            "one with remove_component() first."
        )
    if name == _RESERVED:
        raise PipelineValidationError(f"'{name}' is a reserved name for debug output. Choose another name.")
    if "." in name:
        raise PipelineValidationError(
            f"{name} is an invalid component name, cannot contain '.' (dot) characters, "
            "since connections are named 'component.socket'. Choose another name."
        )
    return False


def _as_component(given: Any) -> Any:
    """Make a component of a pipeline, a function or a code node."""
    from dtlpipe.graph.components.functions import as_component
    from dtlpipe.graph.pipeline.pipeline import Pipeline

    if isinstance(given, Pipeline):
        from dtlpipe.graph.super_components import SuperComponent

        return SuperComponent(pipeline=given)
    return as_component(given)


def _refuse_owned(pipeline: PipelineBase, name: str, instance: Any) -> None:
    owner = getattr(instance, "__haystack_added_to_pipeline__", None)
    if owner is None:
        return
    if owner is pipeline:
        raise PipelineError(
            f"'{name}': Component has already been added to this Pipeline under the name "
            f"'{pipeline.get_component_name(instance)}'. A component instance can only be added once. Create another."
        )
    raise PipelineError(
        f"'{name}': Component has already been added in another Pipeline. Components can't be shared between "
        "Pipelines. Create a new instance instead."
    )
