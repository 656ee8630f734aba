"""The hook that sees a component's parameters before it is made. Deserialization uses it.

Law: a hook sees the component that is made under it and none that this one makes in its constructor.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from dtlpipe.graph.errors import ComponentError

__all__ = ["construct", "hook_component_init"]

Hook = Callable[[type[Any], dict[str, Any]], None]

_HOOK: ContextVar[Hook | None] = ContextVar("component_pre_init_hook", default=None)


@contextmanager
def hook_component_init(callback: Hook) -> Iterator[None]:
    """Call `callback(component_class, init_parameters)` before each component's constructor; it may change the dict."""
    token = _HOOK.set(callback)
    try:
        yield
    finally:
        _HOOK.reset(token)


def construct(cls: type[Any], make: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return `make(*args, **kwargs)`, an instance of `cls`, after the hook, which is off until that is done.

    Raises:
        ComponentError: there is a hook, and the constructor takes `*args`, which have no names to show to it.
        TypeError: there is a hook, and the constructor does not take these arguments.
    """
    hook = _HOOK.get()
    if hook is None:
        return make(*args, **kwargs)
    token = _HOOK.set(None)
    try:
        accepted = list(inspect.signature(cls.__init__).parameters.values())[1:]
        parameters = _named(cls, accepted, args, kwargs)
        hook(cls, parameters)
        positional = [
            parameters.pop(each.name)
            for each in accepted
            if each.kind is inspect.Parameter.POSITIONAL_ONLY and each.name in parameters
        ]
        return make(*positional, **parameters)
    finally:
        _HOOK.reset(token)


def _named(
    cls: type[Any], accepted: list[inspect.Parameter], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """All arguments by name."""
    named = dict(kwargs)
    places = [each for each in accepted if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    for index, value in enumerate(args):
        place = places[index] if index < len(places) else None
        if place is not None and place.kind is inspect.Parameter.VAR_POSITIONAL:
            raise ComponentError(
                "Pre-init hooks do not support components with variadic positional args in their init method: "
                f"{cls.__name__}.__init__ takes *{place.name}. Take a list instead."
            )
        if place is None or place.kind is inspect.Parameter.VAR_KEYWORD:
            raise TypeError(f"{cls.__name__}() takes {index} positional arguments but {len(args)} were given")
        if place.name in named:
            raise TypeError(f"{cls.__name__}() got multiple values for argument {place.name!r}")
        named[place.name] = value
    return named
