"""Node code that does its worst: the execution fails with the cause, and the platform and other runs go on."""

from __future__ import annotations

import pytest

CAUSES = {
    "exit": ("import os; os._exit(3)", "exit", "3"),
    "signal": ("import ctypes; ctypes.string_at(0)", "signal", "SIGSEGV"),
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal", "SIGKILL"),
    "timeout": ("import time\nwhile True: time.sleep(0.01)", "timeout", "0.5"),
    "memory": ("big = bytearray(1)\nwhile True: big.extend(bytes(1 << 24))", "memory", "64"),
    "system exit": ("raise SystemExit(2)", "exit", "2"),
    "exception": ("raise ValueError('no such thing')", "exception", "no such thing"),
    "output": ("return object()", "output", "object"),
}
LIMITS = {"executionTimeout": 0.5, "runtime": {"memoryLimit": 64 << 20}}


@pytest.mark.parametrize("case", CAUSES)
def test_code_that_dies_fails_its_execution_with_the_cause(platform, case):
    body, cause, text = CAUSES[case]
    project = platform.project()
    bad = platform.pipeline(project, body, config=LIMITS if cause in ("timeout", "memory") else {})
    good = platform.pipeline(project, "return 1", "return x + 1")
    runs = [platform.execute(good), platform.execute(bad, x=1), platform.execute(good)]
    ended = [platform.settled(run) for run in runs]
    assert [run["status"] for run in ended] == ["success", "failed", "success"]
    error = ended[1]["error"]
    assert error["node"] == "node0"
    assert error["cause"] == cause, error
    assert text in error["message"], error
    assert platform.session.get(f"{platform.api[:-7]}/health", timeout=10).status_code == 200


def test_a_missing_parameter_names_the_node_and_the_parameter(platform):
    pipeline = platform.pipeline(platform.project(), "return x", parameters="x, threshold")
    run = platform.settled(platform.execute(pipeline, x=1))
    assert run["status"] == "failed"
    assert "threshold" in run["error"]["message"]
    assert "node0" in run["error"]["message"]


def test_a_failed_attempt_is_repeated(platform, tmp_path):
    marker = tmp_path / "tries"
    body = f"""
with open({str(marker)!r}, "a+") as tries:
    tries.write("x")
    tries.seek(0)
    if len(tries.read()) < 3:
        raise ValueError("not yet")
return "done"
"""
    pipeline = platform.pipeline(platform.project(), body, config={"maxAttempts": 3})
    run = platform.settled(platform.execute(pipeline))
    assert run["status"] == "success"
    ((execution,),) = run["executions"].values()
    assert execution["attempts"] == 3
