"""Runs over the wire: begun, held, listed, counted, ended."""

from __future__ import annotations

import uuid

import pytest

from tests.unit.platform.building import code_node, definition, port

API = "/api/v1"


def coded(id, source, inputs=("x",), outputs=("x",)):
    return code_node(
        id,
        inputs=[port(each, "Json") for each in inputs],
        outputs=[port(each, "Json") for each in outputs],
        config={"package": {"code": source, "name": "run", "type": "code"}},
    )


ADD = "def run(x):\n    return x + 1\n"
JOIN = "def run(left, right):\n    return [left, right]\n"
SLEEP = "import time\ndef run(x):\n    time.sleep(600)\n"


@pytest.fixture
def install(http, project):
    def install(*nodes, **more):
        body = {"projectId": project["id"], **definition(*nodes, **more)}
        made = http.ok("POST", f"{API}/pipelines", json=body)
        return http.ok("POST", f"{API}/pipelines/{made['id']}/install")

    return install


@pytest.fixture
def execute(http):
    def execute(pipeline, headers=None, **options):
        url = f"{API}/pipelines/{pipeline['id']}/execute"
        return http.ok("POST", url, json={"pipeline": options}, headers=headers)

    return execute


@pytest.fixture
def finished(http):
    def finished(run):
        return http.ok("GET", f"{API}/pipelines/{run['pipelineId']}/executions/{run['id']}?wait=30")

    return finished


@pytest.fixture
def diamond(install):
    return install(
        coded("a", ADD),
        coded("b", ADD),
        coded("c", ADD),
        coded("d", JOIN, inputs=("left", "right")),
        edges=[("a.x", "b.x"), ("a.x", "c.x"), ("b.x", "d.left"), ("c.x", "d.right")],
    )


def test_a_diamond_runs_to_its_join(diamond, execute, finished):
    run = finished(execute(diamond, input={"x": 1}))
    assert run["status"] == "success"
    assert run["pipelineId"] == diamond["id"]
    assert {node["id"]: node["status"] for node in run["nodes"]} == dict.fromkeys("abcd", "success")
    assert {node: len(each) for node, each in run["executions"].items()} == dict.fromkeys("abcd", 1)
    assert run["executions"]["d"][0]["output"] == [3, 3]


def test_a_run_is_begun_and_waited_for_in_one_request(http, diamond):
    url = f"{API}/pipelines/{diamond['id']}/execute"
    answer = http.post(f"{url}?wait=30", json={"pipeline": {"input": {"x": 1}}})
    assert answer.headers["x-dtlpipe-waited"] == "1"
    assert answer.json()["status"] == "success"
    assert answer.json()["executions"]["d"][0]["output"] == [3, 3]


def test_a_run_that_takes_longer_than_its_request_goes_on(http, install):
    url = f"{API}/pipelines/{install(coded('a', SLEEP))['id']}/execute"
    run = http.ok("POST", f"{url}?wait=0.05", json={"pipeline": {"input": {"x": 1}}})
    assert run["status"] == "in-progress"
    http.ok("POST", f"{API}/pipelines/{run['pipelineId']}/executions/{run['id']}/terminate")


def test_an_execution_of_a_node_knows_its_run(http, diamond, execute, finished):
    run = finished(execute(diamond, input={"x": 1}))
    found = http.ok("GET", f"{API}/executions/{run['executions']['b'][0]['_id']}")
    assert found["pipeline"] == {"id": diamond["id"], "nodeId": "b", "executionId": run["id"]}
    assert found["latestStatus"]["status"] == "success"


def test_a_run_from_a_node_leaves_what_is_above_pending(diamond, execute, finished):
    run = finished(execute(diamond, input={"x": 1}, nodeId="b"))
    assert {node["id"]: node["status"] for node in run["nodes"]}["a"] == "pending"
    assert {node["id"]: node["status"] for node in run["nodes"]}["b"] == "success"


def test_a_node_that_raises_fails_the_run_and_is_named(install, execute, finished):
    pipeline = install(coded("a", "def run(x):\n    raise ValueError('no such luck')\n"))
    run = finished(execute(pipeline, input={"x": 1}))
    assert run["status"] == "failed"
    (execution,) = run["executions"]["a"]
    assert "no such luck" in execution["latestStatus"]["error"]["message"]


