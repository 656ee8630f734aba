"""The platform's end of the bridge to Ray: starts that process, sends to it without waiting, hears it and its end.

Law: nothing here blocks but the start and the end. The bridge's standard error is read: its last lines explain a bad
start, and Ray says a lot there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import shutil
import signal
import socket
import subprocess  # - this package is the one that knows processes
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Any, Final

from dtlpipe.runtime.protocol import CHUNK, Decoder, Frame, encode
from mock_server.executors.nursery import environment

logger = logging.getLogger(__name__)

KEPT_LINES: Final = 40
_SHORT: Final = 40
"""Characters of a folder's path under which Ray's sockets still have names that the system takes."""


class Link:
    """One bridge process and the socket to it."""

    def __init__(self, address: str | None, cpus: int, patience: float, selector: selectors.BaseSelector) -> None:
        base = tempfile.gettempdir()
        self.folder = Path(tempfile.mkdtemp(prefix="dtlpipe-ray-", dir=base if len(base) < _SHORT else "/tmp"))  # noqa: S108
        self.socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "mock_server.executors.ray_bridge", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env=environment(),
                start_new_session=True,  # Ctrl-C at the terminal is for the platform alone
            )
        assert self.process.stderr is not None  # noqa: S101 - it was asked for
        self.errors = self.process.stderr
        os.set_blocking(self.errors.fileno(), False)
        self.socket.setblocking(False)
        self.last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._selector = selector
        self._decoder = Decoder()
        self._waiting: deque[memoryview] = deque()
        selector.register(self.socket, selectors.EVENT_READ, self)
        selector.register(self.errors, selectors.EVENT_READ, self)
        hello = {"address": address, "cpus": cpus, "folder": str(self.folder), "patience": patience}  # mode 0700
        self.send({"kind": "hello", **hello})

    def send(self, header: dict[str, Any], blob: bytes = b"") -> None:
        """Send a frame, now or as soon as the socket takes it."""
        self._waiting.append(memoryview(encode(header, blob)))
        self.write()

    def write(self) -> None:
        """Write what waits, as far as it goes; that the bridge is dead is noticed by `read`."""
        while self._waiting:
            piece = self._waiting[0]
            try:
                sent = self.socket.send(piece)
            except BlockingIOError:
                break
            except OSError:
                self._waiting.clear()
                break
            if sent < len(piece):
                self._waiting[0] = piece[sent:]
            else:
                self._waiting.popleft()
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._waiting else 0)
        self._selector.modify(self.socket, events, self)

    def read(self) -> list[Frame] | None:
        """What the bridge said; None once it is gone. Raises ProtocolError if that cannot be followed."""
        frames: list[Frame] = []
        while True:
            try:
                data = self.socket.recv(CHUNK)
            except BlockingIOError:
                return frames
            except OSError:
                data = b""
            if not data:
                return frames or None
            frames += self._decoder.feed(data)

    def read_errors(self) -> None:
        """Log what Ray says about itself."""
        data = self.errors.read()
        if data == b"":
            self._selector.unregister(self.errors)
        for line in (data or b"").decode(errors="backslashreplace").splitlines():
            if line.strip():
                self.last_lines.append(line)
                logger.info("ray: %s", line)

    def close(self, timeout: float) -> int | None:
        """Close the socket, upon which the bridge leaves Ray and ends; its exit status."""
        for end in (self.socket, self.errors):
            with contextlib.suppress(KeyError):
                self._selector.unregister(end)
        self.socket.close()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            logger.warning("the bridge to Ray did not end within %g s and is killed", timeout)
            self._kill()
        self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return self.process.returncode

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # a Ray of our own is in its session
        self.process.wait()
