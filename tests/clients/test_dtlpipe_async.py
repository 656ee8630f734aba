"""The main job by the asynchronous client: the same verbs, awaited, and many of them at once."""

from __future__ import annotations

import asyncio
import uuid

import pytest

import dtlpipe as dl
from tests.clients.steps import code, port, same


@pytest.fixture
async def client(platform):
    async with platform.async_client() as found:
        yield found


@pytest.fixture
async def project(client):
    return await client.projects.create(project_name=f"async {uuid.uuid4().hex}")


@pytest.fixture
async def dataset(project):
    return await project.datasets.create(dataset_name="data")


async def installed(project, node):
    pipeline = await project.pipelines.create(name="pipe")
    pipeline.nodes.add(node)
    assert await pipeline.update() is pipeline
    return await pipeline.install()


def ten_times(item):
    n = item.metadata["user"]["n"]
    if n % 2:
        raise ValueError(f"{n} is odd")
    print("times ten:", n)
    return n * 10


@pytest.fixture
async def pipeline(project):
    return await installed(project, code(dl, project, ten_times, outputs={"n": "INT"}))


@pytest.fixture
async def items(dataset):
    return [
        await dataset.items.upload(b"x", remote_name=f"{n}.txt", item_metadata={"user": {"n": n}}) for n in range(4)
    ]


async def test_a_run_is_begun_waited_for_and_read(pipeline, items):
    run = await pipeline.execute(execution_input={"item": items[2]})
    assert await run.wait(timeout=60) is run
    assert run.status == dl.ExecutionStatus.SUCCESS == "success"
    assert await run.outputs() == {"ten_times": 20}
    assert [line.message async for line in run.logs()] == ["times ten: 2"]
    assert [each.name for each in run.nodes] == ["ten_times"]
    again = await pipeline.pipeline_executions.get(run.id)
    assert (again.id, again.status) == (run.id, "success")
    (execution,) = run.node_executions("ten_times")
    assert (await execution.refresh()).output == 20
    assert [line.message async for line in execution.logs()] == ["times ten: 2"]


async def test_many_runs_are_waited_for_at_once(pipeline, items):
    runs = await asyncio.gather(*(pipeline.execute(execution_input={"item": each}) for each in items))
    await asyncio.gather(*(run.wait(timeout=60) for run in runs))
    assert [run.status for run in runs] == ["success", "failed", "success", "failed"]
    assert {each.id async for each in pipeline.pipeline_executions.list()} == {run.id for run in runs}
    listing = await pipeline.pipeline_executions.list()
    assert listing.items_count == len(listing) == 4


async def test_a_failed_run_explains_itself(pipeline, items):
    run = await pipeline.execute(execution_input={"item": items[3]})
    with pytest.raises(dl.exceptions.PipelineError, match="3 is odd") as failed:
        await run.wait(timeout=60, raise_on_failure=True)
    assert failed.value.node == "ten_times"
    assert "raise ValueError" in failed.value.remote_traceback
    with pytest.raises(dl.exceptions.PipelineError) as refused:
        await pipeline.execute(execution_input={"item": "0" * 24})
    assert isinstance(refused.value, dl.exceptions.NotFound)


async def test_a_batch_is_waited_for_and_read(pipeline, dataset, items):
    batch = await pipeline.execute_batch(filters=dl.Filters(context={"datasets": [dataset.id]}), wait=False)
    assert await batch.wait(timeout=60) is batch
    assert await batch.counts() == {"success": 2, "failed": 2}
    assert [each.output for each in await batch.results()] == [0, None, 20, None]
    assert [each.item_id for each in await batch.results()] == [each.id for each in items]
    assert [each.status async for each in batch.executions] == ["success", "failed", "success", "failed"]
    assert len(await batch.failed()) == 2
    with pytest.raises(dl.exceptions.RunFailed):
        await batch.wait(timeout=60, raise_on_failure=True)


