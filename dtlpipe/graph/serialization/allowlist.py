"""Which names in serialized data may become classes and functions.

Law: data never makes this module import, return or call what is outside the list. A name is resolved in this order:

1. Names under which Haystack writes what this engine provides itself are replaced by ours.
2. A component that the program has defined or imported already is found in the registry; nothing is imported.
3. Otherwise the module must be on the list *before* it is imported: the default below, what
   `allow_deserialization_module` added, two environment variables, and `allowed_modules=` of the call at hand.
4. What stands at the name must be a class, and belong to a listed module itself: a listed module that happens to have
   imported `os` does not give `os` away. Private names are never followed.

`unsafe=True`, or the environment variable for it (read once, before any data could change it), turns 3 and 4 off.
"""

from __future__ import annotations

import builtins
import fnmatch
import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any, TypeVar

import attrs

from dtlpipe.graph import plugins
from dtlpipe.graph.errors import DeserializationError

__all__ = [
    "DEFAULT_ALLOWED_MODULES",
    "allow_deserialization_module",
    "check_module",
    "deserialization_context",
    "import_class_by_name",
    "import_function_by_name",
    "is_unsafe",
    "our_name",
    "portable_name",
    "registered",
    "trusting_haystack",
]

logger = logging.getLogger(__name__)

DEFAULT_ALLOWED_MODULES = (
    "dtlpipe",
    "haystack",
    "haystack_integrations",
    "haystack_experimental",
    "builtins",
    "typing",
    "collections",
)
"""Modules whose classes any data may name."""

ALLOWLIST_VARIABLES = ("DTLPIPE_DESERIALIZATION_ALLOWLIST", "HAYSTACK_DESERIALIZATION_ALLOWLIST")
UNSAFE_VARIABLES = ("DTLPIPE_UNSAFE_DESERIALIZATION", "HAYSTACK_UNSAFE_DESERIALIZATION")

_SUPER_COMPONENT = "dtlpipe.graph.super_components.SuperComponent"
_PIPELINE = "dtlpipe.graph.pipeline.pipeline.Pipeline"
_OUR_NAMES = {
    "haystack.SuperComponent": _SUPER_COMPONENT,
    "haystack.core.super_component.SuperComponent": _SUPER_COMPONENT,
    "haystack.core.super_component.super_component.SuperComponent": _SUPER_COMPONENT,
    "haystack.AsyncPipeline": _PIPELINE,
    "haystack.Pipeline": _PIPELINE,
    "haystack.core.pipeline.AsyncPipeline": _PIPELINE,
    "haystack.core.pipeline.Pipeline": _PIPELINE,
    "haystack.core.pipeline.async_pipeline.AsyncPipeline": _PIPELINE,
    "haystack.core.pipeline.pipeline.Pipeline": _PIPELINE,
}
_THEIR_NAMES = {_SUPER_COMPONENT: "haystack.core.super_component.super_component.SuperComponent"}

_REFUSED_BUILTINS = tuple(
    getattr(builtins, name)
    for name in (
        *("eval", "exec", "compile", "__import__", "__build_class__", "open", "input", "breakpoint", "type"),
        *("getattr", "setattr", "delattr", "globals", "locals", "vars"),
    )
)
_IMPORTERS = (importlib.import_module, importlib.reload, importlib.__import__)
_FOREIGN_IMPORTERS = {("haystack.utils.type_serialization", "thread_safe_import")}
_FRAMES_AND_CODE = frozenset(
    {
        *("gi_frame", "gi_code", "gi_yieldfrom", "cr_frame", "cr_code", "cr_await", "cr_origin"),
        *("ag_frame", "ag_code", "ag_await", "tb_frame", "tb_next"),
        *("f_globals", "f_builtins", "f_locals", "f_back", "f_code"),
    }
)
_INTERNAL = "_haystack_deserialization_internal"  # Haystack's own mark, so that its resolver refuses ours too

_F = TypeVar("_F", bound=Callable[..., Any])


@attrs.frozen
class _Trust:
    patterns: tuple[str, ...] = ()
    unsafe: bool = False
    is_haystacks: bool = False


_trust: ContextVar[_Trust] = ContextVar("dtlpipe_deserialization_trust", default=_Trust())  # noqa: B039 - frozen
_added: list[str] = []
_unsafe_environment: list[bool] = []


