"""Live states: an entity that is still running tells its present status, not the one of long ago.

Reading `.status` of a sync handle asks the platform again if the state known here is not final and older than `FRESH`
seconds. So `while execution.status != 'success': time.sleep(5)` ends, as it reads. What a listing brought counts as
fresh when it is first read. On async handles reading never asks: `await execution.refresh()` or `.wait()` does.
"""

from __future__ import annotations

import typing
from functools import cache
from typing import Any, Self

import attrs

from dtlpipe.resources.entity import Entity
from dtlpipe.sansio.effects import Now, Op, Request, Response
from dtlpipe.sansio.operation import Colour, Session, Sync

#: Seconds for which a state counts as the present one.
FRESH = 1.0


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Live(Entity[Colour]):
    """An entity that ends some day."""

    _seen_at: float | None = attrs.field(default=None, init=False, metadata={"local": True})
    _silent: bool = attrs.field(default=False, init=False, metadata={"local": True})

    def _address(self) -> str:
        """The path that it is asked for at."""
        raise NotImplementedError

    def _is_over(self) -> bool:
        """Whether the state known here is final; must not ask."""
        raise NotImplementedError

    def _look_again(self) -> None:
        """Before its status is read: asks the platform if what is known may be out of date."""
        if not self._silent and not self._is_over() and is_sync(self._session):
            self._session.run(self._renewed())

    def _renewed(self) -> Op[None]:
        now: float = yield Now()
        if self._seen_at is None:
            self._seen_at = now
        elif now - self._seen_at >= FRESH:
            yield from self._refreshed()

    def _refreshed(self) -> Op[Self]:
        """The operation that asks for the present state and takes it over."""
        response: Response = yield Request("GET", self._address())
        self._absorb(response.json())
        self._seen_at = yield Now()
        return self

    def just_seen(self) -> Op[Self]:
        """The operation that notes that what is known here was said just now."""
        self._seen_at = yield Now()
        return self

    def to_wire(self) -> dict[str, Any]:
        """JSON data as it is known here; nobody is asked."""
        self._silent, before = True, self._silent
        try:
            return super().to_wire()
        finally:
            self._silent = before

    to_json = to_wire

    def __repr__(self) -> str:
        self._silent, before = True, self._silent
        try:
            return super().__repr__()
        finally:
            self._silent = before


def is_sync(session: Session[Any]) -> bool:
    """Whether a session performs operations in the calling thread."""
    cls: Any = type(session)
    return _blocks(cls)


@cache
def _blocks(cls: Any) -> bool:
    for each in cls.__mro__:
        for base in getattr(each, "__orig_bases__", ()):
            if typing.get_origin(base) is Session:
                return Sync in typing.get_args(base)
    return False