def test_runs_are_listed_newest_first_in_pages(http, install, execute, finished):
    pipeline = install(coded("a", ADD))
    ids = [finished(execute(pipeline, input={"x": number}))["id"] for number in range(3)]
    query = {"filter": {"$and": [{"pipelineId": pipeline["id"]}]}, "resource": "pipelineState", "pageSize": 2}
    pages = [http.ok("POST", f"{API}/pipelines/query", json={**query, "page": page}) for page in range(2)]
    assert [each["id"] for page in pages for each in page["items"]] == ids[::-1]
    assert [page["hasNextPage"] for page in pages] == [True, False]
    assert pages[0]["totalItemsCount"] == 3


def test_a_batch_is_a_run_for_each_item_and_its_command_is_over(http, dataset, upload, install, finished):
    for name in ("one", "two"):
        upload(f"/in/{name}.txt")
    upload("/out/three.txt")
    pipeline = install(
        code_node(
            "a",
            config={"package": {"code": "def run(item, string):\n    return item\n", "name": "run", "type": "code"}},
        )
    )
    query = {"filter": {"$and": [{"hidden": False}, {"type": "file"}, {"dir": "/in"}]}, "resource": "items"}
    batch = {"query": {**query, "context": {"datasets": [dataset["id"]]}}, "args": {"string": "test"}}
    command = http.ok("POST", f"{API}/pipelines/{pipeline['id']}/execute", json={"batch": batch})
    assert command["status"] == "success"
    assert len(command["spec"]["inputs"]) == 2
    runs = http.ok(
        "POST",
        f"{API}/pipelines/query",
        json={"filter": {"pipelineId": pipeline["id"]}, "resource": "pipelineState"},
    )
    assert runs["totalItemsCount"] == 2
    assert [finished(each)["status"] for each in runs["items"]] == ["success", "success"]


def test_a_dataset_node_loads_what_is_there_once(http, dataset, upload, install, finished):
    for path in ("/in/a.txt", "/in/deep/b.txt", "/in/c.jpg", "/out/d.txt"):
        upload(path)
    loads = {"active": True, "filter": '{"filename": "/**.txt"}'}
    metadata = {"datasetId": dataset["id"], "dir": "/in", "triggerToPipeline": loads}
    code = {"package": {"code": "def run(item):\n    return item\n", "name": "run", "type": "code"}}
    source = code_node("data", type="storage", config=None, metadata=metadata)
    pipeline = install(source, code_node("a", config=code), edges=[("data.item", "a.item")])
    said = pipeline["nodes"][0]["metadata"]["triggerToPipeline"]
    assert said["triggered"] is True
    command = http.ok("GET", f"{API}/commands/{said['commandId']}")
    assert len(command["spec"]["inputs"]) == 2

    def runs():
        query = {"filter": {"pipelineId": pipeline["id"]}, "resource": "pipelineState"}
        return http.ok("POST", f"{API}/pipelines/query", json=query)["items"]

    assert [finished(each)["status"] for each in runs()] == ["success", "success"]
    url = f"{API}/pipelines/{pipeline['id']}"
    http.ok("POST", f"{url}/install")
    http.ok("PATCH", url, json={"nodes": [{**pipeline["nodes"][0], "metadata": metadata}, pipeline["nodes"][1]]})
    again = http.ok("POST", f"{url}/install")["nodes"][0]["metadata"]["triggerToPipeline"]
    assert again["commandId"] == said["commandId"]
    assert len(runs()) == 2


def test_statistics_have_the_keys_that_clients_unpack_and_no_others(http, diamond, execute, finished):
    finished(execute(diamond, input={"x": 1}))
    found = http.ok("GET", f"{API}/pipelines/{diamond['id']}/statistics")
    assert found["pipelineExecutionCounters"] == [{"status": "success", "count": 1}]
    assert {each["nodeId"] for each in found["nodeExecutionsCounters"]} == set("abcd")
    for each in found["nodeExecutionsCounters"]:
        assert each["statusCount"] == [{"status": "success", "count": 1}]
    averages = found["pipelineExecutionStatistics"]
    assert averages.keys() == {"avgTimePerExecution", "avgExecutionsPerDay"}
    assert averages["avgTimePerExecution"] > 0
    assert averages["avgExecutionsPerDay"] == 1
    assert {each["nodeId"] for each in found["nodeExecutionStatistics"]} == set("abcd")
    assert all(each["executionStatistics"]["avgExecutionsPerDay"] == 1 for each in found["nodeExecutionStatistics"])


