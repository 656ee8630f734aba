"""A function as bytes, by value: what it closes over and the user's own modules travel with it.

Law: what lives only in this process (locks, open files, sockets, connections, clients) is refused before anything is
sent, and the refusal names the way to it: `function 'run' closes over 'state.lock' (_thread.lock), ...`.
"""

from __future__ import annotations

import dis
import functools
import io
import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from dtlpipe.errors import CodeNotShippable
from dtlpipe.model.origin import is_installed, own_modules

SIZE_LIMIT: Final = 32 * 1024 * 1024
"""Bytes of one pickled function: data belongs into items and inputs, not into code."""
_BREADTH: Final = 2000
"""Elements of one container that are looked at to find what cannot travel."""

_by_value = threading.Lock()  # cloudpickle's register of by-value modules is one a process
_LRU_CACHED: Final = type(functools.lru_cache(print))
_OPEN_FILES: Final = (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.FileIO)


class _Stays(pickle.PicklingError):
    """This object would pickle, but what comes out elsewhere is not the same thing."""


def by_value(function: Callable[..., Any], name: str) -> bytes:
    """The function's pickle, for the Python version that runs this.

    Raises:
        CodeNotShippable: something that it needs cannot leave this process, or is too large; the message names it.
    """
    with _by_value:
        registered = _register()
        try:
            data = _dumps(function)
        except Exception as error:
            raise _refusal(function, name, error) from error
        finally:
            _unregister(registered)
    if len(data) > SIZE_LIMIT:
        raise CodeNotShippable(
            f"function {name!r} is {len(data) / 2**20:.0f} MiB with what it closes over; the limit is "
            f"{SIZE_LIMIT // 2**20} MiB{_largest(function)}",
            hint="upload the data as an item, or load it inside the function",
        )
    return data


def _register() -> list[ModuleType]:
    import cloudpickle

    registered = []
    already = cloudpickle.list_registry_pickle_by_value()
    for module in own_modules():
        if module.__name__ not in already:
            cloudpickle.register_pickle_by_value(module)
            registered.append(module)
    return registered


def _unregister(modules: list[ModuleType]) -> None:
    import cloudpickle

    for module in modules:
        cloudpickle.unregister_pickle_by_value(module)


@functools.cache
def _pickler() -> type[pickle.Pickler]:
    import cloudpickle

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            if _is_open_file(value):
                raise _Stays(f"cannot pickle an open file, {value!r}")
            if _is_bound_to_a_client(value):
                raise _Stays(f"cannot pickle {type(value).__name__!r}: it is bound to a client with its login")
            if type(value) is _LRU_CACHED and not is_installed(value.__module__):
                return cached, (value.__wrapped__, *value.cache_parameters().values())
            return super().reducer_override(value)

    return Pickler


def _dumps(value: Any) -> bytes:
    buffer = io.BytesIO()
    _pickler()(buffer).dump(value)
    return buffer.getvalue()


def cached(function: Callable[..., Any], maxsize: int | None, typed: bool) -> Callable[..., Any]:  # noqa: FBT001 - pickled
    """What a function under `lru_cache` is pickled as; its own pickle is its name, which means nothing elsewhere."""
    return functools.lru_cache(maxsize=maxsize, typed=typed)(function)


def _is_open_file(value: Any) -> bool:
    return isinstance(value, _OPEN_FILES) and value is not sys.stdout and value is not sys.stderr


def _is_bound_to_a_client(value: Any) -> bool:
    """An entity, resource or client of an SDK: it holds a session, and the session holds the user's login."""
    root = type(value).__module__.partition(".")[0]
    if root not in ("dtlpipe", "dtlpy") or isinstance(value, type):
        return False
    try:
        return any(key in ("_session", "_client_api") for key in vars(value))
    except TypeError:
        return False


# -- Finding what stands in the way, after a pickle has failed ---------------------------------------------------------

_Step = tuple[str, Any]


def _refusal(function: Any, name: str, error: Exception) -> CodeNotShippable:
    how, path, culprit = _find(function)
    if not path:
        return CodeNotShippable(f"function {name!r} cannot leave this process: {type(error).__name__}: {error}")
    what = f"function {name!r} {how} {path!r} ({_kind(culprit)}), which cannot leave this process"
    return CodeNotShippable(f"{what}; {_advice(culprit)}")


def _find(function: Any) -> tuple[str, str, Any]:
    """How the function holds it, the path to it, and the innermost thing that does not pickle."""
    seen: set[int] = set()
    for how, children in _holdings(function):
        for step, child in children:
            if not _travels(child):
                path, culprit = _descend(child, step, seen)
                return how, path, culprit
    return "", "", None


