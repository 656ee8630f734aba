"""What dtlpipe promises beyond the field's SDK: live states, waiting, errors that explain, batches, logs."""

from __future__ import annotations

import pickle
import time

import pytest

import dtlpipe as dl
from tests.clients.steps import code, pipeline_of, port, same


def wait_for_file(path):
    from pathlib import Path

    until = time.monotonic() + 30
    while not Path(path).exists() and time.monotonic() < until:
        time.sleep(0.005)
    return path


@pytest.fixture
def gated(project, tmp_path):
    """A pipeline whose node goes on when the file is there."""

    def run(path):
        import time
        from pathlib import Path

        until = time.monotonic() + 30
        while not Path(path).exists() and time.monotonic() < until:
            time.sleep(0.005)
        print("went on")
        return path

    pipeline = pipeline_of(project, code(dl, project, run, {"path": "STRING"}, {"path": "STRING"}))
    return pipeline, tmp_path / "go"


@pytest.fixture
def failing(project):
    """A pipeline of two nodes, whose second raises for odd numbers."""

    def first(n):
        return n

    def breaks(n):
        if n % 2:
            raise ValueError(f"{n} is odd")
        return n * 10

    one = code(dl, project, first, {"n": "INT"}, {"n": "INT"})
    return pipeline_of(project, one, (one, code(dl, project, breaks, {"n": "INT"}, {"n": "INT"})))


# --- states and waiting --------------------------------------------------


def test_a_state_equals_its_enum_its_text_and_the_other_enum(failing):
    run = failing.execute(execution_input={"n": 2}).wait(timeout=60)
    assert run.status == dl.ExecutionStatus.SUCCESS == dl.PipelineExecutionStatus.SUCCESS
    assert run.status == "success"
    assert str(run.status) == f"{run.status}" == "success"
    assert run.status in ("success", "failed")
    assert {run.status: 1}["success"] == 1
    assert run.status != "failed"


def test_waiting_ends_at_its_timeout_and_the_run_goes_on(gated):
    pipeline, go = gated
    run = pipeline.execute(execution_input={"path": str(go)})
    with pytest.raises(dl.exceptions.WaitTimeout, match=run.id):
        run.wait(timeout=0.05)
    with pytest.raises(TimeoutError):
        pipeline.pipeline_executions.wait(run.id, timeout=0.01)
    assert run.in_progress()
    go.touch()
    assert run.wait(timeout=60) is run
    assert run.status == "success"
    assert run.wait(timeout=0) is run  # it is over


def test_a_loop_that_only_reads_the_status_sees_the_end(gated):
    pipeline, go = gated
    run = pipeline.execute(execution_input={"path": str(go)})
    assert run.status == "in-progress"
    go.touch()
    until = time.monotonic() + 30
    while run.status != "success" and time.monotonic() < until:
        time.sleep(0.02)
    assert run.status == "success"


def test_refresh_takes_over_the_present_state_and_gives_the_handle_back(gated):
    pipeline, go = gated
    run = pipeline.execute(execution_input={"path": str(go)})
    go.touch()
    pipeline.pipeline_executions.wait(run.id, timeout=60)
    assert run.refresh() is run
    assert run.known_status == "success"
    assert run.node("run").status == "success"
    assert run.node(pipeline.nodes[0]).name == "run"


def test_a_run_is_terminated_with_its_code(gated):
    pipeline, go = gated
    run = pipeline.execute(execution_input={"path": str(go)})
    assert run.terminate().status == "terminated"
    with pytest.raises(dl.exceptions.PipelineError) as refused:
        run.terminate()
    assert isinstance(refused.value, dl.exceptions.Conflict)
    with pytest.raises(dl.exceptions.RunFailed, match="terminated"):
        run.raise_for_status()


# --- errors that explain --------------------------------------------------


def test_a_failed_run_raises_with_node_reason_and_the_nodes_own_traceback(failing):
    run = failing.execute(execution_input={"n": 3})
    with pytest.raises(dl.exceptions.PipelineError) as failed:
        run.wait(timeout=60, raise_on_failure=True)
    error = failed.value
    assert error.node == "breaks"
    assert "ValueError: 3 is odd" in str(error)
    assert "raise ValueError" in error.remote_traceback
    assert "in breaks" in error.remote_traceback
    assert error.execution is run
    assert run.failed_node.name == "breaks"
    assert run.error["message"] == "3 is odd"
    assert failing.execute(execution_input={"n": 2}).wait(timeout=60).raise_for_status() is None
    with pytest.raises(dl.exceptions.RunFailed):
        run.node_executions("breaks")[0].raise_for_status()