def internal(function: _F) -> _F:
    """Mark a function that decides what is trusted: data can never name it, neither here nor in Haystack."""
    setattr(function, _INTERNAL, True)
    return function


# ---- the list --------------------------------------------------------------------------------------------------------


@internal
def allow_deserialization_module(pattern: str) -> None:
    """Let serialized data name classes of these modules, in this process, from now on.

    Args:
        pattern: "package" and "package.*" mean the package and all below it; other patterns with `*`, `?` or `[` are
            those of `fnmatch`.
    """
    if pattern not in _added:
        _added.append(pattern)


@internal
@contextmanager
def deserialization_context(allowed_modules: Iterable[str] | None = None, *, unsafe: bool = False) -> Iterator[None]:
    """Trust these patterns too while the block runs. What an outer block trusts stays trusted.

    Raises:
        TypeError: `allowed_modules` is a string; its letters would be taken for patterns.
    """
    if isinstance(allowed_modules, str):
        raise TypeError(f"allowed_modules is a list of patterns, such as [{allowed_modules!r}], not a string.")
    outer = _trust.get()
    token = _trust.set(_Trust((*outer.patterns, *(allowed_modules or ())), outer.unsafe or unsafe))
    try:
        with trusting_haystack():
            yield
    finally:
        _trust.reset(token)


@internal
@contextmanager
def trusting_haystack() -> Iterator[None]:
    """Let Haystack's own deserialization, if the program has loaded it, trust what was added to this list."""
    trust = _trust.get()
    if trust.is_haystacks or "haystack.core.serialization_security" not in sys.modules:
        yield
        return
    token = _trust.set(attrs.evolve(trust, is_haystacks=True))
    try:
        with plugins.load("haystack").trusting((*_added, *_from_environment(), *trust.patterns), unsafe=is_unsafe()):
            yield
    finally:
        _trust.reset(token)


def is_unsafe() -> bool:
    """Whether all checks are off, by `unsafe=True` of the call at hand or by the environment of the process."""
    if not _unsafe_environment:
        found = [name for name in UNSAFE_VARIABLES if os.environ.get(name, "").strip().lower() in ("1", "true")]
        _unsafe_environment.append(bool(found))
        if found:
            logger.warning(
                "%s is set: serialized data may import and call anything in this process. "
                "Unset it unless every pipeline that is loaded here is trusted.",
                found[0],
            )
    return _unsafe_environment[0] or _trust.get().unsafe


def check_module(module: str) -> None:
    """Refuse a module that is not on the list.

    Raises:
        DeserializationError: it is not.
    """
    if not _is_allowed(module):
        raise DeserializationError(
            f"Refusing to deserialize a class from module '{module}': it is not on the trusted-module allowlist. "
            f"If you trust the source of this data, pass allowed_modules=['{module}'], call "
            f"dtlpipe.graph.allow_deserialization_module('{module}'), or set {ALLOWLIST_VARIABLES[0]}={module}; "
            "unsafe=True turns the list off."
        )


def _is_allowed(module: str) -> bool:
    if is_unsafe():
        return True
    patterns = (*DEFAULT_ALLOWED_MODULES, *_added, *_from_environment(), *_trust.get().patterns)
    return any(_matches(module, pattern) for pattern in patterns)


def _from_environment() -> list[str]:
    raw = ",".join(os.environ.get(name, "") for name in ALLOWLIST_VARIABLES)
    return [pattern.strip() for pattern in raw.split(",") if pattern.strip()]


def _matches(module: str, pattern: str) -> bool:
    package = pattern.removesuffix(".*")
    if any(sign in package for sign in "*?["):
        return fnmatch.fnmatchcase(module, pattern)
    return module == package or module.startswith(f"{package}.")


# ---- names -----------------------------------------------------------------------------------------------------------


def our_name(name: str) -> str:
    """Return the name under which this engine has what Haystack calls `name`; `name` itself if it is no such thing."""
    return _OUR_NAMES.get(name, name)


def portable_name(name: str) -> str:
    """Return the name under which Haystack has what this engine calls `name`, so that either reads the data."""
    return _THEIR_NAMES.get(name, name)


