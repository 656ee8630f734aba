"""What a process does about its memory that is a platform's from now on, and nothing else's."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from dtlpipe.runtime.bytecode import settle


@contextmanager
def starting() -> Iterator[None]:
    """A start makes much, and no garbage: looking for it meanwhile is in vain. Afterwards what is there stays there.

    So who collects garbage need not look at that again, nor begin after every 700 objects. Only for a process that is
    the platform's own: elsewhere there may be garbage of somebody else by then.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    settle()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