def test_a_missing_argument_comes_with_a_hint(project):
    def run(item, string):
        return item

    pipeline = pipeline_of(project, code(dl, project, run, {"string": "STRING"}, {"out": "JSON"}))
    run = pipeline.execute(execution_input={"string": "x"}).wait(timeout=60)
    with pytest.raises(dl.exceptions.PipelineError, match="item") as failed:
        run.raise_for_status()
    assert failed.value.hint
    assert failed.value.node == "run"


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda pipeline: pipeline.execute(execution_input={"item": "0" * 24}), dl.exceptions.NotFound),
        (lambda pipeline: pipeline.execute(execution_input={"item": 5}), dl.exceptions.BadRequest),
        (lambda pipeline: pipeline.execute(node_id="nowhere"), dl.exceptions.NotFound),
        (lambda pipeline: pipeline.execute_batch(filters={"filter": {}}), dl.exceptions.BadRequest),
        (lambda pipeline: pipeline.reset(), dl.exceptions.BadRequest),
    ],
)
def test_a_refused_action_is_a_pipeline_error_and_an_error_of_its_status(project, act, kind):
    pipeline = pipeline_of(project, code(dl, project, same))
    with pytest.raises(dl.exceptions.PipelineError) as refused:
        act(pipeline)
    error = refused.value
    assert isinstance(error, kind)
    assert error.status == kind.STATUS == int(error.status_code)
    assert error.status_code == str(kind.STATUS)
    assert error.request_id
    assert len(pipeline.pipeline_executions.list()) == 0
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), type(copied)) == (str(error), type(error))


def test_a_refused_definition_names_node_and_port_with_a_hint(project):
    pipeline = project.pipelines.create(name="pipe")
    one = code(dl, project, same, name="one", outputs=[port(dl, "word", "STRING")])
    pipeline.nodes.add(one)
    one.connect(code(dl, project, same, name="two"))
    with pytest.raises(dl.exceptions.PipelineError) as refused:
        pipeline.update()
    assert (refused.value.node, refused.value.port) == ("two", "item")
    assert refused.value.hint
    assert [each["path"] for each in refused.value.errors] == [["connections", 0]]
    pipeline.nodes.remove("two")
    pipeline.update()  # the user's edit was kept, and can be mended
    assert [each.name for each in project.pipelines.get(pipeline_name="pipe").nodes] == ["one"]


def test_a_port_that_is_not_there_is_refused_before_anything_is_sent(project):
    pipeline = project.pipelines.create(name="pipe")
    one = pipeline.nodes.add(code(dl, project, same, name="one"))
    with pytest.raises(dl.exceptions.BadRequest, match="'one' has no output port 'nope'"):
        one.connect(code(dl, project, same, name="two"), source_port="nope")
    with pytest.raises(dl.exceptions.BadRequest, match="'two' has no input port 'nope'"):
        one.connect(code(dl, project, same, name="two"), target_port="nope")
    with pytest.raises(dl.exceptions.BadRequest, match="no action 'go'"):
        one.connect(code(dl, project, same, name="two"), action="go")
    assert [each.name for each in pipeline.nodes] == ["one"]
    assert pipeline.connections == []


# --- the objects that users hold --------------------------------------------------


def test_update_and_install_take_over_in_place(project):
    pipeline = project.pipelines.create(name="pipe")
    node = pipeline.nodes.add(code(dl, project, same))
    assert pipeline.update() is pipeline
    assert pipeline.install() is pipeline
    assert pipeline.installed
    assert pipeline.nodes[0] is node
    assert node.namespace.service_name
    assert pipeline.pause() is pipeline
    assert pipeline.status == "Uninstalled"


def test_a_pipeline_is_laid_out_for_those_who_look_at_it(project):
    pipeline = project.pipelines.create(name="pipe")
    a, b, c = (dl.CodeNode(name=each, method=same) for each in "abc")
    pipeline.nodes.add(a)
    a.connect(b)
    b.connect(c)
    pipeline.install()
    places = [each.position for each in project.pipelines.get(pipeline_name="pipe").nodes]
    assert [each[0] for each in places] == sorted({each[0] for each in places})


def test_outputs_are_had_by_node_name(failing):
    run = failing.execute(execution_input={"n": 4}).wait(timeout=60)
    assert run.outputs() == {"breaks": 40}
    assert run.node_executions("first")[0].output == 4
    assert run.node_executions("first")[0].status == "success"


def test_logs_of_a_run_are_lines_of_all_its_nodes(project):
    def one(n):
        print("one says", n)
        return n

    def two(n):
        import logging

        logging.getLogger("two").warning("two says %s", n)
        return n

    first = code(dl, project, one, {"n": "INT"}, {"n": "INT"})
    pipeline = pipeline_of(project, first, (first, code(dl, project, two, {"n": "INT"}, {"n": "INT"})))
    run = pipeline.execute(execution_input={"n": 7}).wait(timeout=60)
    lines = list(run.logs())
    assert [each.message for each in lines] == ["one says 7", "two says 7"]
    assert [each.level for each in lines] == ["INFO", "WARNING"]
    assert {each.pipeline_execution_id for each in lines} == {run.id}
    assert "two says 7" in str(lines[1])
    assert [each.message for each in run.node_executions("two")[0].logs()] == ["two says 7"]
    assert [each.message for each in run.logs(log_level="WARNING")] == ["two says 7"]


def test_logs_can_be_followed_to_the_end(gated):
    pipeline, go = gated
    run = pipeline.execute(execution_input={"path": str(go)})
    lines = run.logs(follow=True)
    go.touch()
    assert [each.message for each in lines] == ["went on"]
    assert run.status == "success"


