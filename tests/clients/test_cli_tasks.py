"""`dtlpipe tasks ...`: what annotators do, at a terminal and in scripts."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import dtlpipe as dl
from dtlpipe.cli import cli
from dtlpipe.cli.asking import NOT_FOUND, REFUSED


@pytest.fixture
def run(platform, tmp_path, monkeypatch):
    """Runs a command; gives what it wrote, once it has ended with that status."""
    for name, value in platform.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*arguments, status=0):
        done = CliRunner().invoke(cli, list(map(str, arguments)))
        assert done.exit_code == status, f"{done.exit_code}: {done.output}"
        return done.stderr if status else done.stdout

    return run


def test_items_of_a_task_are_listed_and_what_is_said_of_them_moves_the_pipeline_on(run, project, dataset):
    node = dl.TaskNode("look closely", dataset_id=dataset.id, actions=["good", "bad"])
    pipeline = project.pipelines.create(name="looking")
    pipeline.nodes.add(node)
    pipeline = pipeline.install()
    items = [dataset.items.upload(local_path=b"x", remote_name=f"{n}.txt") for n in range(2)]
    runs = [pipeline.execute(execution_input={"item": each.id}) for each in items]
    for each in items:
        while not each.refresh().metadata["system"]["refs"]:
            pass
    (task,) = (
        each for each in json.loads(run("tasks", "ls", "--limit", 0, "--json")) if each.get("pipelineId") == pipeline.id
    )
    assert (task["name"], task["totalItems"], task["progress"]) == ("look closely", 2, 0)

    assert "no status 'perfect'" in run("tasks", "status", task["id"], "perfect", items[0].id, status=REFUSED)
    assert "there are 0 tasks" in run("tasks", "status", "no such", "good", items[0].id, status=NOT_FOUND)
    assert run("tasks", "status", task["id"], "good", items[0].id) == "1 of 1: good\n"
    assert runs[0].wait(timeout=60).status == "success"
    listed = run("tasks", "items", task["id"])
    assert "/0.txt" in listed
    assert "good" in listed
    assert json.loads(run("tasks", "status", task["id"], "bad", items[1].id, "--json")) == [items[1].id]
    assert runs[1].wait(timeout=60).status == "success"
    assert "100" in run("tasks", "ls", "--limit", 0)


async def test_a_task_is_seen_to_by_asynchronous_clients(platform, project, dataset, item):
    node = dl.TaskNode("look", dataset_id=dataset.id)
    pipeline = project.pipelines.create(name="looking")
    pipeline.nodes.add(node)
    started = pipeline.install().execute(execution_input={"item": item.id})
    while not item.refresh().metadata["system"]["refs"]:
        pass
    async with platform.async_client() as client:
        task = await client.tasks.get(task_id=item.metadata["system"]["refs"][0]["id"])
        assert [each.id async for each in task.get_items()] == [item.id]
        assert await task.set_status(item.id, "completed") == [item.id]
        assert (await task.refresh()).status == "completed"
    assert started.wait(timeout=60).status == "success"
