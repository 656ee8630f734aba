"""`@component`: what makes a class a component, that is, something that a pipeline can run.

Law: the protocol, and every name in it, is Haystack's, so that components of either library run in the pipelines of
both. A component has `run` (and may have `run_async`), and each instance carries four attributes:

| attribute                        | value                                                                |
|----------------------------------|----------------------------------------------------------------------|
| `__haystack_input__`             | `Sockets`: from the signature of `run`, and from `set_input_type(s)` |
| `__haystack_output__`            | `Sockets`: from `output_types` on `run`, or from `set_output_types`  |
| `__haystack_supports_async__`    | whether there is a `run_async`                                       |
| `__haystack_added_to_pipeline__` | the pipeline that it belongs to, or None                             |

A class becomes a component by being created again with a metaclass that sets them after the constructor.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, Final, NamedTuple, ParamSpec, Protocol, TypeVar, cast, overload, runtime_checkable

from dtlpipe.graph.components.hooks import construct
from dtlpipe.graph.components.hooks import hook_component_init as _hook_component_init
from dtlpipe.graph.components.recreation import recreated
from dtlpipe.graph.components.signature import Parameter, differences, read, same_socket
from dtlpipe.graph.components.sockets import EMPTY, InputSocket, OutputSocket, Sockets
from dtlpipe.graph.errors import ComponentError

__all__ = ["Component", "ComponentMeta", "_hook_component_init", "component"]

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Callable[..., Any])

INPUTS: Final = "__haystack_input__"
OUTPUTS: Final = "__haystack_output__"
SUPPORTS_ASYNC: Final = "__haystack_supports_async__"
OWNER: Final = "__haystack_added_to_pipeline__"
NAME: Final = "__component_name__"  # set by the pipeline
DECLARED: Final = "_output_types_cache"


@runtime_checkable
class Component(Protocol):
    """Anything with a `run` method, for type checkers. `run` takes what it likes and returns outputs by name."""

    def run(self, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        """Run the component."""
        ...


class _Reading(NamedTuple):
    """What a class's methods say, as long as they are these methods."""

    run: Any
    run_async: Any
    inputs: tuple[Parameter, ...]


_READING: Final = "__dtlpipe_reading__"  # kept on the class, so that it lives no longer than the class


class ComponentMeta(type):
    """The metaclass of components."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an instance, and give it its sockets.

        Raises:
            ComponentError: class and instance break the protocol; says where and how to mend it.
        """
        instance = construct(cls, super().__call__, args, kwargs)
        has_async = hasattr(instance, "run_async")
        if has_async and not inspect.iscoroutinefunction(instance.run_async):
            raise ComponentError(
                f"Method 'run_async' of component '{cls.__name__}' must be a coroutine: write 'async def run_async'."
            )
        _put(instance, SUPPORTS_ASYNC, has_async)
        _set_inputs(cls, instance)
        _set_outputs(cls, instance, has_async=has_async)
        _put(instance, OWNER, None)
        return instance

    @property
    def __signature__(cls) -> inspect.Signature:
        """What making an instance takes: for `inspect.signature`, which would show that of `__call__`."""
        own = cls.__dict__.get("__signature__")
        if isinstance(own, inspect.Signature):
            return own
        for name in ("__init__", "__new__"):
            maker: Any = getattr(cls, name)
            if maker is not getattr(object, name):
                return inspect.signature(MethodType(maker, cls)).replace(return_annotation=inspect.Signature.empty)
        return inspect.Signature()


def _put(instance: Any, name: str, value: Any) -> None:
    # Past the instance's own __setattr__: a frozen dataclass can be a component, too.
    object.__setattr__(instance, name, value)


def _reading_of(cls: type[Any], instance: Any) -> _Reading:
    run, run_async = _written(cls, "run"), _written(cls, "run_async")
    known: _Reading | None = cls.__dict__.get(_READING)
    if known is not None and known.run is run and known.run_async is run_async:
        return known
    inputs = read(_bound(run, instance)).parameters
    if run_async is not None:
        found = differences(cls.run, cls.run_async)
        if found:
            raise ComponentError(
                f"Parameters of 'run' and 'run_async' methods must be the same, and those of '{cls.__name__}' are "
                "not.\nDifferences found:\n" + "\n".join(found)
            )
    reading = _Reading(run, run_async, inputs)
    if not any(isinstance(each.annotation, str) for each in inputs):  # a text may come to mean something later
        setattr(cls, _READING, reading)
    return reading


