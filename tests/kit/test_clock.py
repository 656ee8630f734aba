"""The time of a platform can be moved: what waits for it comes in its order, and node code runs for real."""

from __future__ import annotations

from datetime import timedelta

import pytest

import dtlpipe as dl
from dtlpipe.model import times

HOUR = 3600.0
PATIENT = {"retryPolicy": {"maxAttempts": 4, "initialInterval": HOUR, "jitter": "none"}}


def fails(n: int) -> int:
    raise ValueError("always")


def hourly() -> int:
    return 1


def test_waits_between_attempts_are_jumped_over(platform, make_pipeline):
    pipeline = make_pipeline(fails, config=PATIENT)
    with platform.clock.jumping():
        run = pipeline.execute({"n": 1}).wait()
    assert run.status == "failed"
    assert run.duration == pytest.approx((1 + 2 + 4) * HOUR, abs=60)


def test_an_attempt_comes_when_the_time_was_moved_to_it(platform, make_pipeline):
    run = make_pipeline(fails, config=PATIENT).execute({"n": 1})
    begun = []
    for hours in (0.5, 0.6, 2, 4):
        platform.clock.advance(hours * HOUR)
        begun.append(sum(each.kind == "execution.started" for each in platform.store.events(run.id)))
    assert begun == [1, 2, 3, 4]
    assert run.refresh().status == "failed"


def test_each_hour_of_a_schedule_strikes_at_its_time(platform, make_pipeline):
    pipeline = make_pipeline(hourly, cron="0 * * * *")
    platform.clock.advance(6 * HOUR)
    runs = list(pipeline.pipeline_executions.list().all())
    assert [run.status for run in runs] == ["success"] * 6
    assert {(run.created_at.minute, run.created_at.second) for run in runs} == {(0, 0)}


def test_a_deadline_passes_when_the_time_is_moved_beyond_it(platform, make_pipeline):
    pipeline = make_pipeline(fails, config=PATIENT)
    run = pipeline.execute({"n": 1}, run_timeout=1800.0)
    platform.clock.advance(HOUR)
    run.refresh()
    assert (run.status, run.error["cause"]) == ("failed", "timeout")
    assert run.duration == pytest.approx(1800.0, abs=60)


def test_time_stands_still_when_it_is_told_to(platform):
    began = platform.clock.now()
    with platform.clock.stopped(at=began + timedelta(days=1)):
        assert times.now() == times.now() == began + timedelta(days=1)
        assert platform.clock.advance(60) == began + timedelta(days=1, seconds=60)
    assert times.now() > began + timedelta(days=1, seconds=60)
    platform.clock.reset()
    assert times.now() < began + timedelta(hours=1)


def test_time_does_not_go_back(platform):
    with pytest.raises(dl.exceptions.BadRequest, match="goes forward"):
        platform.clock.advance(-1)


def test_code_that_takes_too_long_is_named(platform, make_pipeline):
    with platform.faults.add(node="hourly", latency=600.0):
        run = make_pipeline(hourly).execute()
        with pytest.raises(dl.exceptions.WaitTimeout, match="hourly"):
            platform.clock.advance(HOUR, timeout=0.05)
        run.terminate()
