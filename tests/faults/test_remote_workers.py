"""Remote workers that are killed, stopped and woken up: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import pytest

from tests.remote.stage import Machine, at_desk, until

SLOW = pytest.mark.slow


def attempt(folder: str) -> int:
    """Says that it has begun, and ends when it may: the first attempt by `go0`, those after it by `go1`."""
    import time
    from pathlib import Path

    there = Path(folder)
    number = len(list(there.glob("begun*")))
    (there / f"begun{number}").touch()
    while not (there / f"go{min(number, 1)}").exists():
        time.sleep(0.01)
    return number


class Crew:
    """Machines by their workers' ids; one that is killed is replaced."""

    def __init__(self, desk, folder, stack, count=2):
        self.desk, self.folder, self.stack, self.machines, self.made = desk, folder, stack, {}, 0
        for _ in range(count):
            self.launch()
        self.complete(count)

    def launch(self):
        name = f"machine{self.made}"
        self.made += 1
        machine = Machine(self.desk.platform.url, self.folder / name, "--name", name, "--concurrency", "1")
        self.stack.callback(machine.close)
        self.machines[name] = machine

    def complete(self, count=2):
        until(lambda: len([each for each in self.desk.present() if each["name"] in self.machines]) >= count, 60)

    def holder(self, run):
        """The name of the machine that has the run's execution."""
        names = {each["id"]: each["name"] for each in self.desk.present()}
        return names[self.desk.row(run).worker]


@pytest.fixture
def desk():
    with at_desk(lease=3.0) as found:
        yield found


@pytest.fixture
def stack():
    with ExitStack() as found:
        yield found


def begin(desk, pipeline, folder):
    folder.mkdir()
    run = pipeline.execute({"folder": str(folder)})
    until(lambda: (folder / "begun0").exists())
    return run


def kill_the_holder(desk, crew, pipeline, folder):
    run = begin(desk, pipeline, folder)
    name = crew.holder(run)
    crew.machines.pop(name).process.kill()
    crew.launch()
    (folder / "go1").touch()
    status = run.wait(timeout=60).status
    row = desk.row(run)
    assert status == "success", row.error
    assert row.output["output"] >= 1
    assert row.attempt >= 2
    crew.complete()


def stop_the_holder(desk, crew, pipeline, folder):
    refused = desk.refused
    run = begin(desk, pipeline, folder)
    machine = crew.machines[crew.holder(run)]
    machine.process.send_signal(signal.SIGSTOP)
    try:
        until(lambda: (folder / "begun1").exists())
        (folder / "go0").touch()  # the first attempt ends now, and nobody hears of it
        (folder / "go1").touch()
        assert run.wait(timeout=60).status == "success"
    finally:
        machine.process.send_signal(signal.SIGCONT)
    until(lambda: desk.refused > refused)
    row = desk.row(run)
    assert row.output["output"] >= 1, "it is not the first attempt's, which ended late"
    assert row.attempt >= 2
    crew.complete()


@SLOW
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("times", [1, 100], ids=lambda times: f"{times} times")
def test_a_worker_that_is_killed_in_the_middle_of_a_node_is_replaced_by_another(desk, stack, tmp_path, times):
    crew = Crew(desk, tmp_path, stack)
    pipeline = desk.pipeline(attempt, {"maxAttempts": 9})
    for number in range(times):
        kill_the_holder(desk, crew, pipeline, tmp_path / f"run{number}")


@pytest.mark.parametrize(
    "times", [1, pytest.param(100, marks=[SLOW, pytest.mark.timeout(1200)])], ids=lambda times: f"{times} times"
)
def test_a_worker_that_wakes_up_after_its_lease_is_refused_and_counted(desk, stack, tmp_path, times):
    crew = Crew(desk, tmp_path, stack)
    pipeline = desk.pipeline(attempt, {"maxAttempts": 9})
    for number in range(times):
        stop_the_holder(desk, crew, pipeline, tmp_path / f"run{number}")
    assert desk.refused >= times


@SLOW
def test_a_worker_that_is_asked_to_end_drains_and_says_so(desk, stack, tmp_path):
    crew = Crew(desk, tmp_path, stack, count=1)
    folder = tmp_path / "run"
    run = begin(desk, desk.pipeline(attempt), folder)
    machine = crew.machines["machine0"]
    machine.process.terminate()
    until(lambda: desk.present()[0]["status"] == "draining")
    (folder / "go0").touch()
    assert run.wait(timeout=60).status == "success"
    assert machine.process.wait(30) == 0, machine.said()
    assert desk.present() == []
