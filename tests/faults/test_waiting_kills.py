"""Kills of the platform while lists are spread, people are asked and pipelines run in pipelines."""

from __future__ import annotations

import time

import pytest

from tests.faults import invariants
from tests.faults.platforms import _package

pytestmark = pytest.mark.slow


def port(id, type="Json", **more):
    return {"portId": id, "name": id.rpartition(".")[2], "displayName": id, "type": type, **more}


def node(name, inputs, outputs, body=None, type="code", **metadata):
    parameters = ", ".join(each["name"] for each in inputs)
    return {
        "id": name,
        "name": name,
        "type": type,
        "namespace": {"functionName": "run"},
        "inputs": inputs,
        "outputs": outputs,
        "metadata": {"position": {"x": 0, "y": 0, "z": 0}, **metadata},
        **({} if body is None else {"config": {"package": _package(parameters, body)}}),
    }


def installed(platform, project, nodes, *edges):
    ends = [[dict(zip(("nodeId", "portId"), (end.split(".")[0], end), strict=True)) for end in edge] for edge in edges]
    made = platform.ok(
        "POST",
        "/pipelines",
        json={
            "name": f"p{time.time_ns()}",
            "projectId": project["id"],
            "nodes": nodes,
            "connections": [{"src": source, "tgt": target} for source, target in ends],
            "startNodes": [{"nodeId": nodes[0]["id"], "type": "root"}],
            "variables": [],
        },
    )
    return platform.ok("POST", f"/pipelines/{made['id']}/install", json={})


def look(platform, run):
    return platform.ok("GET", f"/pipelines/{run['pipelineId']}/executions/{run['id']}")


def until(platform, run, holds):
    deadline = time.monotonic() + 60
    while not holds(found := look(platform, run)):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def states(found, name):
    return [each["status"] for each in found["executions"].get(name, ())]


def test_elements_that_were_done_stay_done_and_the_others_go_on(platform, tmp_path):
    double = (
        f"import pathlib, time\ntime.sleep(0.02)\nopen({str(tmp_path)!r} + f'/{{x}}', 'a').write('.')\nreturn 2 * x"
    )
    pipeline = installed(
        platform,
        platform.project(),
        [
            node("many", [port("many.x")], [port("many.y", "Json[]")], "return list(range(x))"),
            node("double", [port("double.x")], [port("double.y")], double),
            node("all", [port("all.x", "Json[]")], [port("all.y")], "return x"),
        ],
        ("many.y", "double.x"),
        ("double.y", "all.x"),
    )
    run = platform.execute(pipeline, x=120)
    times = {}
    for least in (10, 40):
        found = until(platform, run, lambda found, least=least: states(found, "double").count("success") >= least)
        over = [each for each in found["executions"]["double"] if each["status"] == "success"]
        times |= {each["_id"]: (tmp_path / str(each["input"]["x"])).read_text() for each in over}
        platform.kill_all()
        platform.start()
    found = platform.settled(run)
    assert (found["status"], found["mergeCount"]) == ("success", {"all": 120}), found["error"]
    assert found["executions"]["all"][0]["output"] == [2 * each for each in range(120)]
    inputs = {each["_id"]: each["input"]["x"] for each in found["executions"]["double"]}
    again = [id for id, before in times.items() if (tmp_path / str(inputs[id])).read_text() != before]
    assert not again, f"{again} were done, and ran again"
    invariants.check(platform.place, [run["id"]], folder=platform.folder)


def test_who_waits_for_people_and_for_other_runs_does_so_after_kills(platform):
    project = platform.project()
    dataset = platform.dataset(project)
    item = platform.upload(dataset, "one.txt", b"x").json()
    asked = node("ask", [port("ask.x", "Item")], [port("ask.y", "Item", actions=["fine"])], type="task")
    inner = installed(platform, project, [asked])
    nested = node(
        "nested", [port("nested.x", "Item")], [port("nested.y", "Item")], type="pipeline", pipelineId=inner["id"]
    )
    last = node("last", [port("last.x", "Item")], [port("last.y")], "return x.id")
    outer = installed(platform, project, [nested, last], ("nested.y", "last.x"))
    run = platform.execute(outer, x=item["id"])
    query = {"resource": "pipelineState", "filter": {"pipelineId": inner["id"]}}

    def below():
        return platform.ok("POST", "/pipelines/query", json=query)["items"]

    def ref():
        return platform.ok("GET", f"/items/{item['id']}")["metadata"]["system"]["refs"]

    deadline = time.monotonic() + 60
    while not ref():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for _ in range(2):
        platform.kill_all()
        platform.start()
    (within,) = below()
    assert (within["status"], look(platform, run)["status"]) == ("in-progress", "in-progress")
    (said,) = ref()
    status = {"itemIds": [item["id"]], "statusPayload": {"operation": "create", "status": "fine"}}
    platform.ok("POST", f"/assignments/items/tasks/{said['id']}/status", json=status)
    platform.kill_all()  # whether it went on already or not
    platform.start()
    found = platform.settled(run)
    assert found["status"] == "success", found["error"]
    assert found["executions"]["last"][0]["output"] == item["id"]
    assert [each["status"] for each in below()] == ["success"]
    invariants.check(platform.place, [run["id"], within["id"]], folder=platform.folder)
