"""How much memory a worker and all its child processes use, read from /proc.

Law: the backstop behind the limit inside the process. It counts what only its owners pay for (anonymous and shared
memory, no file pages), and before it blames anybody it counts again with pages shared among processes divided by
the number of their users.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Final

_KIB: Final = 1024
_HELD: Final = re.compile(r"^(?:RssAnon|RssShmem):\s+(\d+) kB", re.MULTILINE)
_SHARED_OUT: Final = re.compile(r"^(?:Pss_Anon|Pss_Shmem):\s+(\d+) kB", re.MULTILINE)


def excess(pid: int, baseline: int, limit: int) -> int | None:
    """Bytes that the tree under `pid` uses beyond `baseline`, if they are over `limit`; None if all is well."""
    pids = tree(pid)
    used = _sum(pids, "status", _HELD) - baseline
    if used <= limit:
        return None
    fairly = _sum(pids, "smaps_rollup", _SHARED_OUT)
    return min(used, fairly) if fairly > limit else None


def anonymous(pid: int) -> int:
    """Bytes of anonymous memory that the process holds; 0 if it is gone or the system does not tell."""
    return _sum([pid], "status", _HELD)


def tree(pid: int) -> list[int]:
    """`pid` and its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{parent}/task").iterdir():
                found.extend(int(child) for child in (thread / "children").read_text().split())
    return found


def _sum(pids: list[int], file: str, pattern: re.Pattern[str]) -> int:
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += sum(int(amount) for amount in pattern.findall(Path(f"/proc/{pid}/{file}").read_text()))
    return total * _KIB
