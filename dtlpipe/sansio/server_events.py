"""Server-sent events, read from bytes in whatever pieces they come. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import attrs


@attrs.frozen
class ServerEvent:
    """One event; `id` is the last that was told, `data` has its lines joined."""

    kind: str
    data: str
    id: str | None


class EventReader:
    """Give it bytes, and it gives the events that are complete. Comments are passed over.

    `last_id` is of an event that was complete: one that was cut off in the middle comes again.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._kind = "message"
        self._data: list[str] = []
        self._id: str | None = None
        self.last_id: str | None = None

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """What the chunk completes."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        for raw in lines:
            line = raw.rstrip(b"\r").decode("utf-8", "replace")
            if not line:
                self.last_id = self._id
                if self._data:
                    yield ServerEvent(self._kind, "\n".join(self._data), self.last_id)
                self._kind, self._data = "message", []
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self._kind = value
            elif name == "data":
                self._data.append(value)
            elif name == "id":
                self._id = value

    def broken(self) -> None:
        """The connection is another one from here on: what was not complete comes again."""
        self._rest, self._kind, self._data, self._id = b"", "message", [], self.last_id
