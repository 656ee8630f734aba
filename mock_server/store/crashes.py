"""Points at which a platform can be told to die: a seam for tests of what a crash leaves behind.

Law: there is nothing here to be reached unless both variables are set. Who asks gets None then, and calls nothing.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import count

Probe = Callable[[str], None]

SWITCH = "DTLPIPE_TEST_CRASHES"
AT = "DTLPIPE_TEST_CRASH_AT"
#: What the process says before it kills itself, so that a test knows this death from others.
LAST_WORDS = "killed, as told, {}"
POINTS = (
    "before commit",
    "after commit",
    "before hand-out",
    "after hand-out",
    "before report",
    "after report",
    "before blob",
    "before rename",
    "after rename",
    "before row",  # the blob of a large value is on the disk, and no row names it yet
)


def armed() -> Probe | None:
    """What is to be told of each point as it is passed; it kills the process at the one that the environment names.

    `DTLPIPE_TEST_CRASH_AT="after commit:3"`, with `DTLPIPE_TEST_CRASHES=1`: the third time. Raises ValueError for a
    point that there is not.
    """
    wanted = os.environ.get(AT)
    if os.environ.get(SWITCH) != "1" or not wanted:
        return None
    point, _, number = wanted.partition(":")
    if point not in POINTS:
        raise ValueError(f"{AT} names {point!r}; there are {', '.join(POINTS)}")
    times, passed = int(number or 1), count(1)

    def probe(at: str) -> None:
        if at == point and next(passed) == times:
            os.write(2, f"{LAST_WORDS.format(at)}\n".encode())
            signal.raise_signal(signal.SIGKILL)

    return probe
