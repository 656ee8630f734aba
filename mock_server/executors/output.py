"""What one execution wrote: lines in order, under a cap.

Law: text from a worker is foreign. Lines are cut, what no database would take (lone surrogates, NUL) is escaped, and
beyond the cap lines are counted no more but dropped, with one notice in their place.
"""

from __future__ import annotations

import re
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final

from dtlpipe.runtime.protocol import FOLDER
from mock_server.executors.base import LogRecord, Stream

LINE_LIMIT: Final = 16 * 1024
"""Bytes after which a line of native output is cut in two."""
TAIL: Final = 400
"""Lines of native standard error kept to explain a crash: all threads' stacks are in them."""
_LEVELS: Final[dict[Stream, str]] = {"stdout": "INFO", "stderr": "WARNING", "log": "WARNING"}
_STREAMS: Final[dict[str, Stream]] = {"stdout": "stdout", "stderr": "stderr", "log": "log"}
_OURS: Final = re.compile(rf'  File "({re.escape(str(FOLDER))}/|<frozen runpy>)')
"""Frames in faulthandler's stacks that are the worker's own, below the node's: they explain nothing."""
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def now() -> str:
    """The time as ISO-8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def clean(text: str) -> str:
    """`text` without what is no text: lone surrogates and NUL become escapes."""
    if not text.isascii():
        text = text.encode(errors="backslashreplace").decode()
    return text.replace("\0", "\\x00") if "\0" in text else text


class Output:
    """Collects one execution's lines until they are taken."""

    __slots__ = ("_capped", "_left", "_limit", "_native", "_pending", "_records", "tail")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._capped = False
        self._records: list[LogRecord] = []
        self._pending: dict[Stream, LogRecord] = {}
        self._native: dict[Stream, bytes] = {}
        self.tail: deque[str] = deque(maxlen=TAIL)

    def add(self, records: Any) -> None:
        """Add records that the worker framed; what has not their shape is passed over."""
        if not isinstance(records, list):
            return
        for raw in records:
            if (record := _checked(raw)) is not None:
                self._pending.pop(record["stream"], None)
                self._append(record)

    def cap(self) -> None:
        """The worker dropped output itself."""
        self._left = -1
        self._note()

    def pend(self, raw: Any) -> None:
        """Keep a flushed, unfinished line for the case that its end never comes."""
        if (record := _checked(raw)) is not None:
            self._pending[record["stream"]] = record

    def add_native(self, stream: Stream, data: bytes) -> None:
        """Add bytes that went past Python to descriptor 1 or 2."""
        *lines, rest = (self._native.pop(stream, b"") + data).split(b"\n")
        if len(rest) > LINE_LIMIT:
            lines.append(rest)
            rest = b""
        if rest:
            self._native[stream] = rest
        for line in lines:
            self._line(stream, line)

    def finish(self) -> None:
        """Count unfinished lines as finished: nothing will be added to them."""
        for stream, rest in self._native.items():
            self._line(stream, rest)
        for record in self._pending.values():
            self._append(record)
        self._native, self._pending = {}, {}

    def take(self) -> list[LogRecord]:
        """The records since the last call."""
        records, self._records = self._records, []
        return records

    def _line(self, stream: Stream, line: bytes) -> None:
        text = line.decode(errors="backslashreplace").rstrip("\r").rpartition("\r")[2]
        if stream == "stderr":
            if _OURS.match(text):
                return
            self.tail.append(text)
        while text or not line:
            part, text = text[:LINE_LIMIT], text[LINE_LIMIT:]
            self._append({"timestamp": now(), "level": _LEVELS[stream], "message": clean(part), "stream": stream})
            line = b"."

    def _append(self, record: LogRecord) -> None:
        if self._left < 0:
            self._note()
            return
        self._left -= len(record["message"]) + 1
        self._records.append(record)

    def _note(self) -> None:
        if not self._capped:
            self._capped = True
            message = f"[The execution wrote more than {self._limit} characters; what follows is dropped.]"
            self._records.append({"timestamp": now(), "level": "WARNING", "message": message, "stream": "log"})


def _checked(raw: Any) -> LogRecord | None:
    if not isinstance(raw, dict):
        return None
    stream = _STREAMS.get(str(raw.get("stream")))
    message, level, at = raw.get("message"), raw.get("level"), raw.get("timestamp")
    if stream is None or not isinstance(message, str) or not isinstance(level, str) or not isinstance(at, str):
        return None
    return {
        "timestamp": at if _STAMP.fullmatch(at) else now(),
        "level": clean(level[:64]),
        "message": clean(message),
        "stream": stream,
    }