def _descend(value: Any, path: str, seen: set[int]) -> tuple[str, Any]:
    seen.add(id(value))
    if not _is_open_file(value) and not _is_bound_to_a_client(value):
        for step, child in _children(value):
            if id(child) not in seen and not _travels(child):
                return _descend(child, path + step, seen)
    return path, value


def _travels(value: Any) -> bool:
    try:
        _dumps(value)
    except Exception:  # noqa: BLE001 - whatever a user's __reduce__ raises, it does not travel
        return False
    return True


def _holdings(function: Any) -> Iterator[tuple[str, list[_Step]]]:
    """What a callable holds, by the way in which it holds it."""
    if isinstance(function, MethodType):
        yield "is a method of", [("self", function.__self__)]
        function = function.__func__
    if isinstance(function, functools.partial):
        bound = [(f"argument {index + 1}", each) for index, each in enumerate(function.args)]
        yield "is given", [*bound, *function.keywords.items()]
        yield "calls", [("function", function.func)]
        return
    if not isinstance(function, FunctionType):
        yield "has", [(step.lstrip("."), child) for step, child in _children(function)]
        return
    yield "closes over", list(_closure(function))
    yield "uses the global", list(_globals(function))
    yield "has a default for", list(_defaults(function))
    yield "carries the attribute", list(vars(function).items())
    yield "is annotated with", list(function.__annotations__.items())


def _closure(function: FunctionType) -> Iterator[_Step]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue


def _globals(function: FunctionType) -> Iterator[_Step]:
    for name in global_loads(function.__code__):
        if name in function.__globals__:
            yield name, function.__globals__[name]


def global_loads(code: CodeType) -> list[str]:
    """The global names that a code object and those within it use, in order of first use."""
    found = {each.argval: None for each in dis.get_instructions(code) if each.opname in _GLOBAL_CODES}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= dict.fromkeys(global_loads(constant))
    return list(found)


_GLOBAL_CODES: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"})


def _defaults(function: FunctionType) -> Iterator[_Step]:
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    yield from zip(positional[len(positional) - len(defaults) :], defaults, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def _children(value: Any) -> Iterator[_Step]:
    """The parts of a value, each with its step in the path."""
    if isinstance(value, (FunctionType, MethodType, functools.partial)):
        for _how, children in _holdings(value):
            yield from ((f" → {name}", child) for name, child in children)
    elif isinstance(value, Mapping):
        yield from ((f"[{_short(key)}]", value[key]) for key in list(value)[:_BREADTH])
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{index}]", each) for index, each in enumerate(value[:_BREADTH]))
    elif isinstance(value, (set, frozenset)):
        yield from (("{...}", each) for each in list(value)[:_BREADTH])
    elif isinstance(value, (type, ModuleType)):
        if not is_installed(value.__module__ if isinstance(value, type) else value.__name__):
            yield from _members(value)
    else:
        yield from _attributes(value)
        if not is_installed(type(value).__module__):
            yield f" → class {type(value).__name__}", type(value)


def _members(value: type | ModuleType) -> Iterator[_Step]:
    for name, child in list(vars(value).items()):
        if not name.startswith("__") or isinstance(child, FunctionType):
            yield f".{name}", child


def _attributes(value: Any) -> Iterator[_Step]:
    for name, child in list(getattr(value, "__dict__", {}).items()):
        yield f".{name}", child
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield f".{name}", getattr(value, name)


def _kind(value: Any) -> str:
    if isinstance(value, ModuleType):
        return "module"
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _advice(value: Any) -> str:
    if _is_bound_to_a_client(value):
        return "pass its id as an input, and get it inside the function; the login of this process stays here"
    if _is_open_file(value):
        return "open it inside the function, or pass it as an item"
    if type(value).__name__ in ("generator", "async_generator", "coroutine"):
        return "make a list of it, or create it inside the function"
    return "create it inside the function"


def _short(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 40 else text[:37] + "..."


def _largest(function: Any) -> str:
    """Names what weighs most, as far as that can be told."""
    sizes: list[tuple[int, str, str]] = []
    for how, children in _holdings(function):
        for name, child in children:
            if _travels(child):
                sizes.append((len(_dumps(child)), how, name))
    if not sizes:
        return ""
    size, how, name = max(sizes)
    return f"; it {how} {name!r} of {size / 2**20:.0f} MiB"
