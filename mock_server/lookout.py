"""Who of the connections is to be looked at: each is asked what it waits for when that may have changed, never else.

Law: a turn costs what has happened and what has changed, whatever the number of connections. waitress' own loop asks
each of them at each turn, so that with ten thousand who wait nobody else is served. Here, whoever changes what a
connection waits for says so (`changed`, then the trigger is pulled), and the kernel is told once. Like `server`, this
knows which server it is.
"""

from __future__ import annotations

import select
import selectors
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from waitress import wasyncore

if TYPE_CHECKING:
    from collections.abc import Iterable

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Lookout:
    """What each connection of one server waits for. One thread turns; `changed` and `forget` are for any."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._changed: deque[Any] = deque()

    def changed(self, connection: Any) -> None:
        """Ask it at the next turn. Whoever is not on the server's thread then has to wake that."""
        self._changed.append(connection)

    def forget(self, descriptor: int | None) -> None:
        """It is about to be closed, or handed to somebody else."""
        with suppress(KeyError, ValueError, OSError):
            if descriptor is not None:
                self._selector.unregister(descriptor)

    def turn(self, timeout: float, always: Iterable[Any]) -> None:
        """Wait until something happens, for so many seconds at most, and have it seen to.

        `always` are those that do not tell when what they wait for has changed.
        """
        for each in always:
            self._tell(each)
        while self._changed:
            self._tell(self._changed.popleft())
        for key, events in self._selector.select(timeout):
            connection = key.data
            if connection._fileno != key.fd:  # noqa: SLF001 - closed by one that was seen to before it
                continue
            happened = events & self._wanted(connection)
            if happened:
                flags = (select.POLLIN if happened & _READ else 0) | (select.POLLOUT if happened & _WRITE else 0)
                wasyncore.readwrite(connection, flags)
            self._tell(connection)

    def close(self) -> None:
        """Nobody turns any more."""
        self._selector.close()

    @staticmethod
    def _wanted(connection: Any) -> int:
        wanted = _READ if connection.readable() else 0
        return wanted | (_WRITE if connection.writable() and not connection.accepting else 0)

    def _tell(self, connection: Any) -> None:
        """Tell the kernel what it waits for now."""
        descriptor = connection._fileno  # noqa: SLF001
        if descriptor is None:
            return
        wanted = self._wanted(connection)
        known = self._selector.get_map().get(descriptor)
        with suppress(OSError, KeyError, ValueError):  # closed meanwhile, on another thread
            if known is not None and known.data is not connection:  # a number that is used again
                self.forget(descriptor)
                known = None
            if known is None:
                if wanted:
                    self._selector.register(descriptor, wanted, connection)
            elif not wanted:
                self._selector.unregister(descriptor)
            elif known.events != wanted:
                self._selector.modify(descriptor, wanted, connection)
