"""The scheduler's core in a world of faults: 200 seeds here, as many as one likes by `make simulate SEEDS=10000`."""

from __future__ import annotations

import pytest

from tests.unit.worker.simulation.world import World

SEEDS = 200
CHUNK = 20


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_whatever_happens_in_whatever_order_the_invariants_hold(first):
    for seed in range(first, first + CHUNK):
        world = World(seed)
        try:
            world.run()
        except Exception as error:
            error.add_note(f"seed {seed} fails; to replay it: python -m tests.unit.worker.simulation {seed}")
            raise


def test_a_seed_replays_identically():
    one, two = World(7), World(7)
    one.run()
    two.run()
    assert one.history == two.history
    assert one.rows.log == two.rows.log
    assert one.rows.executions == two.rows.executions
