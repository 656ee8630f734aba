"""Nodes of models and of other kinds, run by what somebody brought to the platform."""

from __future__ import annotations

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
