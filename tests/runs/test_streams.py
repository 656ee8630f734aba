"""Streams of progress: what they say into a silence, and what the client makes of those that break or fall silent."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dtlpipe.errors import ConnectionFailed
from dtlpipe.runs import AsyncPipelineServiceClient, PipelineServiceClient
from dtlpipe.sansio.server_events import EventReader
from mock_server import streams
from mock_server.platform.actions.stream import subscribe


def frame(number: int, status: str, **more: Any) -> bytes:
    kind = "progress" if status == "running" else status
    data = json.dumps({"run_id": "r", "status": status, "progress": [], **more})
    return f"id: {number}\nevent: {kind}\ndata: {data}\n\n".encode()


class Broken(http.server.BaseHTTPRequestHandler):
    """Each connection is given the next part of what there is to say, in chunks without a last one."""

    protocol_version = "HTTP/1.1"
    parts: list[bytes | None]
    resumed: list[str | None]

    def do_GET(self) -> None:
        self.close_connection = True
        self.resumed.append(self.headers["Last-Event-ID"])
        part = self.parts.pop(0)
        if part is None:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        if not part.endswith(b"\n\n") or b"event: progress" in part:
            return
        self.rfile.read(1)  # silence, until the other end has gone

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody wants to read it."""


@pytest.fixture
def broken() -> Iterator[tuple[str, type[Broken]]]:
    handler = type("Handler", (Broken,), {"resumed": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


#: A whole frame and half of another one; nobody at home; nothing at all; the rest.
IN_PIECES = (
    frame(7, "running", current_action="a") + frame(8, "running", current_action="b")[:20],
    None,
    b": nothing yet",
    frame(8, "running", current_action="b") + frame(9, "completed"),
)
HEARD = [("running", "a"), ("running", "b"), ("completed", None)]
ASKED = [None, "7", "7", "7"]


def test_a_stream_that_breaks_is_taken_up_where_it_broke(broken):
    url, server = broken
    server.parts = list(IN_PIECES)
    with PipelineServiceClient(url) as client:
        assert [(each.status, each.current_action) for each in client.stream_progress("r")] == HEARD
    assert server.resumed == ASKED


async def test_so_it_is_by_the_async_client(broken):
    url, server = broken
    server.parts = list(IN_PIECES)
    async with AsyncPipelineServiceClient(url) as client:
        assert [(each.status, each.current_action) async for each in client.stream_progress("r")] == HEARD
    assert server.resumed == ASKED


def test_a_stream_that_falls_silent_is_an_error_that_says_for_how_long(broken):
    url, server = broken
    server.parts = [b"retry: 1000\n\n"]
    with PipelineServiceClient(url) as client, pytest.raises(ConnectionFailed, match=r"told nothing for 0\.2 s"):
        next(client.stream_progress("r", timeout=0.2))


def test_a_silence_is_broken_by_comments_that_readers_pass_over(platform, client, reported, monkeypatch):
    monkeypatch.setattr(streams, "_TURN", 0.01)
    ours, theirs = socket.socketpair()
    held = streams.Streams(keep_alive=0.01)
    try:
        held.take(ours, subscribe(platform.platform, reported["id"], None))
        with theirs:
            theirs.settimeout(30)
            heard = b""
            while heard.count(b": keep-alive\n\n") < 2:
                heard += theirs.recv(1 << 16)
            client.update_run(reported["id"], status="completed")
            while piece := theirs.recv(1 << 16):
                heard += piece
    finally:
        held.close()
    assert [each.kind for each in EventReader().feed(heard)] == ["progress", "completed"]
