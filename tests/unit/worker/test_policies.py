"""Policies in the core, one by one: waits, limits, lanes, pauses, deadlines, kin; and cancels that race."""

from __future__ import annotations

import copy
import random
import threading
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.model import times
from mock_server.executors import base as jobs
from mock_server.platform.intents import Submission
from mock_server.platform.policy_rules import policy_errors
from mock_server.runners.policies import Limit, RetryPolicy, RunTerms
from mock_server.store.base import RunRow
from mock_server.store.ids import new_id
from mock_server.worker import messages as m
from mock_server.worker.slots import Buckets
from mock_server.worker.timing import Bell, Jumps
from tests.unit.worker.playing import START, Sim, blueprint, node
from tests.unit.worker.staged import Place

SECOND = timedelta(seconds=1)
OF = {"pipeline_id": "p1", "project_id": "pr1", "revision_id": "r1", "creator": "me"}


def one(**config):
    return blueprint([node("a", config=config)], [])


def alarms(effects):
    return [each.at for each in effects if isinstance(each, m.WakeAt)]


@given(attempt=st.integers(1, 2000), draw=st.floats(0, 1, exclude_max=True))
def test_a_wait_is_between_nothing_and_the_longest(attempt, draw):
    policy = RetryPolicy.read({"initialInterval": 0.5, "maximumInterval": 30, "backoffCoefficient": 3})
    assert 0 <= policy.interval(attempt, draw) <= min(30, 0.5 * 3 ** min(attempt - 1, 100))


def test_without_jitter_waits_grow_by_the_coefficient():
    policy = RetryPolicy.read({"initialInterval": 1, "maximumInterval": 5, "jitter": "none"})
    assert [policy.interval(attempt, 0.1) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 5]


def test_code_that_cannot_be_loaded_is_tried_again_only_if_its_error_is_named():
    missing = {"type": "ModuleNotFoundError", "cause": "code"}
    assert not RetryPolicy.read({}).allows(missing)
    assert RetryPolicy.read({"retryOn": ["ModuleNotFoundError"]}).allows(missing)
    assert not RetryPolicy.read({"noRetryOn": ["KeyError"]}).allows({"type": "KeyError", "cause": "exception"})


def test_a_failed_attempt_waits_its_interval_also_over_a_restart():
    sim = Sim()
    plan = one(retryPolicy={"initialInterval": 100, "jitter": "none", "maxAttempts": 2})
    run = sim.begin(plan)
    id = sim.job("a")
    effects = sim.core.step(
        m.Failed(sim.now(), id, sim.jobs.pop(id), {"type": "E", "message": "", "cause": "exception"})
    )
    sim.apply(effects)
    due = sim.at + 100 * SECOND
    assert sim.rows[id].available_at == due
    assert alarms(effects) == [due]
    sim.restart(plan)
    assert not sim.jobs
    sim.apply(sim.core.step(m.Wake(due - SECOND)))
    assert not sim.jobs
    sim.apply(sim.core.step(m.Wake(due)))
    assert sim.jobs == {id: 2}
    assert sim.rows[id].available_at is None
    sim.done("a")
    assert sim.runs[run].status == "success"


def test_a_rate_lets_a_burst_through_and_then_one_at_a_time():
    limit, buckets = Limit("k", rate=0.5, burst=2), Buckets()
    for _ in range(2):
        assert buckets.ready_at(limit, START) is None
        buckets.take(limit, START)
    due = buckets.ready_at(limit, START)
    assert abs(due - START - 2 * SECOND) < timedelta(milliseconds=1)
    assert buckets.ready_at(limit, due) is None


def test_who_waits_for_a_slot_does_not_hold_up_others():
    sim = Sim(places=2)
    limited, free = one(limits=[{"key": "k", "concurrency": 1}]), one()
    first, second, third = sim.begin(limited), sim.begin(limited), sim.begin(free)
    assert {sim.rows[id].run_id for id in sim.jobs} == {first, third}
    id = next(id for id in sim.jobs if sim.rows[id].run_id == first)
    sim.apply(sim.core.step(m.Succeeded(sim.now(), id, sim.jobs.pop(id), {"y": 1})))
    assert {sim.rows[id].run_id for id in sim.jobs} == {second, third}


def test_a_limit_by_an_input_is_one_for_each_value():
    sim = Sim()
    plan = one(limits=[{"key": "tenant", "concurrency": 1, "by": "x"}])
    for value in ("a", "a", "b"):
        sim.begin(plan, {"x": value})
    assert sorted(sim.rows[id].input["x"] for id in sim.jobs) == ["a", "b"]


