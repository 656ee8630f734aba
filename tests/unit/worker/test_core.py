"""The scheduler's core, driven by hand: no process, no store, no clock."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.platform import lifecycle
from mock_server.worker import messages as m
from tests.unit.worker.playing import DIAMOND, DIAMOND_EDGES, Sim, blueprint, edge, node, port


def test_a_run_of_one_node_starts_at_once_and_ends_with_it():
    sim = Sim()
    run = sim.begin(blueprint([node("a")], []), {"x": 7})
    assert sim.running() == ["a"]
    assert sim.rows[sim.job("a")].input == {"x": 7}
    sim.done("a", y=8)
    assert sim.runs[run].status == "success"
    assert [row.output for row in sim.rows.values()] == [{"y": 8}]
    assert run in sim.notified
    assert not sim.core.runs
    assert not sim.core.executions


def test_a_join_waits_for_all_its_inputs():
    sim = Sim()
    run = sim.begin(blueprint(DIAMOND, DIAMOND_EDGES), {"x": 1})
    sim.done("a")
    assert sim.running() == ["b", "c"]
    sim.done("b", y="B")
    assert sim.running() == ["c"]
    sim.done("c", y="C")
    assert sim.rows[sim.job("d")].input == {"left": "B", "right": "C"}
    sim.done("d")
    assert sim.runs[run].status == "success"
    assert len(sim.rows) == 4


def test_a_connection_that_is_not_taken_leaves_its_branch_untouched_and_the_run_succeeds():
    sim = Sim()
    plan = blueprint([node("a"), node("b")], [edge("a.y", "b.x")])
    run = sim.begin(plan)
    sim.done("a", closed=(0,))
    assert sim.runs[run].status == "success"
    assert [row.node_id for row in sim.rows.values()] == ["a"]


def test_a_port_that_two_branches_feed_runs_for_the_one_that_was_taken():
    sim = Sim()
    plan = blueprint(
        [node("a"), node("b"), node("c"), node("d")],
        [edge("a.y", "b.x"), edge("a.y", "c.x"), edge("b.y", "d.x"), edge("c.y", "d.x")],
    )
    run = sim.begin(plan)
    sim.done("a", closed=(1,))
    sim.done("b", y="from b")
    assert sim.rows[sim.job("d")].input == {"x": "from b"}
    sim.done("d")
    assert sim.runs[run].status == "success"


def test_each_arrival_at_a_port_of_two_connections_goes_all_the_way():
    sim = Sim()
    plan = blueprint(
        [node("a"), node("b"), node("c"), node("d"), node("e")],
        [edge("a.y", "b.x"), edge("a.y", "c.x"), edge("b.y", "d.x"), edge("c.y", "d.x"), edge("d.y", "e.x")],
    )
    run = sim.begin(plan)
    for name in ("a", "b", "c"):
        sim.done(name, y=f"from {name}")
    sim.done("d", y="first")
    sim.done("d", y="second")  # while e still runs for the first
    sim.done("e")
    sim.done("e")
    assert [row.input["x"] for row in sim.rows.values() if row.node_id == "e"] == ["first", "second"]
    assert sim.runs[run].status == "success"


def test_what_follows_two_arrivals_meets_its_own_again_whichever_ends_first():
    sim = Sim()
    nodes = [node("a"), node("b"), node("c"), node("d"), node("left"), node("right"), node("e", inputs=("l", "r"))]
    edges = [edge("a.y", "b.x"), edge("a.y", "c.x"), edge("b.y", "d.x"), edge("c.y", "d.x")]
    edges += [edge("d.y", "left.x"), edge("d.y", "right.x"), edge("left.y", "e.l"), edge("right.y", "e.r")]
    run = sim.begin(blueprint(nodes, edges))
    for name, value in (("a", 0), ("b", 1), ("c", 2), ("d", 1), ("d", 2)):
        sim.done(name, y=value)

    def end(name, given):
        id = next(id for id in sim.jobs if sim.rows[id].node_id == name and sim.rows[id].input == {"x": given})
        sim.apply(sim.core.step(m.Succeeded(sim.now(), id, sim.jobs.pop(id), {"y": given})))

    for name, came in (("left", 1), ("right", 2), ("left", 2), ("right", 1)):
        end(name, came)
    assert [row.input for row in sim.rows.values() if row.node_id == "e"] == [{"l": 2, "r": 2}, {"l": 1, "r": 1}]
    sim.done("e")
    sim.done("e")
    assert sim.runs[run].status == "success"


def test_a_value_beside_two_arrivals_is_there_for_each_of_them():
    sim = Sim()
    nodes = [node("a"), node("b"), node("c"), node("d", inputs=("x", "beside"))]
    edges = [edge("a.y", "b.x"), edge("a.y", "c.x"), edge("b.y", "d.x"), edge("c.y", "d.x"), edge("a.y", "d.beside")]
    run = sim.begin(blueprint(nodes, edges))
    for name in ("a", "b", "c"):
        sim.done(name, y=f"from {name}")
    given = [row.input for row in sim.rows.values() if row.node_id == "d"]
    assert given == [{"x": "from b", "beside": "from a"}, {"x": "from c", "beside": "from a"}]
    sim.done("d")
    sim.done("d")
    assert sim.runs[run].status == "success"


def test_a_node_gets_none_from_a_port_without_a_default_and_the_default_where_there_is_one():
    sim = Sim()
    plan = blueprint(
        [node("a"), node("b"), node("c", inputs=(), ports=[port("x", id="c.x", defaultValue=0)])],
        [edge("a.y", "b.x"), edge("a.y", "c.x")],
    )
    sim.begin(plan)
    sim.done("a", y=None)
    assert sim.rows[sim.job("b")].input == {"x": None}
    assert sim.rows[sim.job("c")].input == {"x": 0}


def test_variables_feed_the_ports_that_name_them_and_what_is_given_goes_first():
    sim = Sim()
    plan = blueprint(
        [node("a", inputs=(), ports=[port("x", id="a.x", variableName="v"), port("z", id="a.z", defaultValue=3)])],
        [],
        variables=[{"name": "v", "value": 5}],
    )
    sim.begin(plan)
    sim.begin(plan, {"x": 6, "z": 4, "other": 1})
    assert [row.input for row in sim.rows.values()] == [{"x": 5, "z": 3}, {"x": 6, "z": 4, "other": 1}]


def test_a_run_from_one_node_leaves_the_nodes_before_it_alone():
    sim = Sim()
    run = sim.begin(
        blueprint([node("a"), node("b"), node("c")], [edge("a.y", "b.x"), edge("b.y", "c.x")]), {"x": 1}, "b"
    )
    sim.done("b")
    sim.done("c")
    assert sim.runs[run].status == "success"
    assert [row.node_id for row in sim.rows.values()] == ["b", "c"]


def test_a_failure_lets_running_branches_end_and_starts_no_others():
    sim = Sim()
    run = sim.begin(blueprint(DIAMOND, DIAMOND_EDGES))
    sim.done("a")
    sim.fail("b")
    assert sim.runs[run].status == "in-progress"
    sim.done("c")
    assert sim.runs[run].status == "failed"
    assert sim.runs[run].error["node"] == "node b"
    assert sim.runs[run].error["executionId"] in sim.rows
    assert not sim.jobs


def test_a_failed_attempt_is_repeated_as_often_as_the_node_allows():
    sim = Sim()
    run = sim.begin(blueprint([node("a", config={"maxAttempts": 2})], []))
    sim.fail("a")
    assert sim.running() == ["a"]
    (row,) = sim.rows.values()
    assert (row.attempt, row.fence) == (2, 2)
    sim.fail("a")
    assert sim.runs[run].status == "failed"


def test_a_report_with_an_old_fence_changes_nothing():
    sim = Sim()
    run = sim.begin(blueprint([node("a", config={"maxAttempts": 2})], []))
    id = sim.job("a")
    sim.fail("a")
    assert sim.core.step(m.Succeeded(sim.now(), id, 1, {"y": 1})) == []
    assert sim.runs[run].status == "in-progress"


def test_canceling_a_run_withdraws_its_jobs_and_ends_it():
    sim = Sim()
    run = sim.begin(blueprint(DIAMOND, DIAMOND_EDGES))
    sim.done("a")
    ids = set(sim.jobs)
    sim.apply(sim.core.step(m.Cancel(sim.now(), "enough", run_id=run)))
    assert sim.runs[run].status == "terminated"
    assert set(sim.withdrawn) == ids
    assert all(lifecycle.is_final(row.status) for row in sim.rows.values())


def test_terminating_one_execution_fails_its_run():
    sim = Sim()
    run = sim.begin(blueprint([node("a"), node("b")], [edge("a.y", "b.x")]))
    sim.apply(sim.core.step(m.Cancel(sim.now(), "enough", execution_id=sim.job("a"))))
    assert sim.runs[run].status == "failed"
    assert sim.runs[run].error["message"] == "enough"


def test_no_more_is_handed_out_than_there_are_places_and_the_oldest_goes_first():
    sim = Sim(places=2)
    plan = blueprint([node("a")], [])
    runs = [sim.begin(plan, batch="b1") for _ in range(5)]
    assert len(sim.jobs) == 2
    while sim.jobs:
        sim.done("a")
        assert len(sim.jobs) <= 2
    assert [key for key in sim.notified if key in runs] == runs
    assert sim.notified.count("b1") == 1
    assert sim.notified[-1] == "b1"


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_whatever_the_order_of_events_and_kills_every_run_ends_and_no_visit_is_recorded_twice(seed):
    rng = random.Random(seed)
    names = [chr(97 + index) for index in range(rng.randint(1, 7))]
    edges = [
        edge(f"{source}.y", f"{target}.x")
        for index, target in enumerate(names)
        for source in names[:index]
        if rng.random() < 0.4
    ]
    plan = blueprint([node(name, config={"maxAttempts": rng.randint(1, 2)}) for name in names], edges)
    sim = Sim(places=rng.randint(1, 3))
    runs = [sim.begin(plan, {"x": index}) for index in range(rng.randint(1, 4))]
    for _ in range(2000):
        if not sim.jobs:
            break
        chance = rng.random()
        id = rng.choice(list(sim.jobs))
        if chance < 0.1:
            sim.restart(plan)
        elif chance < 0.2:
            error = {"type": "E", "message": "no", "cause": "exception"}
            sim.apply(sim.core.step(m.Failed(sim.now(), id, sim.jobs.pop(id), error)))
        elif chance < 0.23:
            sim.apply(sim.core.step(m.Cancel(sim.now(), "enough", run_id=sim.rows[id].run_id)))
        elif chance < 0.26:
            assert sim.core.step(m.Succeeded(sim.now(), id, sim.jobs[id] - 1, {"y": 0})) == []
        else:
            closed = tuple(e for e in plan.plan.edges_from(sim.rows[id].node_id) if rng.random() < 0.2)
            sim.apply(sim.core.step(m.Succeeded(sim.now(), id, sim.jobs.pop(id), {"y": id}, closed)))
    assert not sim.jobs
    assert not sim.core.runs
    assert not sim.core.executions
    assert all(sim.runs[run].status in lifecycle.FINAL for run in runs)
    visits = [(row.run_id, row.node_id, row.visit) for row in sim.rows.values()]
    assert len(visits) == len(set(visits))
    for run in runs:
        rows = [row for row in sim.rows.values() if row.run_id == run]
        assert all(lifecycle.is_final(row.status) for row in rows)
        if sim.runs[run].status == "success":
            assert {row.status for row in rows} == {"success"}


def test_a_revision_without_a_root_is_refused():
    plan = blueprint([node("a")], [], root="nowhere")
    with pytest.raises(ValueError, match="no node to start from"):
        Sim().begin(plan)
