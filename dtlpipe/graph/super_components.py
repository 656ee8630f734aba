"""Super components: a whole pipeline as one component of another.

Law: a super component has inputs and outputs of its own, and mappings that say which sockets of the pipeline inside
they stand for. All of it is settled, checked and typed in the constructor. What was not given to an input that may be
left out is not given to the pipeline either: the components inside know their defaults.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs

from dtlpipe.errors import DtlpipeError
from dtlpipe.graph.components.decorator import ComponentMeta, component
from dtlpipe.graph.components.recreation import recreated
from dtlpipe.graph.errors import DeserializationError, PipelineValidationError
from dtlpipe.graph.types.merging import merge_types
from dtlpipe.graph.types.names import type_name

if TYPE_CHECKING:
    from pathlib import Path

    from dtlpipe.graph.pipeline.pipeline import Pipeline

__all__ = ["InvalidMappingTypeError", "InvalidMappingValueError", "SuperComponent", "super_component"]

T = TypeVar("T")
Described = Mapping[str, Mapping[str, Mapping[str, Any]]]  # what Pipeline.inputs() and .outputs() return
SocketPath = tuple[str, str]  # component, socket

_CONSTRUCTING = "_super_component_is_constructing"


class InvalidMappingTypeError(DtlpipeError, TypeError):
    """A mapping is not of the right shape, or the sockets that it brings together have no type in common."""


class InvalidMappingValueError(DtlpipeError, ValueError):
    """A mapping names something that the pipeline does not have, or one output twice."""


class _Delegated:
    """The default of an input that may be left out. The class itself is the mark; it is never instantiated."""


@attrs.frozen
class _Input:
    """An input of a super component: the sockets that it feeds, and what may be given to all of them."""

    paths: tuple[SocketPath, ...]
    type: Any
    is_mandatory: bool


@component
class _SuperComponent:
    """What `SuperComponent` and classes decorated with `super_component` have in common."""

    def __init__(
        self,
        pipeline: Pipeline,
        input_mapping: dict[str, list[str]] | None = None,
        output_mapping: dict[str, str] | None = None,
    ) -> None:
        if pipeline is None:
            raise PipelineValidationError("Pipeline must be provided to SuperComponent.")
        if not hasattr(pipeline, "inputs"):
            raise PipelineValidationError(f"SuperComponent needs a Pipeline, not a {type(pipeline).__name__}.")
        self.pipeline = pipeline

        open_inputs = pipeline.inputs()
        self.input_mapping = _own_names(open_inputs) if input_mapping is None else input_mapping
        self._original_input_mapping = input_mapping
        self._inputs = _resolve_inputs(open_inputs, self.input_mapping)
        for name, each in self._inputs.items():
            if each.is_mandatory:
                component.set_input_type(self, name=name, type=each.type)
            else:
                component.set_input_type(self, name=name, type=each.type, default=_Delegated)

        self.output_mapping = _own_output_names(pipeline.outputs()) if output_mapping is None else output_mapping
        self._original_output_mapping = output_mapping
        all_outputs = pipeline.outputs(include_components_with_connected_outputs=True)
        self._outputs = _resolve_outputs(all_outputs, self.output_mapping)
        component.set_output_types(
            self, **{name: all_outputs[owner][socket]["type"] for name, (owner, socket) in self._outputs.items()}
        )

    def warm_up(self) -> None:
        """Warm the pipeline up."""
        self.pipeline.warm_up()

    async def warm_up_async(self) -> None:
        """Warm the pipeline up on the event loop."""
        await self.pipeline.warm_up_async()

    def close(self) -> None:
        """Close the pipeline's components."""
        self.pipeline.close()

    async def close_async(self) -> None:
        """Close the pipeline's components, by `close_async` where they have it."""
        await self.pipeline.close_async()

    def run(self, /, **kwargs: Any) -> dict[str, Any]:
        """Run the pipeline with the inputs by their mapped names, and return its outputs by theirs.

        Outputs that the run did not produce are missing. Errors are the pipeline's own.
        """
        return self._given_back(self.pipeline.run(self._given(kwargs), include_outputs_from=self._senders()))

    async def run_async(self, /, **kwargs: Any) -> dict[str, Any]:
        """Run as `run` does, on the event loop."""
        return self._given_back(
            await self.pipeline.run_async(self._given(kwargs), include_outputs_from=self._senders())
        )

    def _given(self, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        data: dict[str, dict[str, Any]] = {}
        for name, each in self._inputs.items():
            value = values.get(name, _Delegated)
            if value is not _Delegated:  # by identity: a value may define odd equality
                for owner, socket in each.paths:
                    data.setdefault(owner, {})[socket] = value
        return data

    def _senders(self) -> set[str]:
        return {owner for owner, _ in self._outputs.values()}

    def _given_back(self, results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return {
            name: results[owner][socket]
            for name, (owner, socket) in self._outputs.items()
            if owner in results and socket in results[owner]
        }

    def contains_pipeline(self, pipeline: object) -> bool:
        """Return whether running this would run `pipeline`, directly or through other super components."""
        inside: list[Any] = [self.pipeline]  # a pipeline is in one other at most, so each is met once
        for each in inside:
            if each is pipeline:
                return True
            inside += [own.pipeline for _, own in each.walk() if isinstance(own, _SuperComponent)]
        return False

    def draw(
        self,
        path: str | Path,
        server_url: str | None = None,
        params: dict[str, Any] | None = None,
        timeout: int = 30,
    ) -> None:
        """Write a picture of the pipeline inside to a file. Arguments and errors as `Pipeline.draw`."""
        self.pipeline.draw(path=path, server_url=server_url, params=params, timeout=timeout)

    def show(self, server_url: str | None = None, params: dict[str, Any] | None = None, timeout: int = 30) -> None:
        """Show a picture of the pipeline inside in a Jupyter notebook. Arguments and errors as `Pipeline.show`."""
        self.pipeline.show(server_url=server_url, params=params, timeout=timeout)

    @staticmethod
    def _split_component_path(path: str) -> SocketPath:
        return _split(path)  # under Haystack's name, for classes that derive from this one

    def _to_super_component_dict(self) -> dict[str, Any]:
        """Return this as plain data of a `SuperComponent`, whatever its class is. The name is Haystack's."""
        from dtlpipe.graph.serialization.components import default_to_dict, generate_qualified_class_name

        data = default_to_dict(
            self,
            pipeline=self.pipeline.to_dict(),
            input_mapping=self._original_input_mapping,
            output_mapping=self._original_output_mapping,
        )
        return {**data, "type": generate_qualified_class_name(SuperComponent)}


@component
class SuperComponent(_SuperComponent):
    """A pipeline as a component.

    Args:
        pipeline: what is run.
        input_mapping: `{input: ["component.socket", ...]}`; without, each open socket of the pipeline is an input under
            its own name, and sockets of the same name are one.
        output_mapping: `{"component.socket": output}`, of connected sockets too; without, the pipeline's open outputs,
            under their own names.

    Raises:
        InvalidMappingTypeError: a mapping is none, or an input is for sockets whose types have nothing in common.
        InvalidMappingValueError: a mapping names a component or socket that is not there or is fed already, or gives
            two outputs one name.
        PipelineValidationError: there is no pipeline. It is a `ValueError`.

    Example:
        ```python
        rag = SuperComponent(
            pipeline,
            input_mapping={"query": ["retriever.query", "prompt_builder.question"]},
            output_mapping={"llm.replies": "answers"},
        )
        rag.run(query="What is the capital of France?")["answers"]
        ```
    """

    def to_dict(self) -> dict[str, Any]:
        """Return this as plain data."""
        return self._to_super_component_dict()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the super component that `to_dict`, ours or Haystack's, has written.

        Raises:
            DeserializationError: the data has no pipeline, or names what may not be imported.
        """
        from dtlpipe.graph.pipeline.pipeline import Pipeline
        from dtlpipe.graph.serialization.components import default_from_dict

        parameters = dict(data.get("init_parameters") or {})
        if not isinstance(parameters.get("pipeline"), Mapping):
            raise DeserializationError(f"The data of a super component has no 'pipeline' in 'init_parameters': {data}")
        parameters.pop("is_pipeline_async", None)  # from times when there were two kinds of pipelines
        parameters["pipeline"] = Pipeline.from_dict(parameters["pipeline"])
        return default_from_dict(cls, {**data, "init_parameters": parameters})


class _Decorated(_SuperComponent):
    """Comes before a decorated class's own bases, and steps aside when its constructor calls `super().__init__()`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if hasattr(self, _CONSTRUCTING):
            super(_SuperComponent, self).__init__(*args, **kwargs)
        else:
            super().__init__(*args, **kwargs)


functools.update_wrapper(_Decorated.__init__, _SuperComponent.__init__)  # its signature, for those who read it


def super_component(cls: type[T]) -> type[T]:
    """Make a class a super component.

    Its constructor sets `self.pipeline`, and may set `self.input_mapping` and `self.output_mapping`; afterwards they
    are resolved as by the constructor of `SuperComponent`. What the class defines itself, such as `run` or `to_dict`,
    it keeps. In the data of a pipeline it stands with the parameters of its own constructor.

    Raises, when an instance is made:
        PipelineValidationError: the constructor has not set `pipeline`. Other errors as `SuperComponent`.
    """
    constructor = cls.__init__
    is_new = not issubclass(cls, _SuperComponent)
    bases = (_Decorated, *(base for base in cls.__bases__ if base is not object)) if is_new else cls.__bases__
    decorated = component(recreated(cls, ComponentMeta, (), bases))
    if "__init__" in cls.__dict__ or (is_new and constructor is not object.__init__):
        decorated.__init__ = _finishing(constructor, cls.__name__)
    return decorated


def _finishing(constructor: Callable[..., None], name: str) -> Callable[..., None]:
    """Return a constructor that makes a super component of what the given one has made.

    Where one decorated class derives from another, that is done once, at the end of the outer constructor.
    """

    @functools.wraps(constructor)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        if hasattr(self, _CONSTRUCTING):
            constructor(self, *args, **kwargs)
            return
        setattr(self, _CONSTRUCTING, True)
        constructor(self, *args, **kwargs)
        delattr(self, _CONSTRUCTING)
        if not hasattr(self, "pipeline"):
            raise PipelineValidationError(
                f"Class {name} decorated with @super_component must define a 'pipeline' attribute: "
                "set self.pipeline in its constructor."
            )
        _SuperComponent.__init__(
            self, self.pipeline, getattr(self, "input_mapping", None), getattr(self, "output_mapping", None)
        )

    return construct


def _split(path: str) -> SocketPath:
    owner, dot, socket = path.partition(".")
    if not dot:
        raise InvalidMappingValueError(f"Invalid path format: '{path}'. Expected 'component_name.socket_name'.")
    return owner, socket


def _own_names(described: Described) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for owner, sockets in described.items():
        for socket in sockets:
            names.setdefault(socket, []).append(f"{owner}.{socket}")
    return names


def _own_output_names(described: Described) -> dict[str, str]:
    owners: dict[str, str] = {}
    for owner, sockets in described.items():
        for socket in sockets:
            if socket in owners:
                raise InvalidMappingValueError(
                    f"Output name conflict: '{socket}' is produced by multiple components, '{owners[socket]}' and "
                    f"'{owner}'. Please provide an output_mapping to resolve this conflict: SuperComponent(pipeline, "
                    f"output_mapping={{'{owners[socket]}.{socket}': 'first', '{owner}.{socket}': 'second'}})."
                )
            owners[socket] = owner
    return {f"{owner}.{socket}": socket for socket, owner in owners.items()}


def _resolve_inputs(described: Described, mapping: Any) -> dict[str, _Input]:
    """Return the inputs by name. One that is mapped to no socket is none."""
    if not isinstance(mapping, dict):
        raise InvalidMappingTypeError(
            "input_mapping must be a dictionary of names and lists of paths, such as {'query': ['retriever.query']}, "
            f"not {type(mapping).__name__}."
        )
    found: dict[str, _Input] = {}
    for name, paths in mapping.items():
        if not isinstance(name, str):
            raise InvalidMappingTypeError(f"Input names in input_mapping must be strings, and {name!r} is none.")
        for path in paths if isinstance(paths, list) else [None]:
            if not isinstance(path, str):
                raise InvalidMappingTypeError(
                    f"Input paths for '{name}' must be a list of strings, such as ['retriever.query'], not {paths!r}."
                )
            owner, socket = _split(path)
            each = _Input(((owner, socket),), *_input_at(described, owner, socket))
            found[name] = _together(name, found[name], each) if name in found else each
    return found


def _input_at(described: Described, owner: str, socket: str) -> tuple[Any, bool]:
    """Return the type of an input of the pipeline, and whether it is mandatory."""
    if owner not in described:
        raise InvalidMappingValueError(
            f"Component '{owner}' not found in pipeline inputs: there is none of this name, or all its inputs are fed "
            f"inside the pipeline.\nAvailable components: {list(described)}"
        )
    if socket not in described[owner]:
        raise InvalidMappingValueError(
            f"Input socket '{socket}' not found in component '{owner}', or it is fed inside the pipeline.\n"
            f"Available inputs for '{owner}': {list(described[owner])}"
        )
    about = described[owner][socket]
    return about["type"], about["is_mandatory"]


def _together(name: str, one: _Input, other: _Input) -> _Input:
    fits, common = merge_types(one.type, other.type)
    if not fits:
        owner, socket = other.paths[0]
        raise InvalidMappingTypeError(
            f"Type conflict for input '{socket}' from component '{owner}'. "
            f"Existing type: {type_name(one.type)}, new type: {type_name(other.type)}. "
            f"'{name}' is to feed it together with {' and '.join(map('.'.join, one.paths))}; "
            "give them names of their own in input_mapping."
        )
    return _Input(one.paths + other.paths, common, one.is_mandatory or other.is_mandatory)


def _resolve_outputs(described: Described, mapping: Any) -> dict[str, SocketPath]:
    """Return what the outputs are by their own names."""
    if not isinstance(mapping, dict):
        raise InvalidMappingTypeError(
            "output_mapping must be a dictionary of paths and names, such as {'llm.replies': 'answers'}, "
            f"not {type(mapping).__name__}."
        )
    found: dict[str, SocketPath] = {}
    for path, name in mapping.items():
        if not isinstance(name, str):
            raise InvalidMappingTypeError(f"Output names in output_mapping must be strings, and {name!r} is none.")
        if not isinstance(path, str):
            raise InvalidMappingTypeError(f"Paths in output_mapping must be strings, and {path!r} is none.")
        owner, socket = _split(path)
        if owner not in described:
            raise InvalidMappingValueError(
                f"Component '{owner}' not found among pipeline outputs.\nAvailable components: {list(described)}"
            )
        if socket not in described[owner]:
            raise InvalidMappingValueError(
                f"Output socket '{socket}' not found in component '{owner}'.\n"
                f"Available outputs of '{owner}': {list(described[owner])}"
            )
        if name in found:
            raise InvalidMappingValueError(
                f"Duplicate output name '{name}' in output_mapping: for {'.'.join(found[name])} and {path}."
            )
        found[name] = owner, socket
    return found
