"""The server under the application: how often it looks, and that nothing of a long answer stays behind."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mock_server.connections import Channel
from mock_server.server import Server

LONG = 48 * 1024 * 1024  # bytes: beyond what waitress keeps of an answer before its thread must wait
PIECE = 1 << 20


def app(environ: dict[str, Any], start_response: Any) -> Any:
    if environ["PATH_INFO"] == "/long":
        start_response("200 OK", [("Content-Length", str(LONG))])
        return (b"x" * PIECE for _ in range(LONG // PIECE))
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(
        app,
        host="127.0.0.1",
        port=0,
        threads=8,
        spool=folder,
        body_limit=lambda _kind: 1 << 20,
        refusal=lambda _status, _message, _path, _id: ([], b"{}"),
    )
    server.start()
    try:
        yield server
    finally:
        server.close(1.0)


def ask(connection: socket.socket, path: str) -> int:
    """The number of bytes of the answer's body."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65536)
    head, _, body = head.partition(b"\r\n\r\n")
    sizes = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    length = int(sizes[0])
    received = len(body)
    while received < length:
        received += len(connection.recv(1 << 20))
    return received


def test_the_servers_thread_sleeps_while_a_request_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = []
    turn = Server._turn

    def counted(self: Server, timeout: float) -> None:
        turns.append(timeout)
        turn(self, timeout)

    monkeypatch.setattr(Server, "_turn", counted)
    with serving(tmp_path) as server, ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 60)) for _ in range(4)]
        for connection in connections:
            ask(connection, "/")
        turns.clear()
        for number in range(200):
            assert ask(connections[number % 4], "/") == 2
        assert len(turns) <= 2 * 200 + 20  # one for the request, one to listen for the next


def test_a_long_answer_reaches_a_reader_to_its_end_and_the_connection_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        assert ask(connection, "/long") == LONG
        assert ask(connection, "/") == 2


def test_connections_that_only_wait_are_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    readable = Channel.readable

    def counted(self: Channel) -> bool:
        asked.append(self)
        return readable(self)

    monkeypatch.setattr(Channel, "readable", counted)
    with serving(tmp_path) as server, ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 60)) for _ in range(100)]
        for connection in idle:
            ask(connection, "/")
        with socket.create_connection(("127.0.0.1", server.port), 60) as busy:
            ask(busy, "/")
            asked.clear()
            for _ in range(50):
                assert ask(busy, "/") == 2
            assert len(asked) <= 50 * 8
        assert all(ask(connection, "/") == 2 for connection in idle)


def test_a_connection_that_has_been_silent_for_too_long_is_hung_up_on(tmp_path: Path) -> None:
    with serving(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        ask(connection, "/")
        server._waitress.adj.channel_timeout = -1000.0
        server._waitress.next_channel_cleanup = 0.0
        server._waitress.pull_trigger()
        assert connection.recv(1) == b""


def express_at_once(request: Any, deferred: Any) -> bool:
    """Answers on the thread that asks, as a way does whose answer is there already."""
    if request.path != "/express":
        return False
    deferred.answer(200, [("Content-Type", "text/plain")], b"ok")
    return True


def test_an_answer_that_is_there_at_once_is_given_by_the_thread_that_reads(tmp_path: Path) -> None:
    with serving(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        server.hurry(express_at_once)
        for path in ("/express", "/", "/express"):
            assert ask(connection, path) == 2


def test_of_many_requests_that_come_together_each_has_its_answer_in_its_place(tmp_path: Path) -> None:
    many = 2000
    paths = ["/express", "/express", "/"] * (many // 3)
    with serving(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        server.hurry(express_at_once)
        asking = "".join(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" for path in paths).encode()
        connection.sendall(asking)
        received = b""
        while received.count(b"\r\n\r\nok") < len(paths):
            received += connection.recv(1 << 16)
        kinds = [b"text/plain" in head for head in received.split(b"\r\n\r\nok")[:-1]]
        assert kinds == [path == "/express" for path in paths]