def registered(name: str) -> type | None:
    """Return the component that this program has loaded under the name already, ours or Haystack's, or None."""
    from dtlpipe.graph.components.decorator import component

    found: type | None = component.registry.get(name)
    if found is None and "haystack.core.component.component" in sys.modules:
        found = plugins.load("haystack").registry().get(name)
    return found


@internal
def import_class_by_name(fully_qualified_name: str) -> type[object]:
    """Return the class of this name, "module.ClassName".

    Raises:
        DeserializationError: its module is not on the list, or what stands there is no class of such a module.
        ImportError: the module cannot be imported, or has no such name.
    """
    name = our_name(fully_qualified_name)
    module_name, _, attribute = name.rpartition(".")
    if not module_name:
        raise ImportError(f"Could not import '{name}': it has no module. Write it as 'module.ClassName'.")
    if (known := registered(name)) is not None:
        return known
    check_module(module_name)
    _check_public(attribute, name)
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ImportError(f"Could not import '{name}': {error}") from error
    if not is_unsafe():
        _check_belongs(found, module_name, name)
        if not isinstance(found, type) and type(found).__module__ != "typing":  # typing.Optional and its like
            raise DeserializationError(f"Refusing to deserialize '{name}': it is no class. Name a class.")
    resolved: type[object] = found
    return resolved


@internal
def import_function_by_name(name: str) -> Callable[..., Any]:
    """Return the function or class of this name: "module.function", "module.Class.method".

    Stricter than for classes, since a value that can be called will be: not from dtlpipe itself, no builtin that
    reaches further, nothing that imports or that decides what is trusted.

    Raises:
        DeserializationError: it cannot be found, or may not be named by data.
    """
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:length])
        if not _is_allowed(module_name):
            continue
        try:
            found: Any = importlib.import_module(module_name)
        except ImportError:
            continue
        for part in parts[length:]:
            _check_public(part, name)
            try:
                found = getattr(found, part)
            except AttributeError as error:
                raise DeserializationError(f"There is no '{part}' on the way to '{name}': {error}.") from error
            if not is_unsafe():
                _check_belongs(found, module_name, name)
        _check_callable(found, name)
        function: Callable[..., Any] = found
        return function
    check_module(parts[0] if len(parts) == 1 else ".".join(parts[:-1]))
    raise DeserializationError(f"Could not import '{name}': there is no such module. Is its package installed?")


def _check_public(attribute: str, name: str) -> None:
    if not is_unsafe() and (attribute.startswith("__") or attribute in _FRAMES_AND_CODE):
        raise DeserializationError(
            f"Refusing to deserialize '{name}': '{attribute}' leads into the inside of an object. "
            "Data may name public classes and functions only."
        )


def _check_belongs(found: Any, declared: str, name: str) -> None:
    """Refuse what a listed module merely imported from one that is not listed."""
    named: Any = found.__name__ if isinstance(found, ModuleType) else getattr(found, "__module__", None)
    home = named if isinstance(named, str) else type(found).__module__
    if home.lstrip("_") == declared or (declared == "builtins" and hasattr(builtins, name.rpartition(".")[2])):
        return  # defined there, or in the C half of it, such as _collections
    try:
        check_module(home)
    except DeserializationError as error:
        raise DeserializationError(f"'{name}' is not of '{declared}' but of '{home}'. {error}") from None


def _check_callable(found: Any, name: str) -> None:
    if not callable(found):
        raise DeserializationError(f"Refusing to deserialize '{name}': it cannot be called. Name a function.")
    if is_unsafe():
        return
    home = str(getattr(found, "__module__", ""))
    owner = getattr(found, "__self__", None)
    if (
        any(found is refused for refused in (*_REFUSED_BUILTINS, *_IMPORTERS))
        or (home, getattr(found, "__qualname__", "")) in _FOREIGN_IMPORTERS
        or _matches(home, "dtlpipe")
        or getattr(found, _INTERNAL, False)
        or not (owner is None or isinstance(owner, (type, ModuleType)))  # a method of some object that lives there
    ):
        raise DeserializationError(
            f"Refusing to deserialize '{name}': whoever calls it can import, run or change anything. "
            "If you trust the source of this data, load it with unsafe=True."
        )
