"""Sockets from signatures: what a `run` method says about its inputs.

Law: a signature is read once a class and never changed. Annotations that are strings are resolved where they can be and
stay strings where they cannot; all others are taken as they are written, so that marks such as `Variadic` survive.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, get_type_hints

import attrs

from dtlpipe.graph.components.sockets import EMPTY, InputSocket, is_variadic

__all__ = [
    "Parameter",
    "differences",
    "parameters",
    "positional",
    "resolved_annotations",
    "same_socket",
    "takes_keywords",
]

_VARIOUS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@attrs.frozen(eq=False)
class Parameter:
    """A parameter that is an input: what a new socket of it is made from."""

    name: str
    annotation: Any
    default: Any = EMPTY

    def socket(self) -> InputSocket:
        """Return a new socket."""
        return InputSocket(self.name, self.annotation, self.default)


def parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    """Yield the inputs of a bound method or a function, in order; `*args` and `**kwargs` are none."""
    annotations = resolved_annotations(function)
    for each in inspect.signature(function).parameters.values():
        if each.kind not in _VARIOUS:
            default = EMPTY if each.default is inspect.Parameter.empty else each.default
            yield Parameter(each.name, annotations[each.name], default)


def resolved_annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations by parameter, and under "return" that of the result; `inspect.Parameter.empty` for none."""
    signature = inspect.signature(function)
    written = {name: each.annotation for name, each in signature.parameters.items()}
    written["return"] = signature.return_annotation
    return {name: _resolved(each, function) if isinstance(each, str) else each for name, each in written.items()}


def _resolved(text: str, function: Callable[..., Any]) -> Any:
    """What an annotation means where the function was written. One that fails spoils no other."""
    raw = inspect.unwrap(getattr(function, "func", function))
    raw = getattr(raw, "__func__", raw)
    if not hasattr(raw, "__globals__"):
        raw = inspect.unwrap(type(raw).__call__)
    alone = SimpleNamespace(__annotations__={"it": text}, __type_params__=getattr(raw, "__type_params__", ()))
    names = getattr(raw, "__globals__", {})
    try:
        marked = get_type_hints(alone, names, include_extras=True)["it"]
        return marked if is_variadic(marked) else get_type_hints(alone, names)["it"]
    except Exception:  # noqa: BLE001 - an annotation may be any text at all; one that means nothing here stays a text
        return text


def positional(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the parameters that can be given by position only."""
    found = inspect.signature(function).parameters.values()
    return tuple(each.name for each in found if each.kind is inspect.Parameter.POSITIONAL_ONLY)


def takes_keywords(function: Callable[..., Any]) -> bool:
    """Whether a function takes `**kwargs`."""
    return any(each.kind is inspect.Parameter.VAR_KEYWORD for each in inspect.signature(function).parameters.values())


def same_socket(one: Any, other: Any) -> bool:
    """Whether two input sockets, of either library, say the same."""
    return (
        one.name == other.name
        and one.type == other.type
        and one.is_lazy_variadic == other.is_lazy_variadic
        and one.is_greedy == other.is_greedy
        and one.is_mandatory == other.is_mandatory
        and (one.is_mandatory or _equal(one.default_value, other.default_value))
    )


def _equal(one: Any, other: Any) -> bool:
    """Whether two values are equal; those that cannot say (arrays, data frames) are equal to themselves alone."""
    if one is other:
        return True
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - a default's __eq__ is the user's, and "it cannot say" is an answer here
        return False


def differences(run: Callable[..., Any], run_async: Callable[..., Any]) -> list[str]:
    """Say how two methods differ in what they take, a line each; nothing if they are the same.

    The order of keyword-only parameters is no difference.
    """
    mine, theirs = _comparable(run), _comparable(run_async)
    one, other = resolved_annotations(run), resolved_annotations(run_async)
    lines = []
    if len(mine) != len(theirs):
        lines.append(f"Different number of parameters: run has {len(mine)}, run_async has {len(theirs)}")
    for a, b in zip(mine, theirs, strict=False):
        if a.name != b.name:
            lines.append(f"Parameter name mismatch: {a.name} vs {b.name}")
        if one[a.name] != other[b.name]:
            lines.append(f"Parameter '{a.name}' type mismatch: {one[a.name]} vs {other[b.name]}")
        if not _equal(a.default, b.default):
            lines.append(f"Parameter '{a.name}' default value mismatch: {a.default} vs {b.default}")
        if a.kind is not b.kind:
            lines.append(f"Parameter '{a.name}' kind (POSITIONAL, KEYWORD, etc.) mismatch: {a.kind} vs {b.kind}")
    if one["return"] != other["return"]:
        lines.append(f"Return type mismatch: {one['return']} vs {other['return']}")
    return lines


def _comparable(method: Callable[..., Any]) -> list[inspect.Parameter]:
    found = inspect.signature(method).parameters.values()
    return sorted(found, key=lambda each: (each.kind, each.name if each.kind is inspect.Parameter.KEYWORD_ONLY else ""))
