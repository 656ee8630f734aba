"""What holds after every step of the simulation, whatever happened. Each raises AssertionError with what is wrong."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING

from mock_server.platform import lifecycle
from mock_server.runners.policies import RunTerms
from mock_server.worker import messages as m

if TYPE_CHECKING:
    from mock_server.store.base import ExecutionRow
    from tests.unit.worker.simulation.world import World


def before(world: World, effects: list[m.Effect]) -> None:
    """What holds of effects, before they are committed."""
    told = [each.execution_id for each in effects if isinstance(each, m.Record) and each.kind == "execution.started"]
    started = [world.core.executions[id].row for id in told if id in world.core.executions]
    for row in started:
        run = None if row.run_id is None else world.core.runs[row.run_id].row
        assert run is None or not run.paused, f"{row.id} was started, but {row.run_id} is paused"
        assert run is None or run.status == lifecycle.RUNNING, f"{row.id} was started, but its run is {run.status}"
        old = world.rows.executions.get(row.id)
        due = None if old is None else old.available_at
        if due is not None and world.unnoticed is not None:  # the clock is being set, and what waits moves with it
            due += world.unnoticed
        assert due is None or due <= world.at, f"{row.id} was started at {world.at}, but it was to wait until {due}"
        assert row.attempt <= row.max_attempts, f"{row.id} is tried for the {row.attempt}th time"
    least = min((row.priority for row in started), default=0)
    passed_over = [row.id for row in waiting(world) if row.priority > least]
    assert not started or not passed_over, f"{passed_over} wait, but others with priority {least} were started"


def check(world: World) -> None:
    """What holds of the rows and of memory after every step."""
    memory_is_rows(world)
    states_are_the_fold_of_the_log(world)
    what_runs_has_a_job(world)
    slots_are_what_runs(world)
    lanes_are_what_goes(world)
    places_are_kept_and_used(world)
    what_is_due_was_done_and_what_will_be_is_asked_for(world)


def memory_is_rows(world: World) -> None:
    """What the core holds is what is open in the rows, with the same states and fences."""
    core, rows = world.core, world.rows
    expected = core.expected
    assert expected.keys() == {*world.left}, f"the core expects {list(expected)}, but left are {world.left}"
    runs = {id: row for id, row in rows.runs.items() if id not in expected}
    open_runs = {id: (row.status, row.paused) for id, row in runs.items() if row.status in lifecycle.OPEN}
    held = {id: (run.row.status, run.row.paused) for id, run in core.runs.items()}
    held |= {id: (row.status, row.paused) for id, row in core.again.items()}
    assert held == open_runs, f"the core holds runs {held}, but open are {open_runs}"
    open_ = {
        id: (row.status, row.fence, row.attempt, row.available_at)
        for id, row in rows.executions.items()
        if row.status in lifecycle.OPEN and id not in expected and row.run_id not in expected
    }
    held_too = {
        id: (one.row.status, one.row.fence, one.row.attempt, one.row.available_at)
        for id, one in core.executions.items()
    }
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
    """Nothing runs in the rows alone."""
    running = {row.id: row.fence for row in running_of(world)}
    out = {id: fence for id, fence in world.jobs.items() if id in running}
    assert out == running, f"running are {running}, but jobs are {world.jobs}"


def running_of(world: World) -> list[ExecutionRow]:
    """What runs, as far as the core has taken it up: what it has not yet, was killed with the platform."""
    return [row for row in world.rows.running() if row.id in world.core.executions]


def slots_are_what_runs(world: World) -> None:
    """No slot is taken by what does not run, and none is taken twice."""
    limits = [each for row in running_of(world) for each in world.core.executions[row.id].limits]
    taken = Counter(each.key for each in limits if each.concurrency is not None)
    assert world.core.line.slots.taken == taken, f"taken are {world.core.line.slots.taken}, but {taken} run"
    for each in limits:
        assert each.concurrency is None or taken[each.key] <= each.concurrency, f"{taken[each.key]} run under {each}"


def lanes_are_what_goes(world: World) -> None:
    """As many runs of a pipeline go as are in progress; and none waits while there is room for it."""
    lanes = world.core.lanes
    runs = [row for row in world.rows.runs.values() if row.id not in world.core.expected]
    going = Counter(row.pipeline_id for row in runs if row.status == lifecycle.RUNNING)
    assert lanes.going == going, f"the lanes have {lanes.going}, but in progress are {going}"
    for row in runs:
        if row.status == lifecycle.PENDING and not row.paused:
            assert not lanes.has_room(row.pipeline_id), f"run {row.id} waits, but there is room"


def waiting(world: World) -> list[ExecutionRow]:
    """Executions that might run, if there were places."""
    found = []
    for one in world.core.executions.values():
        row, run = one.row, one.run
        stays = (
            row.status != lifecycle.CREATED
            or (run is not None and (run.row.paused or not run.going))
            or (row.available_at is not None and row.available_at > world.at)
            or world.core.line.slots.full(one.limits) is not None
            or any(world.core.line.buckets.ready_at(each, world.at) is not None for each in one.limits)
        )
        if not stays:
            found.append(row)
    return found


def places_are_kept_and_used(world: World) -> None:
    """No more is out than there are places; and no place is empty while something may start."""
    running = sum(not world.core.executions[row.id].waits for row in running_of(world))
    if world.rings():
        return
    assert running <= world.places, f"{running} executions run in {world.places} places"
    if running < world.places:
        idle = [row.id for row in waiting(world)]
        assert not idle, f"{idle} wait though only {running} of {world.places} places are taken"


def what_is_due_was_done_and_what_will_be_is_asked_for(world: World) -> None:
    """No run outlives its deadline; and the alarm is not later than the first thing that has to happen by itself."""
    if world.rings():
        return
    for run in world.core.runs.values():
        deadline = RunTerms.of(world.rows.runs[run.row.id].extra).deadline_at
        if run.going and deadline is not None:
            assert deadline > world.at, f"run {run.row.id} goes on at {world.at}, its deadline was {deadline}"
    paused = {id for id, run in world.core.runs.items() if run.row.paused or not run.going}
    wanted = [
        row.available_at
        for row in world.rows.executions.values()
        if row.id in world.core.executions
        and row.status == lifecycle.CREATED
        and row.available_at is not None
        and row.run_id not in paused
    ]
    wanted += [run.terms.deadline_at for run in world.core.runs.values() if run.going and run.terms.deadline_at]
    wanted = [each for each in wanted if each > world.at]
    if wanted:
        assert world.alarm is not None, f"something is due at {min(wanted)}, and nobody asks to be woken"
        assert world.alarm <= min(wanted), f"the alarm is set to {world.alarm}, but {min(wanted)} comes before"


def with_time_left(world: World) -> dict[str, datetime]:
    """The deadlines of runs that have not come to them."""
    deadlines = {id: run.terms.deadline_at for id, run in world.core.runs.items() if run.going}
    return {id: deadline for id, deadline in deadlines.items() if deadline is not None and deadline > world.at}


def were_not_cut_short(world: World, deadlines: dict[str, datetime], by: timedelta) -> None:
    """That the clock was set ended none of them; time may have gone on, too."""
    for id, deadline in deadlines.items():
        error = world.rows.runs[id].error or {}
        in_time = deadline + by > world.at
        assert not in_time or error.get("cause") != "timeout", f"run {id} was ended early by a clock that was set"


def cancelled(world: World, run_id: str) -> None:
    """Whoever is told that a run was cancelled finds it so, and what it began; unless its time was up just then."""
    run = world.rows.runs[run_id]
    timed_out = run.status == lifecycle.FAILED and (run.error or {}).get("cause") == "timeout"
    assert run.status == lifecycle.TERMINATED or timed_out, f"run {run_id} was cancelled and is {run.status}"
    for row in world.rows.runs.values():
        if RunTerms.of(row.extra).parent_run == run_id and row.status != lifecycle.RERUN:
            assert row.status in lifecycle.FINAL, f"run {row.id} goes on though {run_id}, which began it, was cancelled"


def rates_were_kept(world: World) -> None:
    """In no while did more start under a key than its rate allows."""
    for limit, times in world.starts.items():
        for (first, one), (last, other) in combinations(enumerate(times), 2):
            allowed = limit.burst + (limit.rate or 0.0) * ((other - one) / timedelta(seconds=1)) + 1e-3
            assert last - first + 1 <= allowed, f"{last - first + 1} started in {other - one} under {limit}"


def at_the_end(world: World) -> None:
    """What holds when nothing happens any more."""
    rows = world.rows
    for id in world.acknowledged:  # I1
        assert rows.runs[id].status in lifecycle.FINAL, f"run {id} was acknowledged and is {rows.runs[id].status}"
    for row in rows.executions.values():
        assert row.status in lifecycle.FINAL, f"execution {row.id} is {row.status}"
    assert not world.core.batches
    assert not world.core.children
    rates_were_kept(world)
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
