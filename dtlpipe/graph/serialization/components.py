"""One component as data, `{"type": ..., "init_parameters": {...}}`, and back.

Law: data is dicts with string keys, lists, tuples, sets, strings, numbers, booleans and None. A component is described
by the parameters of its constructor, and made anew by calling it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import attrs

from dtlpipe.graph import plugins
from dtlpipe.graph.errors import DeserializationError, SerializationError
from dtlpipe.graph.serialization.allowlist import (
    import_class_by_name,
    is_unsafe,
    our_name,
    portable_name,
    trusting_haystack,
)

__all__ = [
    "DeserializationCallbacks",
    "component_from_dict",
    "component_to_dict",
    "default_from_dict",
    "default_to_dict",
    "generate_qualified_class_name",
    "import_class_by_name",
]

T = TypeVar("T")

_SINGLE = (str, int, float, bool, type(None))
_MANY = (list, tuple, set)
_NO_VALUE = inspect.Parameter.empty


@attrs.frozen
class DeserializationCallbacks:
    """What to call while a pipeline is made from data.

    Attributes:
        component_pre_init: `(name, class, init parameters)`, just before a component is made; it may change the
            parameters in place.
    """

    component_pre_init: Callable[[str, type, dict[str, Any]], None] | None = None


def generate_qualified_class_name(cls: type[object]) -> str:
    """Return "module.ClassName", the name of a class in data."""
    return f"{cls.__module__}.{cls.__name__}"


# ---- to data ---------------------------------------------------------------------------------------------------------


def component_to_dict(obj: Any, name: str) -> dict[str, Any]:
    """Return a component as data: by its own `to_dict`, or by the attributes named like its constructor's parameters.

    Args:
        obj: the component.
        name: its name in the pipeline, for errors.

    Raises:
        SerializationError: a parameter's value cannot be found, or is not plain data.
    """
    if hasattr(obj, "to_dict"):
        try:
            data: Any = obj.to_dict()
        except RecursionError as error:
            raise SerializationError(
                f"Component '{name}' of type '{type(obj).__name__}' cannot be written: pipelines in each other, "
                "or values in it, are nested more deeply than Python can follow. Make it flatter, or raise "
                "sys.setrecursionlimit()."
            ) from error
        except Exception as error:
            if not hasattr(error, "__notes__"):  # the innermost of nested pipelines has said it
                error.add_note(f"Component '{name}' of type '{type(obj).__name__}' failed to write itself (to_dict).")
            raise
    else:
        data = default_to_dict(obj, **_read_parameters(obj))
    try:
        problem = _find_foreign(data, "") if isinstance(data, dict) else _foreign(data, "")
    except RecursionError:
        problem = "a value that contains itself, or is nested too deeply, in the serialized data"
    if problem is not None:
        raise SerializationError(
            f"Component '{name}' of type '{type(obj).__name__}' has {problem}. "
            "Give the class a method 'to_dict' that returns plain data."
        )
    kind = data.get("type")
    return {**data, "type": portable_name(kind)} if isinstance(kind, str) else {**data}


def default_to_dict(obj: Any, **init_parameters: Any) -> dict[str, Any]:
    """Return `{"type": ..., "init_parameters": ...}` of any object. Parameters with a `to_dict` are written by it."""
    return {
        "type": generate_qualified_class_name(type(obj)),
        "init_parameters": {
            key: value.to_dict() if _has_to_dict(value) else value for key, value in init_parameters.items()
        },
    }


def _has_to_dict(value: Any) -> bool:
    return not isinstance(value, (*_SINGLE, *_MANY, dict, type)) and callable(getattr(value, "to_dict", None))


def _read_parameters(obj: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, parameter in _parameters(type(obj)).items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        value = getattr(obj, name, _NO_VALUE)
        if value is _NO_VALUE:
            value = parameter.default
        if value is _NO_VALUE:
            raise SerializationError(
                f"Cannot determine the value of the init parameter '{name}' for the class {type(obj).__name__}. "
                f"You can fix this error by assigning 'self.{name} = {name}' in its constructor, or by adding a "
                "method 'to_dict' to the class."
            )
        found[name] = value
    return found


_known: WeakKeyDictionary[type, tuple[Any, Mapping[str, inspect.Parameter]]] = WeakKeyDictionary()


def _parameters(cls: type) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a constructor, without self. Remembered, as signatures are slow to read."""
    constructor = cls.__init__  # type: ignore[misc]
    constructor_then, parameters = _known.get(cls, (None, {}))
    if constructor_then is not constructor:
        takes_nothing = constructor is object.__init__  # whose signature claims to take everything
        parameters = {} if takes_nothing else dict(list(inspect.signature(constructor).parameters.items())[1:])
        _known[cls] = (constructor, parameters)
    return parameters