async def test_waiting_ends_at_its_timeout_and_can_be_cancelled(project):
    def run(n):
        import time

        until = time.monotonic() + 20
        while time.monotonic() < until:
            time.sleep(0.01)

    pipeline = await installed(project, code(dl, project, run, {"n": "INT"}, []))
    run = await pipeline.execute(execution_input={"n": 1})
    with pytest.raises(dl.exceptions.WaitTimeout):
        await run.wait(timeout=0.05)
    waiting = asyncio.create_task(run.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await run.terminate()).status == "terminated"


async def test_services_are_called(pipeline, client, items):
    service = await client.services.get(service_name=pipeline.nodes[0].namespace.service_name)
    execution = await service.execute(execution_input={"item": items[2]}, sync=True, timeout=60)
    assert (execution.status, execution.output) == ("success", 20)
    assert (await client.executions.get(execution.id)).output == 20
    assert [line.message async for line in service.log()] == ["times ten: 2"]
    package = await service.package
    assert package.modules[0].functions[0].name == "ten_times"
    call = await service.execute(execution_input={"item": items[1]})
    assert (await call.wait(timeout=60)).status == "failed"
    assert {each.id async for each in service.executions.list()} == {execution.id, call.id}


async def test_a_diamond_with_a_condition_joins(project, dataset):
    def left(item):
        return "left"

    def right(item):
        return "right"

    def join(a, b):
        return a + b

    start = code(dl, project, same)
    one = code(dl, project, left, outputs=[port(dl, "text", "STRING")])
    two = code(dl, project, right, outputs=[port(dl, "text", "STRING")])
    end = code(dl, project, join, {"a": "STRING", "b": "STRING"}, {"ab": "STRING"})
    pipeline = await project.pipelines.create(name="diamond")
    pipeline.nodes.add(start)
    start.connect(one)
    start.connect(two, filters=dl.Filters(field="dir", values="/in"))
    one.connect(end, target_port="a")
    two.connect(end, target_port="b")
    await pipeline.install()
    outputs = []
    for folder in ("/in", "/out"):
        item = await dataset.items.upload(b"x", remote_name="x.txt", remote_path=folder)
        run = await (await pipeline.execute(execution_input={"item": item})).wait(timeout=60)
        assert run.status == "success"
        outputs.append(await run.outputs())
    assert outputs == [{"join": "leftright"}, {}]


async def test_a_status_that_is_read_asks_nobody_on_async_handles(pipeline, items):
    run = await pipeline.execute(execution_input={"item": items[0]})
    assert run.status in ("pending", "in-progress", "success")
    before = run.known_status
    await pipeline.pipeline_executions.wait(run.id, timeout=60)
    assert run.status == before
    assert (await run.refresh()).status == "success"


async def test_definitions_live_as_they_do_in_sync(project, pipeline):
    assert (await project.pipelines.get(pipeline_name="pipe")).to_json() == pipeline.to_json()
    assert [each.id async for each in project.pipelines.list()] == [pipeline.id]
    assert (await pipeline.validate())["valid"] is True
    await pipeline.pause()
    assert pipeline.status == "Uninstalled"
    assert await pipeline.reset() is True
    assert (await pipeline.stats()).count("success") == 0
    assert await pipeline.delete() is True
    with pytest.raises(dl.exceptions.NotFound):
        await project.pipelines.get(pipeline_id=pipeline.id)


async def test_a_run_is_run_again_under_its_own_id(pipeline, items):
    run = await pipeline.execute(execution_input={"item": items[2]})
    await run.wait(timeout=60)
    (first,) = run.node_executions("ten_times")
    assert await run.rerun(method=dl.CycleRerunMethod.START_FROM_BEGINNING) is run
    await run.wait(timeout=60)
    (second,) = run.node_executions("ten_times")
    assert (await run.outputs(), second.id != first.id) == ({"ten_times": 20}, True)
    assert [each["replaced"] for each in run.reruns] == [[first.id]]
    command = await pipeline.pipeline_executions.rerun(dl.CycleRerunMethod.START_FROM_FAILED_EXECUTIONS)
    assert (command.status, command.spec["cycles"], command.spec["unchanged"]) == ("success", 0, 1)
