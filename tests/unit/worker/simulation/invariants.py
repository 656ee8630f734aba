"""What holds after every step of the simulation, whatever happened. Each raises AssertionError with what is wrong."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mock_server.platform import lifecycle

if TYPE_CHECKING:
    from tests.unit.worker.simulation.world import World


def check(world: World) -> None:
    """All of them."""
    memory_is_rows(world)
    states_are_the_fold_of_the_log(world)
    what_runs_has_a_job(world)
    places_are_kept_and_used(world)


def memory_is_rows(world: World) -> None:
    """What the core holds is what is open in the rows, with the same states and fences."""
    core, rows = world.core, world.rows
    open_runs = {id: row.status for id, row in rows.runs.items() if row.status in lifecycle.OPEN}
    held = {id: run.row.status for id, run in core.runs.items()} | {id: row.status for id, row in core.again.items()}
    assert held == open_runs, f"the core holds runs {held}, but open are {open_runs}"
    open_ = {
        id: (row.status, row.fence, row.attempt) for id, row in rows.executions.items() if row.status in lifecycle.OPEN
    }
    held_too = {id: (one.row.status, one.row.fence, one.row.attempt) for id, one in core.executions.items()}
    assert held_too == open_, f"the core holds executions {held_too}, but open are {open_}"
    batches = Counter(row.batch_id for row in rows.runs.values() if row.id in core.runs and row.batch_id)
    batches += Counter(row.batch_id for row in rows.executions.values() if row.id in open_ and row.batch_id)
    assert core.batches == batches, f"the core counts {core.batches}, but there are {batches}"


def states_are_the_fold_of_the_log(world: World) -> None:
    """I4: of what the log tells, the last is the state of the row."""
    rows = world.rows
    for row in (*rows.runs.values(), *rows.executions.values()):
        told = rows.folded.get(row.id, lifecycle.CREATED)
        assert row.status == told, f"{row.id} is {row.status}, but the log says {told}"


def what_runs_has_a_job(world: World) -> None:
    """Nothing runs in the rows alone, and no job is out for what does not run."""
    running = {id: row.fence for id, row in world.rows.executions.items() if row.status == lifecycle.RUNNING}
    out = {id: fence for id, fence in world.jobs.items() if id in running}
    assert out == running, f"running are {running}, but jobs are {world.jobs}"


def places_are_kept_and_used(world: World) -> None:
    """No more is out than there are places; and no place is empty while something may start."""
    running = sum(row.status == lifecycle.RUNNING for row in world.rows.executions.values())
    assert running <= world.places, f"{running} executions run in {world.places} places"
    if running < world.places:
        idle = [row.id for row in world.rows.executions.values() if row.status == lifecycle.CREATED]
        assert not idle, f"{idle} wait though only {running} of {world.places} places are taken"


def at_the_end(world: World) -> None:
    """What holds when nothing happens any more."""
    rows = world.rows
    for id in world.acknowledged:  # I1
        assert rows.runs[id].status in lifecycle.FINAL, f"run {id} was acknowledged and is {rows.runs[id].status}"
    for row in rows.executions.values():
        assert row.status in lifecycle.FINAL, f"execution {row.id} is {row.status}"
    assert not world.core.batches
    for run in rows.runs.values():
        found = rows.counting(run.id)
        visits = Counter((row.node_id, row.visit) for row in found if row.status == lifecycle.SUCCESS)
        assert all(count == 1 for count in visits.values()), f"run {run.id}: {visits}"  # I2
        ends = Counter(each.execution_id for each in rows.log if each.closes and each.run_id == run.id)
        assert all(count == 1 for count in ends.values()), f"run {run.id} ended executions more than once: {ends}"
        if run.status == lifecycle.SUCCESS:
            outputs_are_those_of_a_run_without_faults(world, run.id)


def outputs_are_those_of_a_run_without_faults(world: World, run_id: str) -> None:
    """I5. Where the order of arrivals decides, only which nodes ran, and how often."""
    graph = world.graphs[world.rows.runs[run_id].revision_id]
    found = world.rows.counting(run_id)
    reference = world.reference(run_id)
    if graph.ordered:
        assert Counter(row.node_id for row in found) == Counter(row.node_id for row in reference), run_id
        return
    ours, theirs = (
        Counter((row.node_id, str(sorted(row.input.items())), str(row.output)) for row in rows)
        for rows in (found, reference)
    )
    assert ours == theirs, f"run {run_id}: only here {ours - theirs}; only without faults {theirs - ours}"
