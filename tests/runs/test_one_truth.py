"""A run of actions is a run like any other: the other surfaces show it, and show it in the same state."""

from __future__ import annotations

import pytest
import requests

from tests.runs.conftest import actions

STATUSES = {
    "pending": "pending",
    "running": "in-progress",
    "completed": "success",
    "failed": "failed",
    "cancelled": "terminated",
}


@pytest.mark.parametrize(("word", "status"), STATUSES.items())
def test_each_status_is_the_same_in_the_dataloop_surface_and_on_the_command_line(
    platform, client, reported, word, status
):
    if word != "pending":
        client.update_run(reported["id"], status=word)
    assert client.get_run(reported["id"])["status"] == word
    path = f"{platform.api_url}/pipelines/{reported['pipeline_id']}/executions/{reported['id']}"
    found = requests.get(path, timeout=30).json()
    assert (found["id"], found["status"]) == (reported["id"], status)
    query = {"resource": "pipelineState", "filter": {"pipelineId": reported["pipeline_id"]}}
    listed = requests.post(f"{platform.api_url}/pipelines/query", json=query, timeout=30).json()
    assert [(each["id"], each["status"]) for each in listed["items"]] == [(reported["id"], status)]


def test_what_is_reported_of_actions_is_what_its_nodes_show(platform, client, reported):
    for index, name in enumerate(("download", "train")):
        told = {"name": name, "status": ("completed", "running")[index], "progress": 0.5}
        client.report_progress(reported["id"], name, index, "running", told)
    path = f"{platform.api_url}/pipelines/{reported['pipeline_id']}/executions/{reported['id']}"
    found = requests.get(path, timeout=30).json()
    assert [each["status"] for each in found["nodes"]] == ["success", "in-progress"]


def test_a_run_that_the_platform_executes_has_executions_there(platform, client, data_url):
    pipeline = client.create_pipeline("seen", actions("download", "convert"))
    run = client.wait(client.create_run(pipeline["id"], {"url": data_url})["id"], 60)
    path = f"{platform.api_url}/pipelines/{pipeline['id']}/executions/{run['id']}"
    found = requests.get(path, timeout=30).json()
    assert (found["status"], [each["status"] for each in found["nodes"]]) == ("success", ["success", "success"])
    with platform.client() as dataloop:
        seen = dataloop.pipelines.get(pipeline_id=pipeline["id"])
        assert seen.name == "seen"
        assert [each.status for each in seen.pipeline_executions.list()] == ["success"]
