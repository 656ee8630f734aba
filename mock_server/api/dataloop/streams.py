"""Downloads: `GET /items/{id}/stream`, from any byte on (RFC 9110 ranges), straight from the blob's file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request
from werkzeug.http import parse_range_header
from werkzeug.wrappers import Response as AnyResponse
from werkzeug.wsgi import wrap_file

from dtlpipe.errors import NotFound, from_status
from mock_server.api.dataloop.errors import body
from mock_server.api.wire import json_response, request_id

if TYPE_CHECKING:
    from mock_server.platform.items import Stream
    from mock_server.platform.platform import Platform

_CHUNK = 1 << 18
#: Types that a browser may show in place. Everything else is a download: a page among the items is not a page of ours.
_SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "video/", "audio/", "text/plain")


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of bytes."""

    @api.get("/items/<item_id>/stream")
    def stream_item(item_id: str) -> AnyResponse:
        stream = platform.items.open(item_id)
        return redirect(stream.address) if stream.address is not None else _send(stream)

    @api.get("/items/<item_id>/thumbnail")
    def thumbnail(item_id: str) -> AnyResponse:
        stream = platform.items.open(item_id)
        if not stream.mimetype.startswith("image/"):
            raise NotFound(f"item {item_id!r} is {stream.mimetype}; only images have a thumbnail")
        return redirect(stream.address) if stream.address is not None else _send(stream)


def _send(stream: Stream) -> Response:
    size = stream.size
    kind = stream.mimetype
    shown = kind.startswith(_SHOWN)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{quote(stream.name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    wanted = parse_range_header(request.headers.get("Range"))
    first, end, status = 0, size, 200
    if wanted is not None and wanted.units == "bytes" and len(wanted.ranges) == 1:
        found = wanted.range_for_length(size)
        if found is None and size and -wanted.ranges[0][0] > size:
            found = (0, size)  # more of the end than there is: all of it (RFC 9110, 14.1.2)
        if found is not None:
            (first, end), status = found, 206
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
        elif size or wanted.ranges[0][0]:  # dtlpy asks for `bytes=0-` of empty files, too
            error = from_status(416, f"the item has {size} bytes: there is nothing at {request.headers['Range']!r}")
            return json_response(body(error, request_id()), 416, {"Content-Range": f"bytes */{size}"})
    file = stream.path.open("rb")  # now, so that an item deleted while it is sent is sent whole
    file.seek(first)
    data = wrap_file(request.environ, file) if "wsgi.file_wrapper" in request.environ else _Bytes(file, end - first)
    response = Response(data, status, headers, content_type=kind, direct_passthrough=True)
    response.content_length = end - first
    return response


class _Bytes:
    """So many bytes from where the file is, for servers that cannot send files themselves."""

    def __init__(self, file: BinaryIO, count: int) -> None:
        self._file = file
        self._left = count

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._file.read(min(_CHUNK, self._left))
        if not chunk:
            raise StopIteration
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        """The server calls it in any case."""
        self._file.close()