def _find_foreign(value: Any, path: str) -> str | None:
    """Return what in `value` is not plain data and where, in words, or None."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"a non-string key in the serialized data: {key!r} at '{path or '.'}'"
            if not isinstance(item, _SINGLE) and (found := _find_foreign(item, f"{path}.{key}" if path else key)):
                return found
        return None
    if isinstance(value, _MANY):
        for number, item in enumerate(value):
            if not isinstance(item, _SINGLE) and (found := _find_foreign(item, f"{path}[{number}]")):
                return found
        return None
    return None if isinstance(value, _SINGLE) else _foreign(value, path)


def _foreign(value: Any, path: str) -> str:
    key = path.rpartition(".")[2].partition("[")[0]
    where = f" under key '{key}' (at '{path}')" if path else " instead of a dictionary"
    return f"an unsupported value of type '{type(value).__name__}' in the serialized data{where}"


# ---- from data -------------------------------------------------------------------------------------------------------


def component_from_dict(
    cls: type[object], data: dict[str, Any], name: str, callbacks: DeserializationCallbacks | None = None
) -> Any:
    """Return a component made from data: by the class's own `from_dict`, or by its constructor.

    Args:
        cls: the component's class.
        data: what `component_to_dict` returned. A `from_dict` may change it.
        name: the component's name in the pipeline, for the callbacks.
        callbacks: what to call meanwhile.

    Raises:
        DeserializationError: the data is of another class, or names what may not be imported.
    """
    make: Callable[[dict[str, Any]], Any] = getattr(cls, "from_dict", None) or (lambda own: default_from_dict(cls, own))
    pre_init = callbacks.component_pre_init if callbacks is not None else None
    with trusting_haystack():
        if pre_init is None:
            return make(data)
        from dtlpipe.graph.components.decorator import _hook_component_init

        def announce(component_class: type, init_parameters: dict[str, Any]) -> None:
            pre_init(name, component_class, init_parameters)

        with ExitStack() as stack:
            stack.enter_context(_hook_component_init(announce))
            stack.enter_context(plugins.load("haystack").hooking_init(announce))
            return make(data)


def default_from_dict(cls: type[T], data: dict[str, Any]) -> T:
    """Return an object made from what `default_to_dict` returned; `data` is not changed.

    Among the parameters, serialized objects are restored: Haystack's `Secret` and `ComponentDevice`, and dictionaries
    whose "type" is the dotted name of a class.

    Raises:
        DeserializationError: there is no "type", or that of another class; or a class may not be imported.
        ImportError: the class of a parameter cannot be imported.
    """
    if "type" not in data:
        raise DeserializationError("Missing 'type' in serialization data")
    kind, own = data["type"], generate_qualified_class_name(cls)
    if kind != own and not (isinstance(kind, str) and our_name(kind) == own):
        raise DeserializationError(f"Class '{kind}' can't be deserialized as '{cls.__name__}'")
    given = data.get("init_parameters") or {}
    if not isinstance(given, Mapping):
        raise DeserializationError(f"The 'init_parameters' of '{kind}' are no dictionary but: {given!r:.80}")
    return cls(**{key: _restore(cls, key, value) if type(value) is dict else value for key, value in given.items()})


def _restore(cls: type, key: str, value: dict[str, Any]) -> Any:
    kind = value.get("type")
    if not isinstance(kind, str):
        return value
    if "." not in kind:
        if kind in ("env_var", "single", "multiple"):
            haystack = plugins.load("haystack")
            if haystack.is_secret(value):
                return haystack.restore_secret(value)
            if haystack.is_device(value):
                return haystack.restore_device(value)
        return value
    _check_parameter(cls, key)
    try:
        named: Any = import_class_by_name(kind)
        if callable(getattr(named, "from_dict", None)):
            return named.from_dict(value)
        if kind.startswith("dtlpipe.") and not is_unsafe():
            raise DeserializationError(f"'{kind}' is no class that data may make: it has no from_dict.")
        return default_from_dict(named, value)
    except ImportError as error:
        raise ImportError(f"Failed to deserialize '{key}': {error}") from error
    except DeserializationError as error:
        raise DeserializationError(f"Failed to deserialize '{key}': {error}") from error


def _check_parameter(cls: type, key: str) -> None:
    """Refuse an object for a parameter that there is not, before anything is imported for it."""
    try:
        parameters = _parameters(cls).values()
    except (TypeError, ValueError):  # a constructor that does not say what it takes
        return
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    names = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_POSITIONAL]
    if key not in names:
        raise DeserializationError(
            f"Refusing to deserialize unknown parameter '{key}' for '{cls.__name__}'. {_listed(cls, names)} "
            "Correct the parameter name or remove it from the serialized data."
        )


def _listed(cls: type, names: Iterable[str]) -> str:
    known = ", ".join(map(repr, sorted(names)))
    return f"Valid parameters are: {known}." if known else f"'{cls.__name__}' accepts no init parameters."
