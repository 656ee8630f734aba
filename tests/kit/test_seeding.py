"""What a platform begins with: from YAML, with the lines that are wrong, and without setting off triggers."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import dtlpipe as dl
from dtlpipe.cli import cli
from dtlpipe.moving import carrying
from dtlpipe.moving.plans import Plan

YAML = """\
projects:
- name: seeded
  datasets:
  - name: photos
    items:
    - {path: /raw/hello.txt, text: hello, metadata: {camera: 3}}
    - {path: /raw/facts.json, json: {a: [1, 2]}}
    - {files: "pictures/*.png", to: /pictures}
  pipelines:
  - from: sums
    runs:
    - {status: success, input: {n: 3}, created: "2024-05-06T07:08:09Z", seconds: 5, nodes: {answer: {output: 4}}}
    - {status: failed, error: "no luck", nodes: {answer: {error: "no luck"}}}
"""


@pytest.fixture
def ask(platform):
    def run(*arguments, status=0):
        done = CliRunner().invoke(cli, [*arguments, "--url", platform.url])
        assert done.exit_code == status, done.output
        return done.output

    return run


@pytest.fixture
def plan(client, make_pipeline, tmp_path):
    carrying.export(client, make_pipeline(name="sums"), tmp_path / "sums")
    (tmp_path / "pictures").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"pictures/{name}.png").write_bytes(b"\x89PNG " + name.encode())
    file = tmp_path / "seeds.yaml"
    file.write_text(YAML)
    return file


def test_a_plan_makes_all_that_it_names_and_may_be_carried_out_again(client, platform, plan, ask):
    expected = {"project": 1, "dataset": 1, "item": 4, "pipeline": 1, "run": 2}
    assert json.loads(ask("seed", str(plan), "--json")) == expected
    project = client.projects.get(project_name="seeded")
    dataset = project.datasets.get(dataset_name="photos")
    assert {each.filename for each in dataset.items.list().all() if each.type == "file"} == {
        "/raw/hello.txt",
        "/raw/facts.json",
        "/pictures/a.png",
        "/pictures/b.png",
    }
    item = dataset.items.get(filepath="/raw/hello.txt")
    assert item.metadata["user"] == {"camera": 3}
    assert item.download(save_locally=False).read() == b"hello"
    pipeline = project.pipelines.get(pipeline_name="sums")
    runs = sorted(pipeline.pipeline_executions.list().all(), key=lambda each: each.created_at)
    assert [str(run.status) for run in runs] == ["success", "failed"]
    assert runs[0].duration == 5.0
    assert runs[1].error["message"] == "no luck"
    assert pipeline.execute({"n": 1}).wait().status == "success"
    platform.seed(plan)
    assert len(list(client.projects.list().all())) == 2


def watched(item: dl.Item) -> str:
    return item.name


def test_triggers_hear_nothing_of_what_is_seeded(client, platform, plan, project):
    platform.seed(f"projects:\n- name: {project.name}\n  datasets:\n  - name: photos\n")
    pipeline = project.pipelines.create(name="listens")
    node = dl.CodeNode(name="watched", project_id=project.id, project_name=project.name, method=watched)
    pipeline.nodes.add(node)
    node.add_trigger(trigger_type=dl.TriggerType.EVENT, resource=dl.TriggerResource.ITEM)
    pipeline.update().install()
    text = YAML.replace("name: seeded", f"name: {project.name}").split("  pipelines:")[0]
    plan.write_text(text)
    platform.seed(plan)
    assert pipeline.pipeline_executions.list().items_count == 0
    dataset = project.datasets.get(dataset_name="photos")
    dataset.items.upload(local_path=b"loud", remote_name="loud.txt")
    assert pipeline.pipeline_executions.list().items_count == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("projects:\n- nmae: x\n", "seeds:2: nobody knows 'nmae'"),
        ("projects:\n- name: x\n  datasets:\n  - {}\n", "seeds:4: a name is needed"),
        ("projects:\n- name: x\n  datasets:\n  - name: d\n    items:\n    - path: /a\n", "seeds:6: an item has one of"),
        ("projects: 3\n", "seeds:1: projects is a list"),
        ("projects:\n- name: x\n  pipelines:\n  - {from: f, runs: [{status: open}]}\n", "seeds:4: a run is one of"),
        ("projects:\n  - name: [\n", "seeds:3"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said_with_its_line(text, says):
    with pytest.raises(dl.exceptions.BadRequest) as caught:
        Plan.parse(text)
    assert says in str(caught.value)


def test_what_the_platform_refuses_is_said_with_its_line(ask, plan):
    plan.write_text("projects:\n- name: seeded\n  datasets:\n  - name: d\n    items:\n    - {path: '/', text: x}\n")
    assert "seeds.yaml:6" in ask("seed", str(plan), status=1)


def test_runs_that_are_over_are_pruned(client, ask, make_pipeline):
    pipeline = make_pipeline()
    for n in range(4):
        pipeline.execute({"n": n}).wait()
    assert json.loads(ask("prune", "--keep", "3", "--pipeline", pipeline.id, "--yes", "--json")) == {"runs": 1}
    assert ask("runs", "prune", "--older-than", "30d", "--yes") == "0 runs are gone\n"
    assert ask("prune", "--older-than", "0s", "--yes") == "3 runs are gone\n"
    assert "say what goes" in ask("prune", "--yes", status=2)
    assert "no time" in ask("prune", "--older-than", "soon", "--yes", status=2)


def test_a_pipeline_goes_out_and_in_by_the_command_line(client, project, ask, make_pipeline, tmp_path):
    pipeline = make_pipeline(name="by hand")
    assert "2 files" in ask("export", pipeline.id, str(tmp_path / "out"))
    assert "already" in ask("import", str(tmp_path / "out"), "--project", project.name, status=1)
    arguments = ("import", str(tmp_path / "out"), "--project", project.name, "--name", "again", "--install", "--json")
    assert json.loads(ask(*arguments))["status"] == "Installed"