def test_a_lane_that_gets_wider_lets_more_go_and_one_that_gets_narrower_ends_nothing():
    sim = Sim()
    sim.apply(sim.core.step(m.Regulate(sim.now(), "p1", 1)))
    runs = [sim.begin(one()) for _ in range(3)]
    assert [sim.runs[run].status for run in runs] == ["in-progress", "pending", "pending"]
    sim.apply(sim.core.step(m.Regulate(sim.now(), "p1", 3)))
    assert {sim.runs[run].status for run in runs} == {"in-progress"}
    sim.apply(sim.core.step(m.Regulate(sim.now(), "p1", 1)))
    for _ in runs:
        sim.done("a")
    assert {sim.runs[run].status for run in runs} == {"success"}


def test_a_pending_run_may_be_cancelled_and_starts_nothing():
    sim = Sim()
    sim.apply(sim.core.step(m.Regulate(sim.now(), "p1", 1)))
    sim.begin(one())
    waiting = sim.begin(one())
    sim.apply(sim.core.step(m.Cancel(sim.now(), "enough", run_id=waiting)))
    assert sim.runs[waiting].status == "terminated"
    assert not sim.of(waiting)
    sim.done("a")
    assert not sim.jobs


def test_a_run_that_is_paused_is_so_after_a_restart():
    sim = Sim(places=1)
    plan = one()
    sim.begin(plan)
    paused = sim.begin(plan)
    sim.apply(sim.core.step(m.Pause(sim.now(), paused)))
    sim.restart(plan)
    sim.done("a")
    assert not sim.jobs
    sim.apply(sim.core.step(m.Continue(sim.now(), paused)))
    sim.done("a")
    assert sim.runs[paused].status == "success"


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_clock_that_is_set_makes_no_wait_longer_or_shorter(seconds):
    sim = Sim()
    sim.begin(one(retryPolicy={"initialInterval": 10, "jitter": "none"}))
    sim.fail("a")
    due, by = sim.at + 10 * SECOND, seconds * SECOND
    sim.apply(sim.core.step(m.Shift(sim.at + by, by)))
    sim.apply(sim.core.step(m.Wake(due + by - SECOND)))
    assert not sim.jobs
    sim.apply(sim.core.step(m.Wake(due + by)))
    assert sim.jobs


def test_a_jump_of_the_clock_is_told_once_and_again_if_it_was_forgotten():
    wall, steady = [1000.0], [0.0]
    jumps = Jumps(lambda: wall[0], lambda: steady[0])
    wall[0] += 50
    steady[0] += 50
    assert jumps.look() is None
    wall[0] += 3600
    assert jumps.look() == 3600 * SECOND
    assert jumps.look() is None
    jumps.forgotten()
    assert jumps.look() == 3600 * SECOND
    jumps.noted()
    jumps.forgotten()
    assert jumps.look() is None


def test_the_bell_rings_at_the_earliest_time_that_it_was_told():
    rang, told = [], threading.Event()

    class Clock:
        at = START

        def now(self):
            return self.at

        def wait(self, woken, until):
            woken.wait(10)
            self.at = max(self.at, START + 5 * SECOND)

    bell = Bell(Clock(), lambda now: (rang.append(now), told.set()))
    bell.set(START + 60 * SECOND)
    bell.set(START + 5 * SECOND)
    assert told.wait(10)
    bell.close()
    assert rang == [START + 5 * SECOND]


def test_terms_go_into_a_row_and_come_out_beside_what_else_it_keeps():
    terms = RunTerms(60.0, START, "r", "e")
    extra = terms.within({"theirs": 1})
    assert RunTerms.of(extra) == terms
    assert extra["theirs"] == 1
    assert RunTerms().within(extra) == {"theirs": 1}


@pytest.mark.parametrize(
    "config",
    [
        {"retryPolicy": []},
        {"retryPolicy": {"maxAttempts": 1.5}},
        {"retryPolicy": {"initialInterval": float("inf")}},
        {"retryPolicy": {"initialInterval": float("nan")}},
        {"retryPolicy": {"jitter": "some"}},
        {"retryPolicy": {"retryOn": "ValueError"}},
        {"limits": {}},
        {"limits": [1]},
        {"limits": [{"key": "", "concurrency": 1}]},
        {"limits": [{"key": "k"}]},
        {"limits": [{"key": "k", "rate": 0}]},
        {"limits": [{"key": "k", "concurrency": True}]},
        {"limits": [{"key": "k", "rate": 1, "by": 1}]},
    ],
)
def test_what_makes_no_sense_is_found(config):
    assert list(policy_errors(config))


