"""What a wrapper returned: a stream or not, JSON or an answer of a web framework's, told by what the object has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dtlpipe.hosting import chunks, uploads
from dtlpipe.hosting.renderings import Events, Rendering, Text
from dtlpipe.hosting.replies import Reply

_OWN_HEADERS: Final = ("content-type", "content-length")


def is_async(value: Any) -> bool:
    """Whether its pieces come from an asynchronous generator."""
    return hasattr(value, "__anext__") or hasattr(getattr(value, "body_iterator", None), "__anext__")


def pieces(result: Any) -> Iterator[Any]:
    """The pieces of a result; a result that is no generator is one piece."""
    if type(result).__name__ == "SSEStream":
        result = result.stream
    body: Any = getattr(result, "body_iterator", None)
    if body is not None:
        return iter(body)
    return result if hasattr(result, "__next__") else iter((result,))


def stream_of(result: Any) -> Rendering | None:
    """How a result of `run_api` is streamed, if it is."""
    if type(result).__name__ == "SSEStream":
        return Events()
    if getattr(result, "body_iterator", None) is not None:
        rendering = Text()
        rendering.kind = getattr(result, "media_type", None) or "application/octet-stream"
        return rendering
    return Text() if hasattr(result, "__next__") or hasattr(result, "__anext__") else None


def stream_headers(result: Any) -> dict[str, str]:
    """The headers of a stream: those that keep proxies from holding it back, and its own."""
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    given = getattr(result, "headers", None) if hasattr(result, "body_iterator") else None
    own = given.items() if given is not None else ()
    return headers | {name: value for name, value in own if name.lower() not in _OWN_HEADERS}


def is_response(result: Any) -> bool:
    """Whether it is an answer of a web framework's."""
    return hasattr(result, "status_code") and hasattr(result, "headers")


def answer(reply: Reply, result: Any) -> None:
    """A result of `run_api` that is no stream: JSON, or a response of a web framework's as it is."""
    path = getattr(result, "path", None)
    if is_response(result):
        if path is not None and not isinstance(getattr(result, "body", None), bytes):
            uploads.send_file(reply, result)
            return
        body = getattr(result, "body", b"")
        headers = {name: value for name, value in result.headers.items() if name.lower() not in _OWN_HEADERS}
        kind = result.headers.get("content-type") or "application/octet-stream"
        reply.answer(result.status_code, bytes(body), kind, headers)
        return
    reply.answer(200, chunks.dumps({"result": result}))
