"""`python -m tests.unit.worker.simulation 17` replays a seed; `... 0-10000` looks at all of them, on all processors.

A seed that fails is told at the end of the history that led to it, with the command that replays it.
"""

from __future__ import annotations

import os
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor

from tests.unit.worker.simulation.world import World

CHUNK = 100


def failing(seeds: range) -> list[int]:
    """Those of the seeds that fail."""
    found = []
    for seed in seeds:
        try:
            World(seed).run()
        except Exception:
            found.append(seed)
    return found


def replay(seed: int) -> bool:
    """The history of one seed, printed; whether it ended well."""
    world = World(seed)
    try:
        world.run()
    except Exception:
        print(*world.history, sep="\n")
        traceback.print_exc()
        return False
    print(*world.history, sep="\n")
    return True


def main(given: str) -> int:
    first, _, last = given.partition("-")
    if not last:
        return 0 if replay(int(first)) else 1
    seeds = range(int(first), int(last))
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = [seed for chunk in pool.map(failing, chunks) for seed in chunk]
    for seed in found[:20]:
        print(f"seed {seed} fails: python -m tests.unit.worker.simulation {seed}")
    print(f"{len(seeds)} seeds, {len(found)} of them fail")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "0-200"))
