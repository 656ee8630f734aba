"""Batches of very many runs: begun in parts, seen while they are, taken up after a stop, and ended by one request."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import dtlpipe as dl
from dtlpipe.sansio.effects import Response
from dtlpipe.sansio.wire import WireRequest
from dtlpipe.transports.httpx import HttpxTransport
from mock_server.platform import batches
from mock_server.testing import LocalPlatform

ITEMS = 7


def hangs(item: dl.Item) -> dl.Item:
    import time

    time.sleep(600)
    return item


class Noting(HttpxTransport):
    """Notes what is sent."""

    def __init__(self, settings) -> None:
        super().__init__(settings)
        self.sent: list[str] = []

    def send(self, request: WireRequest) -> Response:
        self.sent.append(f"{request.method} {request.url.partition('/api/v1')[2]}")
        return super().send(request)


@pytest.fixture(scope="module")
def served() -> Iterator[LocalPlatform]:
    with LocalPlatform(workers=1, grace=0.2) as platform:
        yield platform


@pytest.fixture(scope="module")
def client(served: LocalPlatform) -> Iterator[dl.Client]:
    with served.client() as plain, served.client(transport=Noting(plain.settings)) as client:
        yield client


@pytest.fixture(scope="module")
def dataset(client: dl.Client) -> dl.Dataset:
    dataset = client.projects.create("batches").datasets.create("data")
    for number in range(ITEMS):
        dataset.items.upload(b"x", remote_name=f"{number}.txt")
    return dataset


@pytest.fixture
def pipeline(client: dl.Client, dataset: dl.Dataset, request: pytest.FixtureRequest) -> Iterator[dl.Pipeline]:
    project = dataset.project
    pipeline = project.pipelines.create(name=request.node.name[:60])
    pipeline.nodes.add(dl.CodeNode(name="hangs", method=hangs, project_id=project.id, project_name=project.name))
    pipeline.update()
    pipeline.install()
    yield pipeline
    pipeline.pause()
    pipeline.delete()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", 3)
    monkeypatch.setattr(batches, "PART", 2)


def everything(dataset: dl.Dataset) -> dl.Filters:
    return dl.Filters(context={"datasets": [dataset.id]})


def items_of(batch: dl.BatchRun) -> list[str]:
    return sorted(each.extra["inputs"]["item"]["item_id"] for each in batch.executions.all())


def test_a_large_batch_is_begun_in_parts_and_seen_while_it_is(pipeline, dataset):
    told = []
    batch = pipeline.execute_batch(everything(dataset), on_progress=lambda done, total: told.append((done, total)))
    assert (str(batch.status), batch.progress, len(batch)) == ("success", 100, ITEMS)
    assert items_of(batch) == sorted(each.id for each in dataset.items.list().all())
    assert told[-1] == (ITEMS, ITEMS)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert batch.cancel() == ITEMS


def test_a_batch_is_ended_by_one_request(client, pipeline, dataset):
    batch = pipeline.execute_batch(everything(dataset))
    other = pipeline.execute(execution_input={"item": dataset.items.list()[0].id})
    sent = client._session._transport.sent
    sent.clear()
    assert batch.cancel() == ITEMS
    assert sent == [f"POST /pipelines/{pipeline.id}/executions/terminate"]
    assert batch.counts() == {"terminated": ITEMS}
    assert batch.cancel() == 0
    assert str(other.refresh().known_status) not in ("terminated", "failed")


def test_what_a_stopped_platform_had_not_begun_is_begun_by_the_next_and_once(served, pipeline, dataset, monkeypatch):
    first_part = threading.Event()
    part = batches.Batches._part

    def one_part(self, command_id):
        if first_part.is_set():
            self._stop.wait()  # as if it had died here
            return False
        part(self, command_id)
        first_part.set()
        return True

    monkeypatch.setattr(batches.Batches, "_part", one_part)
    batch = pipeline.execute_batch(everything(dataset), wait=False)
    first_part.wait(30)
    assert str(batch.command.refresh().known_status) == "in-progress"
    monkeypatch.setattr(batches.Batches, "_part", part)
    served.restart()
    batch.command.wait(timeout=30)
    assert len(batch) == ITEMS
    assert items_of(batch) == sorted(each.id for each in dataset.items.list().all())
    batch.cancel()


def test_a_batch_that_is_cancelled_while_it_is_begun_begins_no_more(served, pipeline, dataset, monkeypatch):
    part, go_on, begun = batches.Batches._part, threading.Event(), threading.Event()

    def one_part(self, command_id):
        more = part(self, command_id)
        begun.set()
        go_on.wait(30)
        return more

    monkeypatch.setattr(batches.Batches, "_part", one_part)
    batch = pipeline.execute_batch(everything(dataset), wait=False)
    begun.wait(30)
    assert batch.cancel() == 2
    go_on.set()
    with pytest.raises(dl.exceptions.FailedDependency):
        batch.command.wait(timeout=30)
    assert len(items_of(batch)) == 2


def test_a_pipeline_that_is_paused_meanwhile_fails_the_command_with_the_reason(pipeline, dataset, monkeypatch):
    part, go_on, begun = batches.Batches._part, threading.Event(), threading.Event()

    def one_part(self, command_id):
        more = part(self, command_id)
        begun.set()
        go_on.wait(30)
        return more

    monkeypatch.setattr(batches.Batches, "_part", one_part)
    batch = pipeline.execute_batch(everything(dataset), wait=False)
    begun.wait(30)
    pipeline.pause()
    go_on.set()
    with pytest.raises(dl.exceptions.FailedDependency, match="install"):
        batch.command.wait(timeout=30)


def test_calls_of_a_service_are_ended_by_one_request_too(client, pipeline, dataset):
    service = client.services.get(service_name=pipeline.nodes[0].namespace.service_name)
    batch = service.execute_batch(filters=everything(dataset), function_name=pipeline.nodes[0].namespace.function_name)
    sent = client._session._transport.sent
    sent.clear()
    assert batch.cancel() == ITEMS
    assert sent == ["POST /executions/terminate"]
    assert batch.counts() == {"terminated": ITEMS}


def test_whose_runs_are_to_be_ended_has_to_be_said(client, pipeline):
    import requests

    path = f"{client.settings.url}/pipelines/{pipeline.id}/executions/terminate"
    for body in ({}, {"ids": ["x"], "batchId": "y"}, {"ids": "x"}):
        assert requests.post(path, json=body, timeout=30).status_code == 400
    assert requests.post(path, json={"ids": ["nobody"]}, timeout=30).json() == {"terminated": 0}
