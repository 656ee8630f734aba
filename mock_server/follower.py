"""A follower: it sends all requests on to the platform that leads, until it leads itself.

Law: there is one server from the beginning to the end, so that its address answers all the time; what changes is the
application behind it. Who leads is what the database's lock says, and nothing else.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mock_server.config import Settings, is_loopback
from mock_server.store import open_store
from mock_server.store.base import LEADER, Document, Kind, Store, Tx

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from mock_server.api.forwarding import Forwarding

log = logging.getLogger("dtlpipe.platform")


class Switch:
    """A WSGI application that is another one, which may be changed while requests come in."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.app(environ, start_response)


class Follower:
    """Waits for the lock.

    Args:
        settings: the platform's.
        lead: takes the store, once it is this platform's; what it raises ends the follower.
        failed: called if this platform neither follows nor leads any more.
    """

    def __init__(self, settings: Settings, lead: Callable[[Store], None], failed: Callable[[], None]) -> None:
        from mock_server.api.forwarding import (
            Forwarding,  # with a client of HTTP, which who never follows need not have
        )

        self.forwarding: Forwarding = Forwarding(settings)
        self.failure: BaseException | None = None
        self.over = False
        self._settings = settings
        self._lead = lead
        self._failed = failed
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dtlpipe-follower", daemon=True)

    def start(self) -> None:
        """Returns when it is known who leads, or that this platform does. Raises what keeps it from following."""
        self._thread.start()
        self._looked.wait()
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """Ends the waiting. Raises nothing that the waiting raised."""
        self.over = True
        if self._thread is not threading.current_thread() and self._thread.ident is not None:
            self._thread.join()
        self.forwarding.close()

    def told(self, leader: Document | None) -> None:
        """Who leads, from the store that waits."""
        from mock_server.api.forwarding import Leader

        found = None if leader is None else Leader(str(leader["url"]), bool(leader.get("exposed")))
        if found is not None and found != self.forwarding.leader:
            log.info("following the platform at %s", found.url)
        self.forwarding.leader = found
        self._looked.set()

    def _run(self) -> None:
        settings = self._settings
        try:
            relaxed = settings.durability == "relaxed"
            store = open_store(settings.data_dir, settings.store, relaxed=relaxed, standby=self)
            self.forwarding.leader = None
            if self.over:
                store.close()
            else:
                self._lead(store)
        except BaseException as error:
            if not self.over:
                early = not self._looked.is_set()
                self.failure = error
                if not early:
                    log.critical("this platform can neither follow nor lead: %s", error, exc_info=error)
                    self._failed()
        finally:
            self._looked.set()


def address(settings: Settings, url: str) -> str:
    """Where other platforms find the one that is at `url` for its own machine."""
    if settings.advertise is not None:
        return settings.advertise
    if is_loopback(settings.host) or settings.host.strip("[]") not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return url
    return f"http://{socket.gethostname()}:{urlsplit(url).port}"


def announce(store: Store, settings: Settings, url: str) -> None:
    """Writes down, for those who follow, that this platform leads, and where it is; again whenever it leads again."""
    said: dict[str, Any] = {"id": LEADER, "url": address(settings, url), "exposed": settings.exposed}

    def put(tx: Tx) -> None:
        tx.put(Kind.SETTING, said)

    def again() -> None:
        if store.alive:
            store.tell(put, lambda error: log.debug("it is not written down yet that this platform leads: %s", error))

    store.write(put)
    store.on_rollback(again)


def withdraw(store: Store) -> None:
    """Writes down that nobody leads: for a platform that ends in an orderly way."""
    try:
        store.write(lambda tx: tx.delete(Kind.SETTING, LEADER), timeout=5.0)
    except Exception as error:  # noqa: BLE001 - it could not be told; those who follow will notice
        log.warning("it could not be written down that this platform leads no more: %s", error)
