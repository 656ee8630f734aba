"""Waiting at the rim: an answer that is not final yet may be held until it is.

Who asks by `?wait=<seconds>` gets it, and reads `x-dtlpipe-waited: 1` in the answer; an answer without that header came
at once (there was no place to wait), and the client should pause before it asks again.
The field's own SDK cannot ask: it polls, at intervals that double. Recognised by its User-Agent, it is held too, but
only where it polls: for a command from the first look, for anything else from the second look of the same caller at the
same id, as a first look may be no more than a look.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import attrs
from flask import Flask, Response, after_this_request, current_app, request

from mock_server.api.dataloop.validation import seconds
from mock_server.api.guard import caller

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

T = TypeVar("T")
WAITED = "x-dtlpipe-waited"


@attrs.define
class _Seen:
    """Who has lately been told that something is not over yet."""

    limit: int = 4096
    _pairs: OrderedDict[tuple[str, str], None] = attrs.field(factory=OrderedDict)
    _lock: Lock = attrs.field(factory=Lock)

    def again(self, pair: tuple[str, str]) -> bool:
        """Whether the pair was here before; it is now."""
        with self._lock:
            known = pair in self._pairs
            self._pairs[pair] = None
            self._pairs.move_to_end(pair)
            if len(self._pairs) > self.limit:
                self._pairs.popitem(last=False)
            return known

    def forget(self, pair: tuple[str, str]) -> None:
        with self._lock:
            self._pairs.pop(pair, None)


def _seen_by(app: Flask) -> _Seen:
    """What this application remembers."""
    seen: _Seen = app.extensions.setdefault("dtlpipe.holding", _Seen())
    return seen


def hold(
    platform: Platform,
    id: str,
    look: Callable[[], T],
    done: Callable[[T], bool],
    *,
    at_once: bool = False,
    over: Callable[[], bool] | None = None,
) -> T:
    """What `look` sees, waited for as the request asks or deserves until `done` holds for it.

    Args:
        platform: whose hub is notified of `id`.
        id: of the run, execution or command that is looked at.
        look: reads it; raises NotFound if it is not there.
        done: whether there is nothing left to wait for.
        over: whether `look` would see something that is done, if that can be told for less.
        at_once: it is looked at only by those who wait for it, so that even the first look is held.
    """
    settings = platform.settings
    wait = seconds("wait")
    if wait is not None:
        began = time.monotonic()
        wait = min(wait, settings.max_wait)
        seen = _waited_for(platform, id, look, done, wait, over)
        if done(seen) or time.monotonic() - began >= wait / 2:
            after_this_request(waited)
        return seen
    seen = look()
    if not settings.hold_dtlpy or not request.headers.get("User-Agent", "").startswith("dtlpy/"):
        return seen
    pair, memory = (caller().token, id), _seen_by(current_app)
    if not done(seen) and (memory.again(pair) or at_once):
        seen = _waited_for(platform, id, look, done, settings.hold_timeout, over)
    if done(seen):
        memory.forget(pair)
    return seen


def _waited_for(
    platform: Platform,
    id: str,
    look: Callable[[], T],
    done: Callable[[T], bool],
    timeout: float,
    over: Callable[[], bool] | None,
) -> T:
    if over is None:
        return platform.hub.wait(id, look, done, timeout)
    platform.hub.wait(id, over, bool, timeout)
    return look()


def waited(response: Response) -> Response:
    """Says in the answer that it was held for as long as it takes."""
    response.headers[WAITED] = "1"
    return response
