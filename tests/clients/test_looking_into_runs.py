"""What only this SDK has: why a run failed, one node's code here, several runs as they end."""

import pytest

import dtlpipe as dl
from dtlpipe.errors import NotFound, WaitTimeout
from mock_server.testing import LocalPlatform


def double(n: int) -> int:
    return n * 2


def check(n: int, context: dl.Context) -> int:
    if n > 10:
        raise ValueError(f"{n} is too much in {context.node_name if hasattr(context, 'node_name') else 'check'}")
    return n


def last(n: int) -> str:
    return f"<{n}>"


def pause(n: int) -> int:
    import time

    time.sleep(n)
    return n


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with LocalPlatform(tmp_path_factory.mktemp("looking"), workers=2) as platform, platform.client() as client:
        yield client.projects.create("looking")


@pytest.fixture(scope="module")
def pipeline(project):
    return chain(project, double, check, last)


def chain(project, *methods):
    pipeline = project.pipelines.create(name="-".join(each.__name__ for each in methods))
    before = None
    for method in methods:
        node = dl.CodeNode(name=method.__name__, method=method, project_id=project.id, project_name=project.name)
        pipeline.nodes.add(node) if before is None else before.connect(node)
        before = node
    pipeline.update()
    pipeline.install()
    return pipeline


@pytest.fixture(scope="module")
def failed(pipeline):
    return pipeline.execute(execution_input={"n": 7}).wait()


def test_a_failed_run_names_its_root_cause_and_what_it_kept_from_running(failed):
    told = failed.explain()
    assert [each.node for each in told.causes] == ["check"]
    assert told.cause.inputs == {"n": 14}
    assert "14 is too much" in told.cause.reason
    assert "raise ValueError" in told.cause.traceback
    assert told.not_reached == ("last",)
    assert told.cause.reproduce in str(told)
    assert "never reached: last" in str(told)


def test_a_run_that_succeeded_has_no_cause(pipeline):
    told = pipeline.execute(execution_input={"n": 1}).wait().explain()
    assert told.cause is None
    assert "success" in str(told)


def test_a_nodes_code_runs_here_with_the_inputs_that_it_had(failed):
    assert dl.run_node("double", from_run=failed) == 14
    with pytest.raises(ValueError, match="14 is too much") as caught:
        dl.run_node("check", from_run=failed)
    assert caught.traceback[-1].name == "check"
    assert dl.run_node("check", from_run=failed, inputs={"n": 3}) == 3


def test_a_node_that_cannot_be_run_here_is_refused(failed):
    with pytest.raises(NotFound, match="did not reach"):
        dl.run_node("last", from_run=failed)
    with pytest.raises(NotFound, match="no node"):
        dl.run_node("nix", from_run=failed)


def test_runs_are_given_as_they_end(project):
    pipeline = chain(project, pause)
    runs = [pipeline.execute(execution_input={"n": seconds}) for seconds in (1, 0, 0)]
    ended = list(pipeline.pipeline_executions.as_completed(runs))
    assert {each.id for each in ended} == {each.id for each in runs}
    assert ended[-1].id == runs[0].id
    assert {str(each.status) for each in ended} == {"success"}
    slow = pipeline.execute(execution_input={"n": 30})
    with pytest.raises(WaitTimeout, match="1 runs"):
        list(pipeline.pipeline_executions.as_completed([slow, *runs], timeout=0.2))
    slow.terminate()
