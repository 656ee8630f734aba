"""A class made once more, with a metaclass that it was not written with.

Law: the new class takes the old one's place in everything that its body refers to. `super()` and `__class__` in its
methods mean the new class, its slots are slots, its qualified name (and so pickling) stays, other metaclasses are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CellType, FunctionType, MemberDescriptorType, new_class
from typing import Any

from dtlpipe.graph.errors import ComponentError

__all__ = ["recreated"]


def recreated(
    cls: type[Any], metaclass: type[Any], attributes: tuple[str, ...], bases: tuple[type[Any], ...] | None = None
) -> type[Any]:
    """Return `cls` again, as an instance of `metaclass`.

    Args:
        cls: the class; it is not to be used any more.
        metaclass: mixed with the metaclass that `cls` has.
        attributes: names that instances must be able to hold; they get slots if instances have no `__dict__`.
        bases: for others than `cls` has.

    Raises:
        ComponentError: the class cannot be made a second time.
    """
    namespace = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in ("__dict__", "__weakref__") and not _is_slot(value, cls)
    }
    namespace["__qualname__"] = cls.__qualname__
    _carry(namespace, attributes)
    if "__slots__" in namespace:
        slots = namespace["__slots__"]
        names = [slots] if isinstance(slots, str) else list(slots)
        missing = [] if cls.__dictoffset__ else [each for each in attributes if not hasattr(cls, each)]
        namespace["__slots__"] = (*names, *missing)
    try:
        new = new_class(
            cls.__name__, bases or cls.__bases__, {"metaclass": _mixed(metaclass, type(cls))}, _filler(namespace)
        )
    except TypeError as error:
        raise ComponentError(
            f"Class {cls.__name__} cannot be made a component, since it cannot be created again with the metaclass of "
            f"components: {error}.",
            hint="put the logic into that class as it is, and decorate a small class that uses it",
        ) from error
    for cell in _cells_of(cls):
        cell.cell_contents = new
    return new


def _carry(namespace: dict[str, Any], attributes: tuple[str, ...]) -> None:
    """Let the state that attrs and dataclasses write for copies and pickles, fields alone, hold the attributes too."""
    fields: Any = namespace.get("__getstate__")
    set_fields: Any = namespace.get("__setstate__")
    if getattr(fields, "__name__", None) not in _GENERATED:
        return

    def getstate(self: Any) -> tuple[Any, dict[str, Any]]:
        return fields(self), {name: getattr(self, name) for name in attributes if hasattr(self, name)}

    def setstate(self: Any, state: tuple[Any, dict[str, Any]]) -> None:
        set_fields(self, state[0])
        for name, value in state[1].items():
            object.__setattr__(self, name, value)

    namespace["__getstate__"], namespace["__setstate__"] = getstate, setstate


_GENERATED = ("slots_getstate", "_dataclass_getstate")


def _filler(namespace: dict[str, Any]) -> Any:
    return lambda target: target.update(namespace)


def _is_slot(value: object, cls: type[Any]) -> bool:
    return isinstance(value, MemberDescriptorType) and value.__objclass__ is cls


def _mixed(metaclass: type[Any], other: type[Any]) -> type[Any]:
    """The metaclass that is both; one of the two if it is the other already."""
    if issubclass(metaclass, other):
        return metaclass
    both = (metaclass, other)
    if both not in _MIXED:
        _MIXED[both] = type(metaclass.__name__, both, {"__module__": metaclass.__module__})
    return _MIXED[both]


_MIXED: dict[tuple[type[Any], type[Any]], type[Any]] = {}


def _cells_of(cls: type[Any]) -> Iterator[CellType]:
    """The cells by which functions in a class's body know the class. Looks into decorators and descriptors, too."""
    seen: set[int] = set()
    waiting = [value for name, value in cls.__dict__.items() if name != "__dict__"]
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, type):
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType):
            for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
                try:
                    content = cell.cell_contents
                except ValueError:  # a name that has no value yet
                    continue
                if content is not cls:
                    waiting.append(content)
                elif name == "__class__":
                    yield cell
        waiting.extend(_inner(value))


def _inner(value: object) -> Iterator[Any]:
    """What a descriptor or decorator (property, classmethod, partialmethod, cached_property, ...) calls in the end."""
    for name in ("__wrapped__", "__func__", "fget", "fset", "fdel", "func"):
        try:
            inner = getattr(value, name, None)
        except Exception:  # noqa: BLE001, S112 - a foreign object's own attribute access; it hides no function of ours
            continue
        if inner is not None:
            yield inner
