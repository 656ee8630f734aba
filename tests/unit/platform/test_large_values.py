"""Values that are too large for their rows, through what a user sees of them."""

from __future__ import annotations

import os
import time

import pytest
import requests

from dtlpipe.model import times
from mock_server.platform import snapshots
from mock_server.platform.doctor import examine
from mock_server.store import open_store
from mock_server.store.sqlite_copies import back_up, restore
from mock_server.testing import LocalPlatform
from tests.unit.platform.building import code_node, definition, port

ME = "ann@example.org"
LARGE = {"text": "é" * 300_000, "list": [1, None, "x"]}
GIVES = "def run(x):\n    return {'text': 'é' * x, 'list': [1, None, 'x']}\n"
TAKES = "def run(value):\n    return value\n"
MEASURES = "def run(value):\n    return len(value['text'])\n"


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    with LocalPlatform(tmp_path_factory.mktemp("large") / "data", workers=1, durability="relaxed") as found:
        yield found


@pytest.fixture(scope="module")
def run(platform):
    """A run whose nodes hand a large value on, and its pipeline."""
    verbs = platform.platform
    project = verbs.projects.create("large", ME)

    def coded(id, source, takes, gives):
        config = {"package": {"code": source, "name": "run", "type": "code"}}
        return code_node(id, inputs=[port(takes, "Json")], outputs=[port(gives, "Json")], config=config)

    nodes = coded("a", GIVES, "x", "value"), coded("b", TAKES, "value", "value"), coded("c", MEASURES, "value", "n")
    edges = [("a.value", "b.value"), ("b.value", "c.value")]
    body = {"projectId": project["id"], **definition(*nodes, edges=edges), "name": "large"}
    pipeline = verbs.pipelines.install(verbs.pipelines.create(body, ME)["id"], None, ME)["id"]
    started = verbs.runs.start(pipeline, inputs={"x": len(LARGE["text"])}, creator=ME)
    ended = verbs.runs.get(pipeline, started["id"], wait=60)
    assert ended["status"] == "success", ended
    return ended


def api(platform, method, path, **more):
    answer = requests.request(method, f"{platform.url}/api/v1{path}", timeout=30, **more)
    answer.raise_for_status()
    return answer.json()


def test_runs_and_executions_show_a_large_value_as_if_it_were_in_its_row(platform, run):
    shown = api(platform, "GET", f"/pipelines/{run['pipelineId']}/executions/{run['id']}")
    assert shown["executions"]["b"][0]["output"] == LARGE
    assert shown["executions"]["c"][0]["output"] == len(LARGE["text"])
    query = {"filter": {"pipeline.executionId": run["id"]}, "resource": "executions"}
    page = api(platform, "POST", "/query/faas", json=query)
    found = {each["pipeline"]["nodeId"]: each for each in page["items"]}
    assert found["a"]["output"] == LARGE
    assert found["b"]["input"] == {"value": LARGE}


def test_a_large_value_that_several_nodes_name_is_one_file(platform, run):
    (blob,) = {name for _, _, name in platform.store.inspection.blob_names()}
    assert set(platform.store.blobs) == {blob}
    assert platform.store.inspection.size() < 1_000_000


def test_a_copy_and_a_snapshot_have_the_large_values(platform, run, tmp_path):
    data = platform.settings.data_dir
    back_up(data, tmp_path / "copy.tar")
    restore(tmp_path / "copy.tar", tmp_path / "restored")
    store = open_store(tmp_path / "restored")
    try:
        outputs = {row.node_id: row.output for row in store.executions_of([run["id"]])[run["id"]]}
        assert outputs["b"] == {"value": LARGE}
    finally:
        store.close()
    one, two = snapshots.save(data, "one"), snapshots.save(data, "two")
    assert snapshots.state(one.path) == snapshots.state(two.path)
    told = [each for each in snapshots.state(one.path).values() if each.get("node_id") == "b"]
    assert [each["output"] for each in told] == [{"value": LARGE}]


def test_a_large_value_goes_with_the_run_and_is_not_swept_before(platform, run):
    verbs, store = platform.platform, platform.store
    (blob,) = set(store.blobs)
    long_ago = time.time() - 86400
    os.utime(store.blobs.path(blob), (long_ago, long_ago))
    assert verbs.items.sweep() == 0
    assert [each.severity for each in _files(platform)] == ["ok", "ok"]
    assert verbs.pruning.drop([run["id"]]) == 1
    assert [each.check for each in _files(platform) if each.severity != "ok"] == ["orphans"]
    assert verbs.items.sweep() == 1
    assert set(store.blobs) == set()


def _files(platform):
    data = platform.settings.data_dir
    found = examine(platform.store, platform.store.inspection, blobs=data / "blobs", data_dir=data, now=times.now())
    return [each for each in found if each.check in ("blobs", "orphans")]
