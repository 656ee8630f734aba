"""Waiting for many runs at once: by one stream, by long-polls where that breaks, by polling where there is neither."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import dtlpipe as dl
from dtlpipe.sansio.effects import Response, TransportError
from dtlpipe.sansio.wire import WireListen, WireRequest
from dtlpipe.transports.httpx import HttpxTransport
from mock_server.testing import LocalPlatform

MANY = 20


def held(gate: str) -> str:
    import pathlib
    import time

    while not pathlib.Path(gate).exists():
        time.sleep(0.01)
    return gate


@pytest.fixture(scope="module")
def served() -> Iterator[LocalPlatform]:
    with LocalPlatform(workers=1) as platform:
        yield platform


@pytest.fixture(scope="module")
def pipeline_id(served: LocalPlatform) -> Iterator[str]:
    with served.client() as client:
        project = client.projects.create("together")
        pipeline = project.pipelines.create(name="held")
        pipeline.nodes.add(dl.CodeNode(name="held", method=held, project_id=project.id, project_name=project.name))
        pipeline.update()
        pipeline.install()
        yield pipeline.id


class Counting(HttpxTransport):
    """Counts what is sent, and how many streams are opened."""

    def __init__(self, settings) -> None:
        super().__init__(settings)
        self.sent: Counter[str] = Counter()
        self.streams: list[object] = []
        self.heard = threading.Semaphore(0)

    def send(self, request: WireRequest) -> Response:
        self.sent[request.method + request.url.partition("?")[0]] += 1
        return super().send(request)

    def listen(self, request: WireListen):
        found = super().listen(request)
        self.streams.append(found)
        self.heard.release()
        return found


class WithoutStreams(Counting):
    """A platform that has none, nor holds requests, as the cloud is."""

    def send(self, request: WireRequest) -> Response:
        found = super().send(request)
        return Response(found.status, {k: v for k, v in found.headers.items() if "dtlpipe" not in k}, found.content)

    def listen(self, request: WireListen):
        self.streams.append(None)
        return Response(404, {}, b'{"message": "there is nothing"}')


class Cut(Counting):
    """A proxy that ends each stream at its first word."""

    def listen(self, request: WireListen):
        stream = super().listen(request)
        said = []

        def read() -> bytes:
            if said:
                raise TransportError("broken", "the proxy has had enough")
            said.append(whole := reading())
            return whole

        reading, stream.read = stream.read, read
        return stream


@pytest.fixture
def begun(served: LocalPlatform, pipeline_id: str, tmp_path: Path):
    """Runs that are not over before their gate is opened: where a stream is asked for, or at once."""
    gate = tmp_path / "gate"
    clients, openers = [], []

    def begin(transport: type[Counting], *, at_stream: bool = True, count: int = MANY):
        with served.client() as plain:
            carrier = transport(plain.settings)
        client = served.client(transport=carrier)
        clients.append(client)
        pipeline = client.pipelines.get(pipeline_id=pipeline_id)
        runs = [pipeline.execute(execution_input={"gate": str(gate)}) for _ in range(count)]
        carrier.sent.clear()

        def open_gate() -> None:
            if at_stream:
                carrier.heard.acquire()
            gate.touch()

        openers.append(threading.Thread(target=open_gate))
        openers[-1].start()
        return client, runs, carrier

    yield begin
    gate.touch()
    for each in openers:
        each.join(60)
    for each in clients:
        each.close()


def test_runs_that_are_waited_for_together_cost_one_stream_and_few_requests(begun):
    client, runs, carrier = begun(Counting)
    found = list(client.pipeline_executions.as_completed(runs, timeout=60))
    assert {each.id for each in found} == {each.id for each in runs}
    assert {str(each.known_status) for each in runs} == {"success"}
    assert len(carrier.streams) == 1
    assert set(carrier.sent) == {"POST" + client.settings.url + "/pipelines/query"}
    assert sum(carrier.sent.values()) < MANY


def test_threads_that_wait_at_once_share_a_stream(begun):
    _, runs, carrier = begun(Counting)
    with ThreadPoolExecutor(MANY) as pool:
        found = list(pool.map(lambda run: run.wait(timeout=60), runs))
    assert [each.id for each in found] == [each.id for each in runs]
    assert {str(each.known_status) for each in runs} == {"success"}
    assert len(carrier.streams) == 1
    assert sum(carrier.sent.values()) < MANY + 1
    assert not [each for each in threading.enumerate() if each.name == "dtlpipe-ends"]


def test_who_waits_alone_holds_one_request(begun):
    _, (run,), carrier = begun(Counting, at_stream=False, count=1)
    assert run.wait(timeout=60).known_status == "success"
    assert not carrier.streams


def test_a_stream_that_is_cut_again_and_again_loses_nothing(begun, monkeypatch):
    monkeypatch.setattr("dtlpipe.sansio.ends.ATTEMPTS", 2)
    client, runs, carrier = begun(Cut)
    found = list(client.pipeline_executions.as_completed(runs, timeout=60))
    assert {each.id for each in found} == {each.id for each in runs}
    assert 1 <= len(carrier.streams) <= 3


@pytest.mark.parametrize("together", [True, False])
def test_without_a_stream_runs_are_polled_and_it_is_asked_for_once(begun, together):
    client, runs, carrier = begun(WithoutStreams, at_stream=False)
    if together:
        list(client.pipeline_executions.as_completed(runs, timeout=60))
        list(client.pipeline_executions.as_completed(runs, timeout=60))
        assert sum(carrier.sent.values()) < MANY
    else:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda run: run.wait(timeout=60), runs))
    assert {str(each.known_status) for each in runs} == {"success"}
    assert len(carrier.streams) == 1


def test_calls_of_services_are_waited_for_so_too(begun, served, pipeline_id):
    client, runs, carrier = begun(Counting, count=2)
    service = client.services.get(
        service_name=client.pipelines.get(pipeline_id=pipeline_id).nodes[0].namespace.service_name
    )
    calls = [service.execute(execution_input=dict(runs[0].extra["inputs"])) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(lambda each: each.wait(timeout=60), [*calls, *runs])]
    assert {str(each.known_status) for each in found} == {"success"}
    assert len(carrier.streams) == 1


def test_a_nodes_part_in_a_run_can_be_waited_for_among_others(begun):
    client, runs, _ = begun(Counting)
    (part, *_) = runs[0].refresh().node_executions("held") or [None]
    with ThreadPoolExecutor(8) as pool:
        waits = [pool.submit(each.wait, timeout=60) for each in [*runs[:4], client.executions.get(part.id)]]
        assert {str(each.result().known_status) for each in waits} == {"success"}


def test_what_is_not_over_in_time_is_said_and_a_run_that_is_not_there_is_not_found(begun):
    client, runs, carrier = begun(Counting)
    gone = dl.PipelineExecution.from_wire({**runs[0].to_wire(), "id": "0" * 24}, session=client._session)
    with pytest.raises(dl.exceptions.NotFound):
        list(client.pipeline_executions.as_completed([gone], timeout=60))
    assert len(carrier.streams) == 1


async def test_tasks_that_wait_at_once_share_a_stream(served, begun, pipeline_id):
    _, runs, _ = begun(Counting, at_stream=False)
    async with served.async_client() as client:
        pipeline = await client.pipelines.get(pipeline_id=pipeline_id)
        mine = [await pipeline.pipeline_executions.get(each.id) for each in runs]
        heard = []
        listen = client._session._transport.listen

        async def listening(request):
            heard.append(request)
            return await listen(request)

        client._session._transport.listen = listening
        found = await asyncio.gather(*(each.wait(timeout=60) for each in mine))
        assert {str(each.known_status) for each in found} == {"success"}
        async with asyncio.timeout(60):
            assert {each.id async for each in client.pipeline_executions.as_completed(mine)} == {e.id for e in runs}
        assert len(heard) <= 2
        assert client._session._ends._watch is None