def test_a_reset_zeroes_the_statistics(http, install, execute, finished):
    pipeline = install(coded("a", ADD))
    finished(execute(pipeline, input={"x": 1}))
    http.ok("POST", f"{API}/pipelines/{pipeline['id']}/uninstall")
    http.ok("POST", f"{API}/pipelines/{pipeline['id']}/reset")
    found = http.ok("GET", f"{API}/pipelines/{pipeline['id']}/statistics")
    assert sum(each["count"] for each in found["pipelineExecutionCounters"]) == 0


def test_a_request_that_is_sent_twice_under_one_key_begins_one_run(http, install, execute):
    pipeline, key = install(coded("a", ADD)), {"Idempotency-Key": uuid.uuid4().hex}
    first = execute(pipeline, key, input={"x": 1})
    assert execute(pipeline, key, input={"x": 1})["id"] == first["id"]
    url = f"{API}/pipelines/{pipeline['id']}/execute"
    http.refused(409, "POST", url, json={"pipeline": {"input": {"x": 2}}}, headers=key)


def test_a_run_is_terminated_and_its_code_with_it(http, install, execute, finished):
    run = execute(install(coded("a", SLEEP)), input={"x": 1})
    url = f"{API}/pipelines/{run['pipelineId']}/executions/{run['id']}"
    http.ok("POST", f"{url}/terminate")
    assert finished(run)["status"] == "terminated"
    http.refused(409, "POST", f"{url}/terminate")


def test_deleting_a_pipeline_ends_its_runs(http, platform, install, execute):
    pipeline = install(coded("a", SLEEP))
    run = execute(pipeline, input={"x": 1})
    http.ok("DELETE", f"{API}/pipelines/{pipeline['id']}")
    assert platform.store.get_run(run["id"]).status == "terminated"


def test_a_pipeline_that_is_not_installed_is_refused_unless_it_is_tested(http, project, finished):
    body = {"projectId": project["id"], **definition(coded("a", ADD))}
    made = http.ok("POST", f"{API}/pipelines", json=body)
    url = f"{API}/pipelines/{made['id']}/execute"
    refused = http.refused(400, "POST", url, json={"pipeline": {"input": {"x": 1}}})
    assert "not installed" in refused["message"]
    assert "install it first" in refused["hint"]
    run = http.ok("POST", url, json={"pipeline": {"input": {"x": 1}, "testMode": True}})
    assert finished(run)["status"] == "success"
    assert finished(run)["testMode"] is True


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pipeline": None},
        {"pipeline": {}, "batch": {"query": {}}},
        {"pipeline": {"input": [1]}},
        {"pipeline": {"nodeId": 5}},
        {"pipeline": {"testMode": "yes"}},
        {"batch": {}},
        {"batch": {"query": "all"}},
        {"batch": {"query": {"filter": {}}}},
        {"batch": {"query": {"context": {"datasets": []}}}},
        {"batch": {"query": {"context": {"datasets": "x"}}}},
        {"batch": {"query": {"filter": {"a": {"$near": 1}}, "context": {"datasets": ["x"]}}}, "nodeId": 1},
    ],
)
def test_a_body_that_asks_for_nothing_sensible_is_refused(http, diamond, body):
    http.refused(400, "POST", f"{API}/pipelines/{diamond['id']}/execute", json=body)


def test_what_does_not_exist_is_not_found(http, diamond):
    url = f"{API}/pipelines/{diamond['id']}"
    http.refused(404, "POST", f"{API}/pipelines/nowhere/execute", json={"pipeline": {}})
    http.refused(404, "POST", f"{url}/execute", json={"pipeline": {"nodeId": "nowhere"}})
    http.refused(404, "POST", f"{url}/execute", json={"batch": {"query": {"context": {"datasets": ["nowhere"]}}}})
    http.refused(404, "GET", f"{url}/executions/nowhere")
    http.refused(404, "POST", f"{url}/executions/nowhere/terminate")
