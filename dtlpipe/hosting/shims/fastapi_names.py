"""What wrappers take from FastAPI and Starlette: uploads, headers, answers that are no JSON, and refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

__all__ = [
    "FileResponse",
    "HTMLResponse",
    "HTTPException",
    "Headers",
    "JSONResponse",
    "PlainTextResponse",
    "RedirectResponse",
    "Response",
    "StreamingResponse",
    "UploadFile",
]


class Headers(Mapping[str, str]):
    """A request's headers, by name in any case."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self._found = {name.lower(): value for name, value in (headers or {}).items()}

    def __getitem__(self, name: str) -> str:
        return self._found[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._found

    def __repr__(self) -> str:
        return f"Headers({self._found!r})"


class UploadFile:
    """One uploaded file. `file` is open for reading; `read` and its like may be awaited."""

    def __init__(
        self,
        file: BinaryIO,
        *,
        size: int | None = None,
        filename: str | None = None,
        headers: Headers | None = None,
    ) -> None:
        self.file, self.size, self.filename = file, size, filename
        self.headers = headers or Headers()

    @property
    def content_type(self) -> str | None:
        return self.headers.get("content-type")

    async def read(self, size: int = -1) -> bytes:
        return await asyncio.to_thread(self.file.read, size)

    async def seek(self, offset: int) -> None:
        self.file.seek(offset)

    async def close(self) -> None:
        self.file.close()

    def __repr__(self) -> str:
        return f"UploadFile(filename={self.filename!r}, size={self.size!r})"


class HTTPException(Exception):
    """A refusal with a status of the wrapper's choice."""

    def __init__(self, status_code: int, detail: Any = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status_code}: {detail}")
        self.status_code, self.detail, self.headers = status_code, detail, headers


class Response:
    """An answer that is passed on as it is."""

    media_type: str | None = None

    def __init__(
        self,
        content: Any = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: Any = None,
    ) -> None:
        self.status_code = status_code
        self.media_type = media_type or self.media_type
        self.headers = dict(headers or {})
        kind = self.media_type
        if kind and "content-type" not in {name.lower() for name in self.headers}:
            self.headers["content-type"] = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
        self.body = self.render(content)

    def render(self, content: Any) -> bytes:
        if content is None:
            return b""
        return content if isinstance(content, bytes) else str(content).encode()


class PlainTextResponse(Response):
    """Text."""

    media_type: str | None = "text/plain"


class HTMLResponse(Response):
    """A page."""

    media_type: str | None = "text/html"


class JSONResponse(Response):
    """JSON."""

    media_type: str | None = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


class RedirectResponse(Response):
    """Elsewhere."""

    def __init__(self, url: str, status_code: int = 307, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(b"", status_code, {**(headers or {}), "location": str(url)})


class StreamingResponse(Response):
    """What an iterator yields."""

    def __init__(self, content: Any, *args: Any, **named: Any) -> None:
        super().__init__(None, *args, **named)
        self.body_iterator = content if hasattr(content, "__anext__") else iter(content)


class FileResponse(Response):
    """A file."""

    def __init__(
        self,
        path: Any,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        filename: str | None = None,
        content_disposition_type: str = "attachment",
        **_: Any,
    ) -> None:
        super().__init__(None, status_code, headers, media_type)
        del self.body
        self.path, self.filename, self.content_disposition_type = path, filename, content_disposition_type
