"""Row 13: node code that does its worst. It fails with its cause; the platform, its processes and other runs go on."""

from __future__ import annotations

import psutil
import pytest

from tests.faults import invariants
from tests.faults.platforms import until
from tests.faults.rows import SHARE

#: body, cause, what the message says; what can be done by node code alone.
POISONS = {
    "segfault": ("import ctypes; ctypes.string_at(0)", "signal", "SIGSEGV"),
    "os._exit": ("import os; os._exit(3)", "exit", "3"),
    "sys.exit": ("import sys; sys.exit(2)", "exit", "2"),
    "its own kill -9": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal", "SIGKILL"),
    "kill -9 of its parent's group": ("import os, signal; os.killpg(0, signal.SIGKILL)", "signal", "SIGKILL"),
    "a loop without an end": ("import time\nwhile True: time.sleep(0.01)", "timeout", "0.5"),
    "signals that are ignored": (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(0.01)",
        "timeout",
        "0.5",
    ),
    "memory without an end": ("big = bytearray(1)\nwhile True: big.extend(bytes(1 << 24))", "memory", "64"),
    "recursion without an end": ("def deep(n): return deep(n + 1)\ndeep(0)", "exception", "recursion"),
    "an exception": ("raise ValueError('no such thing')", "exception", "no such thing"),
    "an exception that cannot be shown": (
        "class Bad(Exception):\n    def __str__(self): raise RuntimeError('no')\nraise Bad()",
        "exception",
        "Bad",
    ),
    "a result that is no data": ("return object()", "output", "object"),
    "a result that cannot be pickled": ("return lambda: 1", "output", "function"),
    "a result that is a lock": ("import threading; return threading.Lock()", "output", "lock"),
    "a result deeper than any parser": (
        "found = []\nfor _ in range(100_000): found = [found]\nreturn found",
        "output",
        "",
    ),
    "a result that contains itself": ("found = []\nfound.append(found)\nreturn found", "output", ""),
    "a stolen channel": ("import os, time\nos.closerange(3, 256)\ntime.sleep(60)", None, ""),
}
LIMITS = {"executionTimeout": 0.5, "runtime": {"memoryLimit": 64 << 20}}
LIMITED = ("timeout", "memory")


def node_processes(platform):
    return [each for each in psutil.Process(platform.process.pid).children(recursive=True) if each.is_running()]


@pytest.fixture(scope="module")
def poisoned():
    """How many were given in this module, and how they ended."""
    found: dict[str, str] = {}
    return found


@pytest.mark.parametrize("poison", POISONS)
def test_code_that_does_its_worst_fails_alone_and_with_its_cause(platform, poison, poisoned):
    body, cause, text = POISONS[poison]
    project = platform.project()
    bad = platform.pipeline(project, body, config=LIMITS if cause in LIMITED else {"executionTimeout": 20})
    good = platform.pipeline(project, "return 1", "return x + 1")
    runs = [platform.execute(good), platform.execute(bad, x=1), platform.execute(good)]
    ended = [platform.settled(run) for run in runs]
    assert [run["status"] for run in ended] == ["success", "failed", "success"], ended[1]
    error = ended[1]["error"]
    assert error["node"] == "node0"
    assert cause in (None, error["cause"]), error
    assert text in error["message"], error
    assert platform.answers()
    expected = {run["id"]: {"n0": 1, "n1": 2} for run in (runs[0], runs[2])}
    invariants.check(platform.place, [run["id"] for run in runs], outputs=expected)
    poisoned[poison] = error["cause"]


ODD = {
    "not a number": ("return float('nan')", None),
    "infinity": ("return [float('inf'), 1]", None),
    "a text with a lone surrogate and a NUL": ("return '\\ud800' + chr(0)", None),
    "a number of ten thousand digits": ("return 10 ** 4000", None),
    "eight megabytes": ("return 'x' * (8 << 20)", 8 << 20),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_result_is_recorded_or_refused_but_never_loses_the_run(platform, odd):
    body, length = ODD[odd]
    run = platform.settled(platform.execute(platform.pipeline(platform.project(), body, "return 1")))
    assert run["status"] in ("success", "failed")
    if run["status"] == "failed":
        assert run["error"]["message"]
    invariants.check(platform.place, [run["id"]])
    if length is not None:
        assert run["status"] == "success"
        (found,) = run["executions"]["n0"]
        assert len(found["output"]) == length


def test_a_bomb_of_processes_is_gone_with_its_execution(platform, poisoned):
    body = """
import os, time
for _ in range(5):
    if os.fork() == 0 and os.fork() == 0:
        time.sleep(600)
time.sleep(600)
"""
    before = len(node_processes(platform))
    bomb = platform.pipeline(platform.project(), body, config={"executionTimeout": 1})
    run = platform.settled(platform.execute(bomb))
    assert (run["status"], run["error"]["cause"]) == ("failed", "timeout")
    until(lambda: len(node_processes(platform)) <= before + 1, "processes of the bomb are left")
    poisoned["a bomb of processes"] = "timeout"


def test_a_flood_of_output_is_cut_and_does_not_drown_the_platform(platform, poisoned):
    lines = 50_000
    body = f"for n in range({lines}): print('x' * 100)\nreturn 'done'"
    flood = platform.pipeline(platform.project(), body)
    runs = [platform.execute(flood) for _ in range(2)]
    assert platform.answers()
    expected = {platform.settled(run)["id"]: {"n0": "done"} for run in runs}
    invariants.check(platform.place, list(expected), outputs=expected)
    assert psutil.Process(platform.process.pid).memory_info().rss < 1 << 30
    poisoned["a flood of output"] = "success"


@pytest.mark.slow
def test_all_of_it_many_times_at_once_leaves_the_pool_whole(platform, record_row):
    project, times = platform.project(), max(2, int(10 * SHARE))
    bad = {
        name: platform.pipeline(project, body, config=LIMITS if cause in LIMITED else {"executionTimeout": 20})
        for name, (body, cause, _) in POISONS.items()
    }
    good = platform.pipeline(project, "return x", "return x + 1")
    runs, fine = [], {}
    for turn in range(times):
        for pipeline in bad.values():
            runs.append(platform.execute(pipeline, x=1))
            fine[platform.execute(good, x=turn)["id"]] = {"n0": turn, "n1": turn + 1}
    ends = [platform.settled(run)["status"] for run in runs]
    assert set(ends) == {"failed"}
    for id in fine:
        platform.settled({"pipelineId": good["id"], "id": id})
    invariants.check(platform.place, [*fine, *(run["id"] for run in runs)], outputs=fine)
    record_row(
        "13",
        f"{len(POISONS)} kinds of poison in node code, and a bomb, a flood and odd results beside them",
        times=len(runs),
        gate="fails with its cause; the pool is whole; others unaffected",
        measured=f"{len(ends)} of {len(runs)} failed with a cause, {len(fine)} other runs succeeded",
    )
