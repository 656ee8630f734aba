"""Remote workers that are killed, stopped and woken up: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack

import pytest

from tests.faults.rows import percentile, times
from tests.remote.stage import Machine, at_desk, until

SLOW = pytest.mark.slow
LEASE = 3.0
AT_ONCE = 3  # machines that are struck at the same time, as each has to wait for its lease


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

    def hold(self, run):
        """The machine that has the run's execution, which is none of the crew's any more."""
        return self.machines.pop(self.holder(run))


@pytest.fixture
def desk():
    with at_desk(lease=LEASE) as found:
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


def ended_by_another(desk, run):
    status = run.wait(timeout=60).status
    row = desk.row(run)
    assert status == "success", row.error
    assert row.output["output"] >= 1, "it is the first attempt's, which was struck"
    assert row.attempt >= 2


def kill_the_holders(desk, crew, pipeline, folders):
    """Seconds until each of the executions began again."""
    runs = [begin(desk, pipeline, folder) for folder in folders]
    machines = [crew.hold(run) for run in runs]
    struck = time.time()
    for machine in machines:
        machine.process.kill()
    for run, folder in zip(runs, folders, strict=True):
        (folder / "go1").touch()
        ended_by_another(desk, run)
    for _ in machines:  # not before: here they would take the processors that those have who go on
        crew.launch()
    crew.complete(2 * len(folders))
    return [(folder / "begun1").stat().st_mtime - struck for folder in folders]


def stop_the_holders(desk, crew, pipeline, folders):
    """Seconds until each of the executions began again. Those that were stopped go on, and are refused."""
    refused, stopped = desk.refused, {}
    runs = [begin(desk, pipeline, folder) for folder in folders]
    struck = time.time()
    try:
        for run in runs:
            name = crew.holder(run)
            stopped[name] = crew.machines[name]
            stopped[name].process.send_signal(signal.SIGSTOP)
        for run, folder in zip(runs, folders, strict=True):
            until(lambda folder=folder: (folder / "begun1").exists())
            (folder / "go0").touch()  # the first attempt ends now, and nobody hears of it
            (folder / "go1").touch()
            assert run.wait(timeout=60).status == "success"
    finally:
        for machine in stopped.values():
            machine.process.send_signal(signal.SIGCONT)
    until(lambda: desk.refused >= refused + len(folders))
    for run in runs:
        ended_by_another(desk, run)
    crew.complete(2 * len(folders))
    return [(folder / "begun1").stat().st_mtime - struck for folder in folders]


def struck_again_and_again(desk, crew, folder, total, strike):
    """Seconds until executions began again, of so many strikes; some at a time."""
    pipeline, found = desk.pipeline(attempt, {"maxAttempts": 9}), []
    while len(found) < total:
        first = len(found)
        width = min(AT_ONCE, total - first)
        found += strike(desk, crew, pipeline, [folder / f"run{first + number}" for number in range(width)])
    return found


@SLOW
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", times(1, 100))
def test_a_worker_that_is_killed_in_the_middle_of_a_node_is_replaced_by_another(
    desk, stack, tmp_path, record_row, kills
):
    crew = Crew(desk, tmp_path, stack, 2 * min(AT_ONCE, kills))  # as many as are killed are there to go on
    p99 = percentile(struck_again_and_again(desk, crew, tmp_path, kills, kill_the_holders), 0.99)
    record_row(
        "1",
        "kill -9 of the worker with a running node (remote)",
        times=kills,
        gate=f"all finish; p99 recovery <= lease + 2 s, which are {LEASE + 2:g} s here",
        measured=f"{kills} of {kills} runs, p99 {p99:.2f} s",
        held=p99 <= LEASE + 2,
    )


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stops", times(1, 100))
def test_a_worker_that_wakes_up_after_its_lease_is_refused_and_counted(desk, stack, tmp_path, record_row, stops):
    crew = Crew(desk, tmp_path, stack, 2 * min(AT_ONCE, stops))
    struck_again_and_again(desk, crew, tmp_path, stops, stop_the_holders)
    assert desk.refused >= stops
    record_row(
        "9",
        "SIGSTOP of a worker until its lease is over, then SIGCONT",
        times=stops,
        gate="what it comes back with is refused and counted, each time",
        measured=f"{stops} of {stops}: {desk.refused} refused; each run has the other attempt's result",
    )


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
