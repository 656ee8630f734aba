"""Waiting at the rim: an answer that is not final yet may be held until it is.

Who asks by `?wait=<seconds>` gets it, and reads `x-dtlpipe-waited: 1` in the answer; an answer without that header came
at once (there was no place to wait), and the client should pause before it asks again.

The field's own SDK cannot ask: it polls, at intervals that double. Recognised by its User-Agent, it is held too, but
only where it polls, as a look may be no more than a look:

- for a command, from the first look: it is looked at by nobody but those who wait for it;
- for a run or an execution, from the second look of the same caller at the same id;
- for one that the same user began less than `YOUNG` seconds ago, from the first look, until it is as old as that. The
  SDK's `wait()` sends this look as soon as it has begun something, and sleeps for two seconds after it.

Held answers are given later, without a thread, where the server can do that (see `api/later`).
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from flask import Flask, Response, after_this_request, current_app, request

from dtlpipe.model import times
from mock_server.api import faulting, watch
from mock_server.api.dataloop import errors
from mock_server.api.dataloop.validation import seconds
from mock_server.api.guard import caller
from mock_server.api.later import Found, Look, later
from mock_server.api.relay import DEFER
from mock_server.api.repeating import once
from mock_server.api.wire import dumps, request_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

T = TypeVar("T", bound=Mapping[str, Any])
WAITED = "x-dtlpipe-waited"
#: Seconds in which what has begun is young.
YOUNG = 1.0
JSON = (("Content-Type", "application/json"),)

log = logging.getLogger("dtlpipe.platform")


Headers = list[tuple[str, str]]


@attrs.frozen
class Asked:
    """A request: its own name, and whether a key names it to those that repeat it."""

    id: str
    method: str
    path: str
    named: bool = False


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
) -> T | Response:
    """What `look` sees, waited for as the request asks or deserves until `done` holds for it.

    Args:
        platform: whose hub is notified of `id`.
        id: of the run, execution or command that is looked at.
        look: reads it; raises NotFound if it is not there. It is called on other threads, too.
        done: whether there is nothing left to wait for.
        over: whether `look` would see something that is done, if that can be told for less.
        at_once: it is looked at only by those who wait for it, so that even the first look is held.
    """
    settings = platform.settings
    wait = seconds("wait")
    if wait is not None:
        if over is None or over():
            seen = look()
            if done(seen):
                after_this_request(waited)
                return seen
        return _held(platform, id, look, done, min(wait, settings.max_wait), over=over, tell=True)
    seen = look()
    if not settings.hold_dtlpy or not request.headers.get("User-Agent", "").startswith("dtlpy/"):
        return seen
    pair, memory = (caller().token, id), _seen_by(current_app)
    if done(seen):
        memory.forget(pair)
        return seen
    patience = settings.hold_timeout if memory.again(pair) or at_once else _until_grown(seen, caller().email)
    if patience <= 0:
        return seen
    return _held(platform, id, look, done, patience, over=over, ended=lambda: memory.forget(pair))


def hold_for(
    platform: Platform, key: str, look: Callable[[], T], done: Callable[[T], bool], timeout: float
) -> T | Response:
    """What `look` sees, waited for until `done` holds for it, for so many seconds at most, whoever asks."""
    seen = look()
    if timeout <= 0 or done(seen):
        return seen
    return _held(platform, key, look, done, timeout, over=None)


def _until_grown(seen: Mapping[str, Any], user: str) -> float:
    """Seconds for which something that this user began is young; 0 for what is not, or was begun by somebody else."""
    if seen.get("creator") != user:
        return 0.0
    began = [each for each in (seen.get("createdAt"), *(one["at"] for one in seen.get("reruns") or ())) if each]
    age = (times.now() - times.from_wire(max(began))).total_seconds() if began else YOUNG
    return YOUNG - age if age >= 0 else 0.0


def _held(
    platform: Platform,
    id: str,
    look: Callable[[], T],
    done: Callable[[T], bool],
    timeout: float,
    *,
    over: Callable[[], bool] | None,
    tell: bool = False,
    ended: Callable[[], None] | None = None,
) -> T | Response:
    """What is seen in the end. `tell`: that it was waited for; `ended` is called if it is done by then."""
    defer = request.environ.get(DEFER)
    if defer is None or timeout <= 0 or faulting.awaits_strike():
        seen, in_vain = _waited_for(platform, id, look, done, timeout, over)
        if tell and not in_vain:
            after_this_request(waited)
    else:
        headers = [*JSON, *([(WAITED, "1")] if tell else [])]
        finder = finding(look, done, over, headers, ended, Asked(request_id(), request.method, request.path))
        count = watch.counted_later(platform)
        later(current_app, platform.hub).answer(id, finder, timeout, defer(), count)
        return Response()
    if ended is not None and done(seen):
        ended()
    return seen


def finding(
    look: Callable[[], T],
    done: Callable[[T], bool],
    over: Callable[[], bool] | None,
    headers: Headers,
    ended: Callable[[], None] | None,
    asked: Asked,
) -> Look:
    """What looks for the answer to a request once that is over."""

    def find(last: bool) -> Found | None:  # noqa: FBT001 - one who looks is told nothing else
        try:
            if over is not None and not last and not over():
                return None
            seen = look()
            is_done = done(seen)
            if not is_done and not last:
                return None
            if is_done and ended is not None:
                ended()
            return Found(200, headers, dumps(seen))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return refused(error, headers, asked)

    return find


def refused(error: BaseException, headers: Headers, asked: Asked) -> Found:
    """The answer to a request that failed so."""
    raised = error if isinstance(error, Exception) else RuntimeError(str(error))
    found = errors.translate(raised, asked.method, asked.path)
    status = found.status = once(errors.status(found), asked.method, named=asked.named)
    if status >= 500 and status not in (501, 503):
        log.error("%s %s failed [%s]", asked.method, asked.path, asked.id, exc_info=error)
    if found.retry_after is not None:
        headers = [*headers, ("Retry-After", f"{found.retry_after:g}")]
    return Found(status, headers, dumps(errors.body(found, asked.id)))


def _waited_for(
    platform: Platform,
    id: str,
    look: Callable[[], T],
    done: Callable[[T], bool],
    timeout: float,
    over: Callable[[], bool] | None,
) -> tuple[T, bool]:
    """What is seen, waited for by this thread; and whether there was no place to wait."""
    began = time.monotonic()
    if over is None:
        seen = platform.hub.wait(id, look, done, timeout)
    else:
        platform.hub.wait(id, over, bool, timeout)
        seen = look()
    return seen, not done(seen) and time.monotonic() - began < timeout / 2


def waited(response: Response) -> Response:
    """Says in the answer that it was held for as long as it takes."""
    response.headers[WAITED] = "1"
    return response
