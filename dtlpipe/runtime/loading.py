"""From shipped code to something callable, kept by hash.

Law: a pickle is loaded only by the Python that made it (another one may crash on it, not merely complain); every other
Python takes the source. What was loaded stays loaded: a `ServiceRunner` is made once a worker and runs many executions.
"""

from __future__ import annotations

import base64
import inspect
import linecache
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from dtlpipe.runtime.binding import Signature
from dtlpipe.runtime.failures import NodeFailure

PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
KEPT: Final = 64
"""Codes kept loaded in one worker; the one unused for longest goes first."""


class Loaded:
    """Code that is ready to be called."""

    __slots__ = ("call", "runner", "signature")

    def __init__(self, call: Callable[..., Any], runner: Any) -> None:
        self.call = call
        self.runner = runner
        self.signature = Signature.of(call)


class CodeCache:
    """Loaded codes by hash, least recently used last out."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()

    def __contains__(self, hash: str) -> bool:
        return hash in self._loaded

    def get(self, hash: str) -> Loaded:
        """What was loaded under `hash`; KeyError if nothing is."""
        self._loaded.move_to_end(hash)
        return self._loaded[hash]

    def add(self, code: Mapping[str, Any], node: str) -> Loaded:
        """Load code and keep it.

        Raises:
            NodeFailure: it cannot be loaded; the cause is "code" and says why.
        """
        loaded = load(code, node)
        self._loaded[code["hash"]] = loaded
        while len(self._loaded) > self._kept:
            self._loaded.popitem(last=False)
        return loaded


def load(code: Mapping[str, Any], node: str) -> Loaded:
    """Make `code` callable: by pickle where that fits this Python, else by source."""
    pickle, python, source = code.get("pickle"), code.get("python"), code.get("source")
    if pickle and python == PYTHON:
        try:
            shipped = _unpickle(pickle)
        except ImportError:
            if not source:
                raise _refusal(node, "imports a module that is not installed here", _INSTALL) from _current()
            shipped = _execute(code, node)
        except MemoryError:
            raise
        except Exception as error:
            raise _refusal(
                node, f"could not be unpickled: {error}", "Make the node again from its function."
            ) from error
    elif source:
        shipped = _execute(code, node)
    elif pickle:
        raise _refusal(
            node,
            f"was pickled by Python {python or 'of unknown version'}, and this worker runs Python {PYTHON}",
            f"Create the node with Python {PYTHON}, or give its function as source.",
        )
    else:
        raise _refusal(node, "has neither source nor pickle", "Create the node from a function or from source.")
    return _entry(shipped, code, node)


_INSTALL: Final = "Install the module in the platform's environment, or name it among the node's requirements."


def _current() -> BaseException | None:
    return sys.exc_info()[1]


def _refusal(node: str, what: str, hint: str) -> NodeFailure:
    return NodeFailure("code", f"{node}: the code {what}.", kind="CodeError", hint=hint)


def _unpickle(text: str) -> Any:
    import cloudpickle

    return cloudpickle.loads(base64.b64decode(text))


def _execute(code: Mapping[str, Any], node: str) -> types.ModuleType:
    """Run source in a module of its own, which tracebacks, inspect and pickle can find."""
    source: str = code["source"]
    label = code.get("name") or code["function_name"]
    name = f"dtlpipe_node_{code['hash'][:16]}"
    filename = f"<node code {label} {code['hash'][:8]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = types.ModuleType(name)
    module.__file__ = filename
    sys.modules[name] = module
    try:
        exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - this is the purpose
    except MemoryError:
        raise
    except BaseException as error:
        sys.modules.pop(name, None)
        if isinstance(error, ImportError):
            raise _refusal(node, f"imports what is not here: {error}", _INSTALL) from error
        what = "is no valid Python" if isinstance(error, SyntaxError) else "failed while it was loaded"
        raise _refusal(
            node, f"{what}: {type(error).__name__}: {error}", "Mend the source; line numbers are its own."
        ) from error
    return module


def _entry(shipped: Any, code: Mapping[str, Any], node: str) -> Loaded:
    """The function to call in what was shipped: a function, a class that has it, or a module with either."""
    function, class_name = code["function_name"], code.get("class_name")
    if isinstance(shipped, types.ModuleType):
        shipped = _from_module(shipped, function, class_name, node)
    if not inspect.isclass(shipped):
        if callable(shipped):
            return Loaded(shipped, None)
        raise _refusal(node, f"is a {type(shipped).__name__}, which cannot be called", "Ship a function or a class.")
    if not callable(getattr(shipped, function, None)):
        methods = sorted(name for name in vars(shipped) if not name.startswith("_"))
        raise _refusal(
            node,
            f"has a class {shipped.__name__} without a method {function!r} (it has: {', '.join(methods) or 'none'})",
            "Set the node's function name to one of the methods.",
        )
    runner = _instance(shipped, code.get("init_inputs") or {}, node)
    return Loaded(getattr(runner, function), runner)


def _from_module(module: types.ModuleType, function: str, class_name: str | None, node: str) -> Any:
    if class_name is not None and inspect.isclass(found := getattr(module, class_name, None)):
        return found
    if callable(found := getattr(module, function, None)):
        return found
    classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__ and callable(getattr(value, function, None))
    ]
    if class_name is None and len(classes) == 1:
        return classes[0]
    wanted = f"class {class_name!r} nor a function {function!r}" if class_name else f"function {function!r}"
    defined = sorted(name for name, value in vars(module).items() if callable(value) and not name.startswith("_"))
    raise _refusal(
        node,
        f"defines no {wanted} (it defines: {', '.join(defined) or 'nothing callable'})",
        "Check the node's function name and class name against the source.",
    )


def _instance(cls: type, init_inputs: Mapping[str, Any], node: str) -> Any:
    """The runner; `init_inputs` reach the parameters of its `__init__` by name."""
    try:
        signature = Signature.of(cls)
    except (TypeError, ValueError):  # a class without a signature of its own takes nothing
        signature = Signature((), (), (), extras=False, text="()")
    missing = [name for name in signature.required if name not in init_inputs]
    if missing:
        raise _refusal(
            node,
            f"has a class {cls.__name__} whose __init__{signature.text} needs {', '.join(map(repr, missing))}",
            "Give the values as init inputs of the node's service, or give the parameters defaults.",
        )
    positional, named = signature.arguments(init_inputs)
    try:
        return cls(*positional, **named)
    except MemoryError:
        raise
    except BaseException as error:
        raise _refusal(
            node, f"failed in {cls.__name__}.__init__: {type(error).__name__}: {error}", "See the traceback."
        ) from error
