"""The platform is killed while runs are run again: all of them are, from where they should, and none of it twice."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest
import requests

pytestmark = pytest.mark.slow

BODY = "import time; time.sleep(0.02); return (x or 0) + 1"
RUNS = 24


def listed(platform, pipeline):
    query = {"resource": "pipelineState", "filter": {"pipelineId": pipeline["id"]}, "pageSize": 100}
    return platform.ok("POST", "/pipelines/query", json=query)["items"]


def parts(run):
    return {node: [each["_id"] for each in found] for node, found in run["executions"].items()}


@pytest.mark.parametrize("under_way", [False, True], ids=["at-once", "under-way"])
def test_runs_that_were_to_run_again_do_after_a_kill(platform, under_way):
    pipeline = platform.pipeline(platform.project(), BODY, BODY, BODY)
    before = {}
    for run in [platform.execute(pipeline, x=number) for number in range(RUNS)]:
        ended = platform.settled(run)
        assert ended["status"] == "success", ended["error"]
        before[run["id"]] = parts(ended)
    order = {
        "pipeline": {"method": "startFromNodes", "startNodeIds": ["n1"]},
        "batch": {"query": {"resource": "pipelineState", "filter": {}}},
    }

    def ask():
        with contextlib.suppress(requests.ConnectionError):
            requests.post(f"{platform.api}/pipelines/{pipeline['id']}/executions/rerun", json=order, timeout=60)

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 30
    while not any(run["status"] != "success" for run in listed(platform, pipeline)):
        assert time.monotonic() < deadline, "nothing was run again"
    if under_way:  # some executions of the new pass are over, and others are not
        while not any(run["status"] == "success" and run["reruns"] for run in listed(platform, pipeline)):
            assert time.monotonic() < deadline, "nothing that ran again came to its end"
    platform.kill_all()
    asking.join(60)
    platform.start()
    for run_id, earlier in before.items():
        run = platform.settled({"pipelineId": pipeline["id"], "id": run_id})
        assert run["status"] == "success", run["error"]
        now = parts(run)
        assert now["n0"] == earlier["n0"], "what was kept did not run again"
        (one,) = run["reruns"]
        assert sorted(one["replaced"]) == sorted(earlier["n1"] + earlier["n2"])
        for node in ("n1", "n2"):
            assert len(now[node]) == 1, "nothing ran twice"
            assert now[node] != earlier[node]
        assert run["executions"]["n2"][0]["output"] == run["inputs"]["x"] + 3
    rows = {"resource": "executions", "filter": {"pipelineId": pipeline["id"]}, "pageSize": 1}
    assert platform.ok("POST", "/query/faas", json=rows)["totalItemsCount"] == RUNS * (3 + 2)
    for command in platform.ok("GET", "/commands"):
        if command["spec"].get("pipelineId") == pipeline["id"]:
            assert (command["status"], command["spec"]["begun"]) == ("success", RUNS)
