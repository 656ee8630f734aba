"""How the pieces of a stream become bytes: plain text, server-sent events; and the errors that OpenAI's clients read.

Law: pure. A rendering is told of the beginning, of each piece, of the end or of a failure, and answers with bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from dtlpipe.hosting import chunks

TEXT: Final = "text/plain; charset=utf-8"
EVENTS: Final = "text/event-stream; charset=utf-8"


class Rendering(Protocol):
    """One stream's way to bytes."""

    kind: str

    def begin(self) -> bytes: ...

    def piece(self, value: Any) -> bytes: ...

    def end(self) -> bytes: ...

    def fail(self, error: BaseException) -> bytes | None:
        """The bytes that tell of a failure; None where there are none: then the stream is broken off."""


class Text:
    """Pieces one after another, as `text/plain`."""

    kind = TEXT

    def begin(self) -> bytes:
        return b""

    def piece(self, value: Any) -> bytes:
        if chunks.event_of(value) is not None:
            return b""  # text has no place for events
        if isinstance(value, bytes):
            return value
        return chunks.dumps(value) if isinstance(value, (Mapping, list)) else chunks.text_of(value).encode()

    def end(self) -> bytes:
        return b""

    def fail(self, error: BaseException) -> bytes | None:
        return None


class Events:
    """Each piece as a server-sent event."""

    kind = EVENTS

    def begin(self) -> bytes:
        return b""

    def piece(self, value: Any) -> bytes:
        event = chunks.event_of(value)
        if event is not None:
            return sse(chunks.dumps({"event": event}).decode())
        return sse(chunks.dumps(value).decode() if isinstance(value, (Mapping, list)) else chunks.text_of(value))

    def end(self) -> bytes:
        return b""

    def fail(self, error: BaseException) -> bytes | None:
        return sse(json.dumps({"error": {"type": type(error).__name__, "message": str(error)}}), event="error")


def sse(data: str, event: str | None = None) -> bytes:
    """One server-sent event; each line of the data is a line of its own."""
    name = f"event: {event}\n" if event else ""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"{name}{lines}\n".encode()


def openai_error(
    message: str, *, type: str = "invalid_request_error", code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """An error in OpenAI's shape."""
    return {"error": {"message": message, "type": type, "param": param, "code": code}}
