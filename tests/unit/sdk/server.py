"""A small real server on loopback, with whatever weather a test wants."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

Script = Callable[[str, str, dict[str, str], bytes], bytes]


class Server:
    """A real HTTP/1.1 server on loopback that answers each request with the bytes that a script says.

    `script(method, target, headers, body)` returns the whole answer; an empty one closes the connection at once.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while True:
                try:
                    line = stream.readline()
                    if not line.strip():
                        return
                    method, target, _ = line.decode().split()
                    headers = {}
                    while (line := stream.readline().strip()) != b"":
                        name, _, value = line.decode().partition(":")
                        headers[name.lower()] = value.strip()
                    body = stream.read(int(headers.get("content-length", 0)))
                    self.seen.append((method, target, headers, body))
                    answer = self.script(method, target, headers, body)
                    if not answer:
                        return
                    connection.sendall(answer)
                    if b"connection: close" in answer:
                        return
                except (OSError, ValueError):
                    return

    @property
    def connections(self) -> int:
        """How many were made."""
        return len(self._connections)

    def close(self) -> None:
        if self._listener.fileno() == -1:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            connection.close()
        self._thread.join(5)


def http(body: bytes | Any = b"", status: int = 200, *, length: int | None = None, **headers: str) -> bytes:
    """An HTTP answer; `length` lies about the body's."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Word", f"content-length: {len(data) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data
