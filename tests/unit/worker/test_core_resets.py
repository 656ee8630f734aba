"""What `onReset` says of executions whose process, or whose platform, ended under them."""

from __future__ import annotations

import pytest

from mock_server.platform import lifecycle
from mock_server.worker import messages as m
from tests.unit.worker.playing import DIAMOND_EDGES, Sim, blueprint, edge, node


def line(**config):
    return blueprint([node("a", config=config), node("b")], [edge("a.y", "b.x")])


@pytest.mark.parametrize("config", [{}, {"onReset": "rerun"}])
def test_what_the_platforms_end_cut_short_runs_again_unless_something_else_is_said(config):
    sim, plan = Sim(), line(**config)
    run = sim.begin(plan)
    id = sim.job("a")
    sim.restart(plan)
    assert sim.jobs == {id: 2}
    assert sim.rows[id].attempt == 1, "that was no attempt"
    sim.done("a")
    sim.done("b")
    assert sim.runs[run].status == lifecycle.SUCCESS


def test_what_is_to_fail_by_a_reset_fails_at_the_next_start_and_says_why():
    sim, plan = Sim(), line(onReset="failed", maxAttempts=3)
    run = sim.begin(plan)
    id = sim.job("a")
    sim.restart(plan)
    assert sim.jobs == {}
    assert (sim.rows[id].status, sim.rows[id].error["type"]) == (lifecycle.FAILED, "PlatformStopped")
    assert (sim.runs[run].status, sim.runs[run].error["node"]) == (lifecycle.FAILED, "node a")
    sim.restart(plan)
    assert sim.runs[run].status == lifecycle.FAILED


def test_what_was_not_started_yet_has_not_been_reset():
    sim, plan = Sim(places=1), line(onReset="failed")
    first, second = sim.begin(plan), sim.begin(plan)
    sim.restart(plan)
    assert sim.runs[first].status == lifecycle.FAILED
    sim.done("a")
    sim.done("b")
    assert sim.runs[second].status == lifecycle.SUCCESS


def test_beside_what_failed_by_a_reset_nothing_is_begun_and_what_may_run_again_ends():
    nodes = [node("a"), node("b", config={"onReset": "failed"}), node("c"), node("d", inputs=("left", "right"))]
    sim, plan = Sim(), blueprint(nodes, DIAMOND_EDGES)
    run = sim.begin(plan)
    sim.done("a")
    assert sim.running() == ["b", "c"]
    sim.restart(plan)
    assert sim.running() == []
    ends = {row.node_id: row.status for row in sim.of(run)}
    assert ends == {"a": lifecycle.SUCCESS, "b": lifecycle.FAILED, "c": lifecycle.TERMINATED}
    assert sim.runs[run].status == lifecycle.FAILED


@pytest.mark.parametrize("cause", ["signal", "exit", "memory", "timeout", "lost"])
def test_the_end_of_a_process_is_an_attempt_or_the_end_as_on_reset_says(cause):
    for config, status in (({}, lifecycle.RUNNING), ({"onReset": "failed"}, lifecycle.FAILED)):
        sim = Sim()
        sim.begin(line(maxAttempts=2, **config))
        id = sim.job("a")
        sim.fail("a", cause)
        assert sim.rows[id].status == status


def test_an_exception_of_the_code_is_no_reset():
    sim = Sim()
    run = sim.begin(line(maxAttempts=2, onReset="failed"))
    sim.fail("a")
    sim.done("a")
    sim.done("b")
    assert sim.runs[run].status == lifecycle.SUCCESS


def test_what_a_worker_on_another_machine_has_is_not_reset_by_the_platforms_end():
    sim, plan = Sim(), line(onReset="failed")
    run = sim.begin(plan)
    id = sim.job("a")
    fence = sim.jobs[id]
    for row in (sim.core.executions[id].row, sim.rows[id]):
        row.worker, row.lease_until = "w1", sim.now()
    sim.restart(plan)
    sim.apply(sim.core.step(m.Succeeded(sim.now(), id, fence, {"y": 1})))
    sim.done("b")
    assert sim.runs[run].status == lifecycle.SUCCESS
