"""Row 8: the machine's clock is set an hour on or back while work is under way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dtlpipe.model import times
from tests.faults import invariants
from tests.faults.platforms import until

HOUR = timedelta(hours=1)


class Clock:
    """The time of everything in this process, which can be set."""

    def __init__(self, monkeypatch):
        self.offset = timedelta()
        now = times.now
        monkeypatch.setattr(times, "now", lambda: now() + self.offset)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def world(clock, inner):
    return inner


JUMPS = {"an hour on": HOUR, "an hour back": -HOUR}


def blocked(tmp_path, then="return x"):
    """Code that says that it began, and goes on when it may."""
    return (
        f"import os, time\nopen({str(tmp_path / 'began')!r}, 'a').close()\n"
        f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.005)\n{then}"
    )


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_jumps_neither_ends_work_early_nor_keeps_it_from_its_end(world, clock, tmp_path, record_row, jump):
    project = world.project()
    patient = world.pipeline(project, blocked(tmp_path), "return x + 1", config={"executionTimeout": 1800})
    hasty = world.pipeline(project, "import time; time.sleep(600)", config={"executionTimeout": 1, "maxAttempts": 2})
    runs = [world.execute(patient, x=1)]
    until((tmp_path / "began").exists, "it did not begin")
    late = world.execute(hasty)
    clock.offset = JUMPS[jump]
    after = world.execute(world.pipeline(project, "return x", "return x"), x=5)
    assert world.settled(after)["status"] == "success"
    ended = world.settled(late)
    assert (ended["status"], ended["error"]["cause"]) == ("failed", "timeout")
    assert world.ok("GET", f"/pipelines/{patient['id']}/executions/{runs[0]['id']}")["status"] not in (
        "failed",
        "terminated",
    )
    clock.offset = timedelta()
    (tmp_path / "go").touch()
    expected = {world.settled(runs[0])["id"]: {"n0": 1, "n1": 2}, after["id"]: {"n0": 5, "n1": 5}}
    invariants.check(world.place, [*expected, late["id"]], outputs=expected)
    record_row(
        "8",
        f"the clock is set {jump}, and back",
        times=1,
        gate="no work ended early, no timeout lost",
        measured="30 min timeout not struck, 1 s timeout struck, order of events kept",
    )


def test_a_platform_that_starts_in_the_past_takes_up_what_it_left(world, clock):
    pipeline = world.pipeline(world.project(), "import time; time.sleep(0.3); return x", "return x")
    runs = [world.execute(pipeline, x=number) for number in range(3)]
    world.local.stop()
    clock.offset = -HOUR
    world.start()
    expected = {world.settled(run)["id"]: {"n0": number, "n1": number} for number, run in enumerate(runs)}
    fresh = world.execute(pipeline, x=9)
    expected[world.settled(fresh)["id"]] = {"n0": 9, "n1": 9}
    invariants.check(world.place, list(expected), outputs=expected)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_schedule_strikes_once_for_what_a_jump_skips_and_not_again_for_what_it_repeats(world, clock, jump):
    project = world.project()
    made = world.pipeline(project, "return 1")
    spec = {"cron": "*/10 * * * *", "startAt": "2020-01-01T00:00:00Z"}
    start = {**made["startNodes"][0], "trigger": {"type": "Cron", "spec": spec}}
    world.ok("PATCH", f"/pipelines/{made['id']}", json={"startNodes": [start]})
    ticker = world.local.platform.work._ticker

    def count():
        query = {"resource": "pipelineState", "filter": {"pipelineId": made["id"]}, "pageSize": 100}
        return len(world.ok("POST", "/pipelines/query", json=query)["items"])

    ticker.turn()
    ticker.turn()
    first = count()
    clock.offset = JUMPS[jump]
    ticker.turn()
    ticker.turn()
    struck = count() - first
    assert struck == (1 if JUMPS[jump] > timedelta() else 0), "six hours were struck apart, or one again"
    clock.offset = timedelta()
    ticker.turn()
    assert count() - first - struck == 0
