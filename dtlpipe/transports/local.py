"""A platform in this very process: a WSGI application called without a socket. For tests and notebooks."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtlpipe.sansio.effects import ByteStream, Response, StreamBroken, TransportError
from dtlpipe.sansio.wire import WireDownload, WireListen, WireRequest, WireUpload
from dtlpipe.transports.requests import first_byte

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger("dtlpipe")

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

#: The address by which the application is called; nothing listens there.
URL = "http://localhost"


def _guarded(app: WsgiApp) -> WsgiApp:
    """The application behind what any server puts before one: an exception is a 500."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except Exception as error:
            logger.exception("the application raised")
            start_response("500 Internal Server Error", [("content-type", "application/json")])
            return [json.dumps({"message": f"the application raised {type(error).__name__}: {error}"}).encode()]

    return call


class LocalTransport:
    """Calls a WSGI application, for JSON and for files, from any number of threads."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app
        self._made: httpx.Client | None = None

    @property
    def _client(self) -> httpx.Client:
        if self._made is None:
            from dtlpipe.transports.lean import httpx

            transport = httpx.WSGITransport(app=_guarded(self._app), raise_app_exceptions=False)
            self._made = httpx.Client(transport=transport, trust_env=False)
        return self._made

    def send(self, request: WireRequest) -> Response:
        with _translated():
            answer = self._client.request(
                request.method, request.url, headers=request.headers, content=request.content, timeout=None
            )
            return Response(answer.status_code, answer.headers, answer.content)

    def listen(self, request: WireListen) -> Any:
        raise TypeError(f"{type(self).__name__} cannot listen; use httpx")

    def upload(self, upload: WireUpload) -> Response:
        asked = upload.upload
        if isinstance(asked.source, Path):
            file = asked.source.read_bytes()
        elif isinstance(asked.source, bytes):
            file = asked.source
        else:
            asked.source.seek(0)
            file = asked.source.read()
        parts: list[tuple[str, Any]] = [(name, (None, value.encode())) for name, value in asked.fields]
        parts.append(("file", (asked.filename, file, asked.content_type)))
        with _translated():
            answer = self._client.post(upload.url, headers=upload.headers, files=parts, timeout=None)
            return Response(answer.status_code, answer.headers, answer.content)

    def open(self, download: WireDownload) -> ByteStream | Response:
        with _translated():
            request = self._client.build_request("GET", download.url, headers=download.headers, timeout=None)
            answer = self._client.send(request, stream=True)
            if answer.status_code >= 300:
                return Response(answer.status_code, answer.headers, answer.read())
        return LocalStream(answer)

    def close(self) -> None:
        client, self._made = self._made, None
        if client is not None:
            client.close()


class LocalStream:
    """An open download from the application."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self._chunks = answer.iter_raw()
        self._rest = b""
        self.status = answer.status_code
        self.start = first_byte(answer.status_code, answer.headers.get("content-range"))
        length = answer.headers.get("content-length", "")
        self.length = int(length) if length.isdigit() else None
        self._got = 0

    def read(self, size: int) -> bytes:
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                if self.length is not None and self._got < self.length:
                    raise StreamBroken(f"{self._got} of {self.length} bytes came") from None
                return b""
        data, self._rest = self._rest[:size], self._rest[size:]
        self._got += len(data)
        return data

    def close(self) -> None:
        self._answer.close()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    import httpx

    try:
        yield
    except httpx.HTTPError as error:
        raise TransportError("broken", str(error) or type(error).__name__) from error
