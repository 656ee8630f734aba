"""Copies of values for nodes, so that no node sees what another does to its inputs.

Law: what cannot change is not copied, what cannot be copied is shared. The state machine never copies; drivers do,
here.
"""

from __future__ import annotations

import copy
import types
from typing import Any

__all__ = ["copied"]

_ATOMIC = frozenset(
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
        types.ModuleType,
    }
)


def copied(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return a task's inputs with every mutable value copied in depth.

    Values that occur twice stay one value. Lists, tuples, sets and dicts are copied element by element, so one element
    that cannot be copied (a socket, a lock) is shared while its neighbours are not.
    """
    result = inputs.copy()
    memo: dict[int, Any] | None = None
    for socket, value in inputs.items():
        if type(value) not in _ATOMIC:
            memo = {} if memo is None else memo
            result[socket] = _copied(value, memo)
    return result


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    kind = type(value)
    if kind in _ATOMIC:
        return value
    if id(value) in memo:
        return memo[id(value)]
    result: Any
    if kind is list:
        result = memo[id(value)] = []
        result.extend(_copied(item, memo) for item in value)
    elif kind is dict:
        result = memo[id(value)] = {}
        result.update((_copied(key, memo), _copied(item, memo)) for key, item in value.items())
    elif kind is tuple or (isinstance(value, tuple) and hasattr(kind, "_make")):
        items = [_copied(item, memo) for item in value]
        result = memo.setdefault(id(value), tuple(items) if kind is tuple else kind._make(items))
    elif kind in (set, frozenset):
        result = memo[id(value)] = kind(_copied(item, memo) for item in value)
    else:
        try:
            result = copy.deepcopy(value, memo)
        except Exception:  # noqa: BLE001 - whatever its copy protocol raises, the value is shared instead
            result = memo[id(value)] = value
    return result
