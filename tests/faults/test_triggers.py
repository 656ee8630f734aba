"""The platform is killed between an item and the run that a trigger begins for it: there is no such moment."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
import requests

pytestmark = pytest.mark.slow


@pytest.fixture
def dataset(platform):
    project = platform.project()
    made = platform.ok("POST", "/datasets", json={"name": "data", "projects": [project["id"]]})
    return {**made, "project": project}


@pytest.fixture
def pipeline(platform, dataset):
    """One node, started by each new item, and once."""
    made = platform.pipeline(dataset["project"], "return item.id", parameters="item")
    spec = {"resource": "Item", "actions": ["Created"], "executionMode": "Once", "filter": {}}
    start = {**made["startNodes"][0], "trigger": {"type": "Event", "spec": spec}}
    return platform.ok("PATCH", f"/pipelines/{made['id']}", json={"startNodes": [start]})


def upload(platform, dataset, name, session=None):
    answer = (session or platform.session).post(
        f"{platform.api}/datasets/{dataset['id']}/items",
        files={"file": (name, b"x")},
        data={"path": f"/{name}", "type": "file"},
        timeout=60,
    )
    answer.raise_for_status()
    return answer.json()["id"]


def runs(platform, pipeline):
    query = {"resource": "pipelineState", "filter": {"pipelineId": pipeline["id"]}, "pageSize": 1000}
    return platform.ok("POST", "/pipelines/query", json=query)["items"]


def items(platform, dataset):
    query = {"filter": {"type": "file"}, "pageSize": 1000}
    return {each["id"] for each in platform.ok("POST", f"/datasets/{dataset['id']}/query", json=query)["items"]}


def test_a_run_is_there_exactly_once_for_an_item_whose_upload_was_answered(platform, dataset, pipeline):
    for number in range(3):
        item = upload(platform, dataset, f"{number}.txt")
        platform.kill()
        platform.start()
        (run, *_) = found = runs(platform, pipeline)
        assert len(found) == number + 1
        assert run["inputs"] == {"item": {"item_id": item}}
        assert run["creator"] == "pipelines@dataloop.ai"
    assert [platform.settled(each)["status"] for each in runs(platform, pipeline)] == ["success"] * 3


def test_a_kill_amid_uploads_leaves_each_item_with_its_run_or_neither(platform, dataset, pipeline):
    answered, enough = [], threading.Semaphore(0)

    def uploading(number):
        with requests.Session() as session:
            session.trust_env = False
            for count in range(200):
                try:
                    answered.append(upload(platform, dataset, f"{number}-{count}.txt", session))
                except requests.RequestException:
                    return
                enough.release()

    threads = [threading.Thread(target=uploading, args=[number]) for number in range(4)]
    for each in threads:
        each.start()
    for _ in range(20):
        assert enough.acquire(timeout=30)
    platform.kill()
    for each in threads:
        each.join()
    platform.start()
    there = items(platform, dataset)
    begun = Counter(each["inputs"]["item"]["item_id"] for each in runs(platform, pipeline))
    assert {*answered} <= there
    assert begun == Counter(there)
    for run in runs(platform, pipeline):
        assert platform.settled(run)["status"] == "success"
