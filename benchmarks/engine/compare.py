"""`dtlpipe.graph` beside haystack-ai: the same components, the same calls, in turn, in one process.

`python benchmarks/engine/compare.py [--quick]`

Outputs are compared before anything is measured. The floor is what the same `run` methods cost when plain code calls
them, which nothing that runs components can undercut.
"""

# ruff: noqa: PIE804 - the floor calls with keyword arguments from a dict, as both libraries do

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure import alternately, machine, median, row, spread, timed
from parts import Library, library

QUICK = "--quick" in sys.argv[1:]
Work = Callable[[], Any]


@attrs.frozen
class Case:
    """Something that both do, and what it costs without either.

    Attributes:
        runs: how many components run, or are dealt with, each time.
        rounds: how often it is measured.
        goal: how many times faster than Haystack it should be, or None.
        repeats: how often we do it for one figure, since it is too short to be measured once.
    """

    name: str
    runs: int
    rounds: int
    ours: Work
    theirs: Work
    floor: Work | None = None
    goal: float | None = None
    repeats: int = 1


def main() -> None:
    """Compare, and print tables."""
    us, them = library("ours", "dtlpipe.graph"), library("haystack", "haystack")
    print(f"{machine()}\n")
    print("## Runs\n")
    row("case", "us per component", "Haystack", "floor", "Haystack / ours", "goal", "ours / floor")
    row(*["---"] * 7)
    for case in sync_cases(us, them):
        compare(case, 1e6)
    print("\n## 100 components that sleep for 10 ms, asynchronously\n")
    row("case", "ms", "Haystack", "asyncio.gather", "Haystack / ours", "goal", "ours / gather")
    row(*["---"] * 7)
    for case in async_cases(us, them):
        compare(case, 1e3)
    print("\n## Building, writing and reading 1000 components\n")
    row("case", "ms", "Haystack", "floor", "Haystack / ours", "goal", "ours / floor")
    row(*["---"] * 7)
    for case in data_cases(us, them):
        compare(case, 1e3)
    print("\n## Flatness: chains of growing length\n")
    flatness(us)
    print("\n## Importing, in new processes\n")
    imports()


def compare(case: Case, scale: float) -> None:
    """Measure one case, in turn, and print its row."""
    subjects = [case.ours, case.theirs, *([case.floor] if case.floor else [])]
    for subject in subjects:
        subject()
    repeats = (case.repeats, 1, case.repeats)
    figures = alternately(
        2 if QUICK else case.rounds,
        *(
            lambda subject=subject, times=times: timed(lambda: [subject() for _ in range(times)]) / times / case.runs
            for subject, times in zip(subjects, repeats, strict=False)
        ),
    )
    ours, theirs = median(figures[0]), median(figures[1])
    row(
        case.name,
        spread(figures[0], scale),
        spread(figures[1], scale),
        spread(figures[2], scale) if case.floor else "",
        f"{theirs / ours:.1f}",
        f"{case.goal:g}" if case.goal else "",
        f"{ours / median(figures[2]):.2f}" if case.floor else "",
    )


# ---- runs ------------------------------------------------------------------------------------------------------------


def runner(pipeline: Any, data: dict[str, Any]) -> Work:
    """Return what runs the pipeline."""
    return lambda: pipeline.run(data)


