"""What all benchmarks share: alternate, take medians, say on what machine. What they start may keep its bytecode."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# A package that was installed has its bytecode; ours, run from its source, has it from the second start on, unless the
# machine forbids to write it. Then each start would compile four hundred files, which takes longer than the start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def alternately(rounds: int, *subjects: Callable[[], float]) -> list[list[float]]:
    """Runs the subjects in turn, `rounds` times, and returns each one's figures. Noise hits all of them alike."""
    figures: list[list[float]] = [[] for _ in subjects]
    for _ in range(rounds):
        for subject, found in zip(subjects, figures, strict=True):
            found.append(subject())
    return figures


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median(figures: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(figures)


def spread(figures: Sequence[float], scale: float = 1.0, unit: str = "") -> str:
    """Median (least to most)."""
    low, mid, high = (each * scale for each in (min(figures), median(figures), max(figures)))
    return f"{mid:.3g}{unit} ({low:.3g} to {high:.3g})"


def machine() -> str:
    """One line on where this was measured."""
    model = "unknown processor"
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii") as lines:
            model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}; shared and noisy, so trust the ratios"
    )


def row(*cells: str) -> None:
    """A line of a table."""
    print("| " + " | ".join(cells) + " |", flush=True)
