"""Runs that run again, in the core: what is kept, what is replaced, and that nothing is done twice."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtlpipe.errors import BadRequest
from mock_server.platform import lifecycle, passes
from mock_server.worker import messages as m
from tests.unit.worker.playing import DIAMOND, DIAMOND_EDGES, Sim, blueprint, edge, node

CHAIN = [node("a"), node("b"), node("c")]
CHAIN_EDGES = [edge("a.y", "b.x"), edge("b.y", "c.x")]


def ended(sim, plan, *names, **given):
    """A run all of whose nodes returned their own name."""
    run = sim.begin(plan, **given)
    for name in names:
        sim.done(name, y=name)
    return run


def nodes_of(rows):
    return sorted(row.node_id for row in rows)


def test_from_the_beginning_every_node_runs_again_under_the_same_run():
    sim = Sim()
    plan = blueprint(CHAIN, CHAIN_EDGES)
    run = ended(sim, plan, "a", "b", "c", inputs={"x": 7})
    before = {row.id for row in sim.counting(run)}
    sim.rerun(run, plan, passes.BEGINNING)
    assert sim.runs[run].status == "in-progress"
    assert sim.runs[run].ended_at is None
    assert sim.rows[sim.job("a")].input == {"x": 7}
    for name in ("a", "b", "c"):
        sim.done(name, y=f"{name} again")
    assert sim.runs[run].status == "success"
    assert [row.output["y"] for row in sim.counting(run)] == ["a again", "b again", "c again"]
    assert before.isdisjoint({row.id for row in sim.counting(run)})
    assert [row.output["y"] for row in sim.of(run)][:3] == ["a", "b", "c"]


def test_from_a_node_it_and_what_follows_run_again_with_the_inputs_of_then():
    sim = Sim()
    plan = blueprint(CHAIN, CHAIN_EDGES)
    run = ended(sim, plan, "a", "b", "c")
    sim.rerun(run, plan, passes.NODES, "b")
    assert sim.running() == ["b"]
    assert sim.rows[sim.job("b")].input == {"x": "a"}
    sim.done("b", y="new")
    assert sim.rows[sim.job("c")].input == {"x": "new"}
    sim.done("c")
    assert sim.runs[run].status == "success"
    assert len(sim.of(run)) == 5
    assert nodes_of(sim.counting(run)) == ["a", "b", "c"]


def test_a_join_gets_what_the_branch_beside_gave_before():
    sim = Sim()
    plan = blueprint(DIAMOND, DIAMOND_EDGES)
    run = ended(sim, plan, "a", "b", "c", "d")
    sim.rerun(run, plan, passes.NODES, "b")
    assert sim.running() == ["b"]
    sim.done("b", y="new")
    assert sim.rows[sim.job("d")].input == {"left": "new", "right": "c"}
    sim.done("d")
    assert sim.runs[run].status == "success"


def test_a_join_by_itself_gets_both_of_its_inputs_again():
    sim = Sim()
    plan = blueprint(DIAMOND, DIAMOND_EDGES)
    run = ended(sim, plan, "a", "b", "c", "d")
    sim.rerun(run, plan, passes.NODES, "d")
    assert sim.rows[sim.job("d")].input == {"left": "b", "right": "c"}
    sim.done("d")
    assert sim.runs[run].status == "success"


def test_of_two_nodes_one_after_the_other_the_later_waits_for_the_earlier():
    sim = Sim()
    plan = blueprint(CHAIN, CHAIN_EDGES)
    run = ended(sim, plan, "a", "b", "c")
    sim.rerun(run, plan, passes.NODES, "c", "b")
    assert sim.running() == ["b"]


def test_from_what_failed_only_that_and_what_it_kept_from_running_runs():
    sim = Sim()
    plan = blueprint(DIAMOND, DIAMOND_EDGES)
    run = sim.begin(plan)
    sim.done("a", y="a")
    sim.done("c", y="c")
    sim.fail("b")
    assert sim.runs[run].status == "failed"
    sim.rerun(run, plan, passes.FAILED)
    assert sim.running() == ["b"]
    assert sim.runs[run].error is None
    sim.done("b", y="b")
    assert sim.rows[sim.job("d")].input == {"left": "b", "right": "c"}
    sim.done("d")
    assert sim.runs[run].status == "success"
    assert [(row.node_id, row.status) for row in sim.of(run)].count(("b", "failed")) == 1


def test_what_waited_when_another_node_failed_runs_with_the_failed_one():
    sim = Sim(places=1)
    plan = blueprint(DIAMOND, DIAMOND_EDGES)
    run = sim.begin(plan)
    sim.done("a")
    sim.fail("b")
    assert {row.status for row in sim.of(run)} == {"success", "failed", "terminated"}
    sim.rerun(run, plan, passes.FAILED)
    for name in ("b", "c", "d"):
        sim.done(name)
    assert sim.runs[run].status == "success"


def test_a_failure_beside_the_nodes_to_start_from_is_not_kept_either():
    sim = Sim()
    plan = blueprint(DIAMOND, DIAMOND_EDGES)
    run = sim.begin(plan)
    sim.done("a")
    sim.fail("b")
    sim.done("c")
    sim.rerun(run, plan, passes.NODES, "c")
    assert sim.running() == ["b", "c"]


def test_a_branch_that_was_not_taken_is_not_taken_again_unless_its_source_says_so():
    sim = Sim()
    plan = blueprint([node("a"), node("b"), node("c")], [edge("a.y", "b.x"), edge("a.y", "c.x")])
    run = sim.begin(plan)
    sim.done("a", closed=(1,))
    sim.done("b")
    sim.rerun(run, plan, passes.NODES, "b")
    sim.done("b")
    assert sim.runs[run].status == "success"
    assert nodes_of(sim.counting(run)) == ["a", "b"]
    sim.rerun(run, plan, passes.BEGINNING)
    sim.done("a", closed=(0,))
    sim.done("c")
    assert nodes_of(sim.counting(run)) == ["a", "c"]


def test_every_arrival_at_a_port_of_two_connections_is_visited_again():
    sim = Sim()
    plan = blueprint(
        [node("a"), node("b"), node("c"), node("d"), node("e")],
        [edge("a.y", "b.x"), edge("a.y", "c.x"), edge("b.y", "d.x"), edge("c.y", "d.x"), edge("d.y", "e.x")],
    )
    run = ended(sim, plan, "a", "c", "b", "d", "d", "e", "e")
    sim.rerun(run, plan, passes.NODES, "d")
    seen = []
    for _ in range(2):
        seen.append(sim.rows[sim.job("d")].input["x"])
        sim.done("d", y=seen[-1])
        sim.done("e")
    assert seen == ["c", "b"]
    assert sim.runs[run].status == "success"


def test_a_run_that_ran_again_does_so_once_more_on_what_counts_now():
    sim = Sim()
    plan = blueprint(CHAIN, CHAIN_EDGES)
    run = ended(sim, plan, "a", "b", "c")
    sim.rerun(run, plan, passes.NODES, "b")
    sim.done("b", y="second")
    sim.fail("c")
    sim.rerun(run, plan, passes.FAILED)
    assert sim.rows[sim.job("c")].input == {"x": "second"}
    sim.done("c", y="end")
    assert sim.runs[run].status == "success"
    assert [row.output["y"] for row in sim.counting(run)] == ["a", "second", "end"]


def test_a_run_from_one_node_runs_again_from_there():
    sim = Sim()
    plan = blueprint(CHAIN, CHAIN_EDGES)
    run = ended(sim, plan, "b", "c", inputs={"x": 5}, start="b")
    sim.rerun(run, plan, passes.BEGINNING)
    assert sim.rows[sim.job("b")].input == {"x": 5}
    sim.done("b")
    sim.done("c")
    assert sim.runs[run].status == "success"


def test_a_run_that_is_to_begin_again_and_was_not_lets_itself_be_terminated():
    sim = Sim()
    plan = blueprint(CHAIN, CHAIN_EDGES)
    run = ended(sim, plan, "a", "b", "c")
    sim.ask(run)
    sim.apply(sim.core.step(m.Cancel(sim.now(), "enough", run_id=run)))
    assert sim.runs[run].status == "terminated"
    assert sim.notified[-1] == run
    sim.begin_again(run, plan, passes.BEGINNING)
    assert not sim.jobs
    assert sim.runs[run].status == "terminated"


def test_what_is_called_off_is_as_it_was():
    sim = Sim()
    plan = blueprint(CHAIN, CHAIN_EDGES)
    good, bad, ugly, broken = ended(sim, plan, "a", "b", "c"), sim.begin(plan), sim.begin(plan), sim.begin(plan)
    sim.apply(sim.core.step(m.Cancel(sim.now(), "enough", run_id=ugly)))
    broken_execution = next(row.id for row in sim.rows.values() if row.run_id == broken)
    sim.apply(sim.core.step(m.Cancel(sim.now(), "enough", execution_id=broken_execution)))
    sim.fail("a")
    runs = (good, bad, ugly, broken)
    assert [sim.runs[run].status for run in runs] == ["success", "failed", "terminated", "failed"]
    sim.ask(*runs)
    sim.restart(plan)
    assert {sim.runs[run].status for run in runs} == {"rerun"}
    sim.apply(sim.core.step(m.CallOff(sim.now(), runs)))
    assert [sim.runs[run].status for run in runs] == ["success", "failed", "terminated", "failed"]
    assert not sim.core.again
    assert not sim.jobs


def test_a_run_that_is_not_over_cannot_run_again():
    sim = Sim()
    run = sim.begin(blueprint(CHAIN, CHAIN_EDGES))
    with pytest.raises(ValueError, match="when it is over"):
        sim.ask(run)


def test_a_report_of_a_replaced_execution_changes_nothing():
    sim = Sim()
    plan = blueprint([node("a")], [])
    run = sim.begin(plan)
    id = sim.job("a")
    fence = sim.jobs[id]
    sim.apply(sim.core.step(m.Cancel(sim.now(), "enough", run_id=run)))
    sim.rerun(run, plan, passes.BEGINNING)
    assert sim.job("a") != id
    assert sim.core.step(m.Succeeded(sim.now(), id, fence, {"y": "late"})) == []
    assert sim.runs[run].status == "in-progress"


def test_members_of_a_batch_that_run_again_tell_who_waits_for_the_batch():
    sim = Sim()
    plan = blueprint([node("a")], [])
    run = ended(sim, plan, "a", batch="b1")
    sim.notified.clear()
    sim.rerun(run, plan, passes.BEGINNING)
    assert "b1" not in sim.notified
    sim.done("a")
    assert sim.notified == [next(iter(row.id for row in sim.counting(run))), run, "b1"]


@pytest.mark.parametrize(
    ("method", "nodes", "said"),
    [("startAnywhere", (), "one of"), (passes.NODES, (), "empty"), (passes.BEGINNING, ("a",), "goes with")],
)
def test_an_order_that_makes_no_sense_is_refused(method, nodes, said):
    with pytest.raises(BadRequest) as refused:
        passes.Order.read(method, nodes)
    assert said in f"{refused.value} {refused.value.hint}"


def test_an_order_without_a_method_is_what_its_nodes_say():
    assert passes.Order.read(None, None) == passes.Order(passes.BEGINNING)
    assert passes.Order.read(None, ["a", "a"]) == passes.Order(passes.NODES, ("a",))


def random_plan(rng):
    names = [chr(97 + index) for index in range(rng.randint(1, 7))]
    edges = [
        edge(f"{source}.y", f"{target}.x")
        for index, target in enumerate(names)
        for source in names[:index]
        if rng.random() < 0.4
    ]
    return names, edges, blueprint([node(name, config={"maxAttempts": rng.randint(1, 2)}) for name in names], edges)


def play(sim, plan, rng, kills=0.1, failures=0.1):
    """Events in any order, until nothing runs."""
    for _ in range(2000):
        if not sim.jobs:
            return
        chance, id = rng.random(), rng.choice(list(sim.jobs))
        if chance < kills:
            sim.restart(plan)
        elif chance < kills + failures:
            error = {"type": "E", "message": "no", "cause": "exception"}
            sim.apply(sim.core.step(m.Failed(sim.now(), id, sim.jobs.pop(id), error)))
        elif chance < kills + failures + 0.03:
            sim.apply(sim.core.step(m.Cancel(sim.now(), "enough", run_id=sim.rows[id].run_id)))
        else:
            closed = tuple(e for e in plan.plan.edges_from(sim.rows[id].node_id) if rng.random() < 0.2)
            sim.apply(sim.core.step(m.Succeeded(sim.now(), id, sim.jobs.pop(id), {"y": id}, closed)))
    raise AssertionError("it does not end")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_whatever_runs_again_and_is_killed_keeps_what_it_said_and_does_nothing_twice(seed):
    rng = random.Random(seed)
    names, edges, plan = random_plan(rng)
    sim = Sim(places=rng.randint(1, 3))
    runs = [sim.begin(plan, {"x": index}) for index in range(rng.randint(1, 3))]
    play(sim, plan, rng)
    for _ in range(rng.randint(1, 4)):
        run = rng.choice(runs)
        before = sim.counting(run)
        method = rng.choice(passes.METHODS)
        order = passes.Order.read(method, [rng.choice(names)] if method == passes.NODES else None)
        if not order.applies(before):
            continue
        sim.ask(run)
        if rng.random() < 0.3:
            sim.restart(plan)
        sim.begin_again(run, plan, method, *order.nodes)
        assert sim.jobs, "an order that applies begins something"
        kept = {row.id for row in passes.kept(before, plan.plan, order)}
        last = rng.random() < 0.5  # the last time, everything goes well, and the run ends well
        play(sim, plan, rng, failures=0 if last else 0.1)
        now = {row.id for row in sim.counting(run)}
        assert kept <= now, "what was kept still counts"
        assert now & {row.id for row in before} == kept, "what was not kept is replaced"
        assert {row.id for row in before} <= {row.id for row in sim.of(run)}, "and stays to be read"
    assert not sim.core.runs
    assert not sim.core.executions
    assert not sim.core.again
    for run in runs:
        rows = sim.counting(run)
        visits = [(row.node_id, row.visit) for row in rows]
        assert len(visits) == len(set(visits))
        assert all(lifecycle.is_final(row.status) for row in sim.of(run))
        if sim.runs[run].status == "success":
            assert {row.status for row in rows} == {"success"}
            assert_each_value_was_handed_on(rows, edges, plan)


def assert_each_value_was_handed_on(rows, edges, plan):
    """Of a run that ended well: what a node got, and how often, is what those before it gave over open connections."""
    by_node = {name: [row for row in rows if row.node_id == name] for name in plan.nodes}
    sources = {each["tgt"]["nodeId"]: set() for each in edges}
    sent = {name: [] for name in plan.nodes}
    for number, each in enumerate(edges):
        sources[each["tgt"]["nodeId"]].add(each["src"]["nodeId"])
        for row in by_node[each["src"]["nodeId"]]:
            if number not in (row.closed or ()):
                sent[each["tgt"]["nodeId"]].append(row.output["y"])
    for name in itertools.islice(plan.nodes, 1, None):
        assert sorted(row.input["x"] for row in by_node[name] if "x" in row.input) == sorted(sent[name])
