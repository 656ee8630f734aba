"""How the benchmark talks to a peer: lines of JSON on standard input and output. Standard library only.

A peer runs in its own process and environment. It says when it is ready, then does what it is told, one thing at a
time, and says how many seconds that took. Everything it starts is its child, so that memory and bytes written can be
read from outside.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

STEPS = 10
WIDTH = 100


class Peer:
    """What is asked of each."""

    #: Processes whose memory counts: without those that only ask.
    processes: Sequence[int] = ()
    #: How many callers ask at once when it is to be saturated.
    callers = 8

    def chain(self) -> None:
        """One run of ten steps, each x + 1, to its end. Raises if the answer is not 10."""
        raise NotImplementedError

    def fan(self) -> None:
        """One step, a hundred beside each other, one that takes all of them."""
        raise NotImplementedError

    def saturate(self, runs: int) -> None:
        """So many chains, as many at once as it likes."""
        with ThreadPoolExecutor(self.callers) as pool:
            for _ in pool.map(lambda _: self.chain(), range(runs)):
                pass

    def close(self) -> None:
        """Ends what was started."""


def expect(found: object, wanted: object) -> None:
    """A benchmark of wrong answers is none."""
    if found != wanted:
        raise ValueError(f"the answer is {found!r} and should be {wanted!r}")


def serve(make: Callable[[], Peer]) -> None:
    """Answers the driver until it closes the line."""
    out = os.fdopen(os.dup(1), "w")  # what libraries print must not get between
    os.dup2(2, 1)

    def say(**what: object) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    started = time.perf_counter()
    peer = make()
    try:
        peer.chain()
        say(ready=time.perf_counter() - started, processes=list(peer.processes) or [os.getpid()])
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            try:
                began = time.perf_counter()
                getattr(peer, name)(*arguments)
                say(took=time.perf_counter() - began)
            except Exception as error:  # noqa: BLE001 - told to the driver
                say(error=f"{type(error).__name__}: {error}")
    finally:
        peer.close()
