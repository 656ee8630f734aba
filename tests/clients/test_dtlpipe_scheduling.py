"""What may be said of when work goes on, as a user says it: retries, limits, priorities, pauses, deadlines."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import dtlpipe as dl
from tests.clients.steps import code, pipeline_of


def configured(node, **config):
    """The node with this `serviceConfig`."""
    node.metadata["serviceConfig"] = {**node.metadata.get("serviceConfig", {}), **config}
    return node


def wait_for(path):
    """Node code and tests wait for each other by files."""
    until = time.monotonic() + 30
    while not Path(path).exists() and time.monotonic() < until:
        time.sleep(0.005)
    return path


def gated(path, name):
    import time
    from pathlib import Path

    Path(path, f"{name}.began").touch()
    until = time.monotonic() + 30
    while not Path(path, f"{name}.go").exists() and time.monotonic() < until:
        time.sleep(0.005)
    return name


def flaky(path):
    from pathlib import Path

    count = len(list(Path(path).glob("try*")))
    Path(path, f"try{count}").touch()
    if count < 2:
        raise ConnectionError(f"attempt {count}")
    return count


def node_of(project, function, inputs, output, **config):
    return configured(code(dl, project, function, inputs, output), **config)


def test_a_policy_has_user_errors_tried_again_after_a_while(project, tmp_path):
    policy = {"maxAttempts": 5, "initialInterval": 0.02, "jitter": "none", "retryOn": ["ConnectionError"]}
    node = node_of(project, flaky, {"path": "STRING"}, {"n": "INT"}, retryPolicy=policy)
    run = pipeline_of(project, node).execute({"path": str(tmp_path)}).wait(timeout=60)
    assert run.status == "success"
    (execution,) = run.node_executions(run.nodes[0].id)
    assert execution.refresh().attempts == 3


def test_an_error_that_the_policy_does_not_name_is_not_tried_again(project, tmp_path):
    policy = {"maxAttempts": 5, "retryOn": ["TimeoutError"]}
    node = node_of(project, flaky, {"path": "STRING"}, {"n": "INT"}, retryPolicy=policy)
    run = pipeline_of(project, node).execute({"path": str(tmp_path)}).wait(timeout=60)
    assert run.status == "failed"
    assert len(list(tmp_path.glob("try*"))) == 1


def test_a_policy_that_makes_no_sense_is_refused_with_its_place(project):
    node = node_of(project, flaky, {"path": "STRING"}, {"n": "INT"}, retryPolicy={"maxAttempts": 0})
    with pytest.raises(dl.exceptions.BadRequest, match=r"retryPolicy.*maxAttempts|maxAttempts"):
        pipeline_of(project, node)


def test_of_one_key_no_more_run_at_once_than_its_limit_says(project, tmp_path):
    limits = [{"key": f"gpu-{tmp_path.name}", "concurrency": 1}]
    node = node_of(project, gated, {"path": "STRING", "name": "STRING"}, {"name": "STRING"}, limits=limits)
    pipeline = pipeline_of(project, node)
    first, second = (pipeline.execute({"path": str(tmp_path), "name": name}) for name in ("a", "b"))
    wait_for(tmp_path / "a.began")
    assert second.nodes[0].status == "queue"
    assert not (tmp_path / "b.began").exists()
    (tmp_path / "b.go").touch()
    (tmp_path / "a.go").touch()
    assert first.wait(timeout=60).status == second.wait(timeout=60).status == "success"


def test_a_pipeline_lets_so_many_runs_go_at_once_and_the_urgent_one_goes_next(project, tmp_path):
    node = node_of(project, gated, {"path": "STRING", "name": "STRING"}, {"name": "STRING"})
    pipeline = pipeline_of(project, node)
    pipeline.settings = {**(pipeline.settings or {}), "maxConcurrentRuns": 1}
    pipeline.update()
    runs = {
        name: pipeline.execute({"path": str(tmp_path), "name": name}, priority=priority)
        for name, priority in (("a", 0), ("b", 0), ("c", 5))
    }
    wait_for(tmp_path / "a.began")
    assert [run.refresh().status for run in runs.values()] == ["in-progress", "pending", "pending"]
    (tmp_path / "a.go").touch()
    wait_for(tmp_path / "c.began")
    assert runs["b"].refresh().status == "pending"
    pipeline.settings = {**pipeline.settings, "maxConcurrentRuns": 2}
    pipeline.update()
    wait_for(tmp_path / "b.began")
    for name in runs:
        (tmp_path / f"{name}.go").touch()
    assert {run.wait(timeout=60).status for run in runs.values()} == {"success"}


def test_a_run_that_is_paused_starts_nothing_until_it_is_resumed(project, tmp_path):
    first = node_of(project, gated, {"path": "STRING", "name": "STRING"}, {"name": "STRING"})

    def after(name):
        return name

    second = code(dl, project, after, {"name": "STRING"}, {"name": "STRING"})
    run = pipeline_of(project, first, (first, second)).execute({"path": str(tmp_path), "name": "a"})
    wait_for(tmp_path / "a.began")
    assert run.pause().paused is True
    (tmp_path / "a.go").touch()
    with pytest.raises(TimeoutError):
        run.wait(timeout=0.3)
    assert [each.status for each in run.refresh().nodes] == ["success", "queue"]
    assert run.resume().paused is False
    assert run.wait(timeout=60).status == "success"
    with pytest.raises(dl.exceptions.Conflict):
        run.pause()


def test_a_run_that_takes_longer_than_its_timeout_has_failed_for_that(project, tmp_path):
    node = node_of(project, gated, {"path": "STRING", "name": "STRING"}, {"name": "STRING"})
    pipeline = pipeline_of(project, node)
    run = pipeline.execute({"path": str(tmp_path), "name": "a"}, run_timeout=0.2).wait(timeout=60)
    assert run.status == "failed"
    assert run.error["cause"] == "timeout"
    assert run.timeout == 0.2


def begins(path, pipeline_id):
    from pathlib import Path

    import dtlpipe

    pipeline = dtlpipe.pipelines.get(pipeline_id=pipeline_id)
    run = pipeline.execute({"path": path, "name": "inner"})
    Path(path, "begun").write_text(run.id)
    return run.wait().id


def test_with_a_run_that_is_terminated_end_the_runs_that_its_nodes_began(project, tmp_path):
    inner_node = node_of(project, gated, {"path": "STRING", "name": "STRING"}, {"name": "STRING"})
    inner = pipeline_of(project, inner_node, name="inner")
    outer_node = node_of(project, begins, {"path": "STRING", "pipeline_id": "STRING"}, {"id": "STRING"})
    run = pipeline_of(project, outer_node).execute({"path": str(tmp_path), "pipeline_id": inner.id})
    wait_for(tmp_path / "inner.began")
    wait_for(tmp_path / "begun")
    run.terminate()
    began = inner.pipeline_executions.get((tmp_path / "begun").read_text())
    assert began.wait(timeout=60).status == "terminated"
    assert run.id in began.error["message"]
