"""Where the output of node code goes: line by line to the platform, in the order in which it was written.

Law: everything written from Python (print, sys.stderr, logging) becomes a record with the time at which it was written;
what bypasses Python reaches descriptors 1 and 2, which are pipes that the platform reads. A child process that node
code forks has no part in our channel: its output falls back to those pipes.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import BinaryIO, Final

from dtlpipe.runtime.protocol import Channel

LINE_LIMIT: Final = 16 * 1024
"""Characters after which a line is cut in two."""
RECORD_LIMIT: Final = 8 * LINE_LIMIT
"""Characters of one record; the text of a logged exception is one record of many lines."""


_CHATTY: Final = ("httpx", "httpcore", "urllib3")
"""Loggers that tell of every request at INFO: what the SDK does under node code is not what the code has to say."""


def timestamp(seconds: float) -> str:
    """ISO-8601 in UTC with milliseconds and a Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class Capture:
    """Sends what the current execution writes; holds the cap on its volume."""

    def __init__(self, channel: Channel) -> None:
        self.channel: Channel | None = channel
        self.job: int | None = None
        self.left = 0
        self.stdout = LineStream(self, "stdout", 1)
        self.stderr = LineStream(self, "stderr", 2)
        self.handler = Forwarder(self)

    def install(self) -> None:
        """Take over sys.stdout, sys.stderr and the root logger of this process."""
        sys.stdout = sys.__stdout__ = self.stdout  # type: ignore[assignment,misc]
        sys.stderr = sys.__stderr__ = self.stderr  # type: ignore[assignment,misc]
        logging.getLogger().addHandler(self.handler)
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        os.register_at_fork(after_in_child=self.detach)

    def begin(self, job: int, level: str, limit: int) -> None:
        """From now on all output belongs to `job`; after `limit` characters the rest is dropped with a notice."""
        self.job = job
        self.left = limit
        if sys.stdout is not self.stdout:
            sys.stdout = self.stdout
        if sys.stderr is not self.stderr:
            sys.stderr = self.stderr
        root = logging.getLogger()
        if self.handler not in root.handlers:  # node code may have called basicConfig(force=True)
            root.handlers[:] = [self.handler]
        root.setLevel(level)

    def end(self) -> None:
        """Send what is left of unfinished lines; output after this belongs to nobody."""
        self.stdout.finish()
        self.stderr.finish()
        self.job = None

    def emit(self, stream: str, level: str, lines: Iterable[str], created: float | None = None) -> None:
        """Send lines of one stream; drops them once the execution has used up its volume."""
        if self.channel is None or self.job is None:
            for line in lines:
                os.write(1 if stream == "stdout" else 2, f"{line}\n".encode(errors="backslashreplace"))
            return
        if self.left < 0:
            return
        at = timestamp(time.time() if created is None else created)
        records = []
        for line in lines:
            records.append({"timestamp": at, "level": level, "message": line[:RECORD_LIMIT], "stream": stream})
            self.left -= len(line) + 1
            if self.left < 0:
                break
        self.channel.send({"kind": "log", "job": self.job, "records": records, "capped": self.left < 0})

    def pend(self, stream: str, text: str) -> None:
        """Tell of a line that is flushed but not finished, so that it is not lost if this process dies now."""
        if self.channel is not None and self.job is not None and self.left >= 0:
            record = {"timestamp": timestamp(time.time()), "level": LEVELS[stream], "message": text, "stream": stream}
            self.channel.send({"kind": "pending", "job": self.job, "record": record})

    def detach(self) -> None:
        """In a forked child: write to the descriptors instead, the channel belongs to the parent."""
        if self.channel is not None:
            self.channel.socket.close()
            self.channel = None


LEVELS: Final = {"stdout": "INFO", "stderr": "WARNING"}


class LineStream(io.TextIOBase):
    """A text stream that hands over whole lines. `buffer` and `fileno()` lead to the descriptor beneath."""

    def __init__(self, capture: Capture, name: str, descriptor: int) -> None:
        self._capture = capture
        self._name = name
        self._descriptor = descriptor
        self._pending = ""
        self._told = ""
        self._buffer: BinaryIO | None = None

    @property
    def name(self) -> str:
        """As the interpreter names its own: "<stdout>"."""
        return f"<{self._name}>"

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Always UTF-8."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override,mutable-override]
        """What cannot be encoded is written as an escape."""
        return "backslashreplace"

    @property
    def buffer(self) -> BinaryIO:
        """The bytes beneath: they take the way of native output, through the platform's pipe."""
        if self._buffer is None:
            self._buffer = io.FileIO(self._descriptor, "wb", closefd=False)
        assert self._buffer is not None  # noqa: S101 - set the line above
        return self._buffer

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        pending = self._pending + text if self._pending else text
        if "\n" in text or len(pending) > LINE_LIMIT:
            *lines, pending = pending.split("\n")
            while len(pending) > LINE_LIMIT:
                lines.append(pending[:LINE_LIMIT])
                pending = pending[LINE_LIMIT:]
            self._pending = pending
            self._told = ""
            self._capture.emit(self._name, LEVELS[self._name], [settle(line) for line in lines])
        else:
            self._pending = pending
        return len(text)

    def flush(self) -> None:
        if self._pending != self._told and "\r" not in self._pending:  # a progress bar is told once, by its last state
            self._told = self._pending
            self._capture.pend(self._name, self._pending)

    def finish(self) -> None:
        """Hand over an unfinished line as if it had ended."""
        if self._pending:
            line, self._pending, self._told = settle(self._pending), "", ""
            self._capture.emit(self._name, LEVELS[self._name], [line])


def settle(line: str) -> str:
    """What a terminal would show of a line that returns to its own start, as progress bars do."""
    if "\r" not in line:
        return line
    return line.rstrip("\r").rpartition("\r")[2]


class Forwarder(logging.Handler):
    """Sends logging records with their level and time."""

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        self._capture = capture
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._capture.emit("log", record.levelname, [self.format(record)], record.created)
        except Exception:  # noqa: BLE001 - logging's contract: a record that cannot be made must not end the program
            self.handleError(record)
