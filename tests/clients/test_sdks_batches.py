"""Batches, and listings of runs, through the field's SDK and through ours."""

from __future__ import annotations

import pytest

from tests.clients.steps import FINAL, code, counts, every, over, pipeline_of, ran, same

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


def items_in(dataset, folder, number):
    return [dataset.items.upload(local_path=b"x", remote_name=f"{n}.txt", remote_path=folder) for n in range(number)]


def test_a_batch_begins_a_run_for_each_item_that_matches(dl, project, dataset):
    def run(item, string):
        item.metadata["user"] = {"userInput": string}
        item.update()
        return item

    items = items_in(dataset, "/test", 5)
    items_in(dataset, "/other", 2)
    pipeline = pipeline_of(project, code(dl, project, run, {"item": "ITEM"}, {"item": "ITEM"}))
    batch = pipeline.execute_batch(
        execution_inputs=dl.FunctionIO(type=dl.PackageInputType.STRING, value="test", name="string"),
        filters=dl.Filters(field="dir", values="/test", context={"datasets": [dataset.id]}),
    )
    assert batch.status == "success"
    assert [each["item"]["item_id"] for each in batch.spec["inputs"]] == [each.id for each in items]
    assert pipeline.pipeline_executions.list().items_count == 5
    done = [over(pipeline, each) for each in every(pipeline.pipeline_executions.list())]
    assert {each.status for each in done} == {"success"}
    filters = dl.Filters(field="metadata.user.userInput", values="test")
    assert [each.id for each in dataset.items.list(filters=filters).all()] == [each.id for each in items]


def test_a_batch_may_start_at_a_node_and_need_not_be_waited_for(dl, project, dataset):
    items_in(dataset, "/test", 3)
    a, b = code(dl, project, same, name="a"), code(dl, project, same, name="b")
    pipeline = pipeline_of(project, a, (a, b))
    filters = dl.Filters(field="dir", values="/test", context={"datasets": [dataset.id]})
    command = pipeline.execute_batch(filters=filters, wait=False, node_id=b.node_id)
    assert dl.commands.get(command_id=command.id).status == "success"
    done = [over(pipeline, each) for each in every(pipeline.pipeline_executions.list())]
    assert [counts(each) for each in done] == [{"b": 1}] * 3


def test_a_batch_of_no_items_begins_nothing(dl, project, dataset):
    pipeline = pipeline_of(project, code(dl, project, same))
    filters = dl.Filters(field="dir", values="/nothing/here", context={"datasets": [dataset.id]})
    batch = pipeline.execute_batch(filters=filters)
    assert batch.status == "success"
    assert batch.spec["inputs"] == []
    assert pipeline.pipeline_executions.list().items_count == 0


def test_a_batch_that_is_refused_begins_nothing(dl, project, dataset):
    def run(item, n):
        return item

    items_in(dataset, "/test", 3)
    pipeline = pipeline_of(project, code(dl, project, run, {"item": "ITEM", "n": "INT"}, {"item": "ITEM"}))
    filters = dl.Filters(field="dir", values="/test", context={"datasets": [dataset.id]})
    with pytest.raises(dl.exceptions.BadRequest, match="'n'"):
        pipeline.execute_batch(filters=filters, execution_inputs={"n": "x"})
    with pytest.raises(dl.exceptions.NotFound, match=r"0{24}"):
        pipeline.execute_batch(filters=dl.Filters(context={"datasets": ["0" * 24]}), execution_inputs={"n": 1})
    assert pipeline.pipeline_executions.list().items_count == 0


def test_runs_are_listed_newest_first_in_pages_and_by_status(dl, project):
    def run(n):
        if n % 2:
            raise ValueError("odd")
        return n

    pipeline = pipeline_of(project, code(dl, project, run, {"n": "INT"}, {"n": "INT"}))
    ids = [ran(pipeline, n=n).id for n in range(5)]
    listing = pipeline.pipeline_executions.list()
    assert listing.items_count == 5
    assert [each.id for each in every(listing)] == ids[::-1]
    filters = dl.Filters(resource=dl.FiltersResource.PIPELINE_EXECUTION)
    filters.page_size = 2
    paged = pipeline.pipeline_executions.list(filters=filters)
    assert [each.id for each in paged.all()] == ids[::-1]
    assert paged.items_count == 5
    filters = dl.Filters(field="status", values="failed", resource=dl.FiltersResource.PIPELINE_EXECUTION)
    assert [each.id for each in every(pipeline.pipeline_executions.list(filters=filters))] == [ids[3], ids[1]]


def test_a_run_is_waited_for(dl, project, item):
    pipeline = pipeline_of(project, code(dl, project, same))
    execution = pipeline.execute(execution_input={"item": item.id})
    assert execution.status in ("pending", "in-progress", *FINAL)
    assert execution.wait().status == "success"
    found = pipeline.pipeline_executions.wait(pipeline_execution_id=execution.id, timeout=30)
    assert (found.id, found.status) == (execution.id, "success")
    assert found.in_progress() is False


def test_load_existing_data_runs_what_matches_once(dl, project, dataset):
    items_in(dataset, "/in", 3)
    items_in(dataset, "/out", 2)
    node = dl.DatasetNode(
        name="data",
        project_id=project.id,
        dataset_id=dataset.id,
        load_existing_data=True,
        data_filters=dl.Filters(custom_filter={"filter": {"$and": [{"type": "file"}, {"dir": "/in"}]}})
        if dl.__name__ == "dtlpipe"
        else dl.Filters(field="dir", values="/in"),
    )
    pipeline = pipeline_of(project, node, (node, code(dl, project, same)))
    done = [over(pipeline, each) for each in every(pipeline.pipeline_executions.list())]
    assert [each.status for each in done] == ["success"] * 3
    pipeline.pause()
    project.pipelines.get(pipeline_id=pipeline.id).install()
    assert pipeline.pipeline_executions.list().items_count == 3
