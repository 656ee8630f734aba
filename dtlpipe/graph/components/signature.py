"""Sockets from signatures: what a `run` method says about its inputs.

Law: a signature is read once a class and never changed. Annotations that are strings are resolved where they can be and
stay strings where they cannot; all others are taken as they are written, so that marks such as `Variadic` survive.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple, get_type_hints

from dtlpipe.graph.components.sockets import EMPTY, InputSocket, is_variadic

__all__ = ["Parameter", "Signature", "differences", "read", "same_socket"]

_VARIOUS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Parameter(NamedTuple):
    """A parameter that is an input: what a new socket of it is made from."""

    name: str
    annotation: Any
    default: Any = EMPTY

    def socket(self) -> InputSocket:
        """Return a new socket."""
        return InputSocket(self.name, self.annotation, self.default)


class Signature(NamedTuple):
    """What a function takes and gives.

    Attributes:
        parameters: its inputs, in order; `*args` and `**kwargs` are none.
        returned: the return annotation; `inspect.Signature.empty` for none.
        positional: names of the parameters that can be given by position only.
        takes_keywords: whether it takes `**kwargs`.
    """

    parameters: tuple[Parameter, ...]
    returned: Any
    positional: tuple[str, ...]
    takes_keywords: bool


def read(function: Callable[..., Any]) -> Signature:
    """Read the signature of a function or of a bound method.

    Raises:
        ValueError: it has none, as some builtins.
    """
    signature = inspect.signature(function)
    found = signature.parameters.values()
    return Signature(
        tuple(_input(each, function) for each in found if each.kind not in _VARIOUS),
        _resolved(signature.return_annotation, function),
        tuple(each.name for each in found if each.kind is inspect.Parameter.POSITIONAL_ONLY),
        any(each.kind is inspect.Parameter.VAR_KEYWORD for each in found),
    )


def _input(parameter: inspect.Parameter, function: Callable[..., Any]) -> Parameter:
    default = EMPTY if parameter.default is inspect.Parameter.empty else parameter.default
    return Parameter(parameter.name, _resolved(parameter.annotation, function), default)


def _resolved(annotation: Any, function: Callable[..., Any]) -> Any:
    """What an annotation that is a text means where the function was written. One that fails spoils no other."""
    if not isinstance(annotation, str):
        return annotation
    raw = inspect.unwrap(getattr(function, "func", function))
    raw = getattr(raw, "__func__", raw)
    if not hasattr(raw, "__globals__"):
        raw = inspect.unwrap(type(raw).__call__)
    alone = SimpleNamespace(__annotations__={"it": annotation}, __type_params__=getattr(raw, "__type_params__", ()))
    names = getattr(raw, "__globals__", {})
    try:
        marked = get_type_hints(alone, names, include_extras=True)["it"]
        return marked if is_variadic(marked) else get_type_hints(alone, names)["it"]
    except Exception:  # noqa: BLE001 - an annotation may be any text at all; one that means nothing here stays a text
        return annotation


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
    lines = []
    if len(mine) != len(theirs):
        lines.append(f"Different number of parameters: run has {len(mine)}, run_async has {len(theirs)}")
    for a, b in zip(mine, theirs, strict=False):
        if a.name != b.name:
            lines.append(f"Parameter name mismatch: {a.name} vs {b.name}")
        if a.annotation != b.annotation:
            lines.append(f"Parameter '{a.name}' type mismatch: {a.annotation} vs {b.annotation}")
        if not _equal(a.default, b.default):
            lines.append(f"Parameter '{a.name}' default value mismatch: {a.default} vs {b.default}")
        if a.kind is not b.kind:
            lines.append(f"Parameter '{a.name}' kind (POSITIONAL, KEYWORD, etc.) mismatch: {a.kind} vs {b.kind}")
    gives, gives_async = (_resolved(inspect.signature(each).return_annotation, each) for each in (run, run_async))
    if gives != gives_async:
        lines.append(f"Return type mismatch: {gives} vs {gives_async}")
    return lines


def _comparable(method: Callable[..., Any]) -> list[inspect.Parameter]:
    found = inspect.signature(method).parameters.values()
    resolved = [each.replace(annotation=_resolved(each.annotation, method)) for each in found]
    by_name = inspect.Parameter.KEYWORD_ONLY
    return sorted(resolved, key=lambda each: (each.kind, each.name if each.kind is by_name else ""))
