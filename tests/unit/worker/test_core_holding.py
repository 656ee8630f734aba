"""Executions that a worker on another machine has: held through restarts, given back, handed out anew."""

from __future__ import annotations

from mock_server.platform import lifecycle
from mock_server.worker import messages as m
from tests.unit.worker.playing import Sim, blueprint, edge, node

PLAN = blueprint([node("a", config={"maxAttempts": 2}), node("b")], [edge("a.y", "b.x")])


def lend(sim, id, worker="w1"):
    """As the scheduler does when a worker claims: in memory, and in the row."""
    for row in (sim.core.executions[id].row, sim.rows[id]):
        row.worker, row.lease_until = worker, sim.now()


def test_what_a_remote_worker_has_is_held_through_a_restart():
    sim = Sim()
    run = sim.begin(PLAN)
    id = sim.job("a")
    fence = sim.jobs[id]
    lend(sim, id)
    sim.restart(PLAN)
    assert sim.jobs == {}, "it must not be started a second time"
    assert sim.rows[id].status == lifecycle.RUNNING
    sim.apply(sim.core.step(m.Succeeded(sim.now(), id, fence, {"y": 1})))
    assert sim.rows[id].worker == "w1", "who ran it stays known"
    sim.done("b")
    assert sim.runs[run].status == "success"


def test_what_is_held_takes_its_place():
    sim = Sim(places=1)
    sim.begin(PLAN)
    sim.begin(PLAN)
    lend(sim, sim.job("a"))
    sim.restart(PLAN)
    assert sim.jobs == {}


def test_the_core_tells_who_holds_what():
    sim = Sim()
    run = sim.begin(PLAN)
    id = sim.job("a")
    lend(sim, id)
    core = sim.new_core()
    effects = core.step(m.Resume(sim.now(), sim.runs[run], PLAN, (), (sim.rows[id],)))
    assert m.Hold(id, 1, "w1") in effects


def test_what_is_given_back_runs_again_with_another_fence_and_was_no_attempt():
    sim = Sim()
    run = sim.begin(PLAN)
    id = sim.job("a")
    lend(sim, id)
    fence = sim.jobs.pop(id)
    sim.apply(sim.core.step(m.Returned(sim.now(), id, fence)))
    assert sim.jobs[id] == fence + 1
    assert (sim.rows[id].attempt, sim.rows[id].worker, sim.rows[id].lease_until) == (1, None, None)
    sim.apply(sim.core.step(m.Succeeded(sim.now(), id, fence, {"y": "late"})))
    assert sim.rows[id].status == lifecycle.RUNNING, "the old fence opens nothing"
    sim.done("a")
    sim.done("b")
    assert sim.runs[run].status == "success"


def test_a_lost_lease_counts_as_an_attempt():
    sim = Sim()
    run = sim.begin(PLAN)
    lend(sim, sim.job("a"))
    sim.fail("a", cause="lost")
    assert sim.rows[sim.job("a")].attempt == 2
    assert sim.rows[sim.job("a")].worker is None
    sim.fail("a", cause="lost")
    assert sim.runs[run].status == "failed"


def test_what_comes_back_to_a_run_that_has_failed_is_not_started_again():
    sim = Sim()
    plan = blueprint([node("a"), node("b"), node("c")], [edge("a.y", "b.x"), edge("a.y", "c.x")])
    run = sim.begin(plan)
    sim.done("a")
    id = sim.job("b")
    lend(sim, id)
    sim.fail("c")
    sim.apply(sim.core.step(m.Returned(sim.now(), id, sim.jobs.pop(id))))
    assert sim.jobs == {}
    assert sim.runs[run].status == "failed"
