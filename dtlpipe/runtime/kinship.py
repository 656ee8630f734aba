"""Ties between processes, as the kernel knows them: who adopts orphans, who dies with whom, who is whose child.

Law: Linux does this well and is where platforms run. Elsewhere these calls do nothing, and what is left is the process
group (which catches all but children that leave it) and the closed socket (which idle workers notice).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


def adopt_orphans() -> None:
    """Have orphaned descendants handed to this process, so that none can slip away by a double fork."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Have this process killed when `parent`, which forked it, dies."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def children() -> list[int]:
    """Process ids of this process's children, adopted ones too; empty where the system does not tell."""
    pids: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - called in dying processes: as little as possible
            with open(f"/proc/self/task/{thread}/children") as file:  # noqa: PTH123 - as above
                pids.extend(int(pid) for pid in file.read().split())
    return pids
