"""Runs on Ray: what a run on this machine's processes can do, done by Ray's."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import psutil
import pytest

import dtlpipe as dl
from tests.ray.conftest import node, until

pytestmark = pytest.mark.ray

WIDTH = 100


def plus_one(x: int) -> int:
    return x + 1


def ancestors(x: int) -> str:
    import json

    import psutil

    return json.dumps([x, [each.name() for each in psutil.Process().parents()]])


def test_a_chain_runs_below_workers_of_ray(hand):
    run = hand.run(plus_one, plus_one, ancestors, given={"x": 1}).wait(raise_on_failure=True)
    ((value, above),) = [json.loads(each) for each in run.outputs().values()]
    assert value == 3
    assert any(name.startswith("ray::") for name in above), above
    assert "raylet" in above


def test_node_code_reaches_the_platform_from_there(hand):
    def look(project_id: str) -> str:
        import dtlpipe

        found: str = dtlpipe.projects.get(project_id=project_id).name
        return found

    run = hand.run(look, given={"project_id": hand.project.id}).wait(raise_on_failure=True)
    assert list(run.outputs().values()) == [hand.project.name]


def test_a_fan_of_a_hundred_nodes_is_joined(hand):
    def total(**parts: int) -> int:
        return sum(parts.values())

    root = node("root", plus_one)
    middle = [node(f"m{number}", plus_one) for number in range(WIDTH)]
    join = node("join", total, inputs=[(f"p{number}", "Integer") for number in range(WIDTH)])
    outward = [(root, each) for each in middle]
    inward = [(each, join, port) for each, port in zip(middle, join.inputs, strict=True)]
    pipeline = hand.install(root, *middle, join, connections=outward + inward)
    run = pipeline.execute(execution_input={"x": 1}).wait(raise_on_failure=True)
    assert run.outputs() == {"join": 3 * WIDTH}


def test_logs_and_progress_arrive_while_it_runs(hand, tmp_path):
    def wait_for(path: str, progress: dl.Progress) -> str:
        import time
        from pathlib import Path

        print("before the file is there")
        progress.update(progress=40, message="waiting")
        while not Path(path).exists():
            time.sleep(0.02)
        print("after")
        return "done"

    file = tmp_path / "file"
    run = hand.run(wait_for, given={"path": str(file)})
    first = next(iter(run.logs(follow=True)))
    assert first.message == "before the file is there"

    def percent():
        ((execution,),) = run.refresh().executions.values()
        return execution["latestStatus"] if execution["latestStatus"].get("percentComplete") else None

    seen = until(percent)
    assert (seen["percentComplete"], seen["message"]) == (40, "waiting")
    assert run.in_progress()
    file.touch()
    assert run.wait(raise_on_failure=True).outputs() == {"n0": "done"}
    assert [line.message for line in run.logs()] == ["before the file is there", "after"]


CAUSES = {
    "sys.exit": ("import sys; sys.exit(2)", "exit", "sys.exit(2)"),
    "os._exit": ("import os; os._exit(3)", "exit", "3"),
    "crash": ("import ctypes; ctypes.string_at(0)", "signal", "SIGSEGV"),
    "unfit": ("return lambda: 1", "output", "function"),
    "huge": ("return 'x' * (65 << 20)", "output", "MiB"),
    "timeout": ("import time\n    while True: time.sleep(0.01)", "timeout", "0.5"),
    "memory": ("big = bytearray(1)\n    while True: big.extend(bytes(1 << 24))", "memory", "64"),
}


@pytest.mark.parametrize("case", CAUSES)
def test_code_that_ends_badly_has_the_cause_that_it_has_on_one_machine(hand, case):
    body, cause, text = CAUSES[case]
    space: dict[str, object] = {}
    exec(f"def run():\n    {body}\n", space)
    options = {"timeout": 0.5} if cause == "timeout" else {"memory": "64 MiB"} if cause == "memory" else {}
    run = hand.run(space["run"], **options).wait()
    assert run.status == "failed"
    assert run.error["cause"] == cause, run.error
    assert text in run.error["message"], run.error
    assert run.error["node"] == "n0"


def test_results_of_some_megabytes_come_whole(hand):
    def fill(size: int) -> str:
        return "x" * size

    def measure(text: str) -> int:
        return len(text)

    assert hand.run(fill, measure, given={"size": 4 << 20}).wait(raise_on_failure=True).outputs() == {"n1": 4 << 20}


def test_nothing_of_it_listens_outside_loopback(hand):
    hand.run(plus_one, given={"x": 1}).wait(raise_on_failure=True)
    heard = {}
    for process in psutil.Process().children(recursive=True):
        for each in process.net_connections("inet"):
            if each.status == psutil.CONN_LISTEN:
                heard[each.laddr.ip.removeprefix("::ffff:"), each.laddr.port] = process.name()
    assert {"raylet", "gcs_server"} <= set(heard.values()), heard
    assert {ip for ip, _ in heard} == {"127.0.0.1"}, heard


def test_only_the_platforms_user_can_use_its_ray(hand):
    hand.run(plus_one, given={"x": 1}).wait(raise_on_failure=True)
    raylet = next(each for each in psutil.Process().children(recursive=True) if each.name() == "raylet")
    variables = raylet.environ()
    assert variables["RAY_AUTH_MODE"] == "token"
    token = Path(variables["RAY_AUTH_TOKEN_PATH"])
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.parent.stat().st_mode & 0o077 == 0


def test_the_platform_itself_never_imports_ray(hand):
    import sys

    hand.run(plus_one, given={"x": 1}).wait(raise_on_failure=True)
    assert "ray" not in sys.modules
    assert any(thread.name == "dtlpipe-ray-executor" for thread in threading.enumerate())
