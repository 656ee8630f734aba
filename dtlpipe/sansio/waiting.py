"""Waiting, once, for runs, executions, commands and batches.

The convention with our platform: a GET with the query `wait=<seconds>` may be held until the entity is terminal or
that time is over, and its answer carries the header `x-dtlpipe-waited: 1`. Then the next GET follows at once.
Without the header (any other platform) the operation sleeps between polls, from `interval` growing to `longest`.

Who waits alone does that. Several who wait at once for runs or calls, in one client, do so by one stream (`wait_over`,
and see `ends`) where there is one; elsewhere each of them as above.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import attrs

from dtlpipe.errors import ConnectionFailed, WaitTimeout
from dtlpipe.sansio.effects import Join, Now, Op, Request, Response, Sleep, Told

#: Seconds that one held request is asked to last: below the idle limits of proxies, and of clients' own timeouts.
HOLD = 20.0

#: Seconds that a platform, once it has answered, may be gone before waiting gives up: long enough for a restart.
PATIENCE = 15.0

WAITED = "x-dtlpipe-waited"


def wait_until(
    request: Request,
    done: Callable[[Any], bool],
    *,
    timeout: float | None = None,
    interval: float = 0.1,
    longest: float = 5.0,
    what: str = "the work",
) -> Op[Any]:
    """Repeats a GET until `done(data)`; returns the JSON data of the answer that was.

    Args:
        request: a GET; `wait` is added to its query.
        done: whether an answer's JSON data is final.
        timeout: seconds in all; None waits for ever. The data is looked at once even if it is 0.
        interval: the first pause between polls, in seconds, for platforms that do not hold requests.
        longest: the longest pause.
        what: names the work in the error, e.g. "run 65f3...".

    Raises:
        WaitTimeout: it was not done within `timeout`.
        ConnectionFailed: the platform never answered, or was gone for longer than `PATIENCE` seconds.
    """
    now: float = yield Now()
    ends_at = None if timeout is None else now + timeout
    heard_at: float | None = None
    pause = interval
    while True:
        hold = HOLD if ends_at is None else min(HOLD, max(ends_at - now, 0.0))
        asked_at, held = now, False
        try:
            response: Response = yield attrs.evolve(
                request,
                params={**(request.params or {}), "wait": round(hold, 3)},
                timeout=max(request.timeout or 0.0, hold + 30.0),
                held=True,
            )
        except ConnectionFailed:
            now = yield Now()
            if heard_at is None or now - heard_at > PATIENCE:
                raise
        else:
            data = response.json()
            if done(data):
                return data
            heard_at = now = yield Now()
            held = WAITED in response.headers and now - asked_at >= min(interval, hold)  # else it held nothing
        if ends_at is not None and now >= ends_at:
            raise WaitTimeout(f"{what} was not done within {timeout:g} s; it goes on, and may be waited for again")
        if not held:
            yield Sleep(pause if ends_at is None else min(pause, ends_at - now))
            pause = min(pause * 1.5, longest)
            now = yield Now()


def wait_over(
    kind: Literal["run", "call"],
    id: str,
    request: Request,
    done: Callable[[Any], bool],
    *,
    timeout: float | None,
    interval: float,
    what: str,
) -> Op[Any]:
    """As `wait_until`, of a run or a call: by the stream of ends, if others of this client wait at the same time."""
    began: float = yield Now()
    seat = yield Join(kind, (id,))
    if seat.live and (timeout is None or timeout >= 1):
        told = yield Told(seat, timeout)
        if told and told[id] is not None and done(told[id]):
            return told[id]
        if told == {}:
            raise WaitTimeout(f"{what} was not done within {timeout:g} s; it goes on, and may be waited for again")
    now: float = yield Now()
    left = None if timeout is None else max(began + timeout - now, 0.0)
    return (yield from wait_until(request, done, timeout=left, interval=interval, what=what))


def patient(request: Request) -> Op[Response]:
    """Asks a platform that has answered before: it may be gone for a while, as in a restart."""
    lost_at: float | None = None
    while True:
        try:
            response: Response = yield request
        except ConnectionFailed:
            now: float = yield Now()
            lost_at = now if lost_at is None else lost_at
            if now - lost_at > PATIENCE:
                raise
            yield Sleep(PATIENCE / 50)
        else:
            return response