def _written(cls: type[Any], name: str) -> Any:
    """What a class has under a name, as it is written there, or None."""
    return next((each.__dict__[name] for each in cls.__mro__ if name in each.__dict__), None)


def _bound(method: Any, instance: Any) -> Any:
    """A method as calling it on the instance would give it, without regard to what the instance itself holds."""
    return method.__get__(instance, type(instance)) if hasattr(method, "__get__") else method


def _set_inputs(cls: type[Any], instance: Any) -> None:
    if not hasattr(instance, INPUTS):
        _put(instance, INPUTS, Sockets(instance, {}, InputSocket))
    sockets = getattr(instance, INPUTS)
    for each in _reading_of(cls, instance).inputs:
        new, preset = each.socket(), sockets.get(each.name)
        if preset is not None and not same_socket(preset, new):
            raise ComponentError(
                "set_input_types()/set_input_type() cannot override the parameters of the 'run' method: "
                f"'{cls.__name__}' sets {each.name!r}, which is one of them. Leave it out of one of the two."
            )
        sockets[each.name] = new


def _set_outputs(cls: type[Any], instance: Any, *, has_async: bool) -> None:
    if hasattr(instance, OUTPUTS):  # by set_output_types() in the constructor
        return
    declared = getattr(instance.run, DECLARED, {})
    if has_async:
        declared_async = getattr(instance.run_async, DECLARED, {})
        if declared != declared_async:
            raise ComponentError(
                "Output type specifications of 'run' and 'run_async' methods must be the same, and those of "
                f"'{cls.__name__}' are not: {_listed(declared)} and {_listed(declared_async)}. Put the same "
                "@component.output_types(...) on both."
            )
    own = {name: OutputSocket(name, each.type) for name, each in declared.items()}
    _put(instance, OUTPUTS, Sockets(instance, own, OutputSocket))