def sync_cases(us: Library, them: Library) -> list[Case]:
    """Chains, a fan and a loop."""
    cases = []
    for length, rounds, goal in ((10, 60, 20), (100, 25, 100), (1000, 3, None)):
        data = {"n00000": {"value": 1}}
        ours, theirs = runner(us.chain(length), data), runner(them.chain(length), data)
        same(ours, theirs)
        cases.append(
            Case(
                f"chain {length}",
                length,
                rounds,
                ours,
                theirs,
                chain_floor(us, length),
                goal,
                repeats=max(1, 1000 // length),
            )
        )
    data = {"begin": {"value": 1}}
    ours, theirs = runner(us.fan(100), data), runner(them.fan(100), data)
    same(ours, theirs)
    cases.append(Case("fan 1-100-1", 102, 25, ours, theirs, fan_floor(us, 100), 20, repeats=10))
    data = {"head": {"value": 0}}
    ours, theirs = runner(us.loop(1000), data), runner(them.loop(1000), data)
    same(ours, theirs)
    cases.append(Case("loop 3 x 1000", 3000, 9, ours, theirs, loop_floor(us, 1000), 20))
    return cases


def same(ours: Work, theirs: Work) -> None:
    """Refuse to compare what is not the same.

    Raises:
        AssertionError: it is not.
    """
    mine, other = ours(), theirs()
    if mine != other:
        raise AssertionError(f"the outputs differ: {mine} and {other}")


def chain_floor(library: Library, length: int) -> Work:
    """Plain calls of the same methods."""
    parts = [library.module.Add() for _ in range(length)]

    def work() -> int:
        value = 1
        for part in parts:
            value = part.run(**{"value": value})["value"]
        return value

    return work


def fan_floor(library: Library, width: int) -> Work:
    """Plain calls of the same methods."""
    begin, join = library.module.Add(), library.module.Sum()
    parts = [library.module.Add() for _ in range(width)]

    def work() -> int:
        value = begin.run(**{"value": 1})["value"]
        return join.run(**{"values": [part.run(**{"value": value})["value"] for part in parts]})["value"]

    return work


def loop_floor(library: Library, rounds: int) -> Work:
    """Plain calls of the same methods."""
    head, add, tail = library.module.Head(), library.module.Add(), library.module.Tail(rounds)

    def work() -> int:
        outputs = {"again": 0}
        while "again" in outputs:
            value = head.run(**{"value": [outputs["again"]]})["value"]
            outputs = tail.run(**{"value": add.run(**{"value": value})["value"]})
        return outputs["done"]

    return work


def flatness(us: Library) -> None:
    """Print what a component costs in chains of growing length, measured in turn."""
    lengths = (10, 100, 1000, 10_000)
    data = {"n00000": {"value": 1}}
    works: list[tuple[int, Work]] = []
    for length in lengths:
        works += [(length, runner(us.chain(length), data)), (length, chain_floor(us, length))]
    for _, work in works:
        work()

    def figure(length: int, work: Work) -> Callable[[], float]:
        times = 10_000 // length
        return lambda: timed(lambda: [work() for _ in range(times)]) / times / length

    figures = alternately(3 if QUICK else 15, *(figure(length, work) for length, work in works))
    row("length", "us per component", "floor", "ours / floor")
    row(*["---"] * 4)
    for number, length in enumerate(lengths):
        ours, floor = figures[2 * number], figures[2 * number + 1]
        row(str(length), spread(ours, 1e6), spread(floor, 1e6), f"{median(ours) / median(floor):.1f}")


# ---- asynchronous runs -----------------------------------------------------------------------------------------------


def async_cases(us: Library, them: Library) -> list[Case]:
    """Sleepers side by side, with several limits."""
    data = {f"n{number:05}": {"value": number} for number in range(100)}
    ours, theirs = us.sleepers(100), them.sleepers(100)
    parts = [us.module.Sleeper() for _ in range(100)]

    async def gather() -> list[Any]:
        return await asyncio.gather(*(part.run_async(value=number) for number, part in enumerate(parts)))

    def runs(pipeline: Any, limit: int) -> Work:
        return lambda: asyncio.run(pipeline.run_async(data, concurrency_limit=limit))

    cases = []
    for limit in (4, 100, 1000):
        same(runs(ours, limit), runs(theirs, limit))
        floor = (lambda: asyncio.run(gather())) if limit >= 100 else None
        cases.append(Case(f"limit {limit}", 1, 5 if limit == 4 else 25, runs(ours, limit), runs(theirs, limit), floor))
    return cases


# ---- pipelines as data -----------------------------------------------------------------------------------------------


def data_cases(us: Library, them: Library) -> list[Case]:
    """Building a chain, and taking it through data and text."""
    count = 1000
    ours, theirs = us.chain(count), them.chain(count)
    mine, other = ours.to_dict(), theirs.to_dict()
    if {**plain(mine, us), "components": None} != {**plain(other, them), "components": None}:
        raise AssertionError("the pipelines' data differ")
    text, their_text = ours.dumps(), theirs.dumps()
    works: dict[str, tuple[Work, Work]] = {
        "build": (lambda: us.chain(count), lambda: them.chain(count)),
        "to_dict": (ours.to_dict, theirs.to_dict),
        "from_dict": (
            lambda: us.pipeline.from_dict(mine, unsafe=True),
            lambda: them.pipeline.from_dict(other, unsafe=True),
        ),
        "dumps": (ours.dumps, theirs.dumps),
        "loads": (
            lambda: us.pipeline.loads(text, unsafe=True),
            lambda: them.pipeline.loads(their_text, unsafe=True),
        ),
    }
    return [Case(name, 1, 5, mine_, theirs_) for name, (mine_, theirs_) in works.items()]


def plain(data: dict[str, Any], library: Library) -> dict[str, Any]:
    """Check that components are written as (type, parameters) of this library, and return the data.

    Raises:
        AssertionError: they are not.
    """
    for name, component in data["components"].items():
        if component != {"type": f"{library.module.__name__}.Add", "init_parameters": {}}:
            raise AssertionError(f"component {name} is written as {component}")
    return data


# ---- importing -------------------------------------------------------------------------------------------------------


def imports() -> None:
    """Print what importing costs."""
    codes = {
        "python alone": "pass",
        "import dtlpipe.graph": "import dtlpipe.graph",
        "from dtlpipe.graph import Pipeline, component": "from dtlpipe.graph import Pipeline, component",
        "import haystack": "import haystack",
        "from haystack import Pipeline, component": "from haystack import Pipeline, component",
    }
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}

    def figure(code: str) -> Callable[[], float]:
        def work() -> float:
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], env=environment, check=True)
            return time.perf_counter() - started

        return work

    subjects = [figure(code) for code in codes.values()]
    for subject in subjects:
        subject()  # warms the disk's cache and the .pyc files
    figures = dict(zip(codes, alternately(2 if QUICK else 7, *subjects), strict=True))
    alone, reference = median(figures["python alone"]), median(figures["import haystack"])
    row("what", "ms", "of import haystack", "of it, without Python's own start")
    row(*["---"] * 4)
    for name, found in figures.items():
        own = (median(found) - alone) / (reference - alone)
        row(name, spread(found, 1e3), f"{median(found) / reference:.3f}", f"{own:.3f}")


if __name__ == "__main__":
    main()
