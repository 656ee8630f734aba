"""Functions as components, and the door through which whatever is added to a pipeline comes.

Law: a function stays what it is. `@component` only notes on it what it returns; each time that it is added to a
pipeline, a new `FunctionComponent` is made for it.

Inputs are its parameters: those with a default are optional, those without annotation take anything. For outputs see
`dtlpipe.graph.components.outputs`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib import import_module
from types import FunctionType, MethodType
from typing import Any, Self

from dtlpipe.graph.components.decorator import DECLARED, INPUTS, OUTPUTS, component
from dtlpipe.graph.components.outputs import Declared, Outputs, outputs_of
from dtlpipe.graph.components.signature import Signature, read
from dtlpipe.graph.components.sockets import InputSocket, OutputSocket, Sockets
from dtlpipe.graph.errors import ComponentError, PipelineValidationError, SerializationError

__all__ = [
    "FunctionComponent",
    "as_component",
    "as_data",
    "called",
    "declare",
    "function_from_name",
    "function_name",
    "inputs_of",
    "is_asynchronous",
    "signature_of",
]


def as_component(given: Any) -> Any:
    """Return the component for whatever is added to a pipeline.

    Components, of this library or of Haystack, are returned as they are; for a function (or a method of an object, a
    partial, a callable object) and for a Dataloop code node, a new component is made each time.

    Raises:
        PipelineValidationError: it is none of these; says what it lacks.
        ComponentError: it is a function that cannot be a component.
    """
    kind = type(given).__name__
    if isinstance(given, type):
        raise PipelineValidationError(
            f"'{given}' doesn't seem to be a component, but a class. Add an instance of it: {given.__name__}(...)."
        )
    if all(hasattr(given, name) for name in ("run", INPUTS, OUTPUTS)):
        return given
    if hasattr(given, "run"):
        raise PipelineValidationError(
            f"'{type(given)}' doesn't seem to be a component: it has 'run', but no sockets. Is this class decorated "
            f"with @component? Put that above 'class {kind}'."
        )
    if all(hasattr(given, name) for name in ("node_type", "inputs", "outputs")):
        from dtlpipe.graph.components.code_nodes import CodeNodeComponent

        return CodeNodeComponent.of(given)
    if callable(given):
        return FunctionComponent(given)
    raise PipelineValidationError(
        f"'{type(given)}' doesn't seem to be a component: it has no method 'run', and is no function. Is this class "
        "decorated with @component?"
    )


def declare(function: Callable[..., Any], outputs: Mapping[str, Any] | None) -> None:
    """Note on a function what it returns, and refuse one that cannot be a component.

    Raises:
        ComponentError: it cannot be one, or nothing can be noted on it.
    """
    inputs_of(signature_of(function))
    if outputs is None:
        return
    try:
        setattr(function, DECLARED, {name: OutputSocket(name, each) for name, each in outputs.items()})
    except AttributeError as error:
        raise ComponentError(
            f"The outputs of {called(function)!r} cannot be noted on a {type(function).__name__}. "
            f"Add FunctionComponent(function, outputs={{...}}) to the pipeline, or write a function around it."
        ) from error


def is_asynchronous(function: Any) -> bool:
    """Whether calling it gives something to be awaited."""
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


class _IfAsynchronous:
    """A method that only components with an asynchronous function have."""

    def __init__(self, method: Callable[..., Awaitable[Mapping[str, Any]]]) -> None:
        self.method = method

    def __get__(self, instance: FunctionComponent | None, owner: type[Any]) -> Any:
        if instance is None:
            return self.method
        if not instance.is_asynchronous:
            raise AttributeError(f"{instance.name!r} is not an asynchronous function, so there is no run_async.")
        return MethodType(self.method, instance)


@component
class FunctionComponent:
    """A component that calls a function.

    Args:
        function: sync or async. An async one is awaited by `run_async`; `run` runs it to its end.
        outputs: types by name, if they are not to be read from the function.

    Raises:
        ComponentError: the function has no signature to read, or is a method without its object.
    """

    def __init__(self, function: Callable[..., Any], outputs: Mapping[str, Any] | None = None) -> None:
        self.outputs = dict(outputs) if outputs is not None else None
        signature = signature_of(function)
        self._take(function, signature, inputs_of(signature), _outputs(function, signature, outputs))

    def _take(
        self, function: Callable[..., Any], signature: Signature, inputs: dict[str, InputSocket], outputs: Outputs
    ) -> None:
        self.function = function
        self.name = called(function)
        self.is_asynchronous = is_asynchronous(function)
        self._positional = signature.positional
        self._returned = outputs
        self.__haystack_input__ = Sockets(self, inputs, InputSocket)
        given = {name: OutputSocket(name, each) for name, each in outputs.types.items()}
        self.__haystack_output__ = Sockets(self, given, OutputSocket)

    def run(self, /, **inputs: Any) -> Mapping[str, Any]:
        """Call the function with inputs by name, and return its outputs by name.

        Raises:
            ComponentError: the result does not fit the outputs, or the function is asynchronous and an event loop is
                running in this thread.
        """
        if self.is_asynchronous:
            return self._run_to_end(inputs)
        return self._returned.named(self._call(inputs), self.name)

    @_IfAsynchronous
    async def run_async(self, /, **inputs: Any) -> Mapping[str, Any]:
        """Await the function with inputs by name, and return its outputs by name."""
        return self._returned.named(await self._call(inputs), self.name)

    def _call(self, inputs: dict[str, Any]) -> Any:
        if not self._positional:
            return self.function(**inputs)
        first = [inputs.pop(name) for name in self._positional if name in inputs]
        return self.function(*first, **inputs)

    def _run_to_end(self, inputs: dict[str, Any]) -> Mapping[str, Any]:
        import asyncio

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.run_async(**inputs))
        raise ComponentError(
            f"Function '{self.name}' is asynchronous, and an event loop is running in this thread already, so that "
            "'run' cannot wait for it. Use 'await pipeline.run_async(...)', or run the pipeline in another thread."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the component as plain data, which names the function.

        Raises:
            SerializationError: the function, or the type of an output, cannot be found by its name.
        """
        parameters: dict[str, Any] = {"function": function_name(self.function)}
        if self.outputs is not None:
            from dtlpipe.graph.types.names import serialize_type

            parameters["outputs"] = {name: serialize_type(each) for name, each in self.outputs.items()}
        return as_data(type(self), parameters)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the component that `to_dict` described.

        Raises:
            DeserializationError: the function may not be imported, or cannot be.
        """
        parameters = dict(data["init_parameters"])
        outputs = parameters.pop("outputs", None)
        if outputs is not None:
            from dtlpipe.graph.types.names import deserialize_type

            importer = _import("import_class_by_name")
            outputs = {name: deserialize_type(each, importer) for name, each in outputs.items()}
        return cls(function_from_name(parameters["function"]), outputs)


def signature_of(function: Callable[..., Any]) -> Signature:
    """Return what a function takes and gives.

    Raises:
        ComponentError: it does not say what it takes, or is a method without its object.
    """
    if _lacks_its_object(function):
        raise ComponentError(
            f"{called(function)!r} is a method without its object, so nothing could be its 'self'. "
            f"Give the method of an object, or decorate its class with @component."
        )
    try:
        return read(function)
    except ValueError as error:
        raise ComponentError(
            f"{called(function)!r} does not say what it takes. Write a function around it, with annotated parameters."
        ) from error


def inputs_of(signature: Signature) -> dict[str, InputSocket]:
    """Return the sockets of a function's parameters.

    Raises:
        ComponentError: a variadic one does not say of what.
    """
    empty = inspect.Parameter.empty
    return {
        each.name: InputSocket(each.name, Any if each.annotation is empty else each.annotation, each.default)
        for each in signature.parameters
    }


def _outputs(function: Callable[..., Any], signature: Signature, outputs: Mapping[str, Any] | None) -> Outputs:
    if outputs is not None:
        return Declared(dict(outputs))
    declared = getattr(function, DECLARED, None)
    if declared is not None:
        return Declared({name: each.type for name, each in declared.items()})
    return outputs_of(signature.returned)


def _lacks_its_object(function: Any) -> bool:
    raw = inspect.unwrap(function)
    if not isinstance(raw, FunctionType) or isinstance(function, MethodType):
        return False
    return raw.__code__.co_varnames[: raw.__code__.co_argcount][:1] == ("self",) and _is_written_in_class(raw)


def _is_written_in_class(function: FunctionType) -> bool:
    owner = function.__qualname__.rpartition(".")[0]
    return bool(owner) and not owner.endswith("<locals>")


def called(function: Any) -> str:
    """What people call a function."""
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


# -- As data -----------------------------------------------------------------------------------------------------------


def function_name(function: Any) -> str:
    """Return "module.function", by which a function is found again.

    Raises:
        SerializationError: it is not found by that: a lambda, a local function, a partial, a method of an object.
    """
    module, path = str(getattr(function, "__module__", "")), str(getattr(function, "__qualname__", ""))
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is None or found != function:
        raise SerializationError(
            f"{function!r} cannot be written as data, since no import finds it: it is a lambda, or made inside a "
            "function, or belongs to an object. Define it at the top of a module with 'def'."
        )
    return f"{module}.{path}"


def function_from_name(name: str) -> Callable[..., Any]:
    """Return the function of that name.

    Raises:
        DeserializationError: it may not be imported, or cannot be.
    """
    found: Callable[..., Any] = _import("import_function_by_name")(name)
    return found


def _import(name: str) -> Callable[[str], Any]:
    # What data may import is decided one layer above, for all that is read from data.
    found: Callable[[str], Any] = getattr(import_module("dtlpipe.graph.serialization.allowlist"), name)
    return found


def as_data(cls: type[Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a component of that class, in the form that all components have."""
    return {"type": f"{cls.__module__}.{cls.__name__}", "init_parameters": parameters}
