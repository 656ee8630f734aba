"""A wire between a client and a PostgreSQL on a socket, which can be cut: at one turn, or altogether."""

from __future__ import annotations

import select
import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

PORT = "5432"


class Proxy:
    """`url` leads through it to the database of the URL that was given.

    `turns` counts how often the client spoke after the server had: its round trips.
    """

    def __init__(self, url: str) -> None:
        self._given = conninfo_to_dict(url)
        self._folder = Path(tempfile.mkdtemp(prefix="wire-"))  # short: the path of a socket may have 107 characters
        self.url = "postgresql://?" + "&".join(
            f"{key}={quote(str(value), safe='')}"
            for key, value in {**self._given, "host": str(self._folder), "port": PORT}.items()
        )
        self.turns = 0
        self._last: tuple[int, bool] | None = None
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        shutil.rmtree(self._folder)

    def open(self) -> None:
        """Takes connections."""
        listener = self._listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._folder / f".s.PGSQL.{PORT}"))
        listener.listen()
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Cuts all connections, and takes no more."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            (self._folder / f".s.PGSQL.{PORT}").unlink()
        self.cut()

    def cut(self) -> None:
        """Cuts all connections."""
        with self._lock:
            for pair in self._pairs:
                for end in pair:
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)

    def cut_at(self, turn: int, *, forward: bool) -> None:
        """Cuts the connection on which the client takes the next turn but `turn - 1`.

        With `forward` the server hears it and answers, and the answer is lost.
        """
        self._last = self.turns + turn, forward

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = self._server()
        pair = client, server
        with self._lock:
            self._pairs.add(pair)
        spoke = None
        cutting = False
        try:
            while True:
                for end in select.select(pair, (), ())[0]:
                    data = end.recv(1 << 16)
                    if not data or (cutting and end is server):
                        return
                    if end is client:
                        self.turns += spoke is not client
                        if self._last is not None and self.turns >= self._last[0]:
                            (_, cutting), self._last = self._last, None
                            if not cutting:
                                return
                    spoke = end
                    (server if end is client else client).sendall(data)
        except OSError:
            return
        finally:
            with self._lock:
                self._pairs.discard(pair)
            client.close()
            server.close()

    def _server(self) -> socket.socket:
        host, port = str(self._given.get("host") or "localhost"), str(self._given.get("port") or PORT)
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server