# --- batches --------------------------------------------------


@pytest.fixture
def numbered(project, dataset):
    """A pipeline that fails for items whose number is odd, and five items."""

    def run(item):
        n = item.metadata["user"]["n"]
        if n % 2:
            raise ValueError(f"{n} is odd")
        return n * 10

    for n in range(5):
        dataset.items.upload(local_path=b"x", remote_name=f"{n}.txt", item_metadata={"user": {"n": n}})
    return pipeline_of(project, code(dl, project, run, outputs={"n": "INT"}))


def batch_of(pipeline, dataset, **options):
    return pipeline.execute_batch(filters=dl.Filters(context={"datasets": [dataset.id]}), **options)


def test_a_batch_tells_how_each_item_fared_in_their_order(numbered, dataset):
    batch = batch_of(numbered, dataset)
    assert batch.wait(timeout=60) is batch
    assert len(batch) == 5
    assert batch.counts() == {"success": 3, "failed": 2}
    assert [each.item_id for each in batch.results()] == [each.id for each in dataset.items.list()]
    assert [each.output for each in batch.results()] == [0, None, 20, None, 40]
    assert [each.error for each in batch.results()] == [
        None,
        "ValueError: 1 is odd",
        None,
        "ValueError: 3 is odd",
        None,
    ]
    assert [each.status for each in batch.failed()] == ["failed", "failed"]
    assert [each.status for each in batch.executions] == ["success", "failed", "success", "failed", "success"]
    assert all(isinstance(each, dl.PipelineExecution) for each in batch)
    assert batch.status == "success"


def test_waiting_for_a_batch_may_raise(numbered, dataset):
    with pytest.raises(dl.exceptions.RunFailed, match="2 of 5 runs") as failed:
        batch_of(numbered, dataset, wait=False).wait(timeout=60, raise_on_failure=True)
    assert "1 is odd" in str(failed.value)
    assert failed.value.execution.status == "failed"


def test_waiting_for_a_batch_ends_at_its_timeout(gated, dataset):
    pipeline, go = gated
    dataset.items.upload(local_path=b"x", remote_name="x.txt")
    batch = batch_of(pipeline, dataset, execution_inputs={"path": str(go)})
    with pytest.raises(dl.exceptions.WaitTimeout, match="1 of the 1"):
        batch.wait(timeout=0.05)
    go.touch()
    assert batch.wait(timeout=60).counts() == {"success": 1}


def test_a_batch_of_nothing_is_over_at_once(numbered, dataset):
    filters = dl.Filters(field="dir", values="/nothing", context={"datasets": [dataset.id]})
    batch = numbered.execute_batch(filters=filters).wait(timeout=5)
    assert (len(batch), list(batch), batch.results(), batch.counts()) == (0, [], [], {})
    assert batch


def test_two_batches_do_not_mix(numbered, dataset):
    one, two = batch_of(numbered, dataset), batch_of(numbered, dataset)
    one.wait(timeout=60)
    two.wait(timeout=60)
    assert {each.id for each in one}.isdisjoint(each.id for each in two)
    assert [len(list(each)) for each in (one, two)] == [5, 5]
    assert len(numbered.pipeline_executions.list()) == 10


def test_a_service_runs_a_batch_with_results(numbered, dataset, client):
    service = client.services.get(service_name=numbered.nodes[0].namespace.service_name)
    batch = service.execute_batch(filters=dl.Filters(context={"datasets": [dataset.id]})).wait(timeout=60)
    assert batch.counts() == {"success": 3, "failed": 2}
    assert [each.output for each in batch.results()] == [0, None, 20, None, 40]


# --- listings --------------------------------------------------


def test_a_listing_iterates_entities_and_knows_their_number(failing):
    runs = [failing.execute(execution_input={"n": n}) for n in range(3)]
    for each in runs:
        each.wait(timeout=60)
    listing = failing.pipeline_executions.list()
    assert (listing.items_count, len(listing)) == (3, 3)
    assert [each.status for each in listing] == ["success", "failed", "success"]
    assert listing[0].id == runs[-1].id
    assert listing[-1].id == runs[0].id
    assert [each.id for each in listing[:2]] == [runs[2].id, runs[1].id]
    filters = dl.Filters(custom_filter={"status": "failed"}, resource=dl.FiltersResource.PIPELINE_EXECUTION)
    assert [each.id for each in failing.pipeline_executions.list(filters)] == [runs[1].id]


def test_filters_of_ones_own_stay_within_the_pipeline(project, failing):
    other = pipeline_of(project, code(dl, project, same), name="other")
    failing.execute(execution_input={"n": 1}).wait(timeout=60)
    filters = dl.Filters(custom_filter={"filter": {}}, resource=dl.FiltersResource.PIPELINE_EXECUTION)
    assert len(other.pipeline_executions.list(filters)) == 0
    filters = dl.Filters(custom_filter={"name": "*"}, resource=dl.FiltersResource.PIPELINE)
    assert {each.name for each in project.pipelines.list(filters)} == {"other", "pipe"}
