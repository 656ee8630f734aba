"""Runs and streams that take their time: they hold no thread, so everybody else is answered meanwhile."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from mock_server.testing import LocalPlatform
from tests.serving.conftest import Http

STREAMS = 200
RUNS = 100  # more than the server has threads


class Asked:
    """A request on a connection of its own, whose answer is read when it is wanted."""

    def __init__(self, url: str, body: dict[str, Any], *, path: str = "/patient/run", more: str = "") -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=60)
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n{more}"
        self.socket.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        self.read = b""

    def until(self, wanted: bytes) -> bytes:
        while wanted not in self.read:
            more = self.socket.recv(65536)
            assert more, self.read
            self.read += more
        return self.read

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


@pytest.fixture
def patient(http: Http) -> Iterator[Http]:
    seen(http, "")  # it is loaded from here on
    yield http
    for key in ("streams", "runs", "one"):
        http.post("/patient/run", json={"kind": "go", "key": key})


def seen(http: Http, key: str) -> dict[str, int]:
    found: dict[str, int] = http.post("/patient/run", json={"kind": "seen", "key": key}).json()["result"]
    return found


def test_two_hundred_idle_streams_stand_beside_other_requests(patient: Http):
    with ExitStack() as stack:
        asked = {"kind": "stream", "key": "streams"}
        streams = [stack.enter_context(Asked(patient.base, asked)) for _ in range(STREAMS)]
        for each in streams:
            assert each.until(b"first").startswith(b"HTTP/1.1 200 OK")
        assert patient.get("/status").json()["status"] in ("Up!", "Degraded")
        assert patient.post("/shout/run", json={"text": "a"}).status_code == 200
        patient.post("/patient/run", json={"kind": "go", "key": "streams"})
        for each in streams:
            each.until(b"last\r\n0\r\n\r\n")


@pytest.mark.parametrize("way", ["", "X-Request-Id: 1\r\n"], ids=["express", "application"])
def test_more_waiting_runs_than_there_are_threads_delay_nobody(patient: Http, way: str):
    key = f"runs{way[:1]}"
    with ExitStack() as stack:
        runs = [stack.enter_context(Asked(patient.base, {"key": key}, more=way)) for _ in range(RUNS)]
        while seen(patient, key)["began"] < RUNS:
            assert patient.get("/status").status_code == 200
        patient.post("/patient/run", json={"kind": "go", "key": key})
        for each in runs:
            assert each.until(f'{{"result":"{key}"}}'.encode()).startswith(b"HTTP/1.1 200 OK")


def test_a_caller_who_goes_ends_the_run_that_it_asked_for(patient: Http):
    with Asked(patient.base, {"key": "gone"}):
        while not seen(patient, "gone")["began"]:
            pass
    while not seen(patient, "gone")["ended"]:
        pass


def test_a_reader_who_takes_nothing_holds_its_stream_within_a_window(patient: Http):
    with Asked(patient.base, {"kind": "flood", "key": "slow"}) as reader:
        reader.until(b"xxx")
        before = -1
        while (pieces := seen(patient, "slow")["pieces"]) != before:  # until it stands still
            before = pieces
        assert pieces * 60_000 < 16 << 20
        assert seen(patient, "slow")["ended"] == 0
    while not seen(patient, "slow")["ended"]:
        pass


def test_a_stream_too_many_is_told_when_to_come_back(served: LocalPlatform, patient: Http):
    streams = served.platform.serving.deployments.streams
    with ExitStack() as places:
        for _ in range(served.platform.settings.max_streams):
            places.callback(streams.take())
        refused = patient.post("/patient/run", json={"kind": "stream", "key": "one"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        chat = patient.post(
            "/v1/chat/completions",
            json={"model": "talker", "messages": [{"role": "user", "content": "a"}], "stream": True},
        )
        assert (chat.status_code, chat.json()["error"]["code"]) == (503, "overloaded")


def test_pipelined_requests_are_answered_in_their_order(patient: Http):
    with Asked(patient.base, {"text": "one"}, path="/shout/run") as asked:
        body = b'{"text": "two"}'
        head = (
            f"POST /shout/run HTTP/1.1\r\nHost: {urlsplit(patient.base).netloc}\r\nContent-Type: application/json\r\n"
        )
        second = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        asked.socket.sendall(second + second)
        read = asked.until(b"TWO")
        while read.count(b"TWO") < 2:
            more = asked.socket.recv(4096)
            assert more
            read += more
        assert read.index(b"ONE") < read.index(b"TWO")


def test_requests_follow_each_other_on_one_connection_without_a_pause(patient: Http):
    with Asked(patient.base, {"text": "0"}, path="/shout/run") as asked:
        asked.socket.settimeout(20)  # the server looks up by itself after thirty
        request = f"POST /shout/run HTTP/1.1\r\nHost: {urlsplit(patient.base).netloc}\r\n"
        request += 'Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{"text": "1"}'
        for _ in range(300):
            asked.until(b'"}')
            asked.read = b""
            asked.socket.sendall(request.encode())
        asked.until(b'"}')


def test_the_express_way_answers_as_the_application_does(patient: Http):
    express = patient.post("/shout/run", json={"text": "a"})
    other = patient.post("/shout/run", json={"text": "a"}, headers={"X-Request-Id": "mine"})
    assert express.content == other.content
    names = {name.lower() for name in express.headers}
    assert names == {name.lower() for name in other.headers}
    different = {"date", "x-request-id"}
    assert {k: v for k, v in express.headers.items() if k.lower() not in different} == {
        k: v for k, v in other.headers.items() if k.lower() not in different
    }
    wrong = patient.post("/shout/run", json={"text": 1}, headers={"Origin": "http://evil.example"})
    assert wrong.status_code == 403
    assert patient.post("/shout/run", json={"text": 1}, headers={"Host": "evil.example"}).status_code == 403
    counted = patient.get("/metrics").text
    assert 'route="/<name>/run"' in counted or "/&lt;name&gt;/run" in counted


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("said", ["one two", "headers", "fail at once", "fail"])
def test_a_chat_by_the_express_way_is_answered_as_by_the_application(patient: Http, said: str, stream: bool):
    body = {"model": "talker", "messages": [{"role": "user", "content": said}], "stream": stream}
    ours = {"X-Own": "mine"}
    express = patient.post("/v1/chat/completions", json=body, headers=ours)
    other = patient.post("/v1/chat/completions", json=body, headers={**ours, "X-Request-Id": "mine"})
    varying = r"chatcmpl-[0-9a-f]+|\"created\":\d+"
    assert re.sub(varying, "", express.text) == re.sub(varying, "", other.text)
    assert express.status_code == other.status_code
    different = {"date", "x-request-id", "content-length"}
    assert {k: v for k, v in express.headers.items() if k.lower() not in different} == {
        k: v for k, v in other.headers.items() if k.lower() not in different
    }


def test_what_is_no_chat_is_refused_by_the_application(patient: Http):
    for body in ({"model": "talker"}, {"model": ["x"]}, [], {"model": "shout", "messages": [{"role": "user"}]}):
        answer = patient.post("/v1/chat/completions", json=body)
        assert answer.status_code in (400, 422, 501)
        assert answer.json()["error"]["message"]
