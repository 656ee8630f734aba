"""The platform is killed, or stopped, with work in flight: none of it is lost, and none is recorded twice."""

from __future__ import annotations

import signal

import psutil

SLOW = """
import os, time
with open({log!r}, "a") as log:
    log.write(f"{{x}} ")
time.sleep(0.05)
return x
"""


def test_runs_in_flight_survive_a_kill(platform, tmp_path):
    body = SLOW.format(log=str(tmp_path / "log"))
    pipeline = platform.pipeline(platform.project(), body, body, body)
    runs = []
    for kill in range(3):
        runs += [platform.execute(pipeline, x=10 * kill + number) for number in range(8)]
        workers = psutil.Process(platform.process.pid).children(recursive=True)
        platform.kill()
        _, alive = psutil.wait_procs(workers, timeout=10)
        assert not alive, "node processes outlived the platform"
        platform.start()
    for number, run in enumerate(runs):
        ended = platform.settled(run)
        assert ended["status"] == "success", ended["error"]
        executions = [each for found in ended["executions"].values() for each in found]
        assert len(executions) == 3
        assert {each["output"] for each in executions} == {10 * (number // 8) + number % 8}


def test_a_stop_leaves_what_is_running_for_the_next_start(platform):
    pipeline = platform.pipeline(platform.project(), "import time; time.sleep(1.5); return x", "return x")
    runs = [platform.execute(pipeline, x=number) for number in range(12)]
    assert platform.stop() == 0
    platform.start()
    assert [platform.settled(run)["status"] for run in runs] == ["success"] * 12


def test_ctrl_c_stops_it_cleanly(platform):
    assert platform.stop(signal.SIGINT) == 0
    platform.start()
