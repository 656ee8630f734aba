"""Transports: one attempt each, whatever the weather. Failures are simulated by respx and by a real server.

Longer than 400 lines because each law holds for all of them, and is asked of all in one place.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading

import httpx
import pytest
import requests
import respx

from dtlpipe.sansio.effects import Response, StreamBroken, TransportError, Upload
from dtlpipe.sansio.wire import WireDownload, WireRequest, WireUpload
from dtlpipe.transports.async_driver import InThreads
from dtlpipe.transports.async_httpx import POOL, AsyncHttpxTransport
from dtlpipe.transports.httpx import HttpxTransport
from dtlpipe.transports.local import LocalTransport
from dtlpipe.transports.plain_json import PlainTransport
from dtlpipe.transports.requests import RequestsTransport
from tests.unit.sdk.hand import settings
from tests.unit.sdk.server import http

URL = "http://127.0.0.1:9/api/v1/things"


def wire(url: str = URL, method: str = "GET", content: bytes | None = None, timeout: float = 5.0) -> WireRequest:
    return WireRequest(method, url, {"accept": "application/json", "authorization": "Bearer t"}, content, timeout)


def loopback():
    return settings("http://127.0.0.1:9")


class Sync:
    """A sync transport, called."""

    def __init__(self, transport):
        self.transport = transport

    def send(self, request):
        return self.transport.send(request)

    def close(self):
        self.transport.close()


class OnLoop(Sync):
    """An async transport, each call on an event loop of its own."""

    def send(self, request):
        async def call():
            try:
                return await self.transport.send(request)
            finally:
                await self.transport.aclose()

        return asyncio.run(call())

    def close(self):
        pass


MAKERS = {
    "httpx": lambda: Sync(HttpxTransport(loopback())),
    "async httpx": lambda: OnLoop(AsyncHttpxTransport(loopback())),
    "plain": lambda: Sync(PlainTransport(loopback())),
    "requests": lambda: Sync(RequestsTransport(loopback())),
    "requests in threads": lambda: OnLoop(InThreads(RequestsTransport(loopback()))),
}


@pytest.fixture(params=MAKERS)
def transport(request):
    made = MAKERS[request.param]()
    yield made
    made.close()


def test_an_answer_is_a_response_whatever_its_status(transport, serve):
    server = serve(lambda *_: http({"message": "no"}, 418, x_request_id="r1"))
    answer = transport.send(wire(f"{server.url}/api/v1/things?a=b%20c", "POST", b'{"a":1}'))
    assert isinstance(answer, Response)
    assert (answer.status, answer.json()) == (418, {"message": "no"})
    assert answer.headers["X-Request-Id"] == "r1"
    method, target, headers, body = server.seen[0]
    assert (method, target, body) == ("POST", "/api/v1/things?a=b%20c", b'{"a":1}')
    assert headers["authorization"] == "Bearer t"


def test_a_redirect_is_not_followed(transport, serve):
    server = serve(lambda *_: http(b"", 302, location="http://127.0.0.1:9/elsewhere"))
    assert transport.send(wire(server.url)).status == 302


def test_a_closed_door_is_a_refused_connection(transport, serve):
    server = serve(lambda *_: b"")
    server.close()
    with pytest.raises(TransportError) as caught:
        transport.send(wire(server.url))
    assert caught.value.kind == "refused"


def test_a_connection_that_closes_without_a_word_is_broken(transport, serve):
    with pytest.raises(TransportError) as caught:
        transport.send(wire(serve(lambda *_: b"").url))
    assert caught.value.kind == "broken"


def test_a_torn_body_is_a_broken_answer_and_never_half_of_one(transport, serve):
    server = serve(lambda *_: http(b'{"items": [', length=100, connection="close"))
    with pytest.raises(TransportError) as caught:
        transport.send(wire(server.url))
    assert caught.value.kind == "broken"


def test_silence_is_a_timeout(transport, serve):
    gate = threading.Event()

    def script(*_):
        gate.wait(10)
        return b""

    try:
        with pytest.raises(TransportError) as caught:
            transport.send(wire(serve(script).url, timeout=0.05))
        assert caught.value.kind == "timeout"
    finally:
        gate.set()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError, "refused"),
        (httpx.ConnectTimeout, "refused"),
        (httpx.ReadTimeout, "timeout"),
        (httpx.WriteTimeout, "timeout"),
        (httpx.ReadError, "broken"),
        (httpx.WriteError, "broken"),
        (httpx.RemoteProtocolError, "broken"),
    ],
)
@pytest.mark.parametrize("maker", ["httpx", "async httpx"])
def test_each_kind_of_failure_is_told_apart(maker, error, kind):
    with respx.mock, pytest.raises(TransportError) as caught:
        respx.get(URL).mock(side_effect=error)
        MAKERS[maker]().send(wire())
    assert caught.value.kind == kind


def test_a_requests_session_of_one_s_own_is_used_and_left_open(serve):
    server = serve(lambda *_: http({}))
    session = requests.Session()
    session.trust_env = False
    session.headers["x-mine"] = "yes"
    closed = []
    session.close = lambda: closed.append(True)  # type: ignore[method-assign]
    transport = RequestsTransport(session=session)
    transport.send(wire(server.url))
    transport.close()
    assert server.seen[0][2]["x-mine"] == "yes"
    assert not closed
    requests.Session.close(session)
    with pytest.raises(TypeError):
        RequestsTransport()


def test_a_command_loads_no_http_client_but_the_standard_library_s():
    code = """
