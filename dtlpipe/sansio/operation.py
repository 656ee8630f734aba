"""A verb is written once, as a generator, and called in two colours.

`@operation` turns a generator method of a `Bound` class into a call that returns T on a sync handle and an awaitable of
T on an async one; `@streaming` does the same for generators that `Emit` (an iterator, an async iterator), and
`@fetched` for a property that needs the platform (and takes nothing).

At run time a verb is a plain function and `handle.verb` a plain bound method, so that `help()`, tracebacks and
speed are those of any method. The classes below from `Verb` to `Fetched` are never instantiated: they are what type
checkers see.

Inside one operation another is used through its `op`, which takes the handle again:

    project = yield from self.get.op(self, project_name)
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, cast, overload

import attrs
from typing_extensions import TypeVar

from dtlpipe.sansio.effects import Flow, Op

if TYPE_CHECKING:
    from dtlpipe.config import Settings


class Sync:
    """The colour of handles whose verbs return their result."""


class Async:
    """The colour of handles whose verbs return an awaitable."""


Colour = TypeVar("Colour", Sync, Async, default=Sync)
AnyColour = TypeVar("AnyColour", Sync, Async)
P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")


class Session(Generic[Colour]):
    """What performs operations, in one colour, for one platform and one identity.

    Made by a client, shared by its handles.
    """

    settings: Settings
    is_sync: ClassVar[bool]

    def run(self, op: Op[T]) -> Any:
        """Performs an operation: its T, or a coroutine of T."""
        raise NotImplementedError

    def stream(self, flow: Flow[T]) -> Any:
        """Performs a streaming operation: an iterator, or an async iterator, of what it emits."""
        raise NotImplementedError

    def listed(self, pages: Any) -> Any:
        """Pages as a listing verb gives them: with the first one fetched where that can be done at once."""
        raise NotImplementedError


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Bound(Generic[Colour]):
    """Whatever can speak to a platform, in one colour: a resource (a collection of verbs) or an entity."""

    _session: Session[Colour] = attrs.field(alias="session", metadata={"local": True})


class Verb(Generic[S, P, T]):
    """The type of a verb on a handle. `op` is its generator function, for use inside other operations."""

    op: Callable[Concatenate[S, P], Op[T]]


class SyncVerb(Verb[S, P, T]):
    """A verb that returns its result."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        raise NotImplementedError


class AsyncVerb(Verb[S, P, T]):
    """A verb that returns an awaitable of its result."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        raise NotImplementedError


class Operation(Generic[S, P, T]):
    """The type of `@operation`."""

    @overload
    def __get__(self, obj: None, owner: Any) -> Verb[S, P, T]: ...
    @overload
    def __get__(self, obj: Bound[Sync], owner: Any) -> SyncVerb[S, P, T]: ...
    @overload
    def __get__(self, obj: Bound[Async], owner: Any) -> AsyncVerb[S, P, T]: ...
    def __get__(self, obj: Any, owner: Any) -> Any:
        raise NotImplementedError


class Flowing(Generic[S, P, T]):
    """The type of a verb that is iterated over. `op` is its generator function."""

    op: Callable[Concatenate[S, P], Flow[T]]


class SyncFlowing(Flowing[S, P, T]):
    """A verb that returns an iterator."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        raise NotImplementedError


class AsyncFlowing(Flowing[S, P, T]):
    """A verb that returns an async iterator."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        raise NotImplementedError


class Streaming(Generic[S, P, T]):
    """The type of `@streaming`."""

    @overload
    def __get__(self, obj: None, owner: Any) -> Flowing[S, P, T]: ...
    @overload
    def __get__(self, obj: Bound[Sync], owner: Any) -> SyncFlowing[S, P, T]: ...
    @overload
    def __get__(self, obj: Bound[Async], owner: Any) -> AsyncFlowing[S, P, T]: ...
    def __get__(self, obj: Any, owner: Any) -> Any:
        raise NotImplementedError


class Fetched(Generic[S, T]):
    """The type of `@fetched`: a property that is T on sync handles, an awaitable of T on async ones."""

    @overload
    def __get__(self, obj: None, owner: Any) -> Fetched[S, T]: ...
    @overload
    def __get__(self, obj: Bound[Sync], owner: Any) -> T: ...
    @overload
    def __get__(self, obj: Bound[Async], owner: Any) -> Awaitable[T]: ...
    def __get__(self, obj: Any, owner: Any) -> Any:
        raise NotImplementedError


def operation(op: Callable[Concatenate[S, P], Op[T]]) -> Operation[S, P, T]:
    """Makes a verb of a generator method."""

    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self._session.run(op(self, *args, **kwargs))

    return cast("Operation[S, P, T]", dressed(call, op))


def streaming(op: Callable[Concatenate[S, P], Flow[T]]) -> Streaming[S, P, T]:
    """Makes a verb that is iterated over of a generator method that emits."""

    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self._session.stream(op(self, *args, **kwargs))

    return cast("Streaming[S, P, T]", dressed(call, op, "Iterator"))


def fetched(op: Callable[[S], Op[T]]) -> Fetched[S, T]:
    """Makes a property that asks the platform of a generator method."""

    def call(self: Any) -> Any:
        return self._session.run(op(self))

    return cast("Fetched[S, T]", property(dressed(call, op), doc=op.__doc__))


_RETURNS = re.compile(r"(?:Op|Flow)\[(.*)\]", re.DOTALL)


def dressed(call: Callable[..., Any], op: Callable[..., Any], iterates: str = "") -> Callable[..., Any]:
    """Gives a call its operation's name, documentation and signature, the latter with T for `Op[T]`."""
    functools.update_wrapper(call, op)
    signature = inspect.signature(op)
    returns = signature.return_annotation
    if isinstance(returns, str) and (found := _RETURNS.fullmatch(returns)):
        signature = signature.replace(return_annotation=f"{iterates}[{found[1]}]" if iterates else found[1])
    call.__signature__ = signature  # type: ignore[attr-defined]
    call.op = op  # type: ignore[attr-defined]
    return call
