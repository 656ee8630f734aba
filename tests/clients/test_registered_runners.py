"""Nodes of models and of other kinds, run by what somebody brought to the platform."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import dtlpipe as dl
from mock_server.runners import registered


@pytest.fixture
def bring():
    """Registers runners for the test's time."""
    brought = []
    yield lambda name, runner: brought.append(registered.register(name, runner))
    for take_back in brought:
        take_back()


def model(project, kind="ml", function="predict"):
    port = dl.PipelineNodeIO
    node = dl.PipelineNode(
        name="model",
        node_type=kind,
        project_id=project.id,
        namespace=dl.PipelineNameSpace(function_name=function),
        inputs=[port(name="n", input_type="Integer")],
        outputs=[port(name="score", input_type="Float")],
        metadata={"modelId": "m1"},
    )
    pipeline = project.pipelines.create(name="models")
    pipeline.nodes.add(node)
    return pipeline


def test_a_runner_for_the_function_goes_before_one_for_the_type(bring, project):
    visits = []

    def predict(visit):
        visits.append(visit)
        return {"score": visit.inputs["n"] / 2}

    bring("ml", lambda visit: {"score": -1.0})
    bring("ml:predict", predict)
    pipeline = model(project).install()
    run = pipeline.execute(execution_input={"n": 3}).wait(timeout=60)
    (part,) = run.executions[pipeline.nodes[0].node_id]
    assert (run.status, part["output"]) == ("success", 1.5)
    (visit,) = visits
    assert (visit.execution_id, visit.run_id, visit.node["metadata"]["modelId"]) == (part["_id"], run.id, "m1")


def test_what_a_runner_raises_or_leaves_out_fails_the_node_and_says_so(bring, project):
    bring("custom", lambda visit: {} if visit.inputs["n"] else {"score": 1 / 0})
    pipeline = model(project, "custom").install()
    for n, said in ((0, "division by zero"), (1, "gave nothing for output 'score'")):
        run = pipeline.execute(execution_input={"n": n}).wait(timeout=60)
        assert run.status == "failed"
        assert said in run.error["message"]


def test_a_model_without_a_runner_is_refused_at_install(project):
    with pytest.raises(dl.exceptions.BadRequest, match="node 'model' has no code"):
        model(project).install()


def test_only_nodes_without_code_of_the_platform_may_be_brought_a_runner():
    with pytest.raises(ValueError, match="ml, custom, not for 'code'"):
        registered.register("code", lambda visit: {})


def package(folder, name, version, module, entries):
    """A package as an installer leaves it in a folder of packages: its module, and what is known of it."""
    (folder / f"{name}.py").write_text(module)
    known = folder / f"{name}-{version}.dist-info"
    known.mkdir()
    (known / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (known / "entry_points.txt").write_text("[dtlpipe.runners]\n" + "".join(f"{each}\n" for each in entries))
    (known / "RECORD").write_text(f"{name}.py,,\n{name}-{version}.dist-info/METADATA,,\n")


@pytest.mark.slow
def test_a_package_that_is_installed_beside_the_platform_brings_its_runners(tmp_path):
    packages = tmp_path / "packages"
    packages.mkdir()
    module = "def halve(visit):\n    return {'score': visit.inputs['n'] / 2}\n"
    package(packages, "acme_models", "1.0", module, ["ml:predict = acme_models:halve"])
    command = [
        sys.executable,
        "-m",
        "dtlpipe.cli",
        "platform",
        "start",
        "--data",
        str(tmp_path / "data"),
        "--port",
        "0",
    ]
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = next(line for line in process.stdout if "http://" in line)
            url = re.search(r"http://[\d.]+:\d+", said).group()
            with dl.Client(url=url) as client:
                pipeline = model(client.projects.create(project_name="models")).install()
                run = pipeline.execute(execution_input={"n": 3}).wait(timeout=60)
                (part,) = run.executions[pipeline.nodes[0].node_id]
                assert (run.status, part["output"]) == ("success", 1.5)
                with pytest.raises(dl.exceptions.BadRequest, match="has no code"):
                    model(client.projects.create(project_name="others"), function="train").install()
        finally:
            process.terminate()


def test_a_model_without_a_package_is_run_by_what_was_brought_in_calls_and_in_pipelines(
    bring, there, client, project, item
):
    visits = []

    def predict(visit):
        visits.append(visit)
        return {"score": 0.5}

    bring("ml:predict", predict)
    made = there.ok("POST", "/ml/models", json={"name": "net", "projectId": project.id, "configuration": {"k": 1}})
    service = there.ok("POST", f"/ml/models/{made['id']}/deploy", json={"serviceConfig": {"maxAttempts": 2}})
    assert service["maxAttempts"] == 2
    begun = there.ok("POST", f"/ml/models/{made['id']}/predict", json={"input": {"itemIds": [item.id]}})
    call = client.executions.get(execution_id=begun["id"]).wait(timeout=60)
    assert call.latest_status["status"] == "success"
    pipeline = model(project)
    pipeline.nodes[0].metadata["modelId"] = made["id"]
    run = pipeline.install().execute(execution_input={"n": 3}).wait(timeout=60)
    assert run.status == "success"
    called, ran = visits
    assert (called.inputs, called.function_name) == ({"items": [{"item_id": item.id}]}, "predict")
    assert called.model["configuration"] == ran.model["configuration"] == {"k": 1}
    assert (called.run_id, ran.run_id) == (None, run.id)


def test_a_model_that_nothing_can_run_is_refused_and_stays_as_it_is(there, project):
    made = there.ok("POST", "/ml/models", json={"name": "net", "projectId": project.id})
    for verb in ("deploy", "predict", "train"):
        said = there.refused(400, "POST", f"/ml/models/{made['id']}/{verb}", json={})
        assert "nothing here can run model 'net'" in said["message"]
    assert there.ok("GET", f"/ml/models/{made['id']}") == made
    assert "labels" in there.refused(400, "PATCH", f"/ml/models/{made['id']}", json={"labels": "cat"})["message"]
