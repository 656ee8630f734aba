"""How the worker pool behaves: every number in one place, with its unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

MIB: Final = 1024 * 1024


def no_environment() -> Mapping[str, str]:
    """No variables beyond the platform's own."""
    return {}


@attrs.frozen
class PoolSettings:
    """Sizes in bytes (of text: in characters), times in seconds."""

    workers: int
    """Jobs that run at the same time, each in a process of its own."""
    warm: int = 2
    """Idle workers kept ready, and forked ahead of need."""
    asleep: bool = False
    """Whether no process is started, and no idle worker kept, before jobs are to be expected."""
    environment: Callable[[], Mapping[str, str]] = no_environment
    """Variables for workers; asked again now and then, so that tokens may change."""
    environment_interval: float = 15.0
    memory_limit: int | None = None
    """For jobs that name none."""
    log_limit: int = 2 * MIB
    """Of one execution's output; the rest is dropped with a notice."""
    output_limit: int = 64 * MIB
    """Of one execution's results as JSON."""
    kill_grace: float = 1.0
    """Between SIGTERM and SIGKILL."""
    start_timeout: float = 60.0
    """For a forked worker to report."""
    jobs_per_worker: int = 1000
    """After which a worker is replaced: small leaks of node code do not add up."""
    growth_limit: int = 512 * MIB
    """Memory that a worker may keep after a job, beyond what it had when it was new; over it, it is replaced."""
    idle_timeout: float = 60.0
    """After which an idle worker beyond `warm` is let go."""
    watch_interval: float = 0.25
    """Between two looks at the memory of running jobs that have a limit."""
    preload: tuple[str, ...] = ()
    """Modules that the zygote imports beside its own list."""
    path: tuple[str, ...] = ()
    """Folders that workers search for modules after their own."""
