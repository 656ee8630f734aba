"""All that a platform has is kept, compared and taken up again, while it runs."""

from __future__ import annotations

import json

import httpx
import pytest
from click.testing import CliRunner

import dtlpipe as dl
from dtlpipe.cli import cli
from mock_server.platform.differences import differences, shown
from mock_server.testing import LocalPlatform


@pytest.fixture(scope="module")
def alone():
    """A platform of this module's: what is loaded replaces everything."""
    with LocalPlatform() as platform, platform.client() as client:
        project = client.projects.create(project_name="kept")
        dataset = project.datasets.create(dataset_name="data")
        dataset.items.upload(local_path=b"as it was", remote_name="a.txt")
        pipeline = project.pipelines.create(name="kept too")
        pipeline.nodes.add(dl.CodeNode(name="one", project_id=project.id, project_name=project.name, method=lambda: 1))
        pipeline.update().install()
        assert pipeline.execute().wait().status == "success"
        platform.snapshots.save("before")
        yield platform


@pytest.fixture
def asked(alone):
    def ask(*arguments, status=0):
        done = CliRunner().invoke(cli, ["snapshot", *arguments, "--data", str(alone.data_dir)])
        assert done.exit_code == status, done.output
        return done.output

    return ask


def test_a_platform_that_runs_takes_up_what_it_had(alone):
    with alone.client() as client:
        project = client.projects.get(project_name="kept")
        dataset = project.datasets.get(dataset_name="data")
        dataset.items.get(filepath="/a.txt").delete()
        dataset.items.upload(local_path=b"new", remote_name="b.txt")
        pipeline = project.pipelines.get(pipeline_name="kept too")
        with alone.faults.add(node="one", latency=600.0):
            left_open = pipeline.execute()
            alone.snapshots.load("before")
        assert [each.filename for each in dataset.items.list().all()] == ["/a.txt"]
        assert dataset.items.get(filepath="/a.txt").download(save_locally=False).read() == b"as it was"
        runs = list(pipeline.pipeline_executions.list().all())
        assert [run.status for run in runs] == ["success"]
        assert left_open.id not in {run.id for run in runs}
        assert pipeline.execute().wait().status == "success"
        assert alone.store.open_runs() == []


def test_what_is_different_is_told_by_kind_and_name(alone, asked):
    alone.snapshots.load("before")
    with alone.client() as client:
        project = client.projects.get(project_name="kept")
        project.datasets.create(dataset_name="another")
        project.datasets.get(dataset_name="data").items.get(filepath="/a.txt").delete()
        pipeline = project.pipelines.get(pipeline_name="kept too")
        pipeline.pause()
    told = asked("diff", "before")
    assert "+ dataset another" in told
    assert "- item " in told
    assert "~ pipeline kept too" in told
    assert 'status: "Installed" -> ' in told
    found = json.loads(asked("diff", "before", "--json"))
    assert [(each["kind"], each["name"]) for each in found["created"]] == [
        ("dataset", "another"),
        ("ontology", "another ontology"),
        ("recipe", "another recipe"),
    ]
    assert [each["kind"] for each in found["deleted"]] == ["item"]


def test_the_same_name_again_is_the_next_version(asked):
    assert asked("save", "twice").startswith("saved twice@1")
    assert json.loads(asked("save", "twice", "--json"))["id"] == "twice@2"
    assert {"before@1", "twice@1", "twice@2"} <= {each["id"] for each in json.loads(asked("list", "--json"))}
    assert asked("diff", "twice@1", "twice") == "nothing is different\n"


def test_a_file_is_loaded_by_the_command_line_into_what_runs(alone, asked, tmp_path):
    file = str(tmp_path / "all.tar.gz")
    alone.snapshots.load("before")
    asked("save", file)
    with alone.client() as client:
        client.projects.create(project_name="too much")
        asked("load", file, "--yes")
        assert [each.name for each in client.projects.list().all()] == ["kept"]


def test_what_is_no_snapshot_is_refused(asked, tmp_path):
    (tmp_path / "none.tar.gz").write_bytes(b"nothing of the kind")
    assert "there is no snapshot" in asked("load", "never", "--yes", status=1)
    assert "cannot be read" in asked("diff", str(tmp_path / "none.tar.gz"), status=1)
    assert "no name" in asked("save", ".hidden", status=1)


def test_changes_are_told_by_their_path():
    before = {("dataset", "1"): {"id": "1", "name": "a", "deep": {"x": [1, 2], "gone": True}}}
    after = {("dataset", "1"): {"id": "1", "name": "b", "deep": {"x": [1, 3]}}}
    (found,) = differences(before, after)
    assert [(each.path, each.before, each.after) for each in found.changes] == [
        ("deep.gone", True, None),
        ("deep.x.1", 2, 3),
        ("name", "a", "b"),
    ]
    assert shown([found])["changed"][0]["name"] == "b"


def test_what_is_served_is_what_was_served_then(alone):
    def code(word):
        return (
            "from hayhooks import BasePipelineWrapper\n\n\nclass PipelineWrapper(BasePipelineWrapper):\n"
            "    def setup(self):\n        pass\n\n"
            f"    def run_api(self, n: int) -> str:\n        return {word!r} * n\n"
        )

    def said(name):
        answer = httpx.post(f"{alone.url}/{name}/run", json={"n": 2}, timeout=60)
        return answer.json()["result"] if answer.is_success else answer.status_code

    deployments = alone.platform.serving.deployments
    deployments.deploy("kept", {"pipeline_wrapper.py": code("old ").encode()})
    deployments.deploy("gone", {"pipeline_wrapper.py": code("back ").encode()})
    alone.snapshots.save("served")
    deployments.deploy("kept", {"pipeline_wrapper.py": code("new ").encode()}, overwrite=True)
    deployments.undeploy("gone")
    deployments.deploy("later", {"pipeline_wrapper.py": code("later ").encode()})
    assert [said("kept"), said("gone"), said("later")] == ["new new ", 404, "later later "]
    alone.snapshots.load("served")
    assert [said("kept"), said("gone"), said("later")] == ["old old ", "back back ", 404]
