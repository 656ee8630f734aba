"""The log of events: page by page, and as streams that resume."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from contextlib import closing

import pytest

from mock_server.streams import ROOM
from tests.unit.platform.building import code_node, definition, port

API = "/api/v1"
STREAM = {"Accept": "text/event-stream"}
WAIT = "import os, time\ndef run(x):\n    while not os.path.exists(x):\n        time.sleep(0.01)\n    return x\n"


def coded(id, source):
    return code_node(
        id,
        inputs=[port("x", "Json")],
        outputs=[port("x", "Json")],
        config={"package": {"code": source, "name": "run", "type": "code"}},
    )


@pytest.fixture
def pipeline(http, project):
    nodes = coded("a", "def run(x):\n    return x\n"), coded("b", WAIT)
    body = {"projectId": project["id"], **definition(*nodes, edges=[("a.x", "b.x")])}
    made = http.ok("POST", f"{API}/pipelines", json=body)
    return http.ok("POST", f"{API}/pipelines/{made['id']}/install")


@pytest.fixture
def begin(http, pipeline, tmp_path):
    """Begins a run whose second node waits for a file; gives the run and what makes the file."""

    def begin():
        gate = tmp_path / uuid.uuid4().hex
        url = f"{API}/pipelines/{pipeline['id']}/execute"
        return http.ok("POST", url, json={"pipeline": {"input": {"x": str(gate)}}}), gate.touch

    return begin


def finish(http, run):
    return http.ok("GET", f"{API}/pipelines/{run['pipelineId']}/executions/{run['id']}?wait=30")


def listen(http, path, after=None, until=None):
    """The events of a stream, up to its end or to one that is looked for."""
    headers = STREAM if after is None else {**STREAM, "Last-Event-ID": str(after)}
    found, number = [], None
    with closing(http.get(path, headers=headers, stream=True)) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for line in answer.iter_lines(chunk_size=1):
            if line.startswith(b"id: "):
                number = int(line[4:])
            elif line.startswith(b"data: "):
                found.append(json.loads(line[6:]))
                assert found[-1]["id"] == number
                if until is not None and until(found[-1]):
                    return found
    return found


KINDS = [
    "run.started",
    "execution.started",
    "execution.ended",
    "execution.started",
    "execution.ended",
    "run.ended",
]


def test_the_events_of_a_run_are_told_page_by_page(http, begin):
    run, go = begin()
    go()
    finish(http, run)
    path = f"{API}/platform/runs/{run['id']}/events"
    whole = http.ok("GET", path)
    assert [each["kind"] for each in whole["items"]] == KINDS
    assert {each["runId"] for each in whole["items"]} == {run["id"]}
    assert [each.get("nodeId") for each in whole["items"]] == [None, "a", "a", "b", "b", None]
    assert not whole["hasNext"]
    first = http.ok("GET", f"{path}?limit=2")
    assert first["items"] == whole["items"][:2]
    assert first["hasNext"]
    assert http.ok("GET", f"{path}?after={first['next']}")["items"] == whole["items"][2:]


def test_a_stream_has_what_happened_and_what_happens_and_ends_with_the_run(http, begin):
    run, go = begin()
    path = f"{API}/platform/runs/{run['id']}/events"
    seen = []

    def until(event):
        seen.append(event["kind"])
        if seen.count("execution.started") == 2 and seen[-1] == "execution.started":
            go()
        return False

    found = listen(http, path, until=until)
    assert [each["kind"] for each in found] == KINDS
    assert found == http.ok("GET", path)["items"]


def test_a_stream_resumes_after_the_last_event_that_the_client_has(http, begin):
    run, go = begin()
    path = f"{API}/platform/runs/{run['id']}/events"
    first = listen(http, path, until=lambda event: event["kind"] == "execution.ended")
    go()
    rest = listen(http, path, after=first[-1]["id"])
    assert [*first, *rest] == http.ok("GET", path)["items"]


def test_who_has_seen_the_end_is_told_that_there_is_no_more(http, begin):
    run, go = begin()
    go()
    finish(http, run)
    path = f"{API}/platform/runs/{run['id']}/events"
    last = http.ok("GET", path)["next"]
    assert http.get(path, headers={**STREAM, "Last-Event-ID": str(last)}).status_code == 204


def test_one_stream_tells_of_all_runs_of_a_project(http, begin, pipeline, project):
    started = threading.Event()
    runs = []

    def others():
        started.wait(30)
        for _ in range(2):
            run, go = begin()
            runs.append(run["id"])
            go()

    ended = set()

    def until(event):
        started.set()
        if event["kind"] == "run.ended":
            ended.add(event["runId"])
        return len(ended) == 3

    run, go = begin()
    after = http.ok("GET", f"{API}/platform/runs/{run['id']}/events")["items"][0]["id"] - 1
    go()
    beside = threading.Thread(target=others)
    beside.start()
    found = listen(http, f"{API}/platform/events?project={project['id']}", after=after, until=until)
    beside.join()
    assert ended == {run["id"], *runs}
    assert {each["pipelineId"] for each in found} == {pipeline["id"]}
    numbers = [each["id"] for each in found]
    assert numbers == sorted(set(numbers))


def test_an_id_that_is_no_number_is_refused(http, begin):
    run, go = begin()
    go()
    path = f"{API}/platform/runs/{run['id']}/events"
    assert "number" in http.refused(400, "GET", f"{path}?after=yesterday")["message"]
    assert "number" in http.refused(400, "GET", path, headers={**STREAM, "Last-Event-ID": "-1"})["message"]


def test_a_run_that_does_not_exist_has_no_events(http):
    http.refused(404, "GET", f"{API}/platform/runs/nobody/events")
    http.refused(404, "GET", f"{API}/platform/runs/nobody/events", headers=STREAM)


def request(platform, path, receive_buffer=None):
    """A connection on which a stream was asked for."""
    url = platform.url.removeprefix("http://").rpartition(":")
    sock = socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(30)
    sock.connect((url[0], int(url[2])))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {url[0]}\r\nAccept: text/event-stream\r\n\r\n".encode())
    return sock


def test_waiting_streams_hold_no_threads(http, platform, begin):
    run, go = begin()
    socks = [request(platform, f"{API}/platform/runs/{run['id']}/events") for _ in range(200)]
    try:
        for sock in socks:
            assert b"200 OK" in sock.recv(100)
        assert http.ok("GET", f"{API}/pipelines/{run['pipelineId']}/executions/{run['id']}")["status"] == "in-progress"
        assert sum(each.name.startswith("waitress") for each in threading.enumerate()) < 100
        go()
        for sock in socks:
            with sock.makefile("rb") as file:
                assert b"run.ended" in file.read()
    finally:
        for sock in socks:
            sock.close()


def test_who_reads_slowly_costs_no_memory_and_misses_nothing(http, platform):
    """More events than buffers hold: they stay in the log until the reader takes them."""
    mark = uuid.uuid4().hex
    body = {"text": "x" * 2000}
    count = 12 * ROOM // 2000
    with closing(request(platform, f"{API}/platform/events?project={mark}", receive_buffer=4096)) as sock:
        assert b"200 OK" in sock.recv(100)

        def many(tx):
            from dtlpipe.model import times
            from mock_server.store.base import RunRow

            row = RunRow(
                id=mark,
                pipeline_id="p",
                project_id=mark,
                revision_id="r",
                status="success",
                creator="me",
                created_at=times.now(),
                updated_at=times.now(),
            )
            tx.insert_runs([row])
            return [tx.append_event(mark, None, "test.noise", body) for _ in range(count)]

        numbers = platform.store.write(many)
        found = []
        with sock.makefile("rb") as file:
            while len(found) < count:
                line = file.readline()
                if line.startswith(b"id: "):
                    found.append(int(line[4:]))
    assert found == numbers