import sys
from dtlpipe.cli import main
url = "http://127.0.0.1:9"
for arguments in (["pipelines", "list", "--url", url], ["serve", "--url", url, "status"]):
    try:
        main(arguments)
    except SystemExit as end:
        print(end.code)
print(sorted({"httpx", "requests", "rich", "pydantic", "asyncio"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n", 2) == ["4", "1", "[]\n"], done.stderr


def test_a_connection_that_was_closed_meanwhile_is_not_used_again(serve):
    server = serve(lambda *_: http({}))
    transport = PlainTransport(loopback())
    transport.send(wire(server.url))
    server._connections[0].shutdown(socket.SHUT_RDWR)
    assert transport.send(wire(server.url, "POST", b"{}")).status == 200
    assert server.connections == 2
    transport.close()


@pytest.mark.parametrize("maker", ["httpx", "plain"])
def test_connections_are_kept_and_used_again(serve, maker):
    server = serve(lambda *_: http({}))
    transport = MAKERS[maker]()
    for _ in range(5):
        transport.send(wire(server.url))
    transport.close()
    assert server.connections == 1
    transport.send(wire(server.url))
    assert server.connections == 2, "and after closing, a new one is opened"
    transport.close()


async def test_the_async_pool_never_grows_over_its_size(serve):
    server = serve(lambda *_: http({}))
    transport = AsyncHttpxTransport(loopback())
    await asyncio.gather(*(transport.send(wire(server.url)) for _ in range(100)))
    await transport.aclose()
    assert 1 <= server.connections <= POOL
    assert len(server.seen) == 100


async def test_requests_that_are_held_do_not_keep_others_from_their_turn(serve):
    gate = threading.Event()

    def script(method, target, headers, body):
        if target == "/held":
            gate.wait(10)
        return http({})

    server = serve(script)
    transport = AsyncHttpxTransport(loopback())
    held = wire(f"{server.url}/held")
    held.held = True
    waiting = [asyncio.create_task(transport.send(held)) for _ in range(2 * POOL)]
    try:
        assert (await asyncio.wait_for(transport.send(wire(f"{server.url}/quick")), 5)).status == 200
        assert not any(task.done() for task in waiting)
    finally:
        gate.set()
        await asyncio.gather(*waiting)
        await transport.aclose()


def test_one_async_transport_serves_one_loop_after_the_other(serve):
    server = serve(lambda *_: http({}, connection="close"))
    transport = AsyncHttpxTransport(loopback())

    async def once():
        await transport.send(wire(server.url))

    for _ in range(3):
        asyncio.run(once())
    assert len(server.seen) == 3


# -- files ------------------------------------------------------------------------------------------------------------


def sent(url: str, source, filename: str = "ü b.png") -> WireUpload:
    upload = Upload(
        "/x",
        source=source,
        filename=filename,
        content_type="image/png",
        fields=[("type", "file"), ("path", "/ä/b.png")],
    )
    return WireUpload(f"{url}/upload?mode=skip", {"authorization": "Bearer t"}, upload, 5.0)


def wsgi(script):
    def app(environ, start_response):
        body = environ["wsgi.input"].read()
        headers = {"content-type": environ["CONTENT_TYPE"]} if environ.get("CONTENT_TYPE") else {}
        headers |= {"range": environ["HTTP_RANGE"]} if "HTTP_RANGE" in environ else {}
        status, answer_headers, answer = script(environ["REQUEST_METHOD"], environ["PATH_INFO"], headers, body)
        start_response(f"{status} Word", [*answer_headers.items(), ("content-length", str(len(answer)))])
        return [answer[n : n + 3] for n in range(0, len(answer), 3)]

    return app


@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
@pytest.mark.parametrize("data", [b"", b"hello", bytes(range(256)) * 2000])
def test_an_upload_is_one_multipart_body_however_it_is_carried(serve, tmp_path, kind, data):
    bodies = []

    def script(method, target, headers, body):
        bodies.append((headers["content-type"], body))
        return http({"id": "1"})

    def local_script(*args):
        script(*args)
        return 200, {"content-type": "application/json"}, b'{"id": "1"}'

    path = tmp_path / "b.png"
    path.write_bytes(data)
    for transport, url in (
        (RequestsTransport(loopback()), serve(script).url),
        (LocalTransport(wsgi(local_script)), "http://localhost"),
    ):
        with path.open("rb") as file:
            file.read(1)  # an open file is sent from its beginning all the same
            source = {"bytes": data, "path": path, "file": file}[kind]
            assert transport.upload(sent(url, source)).json() == {"id": "1"}
            assert not file.closed
        transport.close()
    for content_type, body in bodies:
        boundary = content_type.partition("boundary=")[2].encode()
        parts = [part[2:-2].split(b"\r\n\r\n", 1) for part in body.split(b"--" + boundary)[1:-1]]
        assert b'name="type"' in parts[0][0]
        assert parts[0][1] == b"file"
        assert (b'name="path"' in parts[1][0], parts[1][1].decode()) == (True, "/ä/b.png")
        assert b'name="file"' in parts[2][0]
        assert b"image/png" in parts[2][0]
        assert parts[2][1] == data


def test_a_local_file_that_is_not_there_is_its_own_error(serve, tmp_path):
    server = serve(lambda *_: http({}))
    transport = RequestsTransport(loopback())
    with pytest.raises(FileNotFoundError):
        transport.upload(sent(server.url, tmp_path / "no.png"))
    assert server.seen == []
    transport.close()


def test_an_upload_that_breaks_off_is_broken(serve):
    transport = RequestsTransport(loopback())
    with pytest.raises(TransportError) as caught:
        transport.upload(sent(serve(lambda *_: b"").url, b"hello"))
    assert caught.value.kind == "broken"
    transport.close()


def asked(url: str, start: int = 0) -> WireDownload:
    return WireDownload(url, {"range": f"bytes={start}-", "accept-encoding": "identity"}, 5.0)


def read(stream, size: int = 4) -> bytes:
    data = b""
    while chunk := stream.read(size):
        assert len(chunk) <= size
        data += chunk
    stream.close()
    return data


def test_a_download_is_read_as_it_comes_from_where_it_was_asked(serve):
    data = b"0123456789"

    def parts(method, target, headers, body):
        start = int(headers["range"].removeprefix("bytes=").rstrip("-"))
        return 206, {"content-range": f"bytes {start}-9/10"}, data[start:]

    def script(*args):
        status, headers, body = parts(*args)
        return http(body, status, **headers)

    for transport, url in (
        (RequestsTransport(loopback()), serve(script).url),
        (LocalTransport(wsgi(parts)), "http://localhost"),
    ):
        stream = transport.open(asked(url, 3))
        assert (stream.status, stream.start, stream.length) == (206, 3, 7)
        assert read(stream) == b"3456789"
        transport.close()


def test_a_download_that_is_refused_is_a_response(serve):
    transport = RequestsTransport(loopback())
    answer = transport.open(asked(serve(lambda *_: http({"message": "gone"}, 404)).url))
    assert isinstance(answer, Response)
    assert answer.json() == {"message": "gone"}
    transport.close()
    local = LocalTransport(wsgi(lambda *_: (404, {}, b'{"message": "gone"}')))
    answer = local.open(asked("http://localhost/x"))
    assert isinstance(answer, Response)
    assert answer.json() == {"message": "gone"}
    local.close()


def test_a_download_that_ends_early_breaks_and_does_not_just_end(serve):
    transport = RequestsTransport(loopback())
    stream = transport.open(asked(serve(lambda *_: http(b"01234", length=10, connection="close")).url))
    with pytest.raises(StreamBroken):
        read(stream)
    stream.close()
    transport.close()


def test_a_download_is_not_read_into_memory_first(serve):
    """The second half is sent only once the first has been read."""
    gate = threading.Event()

    class Slow(bytes):
        pass

    def script(*_):
        return http(b"a" * 10, length=20)

    server = serve(script)
    original = server.script

    def two_halves(*args):
        threading.Thread(
            target=lambda: (gate.wait(10), server._connections[-1].sendall(b"b" * 10)), daemon=True
        ).start()
        return original(*args)

    server.script = two_halves
    transport = RequestsTransport(loopback())
    stream = transport.open(asked(server.url))
    assert stream.read(10) == b"a" * 10
    gate.set()
    assert stream.read(10) == b"b" * 10
    assert stream.read(10) == b""
    stream.close()
    transport.close()


def test_an_application_that_raises_is_a_failing_platform(caplog):
    def app(environ, start_response):
        raise ZeroDivisionError

    answer = LocalTransport(app).send(wire("http://localhost/x"))
    assert answer.status == 500
    assert "ZeroDivisionError" in answer.json()["message"]
    assert "ZeroDivisionError" in caplog.text
