"""The platform is stopped with work in flight: none of it is lost. (What kills leave: see test_kills.)"""

from __future__ import annotations

import signal

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_what_is_running_for_the_next_start(platform, by):
    pipeline = platform.pipeline(platform.project(), "import time; time.sleep(0.5); return x", "return x")
    runs = [platform.execute(pipeline, x=number) for number in range(6)]
    assert platform.stop(by) == 0
    platform.start()
    assert [platform.settled(run)["status"] for run in runs] == ["success"] * 6
