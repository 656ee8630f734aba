"""One call's answer on its way to the platform: whole, or in pieces that the platform takes when it wants them.

Law: no more than `WINDOW` bytes of a stream are ever on the way. Whoever writes beyond that waits until the reader has
taken some; a call that was cancelled ends its writer with `Gone`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from dtlpipe.runtime.protocol import Channel

WINDOW: Final = 1 << 20
"""Bytes of a stream on their way to a reader who has not taken them."""
PIECE: Final = 1 << 18
"""The largest piece of a stream in one frame."""

JSON: Final = "application/json"


class Gone(Exception):
    """Nobody reads this answer any more."""


class Reply:
    """The answer to the call `number`. Any thread may write; one at a time does."""

    def __init__(self, channel: Channel, number: int) -> None:
        self._channel = channel
        self._number = number
        self._lock = threading.Lock()
        self._on_the_way = 0
        self._room = threading.Condition(self._lock)
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._on_cancel: Callable[[], None] | None = None
        self.cancelled = False
        self.started = False
        self.over = False

    # --- whole --------------------------------------------------------------------------------------------------------

    def answer(self, status: int, body: bytes, kind: str = JSON, headers: Mapping[str, str] | None = None) -> None:
        """Answer at once. A call is answered once; later answers are dropped."""
        if self.started or self.over:
            return
        self.over = True
        header: dict[str, Any] = {"kind": "answer", "id": self._number, "status": status, "type": kind}
        if headers:
            header["headers"] = dict(headers)
        self._channel.send(header, body)

    # --- in pieces ----------------------------------------------------------------------------------------------------

    def start(self, kind: str, status: int = 200, headers: Mapping[str, str] | None = None, first: bytes = b"") -> None:
        """Begin a stream of that content type, with its first bytes, where there are any before the first piece."""
        self.started = True
        self._on_the_way += len(first)
        header = {"kind": "start", "id": self._number, "status": status, "type": kind, "headers": dict(headers or {})}
        self._channel.send(header, first)

    def write(self, data: bytes) -> None:
        """Send a piece, once there is room. Raises Gone."""
        for offset in range(0, len(data), PIECE):
            piece = data[offset : offset + PIECE]
            with self._room:
                while self._on_the_way >= WINDOW and not self.cancelled:
                    self._room.wait()
                self._on_the_way += len(piece)
            self._send(piece)

    async def write_async(self, data: bytes) -> None:
        """As `write`, without holding the loop."""
        for offset in range(0, len(data), PIECE):
            piece = data[offset : offset + PIECE]
            while True:
                with self._lock:
                    if self._on_the_way < WINDOW or self.cancelled:
                        self._on_the_way += len(piece)
                        break
                    event = asyncio.Event()
                    self._waiting = (asyncio.get_running_loop(), event)
                await event.wait()
            self._send(piece)

    def _send(self, piece: bytes) -> None:
        if self.cancelled:
            raise Gone
        self._channel.send({"kind": "chunk", "id": self._number}, piece)

    def end(self) -> None:
        """The stream is complete."""
        self.over = True
        self._channel.send({"kind": "end", "id": self._number})

    def break_off(self, reason: str) -> None:
        """The stream ends before its end, and its reader shall notice."""
        self.over = True
        self._channel.send({"kind": "broken", "id": self._number, "reason": reason})

    def record(self, document: bytes) -> None:
        """Hand over what the platform shall keep of this call."""
        self._channel.send({"kind": "record", "id": self._number}, document)

    def progress(self, event: Mapping[str, Any]) -> None:
        """Tell the platform how far the call is."""
        self._channel.send({"kind": "progress", "id": self._number, "event": dict(event)})

    # --- what the platform says ---------------------------------------------------------------------------------------

    def taken(self, count: int) -> None:
        """The reader has taken so many bytes."""
        with self._room:
            self._on_the_way -= count
            self._wake()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call it when nobody wants the answer any more; at once if that is so already."""
        with self._lock:
            self._on_cancel = callback
            late = self.cancelled
        if late:
            callback()

    def cancel(self) -> None:
        """Nobody wants the answer any more."""
        with self._room:
            self.cancelled = True
            callback = self._on_cancel
            self._wake()
        if callback is not None:
            callback()

    def _wake(self) -> None:
        self._room.notify_all()
        if self._waiting is not None:
            (loop, event), self._waiting = self._waiting, None
            loop.call_soon_threadsafe(event.set)
