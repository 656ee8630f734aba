"""Memory limits of the worker process, relative to what it holds when a job begins.

Law: accident protection, not a sandbox. The soft limit makes allocation fail inside the process, where Python turns it
into a MemoryError with a traceback; what a limit on private memory cannot see (shared maps, child processes) is left to
the platform, which watches from outside.
"""

from __future__ import annotations

import resource
from typing import Final

PAGE: Final = resource.getpagesize()


def held() -> tuple[int, int]:
    """Bytes of anonymous memory resident, and of private writable memory mapped; zeros where there is no /proc."""
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123 - once per job, and Path costs as much as the read
            fields = file.read().split()
    except OSError:
        return 0, 0
    return (int(fields[1]) - int(fields[2])) * PAGE, int(fields[5]) * PAGE


def restrict(limit: int, mapped: int) -> None:
    """Let this process map `limit` bytes beyond the `mapped` that it has now."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = mapped + limit
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def lift() -> None:
    """Take the limit away again, so that the failure can be told and the next job starts free."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