def test_runs_whose_ends_and_cancels_race_end_once_each(tmp_path):
    place, rng = Place(tmp_path / "data").open(), random.Random(1)
    try:
        now = times.now()
        rows = [
            RunRow(id=new_id(), **OF, status="pending", created_at=now, updated_at=now, inputs={}) for _ in range(250)
        ]
        place.worker.submit(Submission(runs=tuple(rows))).result(60)
        answers = {}

        def cancel(mine):
            for run in mine:
                answers[run] = place.worker.cancel_run(run, "enough")

        shuffled = rng.sample([row.id for row in rows], len(rows))
        threads = [threading.Thread(target=cancel, args=(shuffled[start::4],)) for start in range(4)]
        for each in threads:
            each.start()
        while place.worker.open_runs:
            with place.executor.arrived:
                place.executor.arrived.wait_for(lambda: place.executor.jobs or not place.worker.open_runs, 0.05)
                taken = [place.executor.jobs.popitem()[1] for _ in range(len(place.executor.jobs))]
            place.worker.receive([jobs.Succeeded(job.execution_id, job.fence, {"y": {"size": 1}}) for job in taken])
        for each in threads:
            each.join()
        cancelled = {run for run, answer in answers.items() if answer.result(30)}
        assert cancelled
        ends = Counter(each.run_id for each in place.store.events(limit=100_000) if each.kind == "run.ended")
        assert ends == {row.id: 1 for row in rows}
        found, _ = place.store.find_runs({"pageSize": 1000})
        for row in found:
            assert row.status == ("terminated" if row.id in cancelled else "success")
    finally:
        place.close()


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_clock_that_is_set_makes_no_run_time_out_earlier_or_later(seconds):
    sim, id = Sim(), "run"
    row = RunRow(id=id, status="pending", created_at=sim.at, updated_at=sim.at, inputs={}, **OF)
    row.extra = RunTerms(timeout=1800.0).within(None)
    sim.apply(sim.core.step(m.Begin(sim.at, ((row, one()),))))
    due, by = sim.at + 1800 * SECOND, seconds * SECOND
    sim.apply(sim.core.step(m.Shift(sim.at + by, by)))
    sim.apply(sim.core.step(m.Wake(due + by - SECOND)))
    assert sim.runs[id].status == "in-progress"
    sim.apply(sim.core.step(m.Wake(due + by)))
    assert (sim.runs[id].status, sim.runs[id].error["cause"]) == ("failed", "timeout")


@pytest.mark.parametrize("config", [{}, {"limits": [{"key": "k", "concurrency": 1}]}])
def test_who_is_taken_up_before_it_is_known_that_the_clock_was_set_waits_for_as_long(config):
    sim, plan = Sim(), one(retryPolicy={"initialInterval": 10, "jitter": "none"}, **config)
    sim.begin(plan)
    sim.fail("a")
    due, by = sim.at + 10 * SECOND, 3600 * SECOND
    sim.core, sim.at = sim.new_core(), sim.at + by
    (run,), left = sim.runs.values(), tuple(copy.copy(row) for row in sim.rows.values())
    for event in (m.Resume(sim.at, copy.copy(run), plan, (), left), m.Shift(sim.at, by), m.Wake(sim.at)):
        sim.apply(sim.core.step(event))
    assert not sim.jobs
    sim.apply(sim.core.step(m.Wake(due + by - SECOND)))
    assert not sim.jobs
    sim.apply(sim.core.step(m.Wake(due + by)))
    assert sim.jobs


@given(rate=st.floats(0.001, 1000.0), spent=st.integers(0, 10_000), later=st.integers(0, 10_000))
def test_a_token_is_there_when_it_was_said_to_be_and_not_a_microsecond_before(rate, spent, later):
    buckets, limit = Buckets(), Limit("k", rate=rate, burst=1.0)
    buckets.take(limit, START + spent * SECOND / 1000)
    at = START + (spent + later) * SECOND / 1000
    due = buckets.ready_at(limit, at)
    if due is not None:
        assert buckets.ready_at(limit, due) is None
        assert buckets.ready_at(limit, due - SECOND / 1_000_000) is not None
