"""Nodes that wait for people or for other runs, in the core: they take no place, and end when they are told to look."""

from __future__ import annotations

from mock_server.runners.policies import RunTerms
from mock_server.store.base import RunRow
from mock_server.worker import messages as m
from tests.unit.worker.playing import Sim, blueprint, edge, node


def waiting(id, type="task", **more):
    return {**node(id, **more), "type": type}


def test_what_waits_takes_no_place():
    sim = Sim(places=1)
    plan = blueprint([node("a"), waiting("b"), node("c")], [edge("a.y", "b.x"), edge("a.y", "c.x")])
    run = sim.begin(plan)
    sim.done("a")
    assert sim.running() == ["b", "c"]
    sim.done("c")
    other = sim.begin(plan)
    sim.done("a")
    assert sim.running() == ["b", "b", "c"]
    sim.done("b")
    assert [sim.runs[id].status for id in (run, other)].count("success") == 1


def test_what_waits_waits_again_after_a_restart_and_is_asked_anew():
    sim = Sim(places=1)
    plan = blueprint([waiting("a"), node("b")], [edge("a.y", "b.x")])
    run = sim.begin(plan)
    before = sim.jobs[sim.job("a")]
    sim.restart(plan)
    assert sim.jobs[sim.job("a")] > before
    sim.done("a")
    sim.done("b")
    assert sim.runs[run].status == "success"


def test_the_failure_of_another_node_ends_what_waits_at_once():
    sim = Sim()
    plan = blueprint([node("a"), waiting("b"), node("c")], [edge("a.y", "b.x"), edge("a.y", "c.x")])
    run = sim.begin(plan)
    sim.done("a")
    sim.fail("c")
    assert sim.runs[run].status == "failed"
    assert [row.status for row in sim.rows.values() if row.node_id == "b"] == ["terminated"]


def test_the_end_of_a_run_has_the_node_that_began_it_look_and_its_cancel_ends_the_run():
    sim = Sim()
    outer, inner = blueprint([waiting("a", "pipeline")], []), blueprint([node("z")], [], root="z")

    def below():
        parent = sim.rows[sim.job("a")]
        row = RunRow(
            id=f"below {parent.id}",
            pipeline_id="p2",
            project_id="",
            revision_id="r1",
            status="pending",
            creator="me",
            created_at=sim.at,
            updated_at=sim.at,
            extra=RunTerms(None, None, parent.run_id, parent.id).within(None),
        )
        sim.apply(sim.core.step(m.Begin(sim.now(), ((row, inner),))))
        return row.id

    sim.begin(outer)
    below()
    fence = sim.jobs.pop(parent := sim.job("a"))
    sim.done("z")
    assert sim.jobs == {parent: fence}  # handed out once more, with the same fence

    sim = Sim()
    run = sim.begin(outer)
    within = below()
    sim.apply(sim.core.step(m.Cancel(sim.now(), "enough", run_id=run)))
    assert (sim.runs[run].status, sim.runs[within].status) == ("terminated", "terminated")


def test_a_variable_that_a_node_sets_is_that_of_what_follows_after_a_restart_too():
    update = {**node("b", inputs=("v",)), "type": "updateVariable"}
    last = node("c", ports=({"portId": "c.v", "name": "w", "type": "Json", "variableName": "v"},))
    plan = blueprint(
        [node("a"), update, node("d"), last],
        [edge("a.y", "b.v"), edge("b.y", "d.x"), edge("d.y", "c.x")],
        variables=[{"name": "v", "value": "old"}],
    )
    for restarts in (False, True):
        sim = Sim()
        sim.begin(plan)
        sim.done("a", y="new")
        sim.done("b", y="new")
        if restarts:
            sim.restart(plan)
        sim.done("d", y=1)
        assert sim.rows[sim.job("c")].input == {"x": 1, "w": "new"}