def _listed(declared: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={each.type}" for name, each in declared.items()) or "none"


def _component_repr(self: Any) -> str:
    owner = getattr(self, OWNER, None)
    lines = [object.__repr__(self)]
    if owner:
        lines.append(str(owner.get_component_name(self)))
    lines += [str(getattr(self, INPUTS, "<invalid_input_sockets>"))]
    lines += [str(getattr(self, OUTPUTS, "<invalid_output_sockets>"))]
    return "\n".join(lines)


def _needs_keywords(instance: Any) -> None:
    cls = type(instance)
    if not (hasattr(cls, "run") and read(cls.run).takes_keywords):
        raise ComponentError(
            "Cannot set input types on a component that doesn't have a kwargs parameter in the 'run' method: give "
            f"'{cls.__name__}.run' a **kwargs, which takes the inputs that its signature does not name."
        )


def _log(message: str, *values: object) -> None:
    # Nobody can listen who has not imported logging; the engine need not load it for nobody.
    if "logging" in sys.modules:
        sys.modules["logging"].getLogger(__name__).debug(message, *values)


class _Component:
    """The decorator, and the functions that declare sockets. There is one instance: `component`.

    Attributes:
        registry: every component class by "module.ClassName"; a class of the same name replaces the earlier one.
    """

    def __init__(self) -> None:
        self.registry: dict[str, type[Any]] = {}

    def set_input_type(self, instance: Any, name: str, type: Any, default: Any = EMPTY) -> None:
        """Add an input to an instance whose `run` takes `**kwargs`; it replaces an earlier one of that name.

        Raises:
            ComponentError: `run` takes no `**kwargs`.
        """
        _needs_keywords(instance)
        if not hasattr(instance, INPUTS):
            _put(instance, INPUTS, Sockets(instance, {}, InputSocket))
        getattr(instance, INPUTS)[name] = InputSocket(name, type, default)

    def set_input_types(self, instance: Any, **types: Any) -> None:
        """Set the inputs, all mandatory, of an instance whose `run` takes `**kwargs`. Earlier ones are gone.

        In a constructor: the parameters that `run` names are added afterwards.

        Raises:
            ComponentError: `run` takes no `**kwargs`.
        """
        _needs_keywords(instance)
        sockets = {name: InputSocket(name, each) for name, each in types.items()}
        _put(instance, INPUTS, Sockets(instance, sockets, InputSocket))

    def set_output_types(self, instance: Any, **types: Any) -> None:
        """Set the outputs of an instance, which its class does not declare.

        Raises:
            ComponentError: `run` or `run_async` is decorated with `output_types`.
        """
        for method in ("run", "run_async"):
            if hasattr(getattr(instance, method, None), DECLARED):
                raise ComponentError(
                    "Cannot call `set_output_types` on a component that already has the 'output_types' decorator on "
                    f"its `run` or `run_async` methods: '{type(instance).__name__}.{method}' has it. Use one of both."
                )
        sockets = {name: OutputSocket(name, each) for name, each in types.items()}
        _put(instance, OUTPUTS, Sockets(instance, sockets, OutputSocket))

    def output_types(self, **types: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Declare what `run` or `run_async`, or a function, returns: `@component.output_types(text=str, score=float)`.

        Raises:
            ComponentError: on use at another method.
        """

        def declare(function: Callable[P, R]) -> Callable[P, R]:
            name = getattr(function, "__qualname__", "")
            owner, _, own = name.rpartition(".")
            if own in ("run", "run_async"):
                setattr(function, DECLARED, {name: OutputSocket(name, each) for name, each in types.items()})
                return function
            if owner and not owner.endswith("<locals>"):
                raise ComponentError(
                    "'output_types' decorator can only be used on 'run' and 'run_async' methods, "
                    f"and on functions, not on the method {name!r}."
                )
            return self._function(function, types)

        return declare

    def _function(self, function: C, outputs: Mapping[str, Any] | None) -> C:
        from dtlpipe.graph.components.functions import declare

        declare(function, outputs)
        return function

    def _class(self, cls: type[Any]) -> type[Any]:
        if not hasattr(cls, "run"):
            raise ComponentError(
                f"{cls.__name__} must have a 'run()' method, which the pipeline calls. "
                "Add `def run(self, ...)` that returns a dict of outputs."
            )
        if not any(each.__name__ == ComponentMeta.__name__ for each in type(cls).__mro__):
            cls = recreated(cls, ComponentMeta, (INPUTS, OUTPUTS, SUPPORTS_ASYNC, OWNER, NAME))
        path = f"{cls.__module__}.{cls.__name__}"
        if path in self.registry:
            _log("Component %s is registered again: %r replaces %r", path, cls, self.registry[path])
        self.registry[path] = cls
        cls.__repr__ = _component_repr  # type: ignore[assignment]
        return cls

    @overload
    def __call__(self, cls: C, *, outputs: Mapping[str, Any] | None = None) -> C: ...

    @overload
    def __call__(self, *, outputs: Mapping[str, Any] | None = None) -> Callable[[C], C]: ...

    def __call__(self, cls: C | None = None, *, outputs: Mapping[str, Any] | None = None) -> C | Callable[[C], C]:
        """Make a class a component, or check that a function can be one: `@component` or `@component()`.

        A function stays the function that it is, and is added to pipelines as it is; see
        `dtlpipe.graph.components.functions`.

        Args:
            cls: the class or function.
            outputs: types by name, of a function's outputs. By default they are read from its return annotation.

        Raises:
            ComponentError: a class has no `run` or cannot be created again with another metaclass; a function does not
                say what it takes; or it is neither.
        """

        def decorate(given: C) -> C:
            if isinstance(given, type) and outputs is None:
                return cast("C", self._class(given))
            if isinstance(given, type) or not callable(given):
                raise ComponentError(
                    f"@component takes a class with a 'run()' method, or a function; and outputs= with a function. "
                    f"This is {given!r}."
                )
            return self._function(given, outputs)

        return decorate if cls is None else decorate(cls)


component: Final = _Component()
