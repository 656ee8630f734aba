"""Entities: nouns bound to a platform, which know what the platform last said of them.

`_changes()` is the deep difference between that and now, so that an update sends only what was changed, and a key
that was removed as null. An answer is absorbed in place: the user's object is the current one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from dtlpipe.errors import BadRequest, SDKError
from dtlpipe.model.struct import Struct, wire_fields
from dtlpipe.sansio.operation import Bound, Colour, Session


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Entity(Bound[Colour], Struct):
    """A noun that can speak to its platform, equal to any other of its class and id, whatever their contents."""

    _said: Mapping[str, Any] = attrs.field(factory=dict, init=False, metadata={"local": True})

    @classmethod
    def from_wire(  # type: ignore[override]  # a noun needs no session; what speaks does
        cls, data: Mapping[str, Any], *, session: Session[Colour], **local_fields: Any
    ) -> Self:
        """The entity for JSON data of its platform, which must not be changed afterwards by the caller."""
        entity = cls(session=session, **cls._arguments(_copied(data)), **local_fields)
        entity._said = data
        return entity

    def _absorb(self, data: Mapping[str, Any]) -> Self:
        """Takes over the platform's new JSON data, in place; fields that it leaves out keep their value."""
        found = self._arguments(_copied(data))
        for name, value in found.items():
            setattr(self, name, value)
        self._said = {**self._said, **data}
        ready = getattr(self, "__attrs_post_init__", None)
        if ready is not None:
            ready()
        return self

    def _changes(self) -> dict[str, Any]:
        """What is different from what the platform last said, as JSON data to merge: removed keys are null."""
        return changes(self._noun().from_wire(_copied(self._said)).to_wire(), self.to_wire())

    @classmethod
    def _noun(cls) -> type[Struct]:
        if cls.NOUN is None:
            raise TypeError(f"{cls.__name__} names no NOUN")
        return cls.NOUN

    @property
    def _id(self) -> str:
        return str(getattr(self, "id", ""))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._id == other._id if self._id else self is other

    def __hash__(self) -> int:  # type: ignore[override]  # nouns compare by value, entities by id
        return hash((type(self).__name__, self._id)) if self._id else id(self)

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in ("id", "name", "status") if self._has(name))
        return f"{type(self).__name__}({', '.join(shown)})"

    def _has(self, name: str) -> bool:
        return any(each.name == name for each in wire_fields(self._noun()))


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What to merge into `before` so that it becomes `after`; None stands for a key to remove."""
    found: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            inner = changes(old, value)
            if inner:
                found[key] = inner
        elif key not in before or old != value or isinstance(old, bool) != isinstance(value, bool):
            found[key] = value
    return found


def _copied(data: Any) -> Any:
    """JSON data that shares no container with the original."""
    if isinstance(data, dict):
        return {key: _copied(value) if isinstance(value, (dict, list)) else value for key, value in data.items()}
    if isinstance(data, list):
        return [_copied(value) if isinstance(value, (dict, list)) else value for value in data]
    return data


def required(value: str | None, names: str) -> str:
    """The value; raises BadRequest, naming the arguments of which one is needed, if there is none."""
    if not value:
        raise BadRequest(f"give {names}")
    return value


def sure_of(noun: str, name: str, *, sure: bool, really: bool) -> None:
    """Raises SDKError unless somebody is sure, really."""
    if not (sure and really):
        raise SDKError(f"{noun} {name!r} is not deleted", hint="if you are sure: delete(sure=True, really=True)")
