"""The platform is stopped with work in flight: none of it is lost. (What kills leave: see test_kills.)"""

from __future__ import annotations

import signal

import pytest

from tests.faults.platforms import until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_what_is_running_for_the_next_start(platform, by):
    pipeline = platform.pipeline(platform.project(), "import time; time.sleep(0.5); return x", "return x")
    runs = [platform.execute(pipeline, x=number) for number in range(6)]
    assert platform.stop(by) == 0
    platform.start()
    assert [platform.settled(run)["status"] for run in runs] == ["success"] * 6


#: The first time, it would sleep for long; after a kill it does not.
PATIENT = """
import pathlib, time
began = pathlib.Path({folder!r}, str(x))
again = began.exists()
began.touch()
time.sleep(0 if again else 600)
return x
"""


def test_what_is_to_fail_by_a_reset_has_failed_after_a_kill_and_what_is_not_runs_again(platform, tmp_path):
    project, body, runs = platform.project(), PATIENT.format(folder=str(tmp_path)), []
    for number, config in enumerate(({"onReset": "failed", "maxAttempts": 3}, {"onReset": "rerun"})):
        runs.append(platform.execute(platform.pipeline(project, body, config=config), x=number))
    until(lambda: (tmp_path / "0").exists() and (tmp_path / "1").exists(), "both have begun")
    platform.kill()
    platform.start()
    failed, again = (platform.settled(run) for run in runs)
    assert (failed["status"], failed["error"]["type"]) == ("failed", "PlatformStopped")
    assert again["status"] == "success"
