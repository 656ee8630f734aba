"""What nodes ask of a cluster is what they get; what no cluster has is told, not waited for in silence."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.ray.conftest import node, until

pytestmark = pytest.mark.ray


def interval(folder: str) -> str:
    import json
    import time

    begun = time.monotonic()
    time.sleep(0.2)
    return json.dumps([begun, time.monotonic()])


def test_nodes_that_take_all_processors_never_overlap(hand):
    nodes = [node(f"n{number}", interval, {"cpu": 2}) for number in range(4)]
    root = node("root", lambda folder: folder, outputs=[("y", "String")], inputs=[("folder", "String")])
    pipeline = hand.install(root, *nodes, connections=[(root, each) for each in nodes])
    run = pipeline.execute(execution_input={"folder": ""}).wait(raise_on_failure=True)
    spans = sorted(json.loads(each) for each in run.outputs().values())
    assert len(spans) == 4
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans)), spans


def test_nodes_of_one_processor_run_at_the_same_time_on_two(hand, tmp_path):
    def meet(folder: str) -> str:
        import os
        import time
        from pathlib import Path

        Path(folder, str(os.getpid())).touch()
        while len(list(Path(folder).iterdir())) < 2:
            time.sleep(0.01)
        return "met"

    root = node("root", lambda folder: folder, outputs=[("y", "String")], inputs=[("folder", "String")])
    nodes = [node(f"n{number}", meet) for number in range(2)]
    pipeline = hand.install(root, *nodes, connections=[(root, each) for each in nodes])
    run = pipeline.execute(execution_input={"folder": str(tmp_path)}).wait(raise_on_failure=True)
    assert list(run.outputs().values()) == ["met", "met"]


def test_a_node_that_asks_for_what_no_machine_has_says_so_and_can_be_canceled(hand):
    run = hand.run(lambda: 1, runtime={"gpu": 2, "resources": {"fast_disk": 1}}, outputs=[("y", "Integer")], inputs=[])
    line = until(lambda: next((each for each in run.logs() if "no node of the cluster" in each.message), None))
    assert "2 GPU" in line.message
    assert "1 fast_disk" in line.message
    assert line.level == "WARNING"
    run.terminate()
    assert run.wait().status == "terminated"


def test_an_amount_that_is_none_fails_the_node_at_once(hand):
    run = hand.run(lambda: 1, runtime={"cpu": "many"}, outputs=[("y", "Integer")], inputs=[]).wait()
    assert run.status == "failed"
    assert run.error["cause"] == "code"
    assert "runtime.cpu" in run.error["message"]
