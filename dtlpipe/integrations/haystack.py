"""Haystack itself: what its own components need of it while they are written, loaded and run by this engine.

Law: importing this module imports nothing of Haystack. It looks at what the program has loaded already, and imports a
class only when data asks for that very class.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from dtlpipe.graph.errors import DeserializationError

__all__ = ["hooking_init", "is_device", "is_secret", "registry", "restore_device", "restore_secret", "trusting"]


def registry() -> Mapping[str, type]:
    """Return the components that Haystack knows by now, by their type names; none if it is not loaded."""
    module = sys.modules.get("haystack.core.component.component")
    known: Mapping[str, type] = module.component.registry if module is not None else {}
    return known


@contextmanager
def trusting(patterns: Collection[str], *, unsafe: bool) -> Iterator[None]:
    """Let Haystack's own deserialization trust, within the block, what this one does.

    Its components read callables and types from their data by themselves, against a list of their own.
    """
    module = sys.modules.get("haystack.core.serialization_security")
    enter = getattr(module, "_deserialization_context", None)
    if enter is None:  # not loaded, or older than its list
        yield
    else:
        with enter(allowed_modules=list(patterns), unsafe=unsafe):
            yield


@contextmanager
def hooking_init(callback: Callable[[type, dict[str, Any]], None]) -> Iterator[None]:
    """Call `callback(class, init parameters)` before the first component of Haystack's that is made in the block."""
    module = sys.modules.get("haystack.core.component.component")
    if module is None:
        yield
    else:
        with module._hook_component_init(callback):  # noqa: SLF001 - there is no public way
            yield


def is_secret(value: Mapping[str, Any]) -> bool:
    """Whether this is what `Secret.to_dict` of a secret from environment variables returns."""
    return value.get("type") == "env_var"


def restore_secret(value: dict[str, Any]) -> Any:
    """Return Haystack's `Secret` of this data.

    Raises:
        DeserializationError: haystack-ai is not installed.
    """
    return _class("haystack.utils.auth", "Secret").from_dict(value)


def is_device(value: Mapping[str, Any]) -> bool:
    """Whether this is what `ComponentDevice.to_dict` returns."""
    kind = value.get("type")
    return (kind == "single" and isinstance(value.get("device"), str)) or (
        kind == "multiple" and isinstance(value.get("device_map"), dict)
    )


def restore_device(value: dict[str, Any]) -> Any:
    """Return Haystack's `ComponentDevice` of this data.

    Raises:
        DeserializationError: haystack-ai is not installed.
    """
    return _class("haystack.utils.device", "ComponentDevice").from_dict(value)


def _class(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise DeserializationError(
            f"The data holds a serialized {name} of Haystack, which cannot be imported: {error}.",
            hint="pip install haystack-ai",
        ) from error
