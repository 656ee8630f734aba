"""Load on one route, from one process: keep-alive connections that ask again as soon as they were answered.

`python load.py PORT PATH CONNECTIONS SECONDS BODY` writes one line of JSON: requests a second, percentiles in
milliseconds, and how many answers were no 200.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time


class Connection:
    """One that has always a request on its way."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = request
        self.data = b""
        self.began = 0.0

    def ask(self) -> None:
        self.data, self.began = b"", time.perf_counter()
        self.socket.sendall(self.request)

    def answered(self, data: bytes) -> bool:
        """Whether that was the end of the answer."""
        self.data += data
        head, end, body = self.data.partition(b"\r\n\r\n")
        if not end:
            return False
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        return len(body) >= int(length)


def main(port: int, path: str, connections: int, seconds: float, body: str) -> None:
    """Ask for that long."""
    content = body.encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        each = Connection(port, request)
        selector.register(each.socket, selectors.EVENT_READ, each)
        each.ask()
    took: list[float] = []
    bad = 0
    begin = time.perf_counter()
    while time.perf_counter() < begin + seconds:
        for key, _ in selector.select(1.0):
            connection: Connection = key.data
            data = connection.socket.recv(1 << 16)
            if data and not connection.answered(data):
                continue
            took.append(time.perf_counter() - connection.began)
            bad += not connection.data.startswith(b"HTTP/1.1 200")
            if not data:
                selector.unregister(connection.socket)
                connection.socket.close()
                connection = Connection(port, request)
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.ask()
    elapsed = time.perf_counter() - begin
    took.sort()

    def at(share: float) -> float:
        return took[min(len(took) - 1, int(len(took) * share))] * 1000 if took else float("inf")

    print(json.dumps({"rps": len(took) / elapsed, "p50": at(0.5), "p99": at(0.99), "bad": bad}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
