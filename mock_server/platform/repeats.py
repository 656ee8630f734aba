"""Requests that are sent again: what one of a key has changed, no other of that key changes again.

Law: that a request was carried out is noted by the transaction that did so, the first one of the request. Its answer
is noted once there is one. Who repeats the request gets that answer, or waits for it; the same key with another content
is refused. Where a verb has more to say of repetitions (see `intents`), it does so itself.

The request of the moment is known by its context, not by an argument: so this holds for every verb, also for those that
are yet to be written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from dtlpipe.errors import Conflict
from mock_server.platform.documents import now
from mock_server.platform.intents import check_same
from mock_server.store.base import Document, Kind, Store, Tx

if TYPE_CHECKING:
    from mock_server.platform.hub import Hub

T = TypeVar("T")

PREFIX = "repeat:"
#: Seconds that a repetition waits for the answer to the first request, which is on its way.
PATIENCE = 10.0


@attrs.define
class Request:
    """One that may be sent again.

    Attributes:
        id: of the document that notes it.
        fingerprint: of its content.
        carried_out: it has changed something, so there is a note.
    """

    id: str
    fingerprint: str
    carried_out: bool = False

    @classmethod
    def of(cls, caller: str, key: str, content: bytes) -> Request:
        """A caller's request of that key."""
        return cls(f"{PREFIX}{caller}:{key}", hashlib.sha256(content).hexdigest())

    def noting(self, intent: Callable[[Tx], T]) -> Callable[[Tx], T]:
        """The intent, which is done only if no other request of the key was carried out. Else it raises Repeated."""

        def noted(tx: Tx) -> T:
            known = tx.get(Kind.SETTING, self.id)
            if known is not None:
                raise Repeated
            at = now()
            result = intent(tx)
            note = {"id": self.id, "fingerprint": self.fingerprint, "createdAt": at, "updatedAt": at}
            tx.insert(Kind.SETTING, note)
            return result

        return noted


class Repeated(Exception):
    """Another request of the same key was carried out meanwhile."""


_current: ContextVar[Request | None] = ContextVar("request", default=None)


@contextmanager
def carrying_out(request: Request) -> Iterator[None]:
    """What the context writes first is noted as the request's doing."""
    token = _current.set(request)
    try:
        yield
    finally:
        _current.reset(token)


def answered(store: Store, hub: Hub, request: Request) -> Document | None:
    """What was answered to an earlier request of the key: `{"status", "body"}`. None if there was none.

    Raises Conflict if that was another request, or if its answer was lost with the platform that made it.
    """
    known = store.get(Kind.SETTING, request.id)
    if known is None:
        return None
    check_same(known, request.id, request.fingerprint)
    known = hub.wait(
        request.id,
        lambda: store.get(Kind.SETTING, request.id) or {},
        lambda found: found.get("answer") is not None,
        PATIENCE,
    )
    answer: Document | None = known.get("answer")
    if answer is None:
        raise Conflict(
            "the request was carried out, but the platform was stopped before it had answered",
            hint="look at what there is now; nothing was done twice",
        )
    return answer


def note_answer(store: Store, hub: Hub, request: Request, status: int, body: str) -> None:
    """Keeps what was answered for who asks again."""

    def intent(tx: Tx) -> None:
        known = tx.get(Kind.SETTING, request.id)
        if known is not None:
            tx.put(Kind.SETTING, {**known, "answer": {"status": status, "body": body}, "updatedAt": now()})
            tx.after_commit(lambda: hub.notify(request.id))

    store.write(intent)


class Noting:
    """A store whose first change by a request that has a key notes that request. All else goes straight through."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if callable(found):
            self.__dict__[name] = found  # what is looked up often is found at once from then on
        return found

    def write(self, intent: Callable[[Tx], T], timeout: float = 60.0) -> T:
        """As the store's."""
        request = _current.get()
        if request is None or request.carried_out:
            return self._store.write(intent, timeout)
        result = self._store.write(request.noting(intent), timeout)
        request.carried_out = True
        return result

    def post(self, intent: Callable[[Tx], T]) -> Future[T]:
        """As the store's."""
        request = _current.get()
        if request is None or request.carried_out:
            return self._store.post(intent)
        future = self._store.post(request.noting(intent))
        request.carried_out = True
        return future


def noting(store: Store) -> Store:
    """The store, which notes requests."""
    return cast("Store", Noting(store))
