"""Cron triggers fire at their hours: once each, not late by what passed before, and not again after a restart."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from mock_server.platform import triggers
from mock_server.store.base import Kind
from mock_server.worker import ticker
from mock_server.worker.ticker import Ticker
from tests.unit.platform.building import code_node, definition, root
from tests.unit.platform.conftest import ME

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Virtual:
    """A clock that stands still until the test moves it."""

    def __init__(self, time=NOON):
        self.time = time
        self.changed = threading.Condition()
        self.waiting_until = []

    def now(self):
        return self.time

    def wait(self, woken, until):
        with self.changed:
            self.waiting_until.append(until)
            self.changed.notify_all()
            self.changed.wait_for(lambda: woken.is_set() or (until is not None and self.time >= until), timeout=30)

    def move(self, **by):
        with self.changed:
            self.time += timedelta(**by)
            self.changed.notify_all()

    def seen_waiting_for(self, until):
        with self.changed:
            assert self.changed.wait_for(lambda: self.waiting_until[-1:] == [until], timeout=10), self.waiting_until


@pytest.fixture
def clock():
    return Virtual()


@pytest.fixture
def turn(platform, clock):
    """Another ticker each time, as after a restart: what it knows is what is stored."""
    return lambda: Ticker(platform, clock).turn()


def cron(expression, **spec):
    return {"type": "Cron", "spec": {"cron": expression, **spec}}


@pytest.fixture
def hourly(installed, turn):
    pipeline = installed(definition(code_node("a"), starts=[root("a", trigger=cron("0 * * * *"))]))
    assert turn() == NOON + timedelta(hours=1)
    return pipeline


def runs(platform, pipeline):
    return platform.store.find_runs({"filter": {"pipelineId": pipeline["id"]}})[0]


def trigger_of(platform, pipeline):
    (found,) = platform.store.write(lambda tx: triggers.of_pipeline(tx, pipeline["id"]))
    return found


def test_it_begins_a_run_at_each_of_its_hours(platform, hourly, clock, turn):
    for hour in range(1, 4):
        clock.move(minutes=59)
        turn()
        assert len(runs(platform, hourly)) == hour - 1
        clock.move(minutes=1)
        assert turn() == NOON + timedelta(hours=hour + 1)
        assert len(runs(platform, hourly)) == hour
    (latest, *_) = platform.runs.query({"filter": {"pipelineId": hourly["id"]}})["items"]
    assert latest["creator"] == "pipelines@dataloop.ai"
    assert latest["triggerId"] == trigger_of(platform, hourly)["id"]
    assert latest["startNodeId"] == "a"


def test_it_does_not_fire_again_for_an_hour_after_a_restart(platform, hourly, clock, turn):
    clock.move(hours=1)
    for _ in range(3):
        turn()
    assert len(runs(platform, hourly)) == 1


def test_hours_that_were_missed_are_made_up_for_by_one_run(platform, hourly, clock, turn):
    clock.move(hours=49, minutes=20)
    assert turn() == NOON + timedelta(hours=50)
    assert len(runs(platform, hourly)) == 1
    turn()
    assert len(runs(platform, hourly)) == 1


def test_a_late_look_does_not_shift_the_hours_after_it(platform, hourly, clock, turn):
    clock.move(hours=1, seconds=47.3)
    assert turn() == NOON + timedelta(hours=2)
    clock.move(minutes=59, seconds=12.7)
    assert turn() == NOON + timedelta(hours=3)
    assert len(runs(platform, hourly)) == 2


def test_a_clock_that_is_set_back_makes_no_hour_come_twice(platform, hourly, clock, turn):
    clock.move(hours=1)
    turn()
    clock.move(minutes=-30)
    assert turn() == NOON + timedelta(hours=2)
    clock.move(minutes=30)
    turn()
    assert len(runs(platform, hourly)) == 1


def test_a_run_and_the_note_of_its_hour_are_one_change(platform, hourly, clock, turn, monkeypatch):
    clock.move(hours=1)
    begin = platform.scheduler.begin

    def broken(tx, submission):
        begin(tx, submission)
        raise OSError("no")

    monkeypatch.setattr(platform.scheduler, "begin", broken)
    assert turn() == clock.now() + timedelta(seconds=ticker.RETRY)
    assert runs(platform, hourly) == []
    monkeypatch.undo()
    turn()
    turn()
    assert len(runs(platform, hourly)) == 1


def test_one_trigger_that_cannot_be_fired_keeps_no_other_from_it(platform, installed, hourly, clock, turn):
    broken = trigger_of(platform, hourly)
    platform.store.write(lambda tx: tx.put(Kind.TRIGGER, {**broken, "spec": {**broken["spec"], "cron": "never"}}))
    other = installed(definition(code_node("a"), starts=[root("a", trigger=cron("0 * * * *"))]))
    turn()
    clock.move(hours=1)
    turn()
    assert len(runs(platform, other)) == 1


def test_what_is_edited_counts_at_once_and_from_now_on(platform, hourly, clock, turn):
    trigger = trigger_of(platform, hourly)
    clock.move(minutes=30)
    platform.triggers.update(trigger["id"], {"spec": {"cron": "*/10 * * * *"}})
    assert turn() == NOON + timedelta(minutes=40)
    platform.triggers.update(trigger["id"], {"active": False})
    clock.move(hours=5)
    assert turn() is None
    platform.triggers.update(trigger["id"], {"active": True})
    assert turn() == clock.now() + timedelta(minutes=10)
    assert runs(platform, hourly) == []


def test_an_edit_of_something_else_moves_no_hour(platform, hourly, clock, turn):
    trigger = trigger_of(platform, hourly)
    clock.move(minutes=59, seconds=59)
    platform.triggers.update(trigger["id"], {**trigger, "name": "renamed"})
    clock.move(seconds=1)
    turn()
    assert len(runs(platform, hourly)) == 1


def test_it_rests_while_its_pipeline_is_paused_and_owes_nothing_for_that(platform, hourly, clock, turn):
    platform.pipelines.uninstall(hourly["id"], None, ME)
    clock.move(hours=3)
    assert turn() is None
    platform.pipelines.install(hourly["id"], None, ME)
    assert turn() == NOON + timedelta(hours=4)
    assert runs(platform, hourly) == []


def test_kept_active_over_a_pause_it_is_owed_one_run_by_the_next_install(platform, hourly, clock, turn):
    platform.pipelines.uninstall(hourly["id"], {"keepTriggersActive": True}, ME)
    for _ in range(5):
        clock.move(hours=1)
        turn()
    assert runs(platform, hourly) == []
    platform.pipelines.install(hourly["id"], None, ME)
    assert len(runs(platform, hourly)) == 1
    platform.pipelines.install(hourly["id"], None, ME)
    assert len(runs(platform, hourly)) == 1


def test_it_holds_between_its_start_and_its_end(platform, installed, clock, turn):
    spec = cron("0 * * * *", startAt="2026-03-01T14:00:00Z", endAt="2026-03-01T15:30:00Z", input={"n": 1})
    node = code_node("a", inputs=[{"portId": "n", "name": "n", "type": "Integer"}])
    pipeline = installed(definition(node, starts=[root("a", trigger=spec)]))
    assert turn() == NOON + timedelta(hours=2)
    for _ in range(12):
        clock.move(minutes=30)
        turn()
    assert [row.inputs for row in runs(platform, pipeline)] == [{"n": 1}] * 2
    assert turn() is None


def test_several_of_one_pipeline_have_runs_of_their_own(platform, installed, clock, turn):
    nodes = [code_node("a"), code_node("b")]
    starts = [root("a", trigger=cron("0 * * * *")), {"nodeId": "b", "type": "trigger", "trigger": cron("*/30 * * * *")}]
    pipeline = installed(definition(*nodes, starts=starts))
    turn()
    for _ in range(2):
        clock.move(minutes=30)
        turn()
    assert sorted(row.start_node for row in runs(platform, pipeline)) == ["a", "b", "b"]


def test_the_thread_waits_for_the_next_hour_and_for_news(platform, installed, clock):
    running = Ticker(platform, clock)
    running.start()
    try:
        clock.seen_waiting_for(None)
        pipeline = installed(definition(code_node("a"), starts=[root("a", trigger=cron("0 * * * *"))]))
        clock.move()  # a virtual wait is woken by the clock alone
        clock.seen_waiting_for(NOON + timedelta(hours=1))
        clock.move(hours=1)
        clock.seen_waiting_for(NOON + timedelta(hours=2))
        assert len(runs(platform, pipeline)) == 1
    finally:
        closer = threading.Thread(target=running.close)
        closer.start()
        while closer.is_alive():
            clock.move()
            closer.join(0.05)
