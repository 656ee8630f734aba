"""Copies of values for nodes, so that no node sees what another does to its inputs.

Law: what cannot change is not copied, what cannot or must not be copied is shared. The state machine never copies;
drivers do, here.

Containers are copied element by element, so one element that cannot be copied (a socket, a lock) is shared while its
neighbours are not. Components are shared wherever they are, and so are tools of Haystack: both hold models and clients.
"""

from __future__ import annotations

import copy
import types
from typing import Any

from dtlpipe.graph.errors import PipelineValidationError

__all__ = ["ATOMIC", "copied"]

ATOMIC = frozenset(
    {
        type(None),
        type(...),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        range,
        type,
        types.FunctionType,
        types.BuiltinFunctionType,
        types.MethodType,  # a callback that collects shall collect where its owner looks
        types.ModuleType,
    }
)
"""Types whose values cannot change, or are never copied."""

_TOOLS = frozenset({("haystack.tools.tool", "Tool"), ("haystack.tools.toolset", "Toolset")})


def copied(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return a task's inputs with every mutable value copied in depth. Values that occur twice stay one value.

    Raises:
        PipelineValidationError: a value is nested deeper than Python's recursion limit allows to follow.
    """
    result = {}
    memo: dict[int, Any] = {}
    socket = ""
    try:
        for socket, value in inputs.items():
            result[socket] = value if type(value) in ATOMIC else _copied(value, memo)
    except RecursionError as error:
        raise PipelineValidationError(
            f"The value of '{socket}' is nested too deeply to be copied, as every component gets its own copy. "
            "Make it flatter, or raise sys.setrecursionlimit()."
        ) from error
    return result


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    kind = type(value)
    if kind in ATOMIC:
        return value
    key = id(value)
    if key in memo:
        return memo[key]
    result: Any
    if kind is list:
        result = memo[key] = value.copy()
        if not ATOMIC.issuperset(map(type, value)):
            result[:] = [_copied(item, memo) for item in value]
    elif kind is dict:
        result = memo[key] = value.copy()
        if not (ATOMIC.issuperset(map(type, value.values())) and ATOMIC.issuperset(map(type, value))):
            result.clear()
            result.update([(_copied(name, memo), _copied(item, memo)) for name, item in value.items()])
    elif kind is tuple:
        items = tuple([_copied(item, memo) for item in value])
        result = memo.setdefault(key, items)  # a ring through the tuple has copied it meanwhile
    elif kind is set or kind is frozenset:
        result = memo[key] = kind([_copied(item, memo) for item in value])
    else:
        try:  # even asking may fail: an object may answer for attributes that it does not have
            result = value if _is_shared(value) else _copied_object(value, memo)
        except Exception:  # noqa: BLE001 - whatever its copy protocol raises, the value is shared instead
            result = value
        memo[key] = result
    return result


def _is_shared(value: Any) -> bool:
    if hasattr(value, "__haystack_input__") and hasattr(value, "run"):
        return True
    return not _TOOLS.isdisjoint([(kind.__module__, kind.__name__) for kind in type(value).__mro__])


def _copied_object(value: Any, memo: dict[int, Any]) -> Any:
    """Copy something that is no plain container; kinds of containers keep their type, attributes and order."""
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make([_copied(item, memo) for item in value])
    if isinstance(value, list):
        result = memo[id(value)] = copy.copy(value)
        result[:] = [_copied(item, memo) for item in value]
        return result
    if isinstance(value, dict):
        mapping = memo[id(value)] = copy.copy(value)
        for name, item in value.items():
            mapping[name] = _copied(item, memo)
        return mapping
    return copy.deepcopy(value, memo)
