"""A run of actions is a run like any other: the other surfaces show it, and show it in the same state."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from click.testing import CliRunner

from dtlpipe.cli import cli
from dtlpipe.errors import Conflict, NotFound
from dtlpipe.model import times
from mock_server.platform.doctor import examine
from tests.runs.conftest import DATASET, actions

STATUSES = {
    "pending": "pending",
    "running": "in-progress",
    "completed": "success",
    "failed": "failed",
    "cancelled": "terminated",
}


@pytest.mark.parametrize(("word", "status"), STATUSES.items())
def test_each_status_is_the_same_in_the_dataloop_surface_and_on_the_command_line(
    platform, client, reported, word, status, monkeypatch
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
    for name, value in platform.environment().items():
        monkeypatch.setenv(name, value)
    for command in (["list", "--json", "--pipeline", reported["pipeline_id"]], ["show", "--json", reported["id"]]):
        done = CliRunner().invoke(cli, ["runs", *command])
        assert done.exit_code == 0, done.output
        found = json.loads(done.output)
        shown = found[0] if command[0] == "list" else found
        assert (shown["id"], shown["status"]) == (reported["id"], status)


def examined(platform):
    store, folder = platform.store, platform.data_dir
    return examine(store, store.inspection, blobs=folder / "blobs", data_dir=folder, now=times.now())


def terminate(platform, run):
    path = f"{platform.api_url}/pipelines/{run['pipeline_id']}/executions/{run['id']}/terminate"
    return requests.post(path, timeout=30)


@pytest.mark.parametrize("word", STATUSES)
def test_what_is_driven_by_reports_is_terminated_from_the_dataloop_surface_while_it_goes_on(
    platform, client, reported, word
):
    if word != "pending":
        client.update_run(reported["id"], status=word)
    goes_on = word in ("pending", "running")
    assert terminate(platform, reported).status_code == (200 if goes_on else 409)
    run = client.get_run(reported["id"])
    assert run["status"] == ("cancelled" if goes_on else word)
    if goes_on:
        assert "terminated by" in run["error"]
        assert [each.status for each in client.stream_progress(reported["id"])] == ["cancelled"]
        with pytest.raises(Conflict):
            client.report_progress(reported["id"], status="running")


def test_what_the_platform_runs_is_ended_from_either_surface(platform, client):
    slow = client.create_pipeline("slow", [{"name": "slow", "entrypoint": "odd.SlowAction"}])
    for end in (lambda run: terminate(platform, run), lambda run: client.update_run(run["id"], status="cancelled")):
        run = client.create_run(slow["id"])
        next(each for each in client.stream_progress(run["id"]) if each.status == "running")
        end(run)
        path = f"{platform.api_url}/pipelines/{slow['id']}/executions/{run['id']}"
        found = requests.get(path, timeout=30).json()
        assert (found["status"], [each["status"] for each in found["nodes"]]) == ("terminated", ["failed"])
        assert client.get_run(run["id"])["status"] == "cancelled"
        work = platform.store.executions_of([run["id"]])[run["id"]]
        assert [each.status for each in work] == ["terminated"]


def test_a_run_is_cancelled_right_after_it_was_made(client):
    slow = client.create_pipeline("slow", [{"name": "slow", "entrypoint": "odd.SlowAction"}])
    runs = [client.create_run(slow["id"]) for _ in range(10)]
    for run in runs:
        assert client.update_run(run["id"], status="cancelled")["status"] == "cancelled"
    client.delete_pipeline(slow["id"])


def test_whoever_waits_hears_of_the_end_that_is_reported(platform, client, reported):
    looked = threading.Semaphore(0)

    def look():
        looked.release()
        return platform.store.get_run(reported["id"]).status

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(platform.platform.hub.wait, reported["id"], look, "success".__eq__, 600)
        assert looked.acquire(timeout=60)
        client.update_run(reported["id"], status="completed")
        assert waiting.result(60) == "success"


def test_the_pipelines_end_there_ends_what_is_driven_by_reports(platform, client, reported):
    requests.delete(f"{platform.api_url}/pipelines/{reported['pipeline_id']}", timeout=30).raise_for_status()
    assert client.get_run(reported["id"])["status"] == "cancelled"


def test_what_only_reporters_can_do_is_refused_there(platform, client, reported):
    base = f"{platform.api_url}/pipelines/{reported['pipeline_id']}/executions"
    paused = requests.post(f"{base}/{reported['id']}/pause", timeout=30)
    assert (paused.status_code, "whoever reports" in paused.json()["message"]) == (409, True)
    client.update_run(reported["id"], status="failed")
    query = {"resource": "pipelineState", "filter": {"id": reported["id"]}}
    again = requests.post(f"{base}/rerun", json={"batch": {"query": query}}, timeout=30)
    assert (again.status_code, "driven by reports" in again.json()["message"]) == (409, True)
    assert client.get_run(reported["id"])["status"] == "failed"


def test_the_log_of_events_has_the_life_of_what_is_driven_by_reports_and_the_doctor_finds_it_well(
    platform, client, reported
):
    client.report_progress(reported["id"], status="running")
    assert not [each for each in examined(platform) if reported["id"] in str(each)]
    client.update_run(reported["id"], status="failed", error="no")
    events = platform.store.events(reported["id"])
    assert [each.kind for each in events if each.kind.startswith("run.")] == ["run.started", "run.ended"]
    assert not [each for each in examined(platform) if reported["id"] in str(each)]


def test_what_is_reported_of_actions_is_what_its_nodes_show(platform, client, reported):
    for index, name in enumerate(("download", "train")):
        told = {"name": name, "status": ("completed", "running")[index], "progress": 0.5}
        client.report_progress(reported["id"], name, index, "running", told)
    path = f"{platform.api_url}/pipelines/{reported['pipeline_id']}/executions/{reported['id']}"
    found = requests.get(path, timeout=30).json()
    assert [each["status"] for each in found["nodes"]] == ["success", "in-progress"]


def test_a_run_that_the_platform_executes_has_executions_there(platform, client):
    pipeline = client.create_pipeline("seen", actions("download", "convert"))
    run = client.wait(client.create_run(pipeline["id"], {"dataset": DATASET})["id"], 60)
    path = f"{platform.api_url}/pipelines/{pipeline['id']}/executions/{run['id']}"
    found = requests.get(path, timeout=30).json()
    assert (found["status"], [each["status"] for each in found["nodes"]]) == ("success", ["success", "success"])
    with platform.client() as dataloop:
        seen = dataloop.pipelines.get(pipeline_id=pipeline["id"])
        assert seen.name == "seen"
        assert [each.status for each in seen.pipeline_executions.list()] == ["success"]


def test_what_is_begun_in_the_dataloop_surface_is_a_run_of_actions_too(platform, client):
    pipeline = client.create_pipeline("begun", [{"name": "double", "entrypoint": "odd.double"}])
    with platform.client() as dataloop:
        begun = dataloop.pipelines.get(pipeline_id=pipeline["id"]).execute({"params": {"x": 4}})
        final = client.wait(begun.id, 60)
        assert (final["status"], final["result"], final["params"]) == ("completed", {"x": 8}, {"x": 4})
        assert [each["id"] for each in client.list_runs(pipeline_id=pipeline["id"])] == [begun.id]
        assert [each.action_name for each in client.get_checkpoints(begun.id)] == ["double"]
        client.delete_pipeline(pipeline["id"])
        with pytest.raises(NotFound):
            client.get_run(begun.id)


# --- definitions ------------------------------------------------------------------------------------------------------


def named(*names):
    return [{"name": name, "entrypoint": f"odd.{name}"} for name in names]


@pytest.fixture
def there(platform, client):
    """A pipeline of actions, and what asks the Dataloop surface about it."""
    pipeline = client.create_pipeline("there", named("double", "twice"), description="before")

    def ask(method, path="", status=200, **body):
        url = f"{platform.api_url}/pipelines/{pipeline['id']}{path}"
        answer = requests.request(method, url, json=body or None, timeout=30)
        assert answer.status_code == status, answer.text
        return answer.json()

    ask.id = pipeline["id"]
    return ask


def test_what_is_changed_there_is_changed_of_the_actions(there, client):
    nodes = there("GET")["nodes"]
    nodes[1]["name"] = "again"
    nodes[1]["metadata"]["serviceConfig"] = {"executionTimeout": 30, "maxAttempts": 2, "retryPolicy": {"delay": 0.5}}
    there("PATCH", name="renamed", description="after", nodes=nodes, actions=[], surface="other")
    found = client.get_pipeline(there.id)
    assert (found["name"], found["description"]) == ("renamed", "after")
    assert [each["name"] for each in found["actions"]] == ["double", "again"]
    assert (found["actions"][1]["timeout"], found["actions"][1]["max_attempts"]) == (30, 2)
    run = client.wait(client.create_run(there.id, {"x": 1})["id"], 60)
    assert ([each["name"] for each in run["progress"]], run["result"]["x"]) == (["double", "again"], 3)
    client.update_pipeline(there.id, name="named here")  # which leaves what was said there
    kept = there("GET")
    assert kept["nodes"][1]["metadata"]["serviceConfig"]["retryPolicy"] == {"delay": 0.5}
    assert kept["name"] == "named here"


def test_a_pipeline_that_is_paused_there_is_changed_installed_again_and_goes_back(there, client):
    there("POST", "/uninstall")
    with pytest.raises(Conflict, match="is paused"):
        client.create_run(there.id, {"x": 1})
    there("PATCH", nodes=there("GET")["nodes"][:1], connections=[])
    assert [each["name"] for each in client.get_pipeline(there.id)["actions"]] == ["double"]
    there("POST", "/install")
    assert client.wait(client.create_run(there.id, {"x": 1})["id"], 60)["result"] == {"x": 2}
    there("POST", "/revisions/1/rollback")
    assert [each["name"] for each in client.get_pipeline(there.id)["actions"]] == ["double", "twice"]
    assert client.wait(client.create_run(there.id, {"x": 1})["id"], 60)["result"]["x"] == 3


CODE = {"id": "code", "name": "code", "type": "code", "inputs": [], "outputs": [], "namespace": {}, "metadata": {}}
NO_ACTIONS = {
    "other nodes": lambda nodes, links: {"nodes": [CODE], "connections": [], "startNodes": [{"nodeId": "code"}]},
    "one more": lambda nodes, links: {"nodes": [*nodes, CODE]},
    "not in a row": lambda nodes, links: {"connections": []},
    "another beginning": lambda nodes, links: {"startNodes": [{"nodeId": nodes[1]["id"], "type": "root"}]},
    "to nobody": lambda nodes, links: {"connections": [{**links[0], "tgt": {"nodeId": "nobody", "portId": "p"}}]},
    "a condition": lambda nodes, links: {"connections": [{**links[0], "condition": '{"a": 1}'}]},
    "other ports": lambda nodes, links: {"nodes": [{**nodes[0], "outputs": []}, nodes[1]]},
    "the last alone": lambda nodes, links: {"nodes": nodes[1:], "connections": []},
    "no code": lambda nodes, links: {"nodes": [{**nodes[0], "config": {}}, nodes[1]]},
    "odd terms": lambda nodes, links: {
        "nodes": [{**nodes[0], "metadata": {"serviceConfig": {"maxAttempts": "many"}}}, nodes[1]]
    },
}


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("change", NO_ACTIONS.values(), ids=NO_ACTIONS)
def test_what_would_make_it_something_else_is_refused_there_and_changes_nothing(there, client, change, paused):
    if paused:
        there("POST", "/uninstall")
    before, known = there("GET"), client.get_pipeline(there.id)
    refusal = there("PATCH", status=400, **change(before["nodes"], before["connections"]))
    assert "pipeline of actions" in refusal["message"]
    assert there("GET") == before
    assert client.get_pipeline(there.id) == known


def test_no_pipeline_becomes_one_of_actions_by_saying_so(platform, client):
    with platform.client() as dataloop:
        project = dataloop.projects.create("says so")
        body = {"name": "says so", "projectId": project.id, "surface": "synapse", "actions": []}
        made = requests.post(f"{platform.api_url}/pipelines", json=body, timeout=30).json()
        requests.patch(f"{platform.api_url}/pipelines/{made['id']}", json=body, timeout=30).raise_for_status()
        with pytest.raises(NotFound):
            client.get_pipeline(made["id"])
        project.delete(sure=True, really=True)
