"""Jobs that wait in the pipe of a busy worker: begun once, whoever has them, and never stuck behind another."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dtlpipe.runtime.protocol import Board
from mock_server.executors.ahead import DEPTH
from mock_server.executors.base import Code, Failed, Started, Succeeded

SOURCE = """
import os
from pathlib import Path

def run(x, gate=None, log=None):
    if log is not None:
        with open(log, "a") as file:
            file.write(f"{x} ")
    if gate is not None:
        print("here")
        return Path(gate).read_text()
    return x
"""


@pytest.fixture
def code():
    return Code(hash="quick", function_name="run", source=SOURCE)


@pytest.fixture
def bench(make_bench, code):
    """Two workers that know the code, which has been quick in both."""
    bench = make_bench(workers=2)
    for job in [bench.submit(code, x=number) for number in range(60)]:
        bench.end_of(job)
    return bench


def filled(bench, code, gate, log, count=DEPTH):
    """A job that waits at the gate, and some that were submitted with it."""
    held = bench.submit(code, x="held", gate=str(gate), log=str(log))
    return held, [bench.submit(code, x=number, log=str(log)) for number in range(count)]


def test_nobody_waits_behind_a_job_that_is_not_quick_after_all(bench, code, tmp_path):
    gate, log = tmp_path / "gate", tmp_path / "log"
    os.mkfifo(gate)
    held, others = filled(bench, code, gate, log)

    for number, job in enumerate(others):  # though the gate is still closed
        assert bench.end_of(job).outputs == {"output": number}
    gate.write_text("open")

    assert bench.end_of(held).outputs == {"output": "open"}
    assert sorted(log.read_text().split()) == sorted(["held", *map(str, range(DEPTH))])


def test_a_job_may_open_the_way_for_the_one_before_it(bench, code, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    held = bench.submit(code, x="held", gate=str(gate))
    opener = Code(
        hash="opener", function_name="run", source="def run(gate):\n    open(gate, 'w').write('by another')\n"
    )

    bench.end_of(bench.submit(opener, gate=str(gate)))

    assert bench.end_of(held).outputs == {"output": "by another"}


def test_what_waits_behind_a_job_whose_worker_is_killed_is_run_by_another(bench, code, tmp_path):
    gate, log = tmp_path / "gate", tmp_path / "log"
    os.mkfifo(gate)
    held, others = filled(bench, code, gate, log)
    bench.said(held, "here")
    os.kill([one.pid for one in bench.of(held) if isinstance(one, Started)][-1], signal.SIGKILL)

    for number, job in enumerate(others):
        assert bench.end_of(job).outputs == {"output": number}
    assert bench.end_of(held).error["cause"] == "signal"


def test_a_job_is_canceled_wherever_it_waits_and_its_neighbours_are_not(bench, code, tmp_path):
    gate, log = tmp_path / "gate", tmp_path / "log"
    os.mkfifo(gate)
    held, others = filled(bench, code, gate, log)
    bench.executor.cancel(others[3].execution_id, others[3].fence)

    ends = [bench.end_of(job) for job in others]
    gate.write_text("open")

    assert [type(end) for end in ends[:3] + ends[4:]] == [Succeeded] * (DEPTH - 1)
    assert isinstance(ends[3], Succeeded) or ends[3].error["cause"] == "canceled"
    assert isinstance(bench.end_of(held), Succeeded)
    if isinstance(ends[3], Failed) and not [one for one in bench.of(others[3]) if isinstance(one, Started)]:
        assert "3" not in log.read_text().split()


def test_of_two_who_meet_at_a_job_one_has_it():
    board = Board.create(2)
    try:
        assert board.write(1, 5, 100)
        assert board.withdraw(1, 9) == 5
        assert not board.write(1, 6, 100)
        assert not board.write(1, 9, 100)
        assert board.write(1, 10, 100)
        assert board.read(1) == (10, 100)
        assert board.read(0) == (0, 0)
    finally:
        board.close()


def test_workers_that_are_replaced_lose_nothing_that_waits_in_their_pipes(make_bench, code, tmp_path):
    bench = make_bench(workers=2, jobs_per_worker=7)
    log = Path(tmp_path, "log")
    jobs = [bench.submit(code, x=number, log=str(log)) for number in range(150)]

    for number, job in enumerate(jobs):
        assert bench.end_of(job).outputs == {"output": number}
    assert sorted(map(int, log.read_text().split())) == list(range(150))
