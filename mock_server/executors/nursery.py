"""The platform's end of the zygote: starts it, asks it for workers, has it signal them, hears how they ended.

Law: nothing here blocks but the start and the end. What could not be written at once is kept and written when the
socket takes it, descriptors included. The zygote's standard error is read; its last lines explain a bad start.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import site
import socket
import subprocess  # - this package is the one that knows processes
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from dtlpipe.runtime.protocol import CHUNK, FOLDER, Board, Decoder, encode

logger = logging.getLogger(__name__)

KEPT_LINES: Final = 40


class Nursery:
    """One zygote process and the control socket to it."""

    MODULE = "dtlpipe.runtime.zygote"

    def __init__(self, board: Board, path: Sequence[str], preload: Sequence[str]) -> None:
        self.root = tempfile.mkdtemp(prefix="dtlpipe-work-")
        self.control, theirs = socket.socketpair()
        read_end, write_end = os.pipe()
        with theirs:
            try:
                self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    [sys.executable, "-P", "-m", self.MODULE, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=write_end,
                    stderr=write_end,
                    pass_fds=[theirs.fileno()],
                    env=environment(),
                    start_new_session=True,  # Ctrl-C at the terminal is for the platform alone
                )
            except OSError:
                self.control.close()
                os.close(read_end)
                shutil.rmtree(self.root)
                raise
            finally:
                os.close(write_end)
        self.errors = read_end
        os.set_blocking(read_end, False)
        self.control.setblocking(False)
        self.ready = False
        self.last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._decoder = Decoder()
        self._waiting: deque[tuple[bytes, tuple[int, ...]]] = deque()
        hello = {"slots": board.slots, "root": self.root, "path": list(path), "preload": list(preload)}
        self.send({"kind": "hello", **hello}, (board.fd,))

    @property
    def backlog(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._waiting)

    def send(self, header: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send a request with copies of `descriptors`, now or as soon as the socket takes it."""
        self._waiting.append((encode(header), tuple(os.dup(descriptor) for descriptor in descriptors)))
        self.write()

    def write(self) -> None:
        """Write what waits, as far as it goes without blocking."""
        while self._waiting:
            data, descriptors = self._waiting[0]
            try:
                sent = socket.send_fds(self.control, [data], descriptors) if descriptors else self.control.send(data)
            except BlockingIOError:
                return
            except OSError:  # the zygote is gone: `read` is where that is noticed
                self._drop_backlog()
                return
            for descriptor in descriptors:
                os.close(descriptor)
            if sent == len(data):
                self._waiting.popleft()
            else:
                self._waiting[0] = (data[sent:], ())

    def read(self) -> list[dict[str, Any]] | None:
        """What the zygote reported; None once it is gone."""
        try:
            data = self.control.recv(CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            return None
        return [header for header, _blob in self._decoder.feed(data)] if data else None

    def read_errors(self) -> bool:
        """Log what the zygote wrote to its standard error; False once that is closed."""
        try:
            data = os.read(self.errors, CHUNK)
        except BlockingIOError:
            return True
        for line in data.decode(errors="backslashreplace").splitlines():
            self.last_lines.append(line)
            logger.warning("worker pool: %s", line)
        return bool(data)

    def kill(self, pid: int, number: int) -> None:
        """Signal a worker's process group."""
        self.send({"kind": "kill", "pid": pid, "signal": number})

    def close(self, timeout: float) -> int | None:
        """Close the control socket, upon which the zygote ends all workers and itself; its exit status, if it ended."""
        self._drop_backlog()
        self.control.close()
        if not self.ready:
            self.process.kill()  # it is still importing and has no workers yet
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(OSError):
            while self.read_errors():
                pass
        os.close(self.errors)
        shutil.rmtree(self.root, ignore_errors=True)
        return self.process.returncode

    def _drop_backlog(self) -> None:
        for _data, descriptors in self._waiting:
            for descriptor in descriptors:
                os.close(descriptor)
        self._waiting.clear()


def environment() -> dict[str, str]:
    """The platform's variables; dtlpipe is put on the module path where it is run from its folder, not installed."""
    variables = dict(os.environ)
    variables.pop("DTLPIPE_STORE", None)  # it may hold a password, and node code asks the platform
    variables["PYTHONUNBUFFERED"] = "1"
    package = str(FOLDER.parent.parent)
    if package not in {*site.getsitepackages(), site.getusersitepackages()}:
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [package, variables.get("PYTHONPATH", "")]))
    return variables
