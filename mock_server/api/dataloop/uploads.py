"""Uploads: the body's bytes go from the wire into the store as they are parsed; no part of a file is held in memory.

`POST /datasets/{id}/items?mode=skip|overwrite` takes a multipart body (`type`, `path`, `metadata`, `description`,
`file`, in any order) or, for a folder, a form. The answer's `x-item-op` says what was done.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args

import attrs
import orjson
from flask import Blueprint, Response, request
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from dtlpipe.errors import BadRequest, PayloadTooLarge
from mock_server.api.dataloop import render, validation
from mock_server.api.guard import caller
from mock_server.api.wire import json_response
from mock_server.platform import json_text
from mock_server.platform.items import Blob, Mode, Operation, Upload
from mock_server.platform.paths import file_name, file_path
from mock_server.store.base import Document

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

ITEM_OP = "x-item-op"
_READ = 1 << 16  # bytes; the parser is twice as fast on these as on larger pieces
_LONGEST_FIELD = 1 << 20  # bytes of a field that is not the file


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the route of uploads."""

    @api.post("/datasets/<dataset_id>/items")
    def upload_item(dataset_id: str) -> Response:
        platform.datasets.get(dataset_id)
        if request.mimetype != "multipart/form-data":
            return _answer(_make_folder(platform, dataset_id, validation.fields()), "created")
        request.max_content_length = platform.settings.max_upload + _LONGEST_FIELD
        multipart = _Multipart.of_request()
        item, operation = multipart.upload(platform, dataset_id, _mode())
        return _answer(_for_dtlpy(item, operation, multipart.size), operation)


def _make_folder(platform: Platform, dataset_id: str, body: dict[str, Any]) -> Document:
    if body.get("type") != "dir":
        raise BadRequest(
            "type: a body that is not multipart can only make a folder (type=dir)",
            hint="send files as multipart/form-data with the fields type, path and file",
        )
    return platform.items.make_folder(dataset_id, validation.text(body, "path"), caller().email)


def _mode() -> Mode:
    mode = request.args.get("mode", "skip")
    for known in get_args(Mode):
        if mode == known:
            found: Mode = known
            return found
    raise BadRequest(f"?mode={mode}: there are 'skip' and 'overwrite'")


def _answer(item: Document, operation: Operation) -> Response:
    return json_response(render.item(item), headers={ITEM_OP: operation})


def _for_dtlpy(item: Document, operation: Operation, sent: int) -> Document:
    """The field's SDK deletes an item whose size is not that of the bytes it sent, which "skip" is to keep.

    So, after a skip, it is told of the size that it sent; whatever it asks afterwards tells the item's own.
    """
    if operation != "skip" or not request.headers.get("User-Agent", "").startswith("dtlpy/"):
        return item
    metadata = item["metadata"]
    return {**item, "metadata": {**metadata, "system": {**metadata.get("system", {}), "size": sent}}}


@attrs.define
class _Multipart:
    """A multipart body, event by event. `size` is the number of the file's bytes, once they were read."""

    decoder: MultipartDecoder
    fields: dict[str, str] = attrs.field(factory=dict)
    filename: str | None = None
    mimetype: str | None = None
    size: int = 0

    @classmethod
    def of_request(cls) -> _Multipart:
        boundary = request.mimetype_params.get("boundary")
        if not boundary or not boundary.isascii():
            raise BadRequest(
                "the multipart body has no boundary that can be one", hint="let your HTTP library set the Content-Type"
            )
        return cls(MultipartDecoder(boundary.encode("ascii"), max_form_memory_size=None, max_parts=100))

    def upload(self, platform: Platform, dataset_id: str, mode: Mode) -> tuple[Document, Operation]:
        """Reads to the body's end. What comes before the file is checked before the file's first byte is stored."""
        blob: Blob | None = None
        events = self._events()
        for event in events:
            if isinstance(event, File) or (isinstance(event, Field) and event.name == "file"):
                if blob is not None:
                    raise BadRequest("the body has more than one file", hint="upload files one by one")
                self.filename, self.mimetype = getattr(event, "filename", None), event.headers.get("content-type")
                if "path" in self.fields:
                    self._path()
                blob = platform.items.keep(dataset_id, _Part(events))
                self.size = blob.size
            elif isinstance(event, Field):
                self.fields[event.name] = self._text(event.name, events)
        if self.fields.get("type") == "dir":
            return _make_folder(platform, dataset_id, {**self.fields}), "created"
        if blob is None:
            raise BadRequest("the body has no file", hint="send it as the multipart field `file`, with a filename")
        return platform.items.add(dataset_id, self._described(mode), blob)

    def _path(self) -> str:
        path = self.fields.get("path", "/")
        if path.endswith("/"):
            path += file_name(self.filename or "")
        return file_path(path)

    def _described(self, mode: Mode) -> Upload:
        return Upload(
            path=self._path(),
            creator=caller().email,
            filename=self.filename or None,
            mimetype=None if self.mimetype == "application/octet-stream" else self.mimetype,
            metadata=self._metadata(),
            description=self.fields.get("description"),
            mode=mode,
        )

    def _metadata(self) -> dict[str, Any]:
        text = self.fields.get("metadata", "")
        if not text.strip():
            return {}
        try:
            found = json_text.parse(text)
        except json_text.TooDeep as error:
            raise BadRequest(f"metadata: {error}") from None
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"metadata: this is not JSON: {error.msg} (column {error.colno})") from None
        if not isinstance(found, dict):
            raise BadRequest("metadata: a JSON object is needed here")
        return found

    def _text(self, name: str, events: Iterator[Any]) -> str:
        data = bytearray()
        for event in events:
            if not isinstance(event, Data):
                break
            data += event.data
            if len(data) > _LONGEST_FIELD:
                raise PayloadTooLarge(f"{name}: more than {_LONGEST_FIELD} bytes")
            if not event.more_data:
                break
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest(f"{name}: this is not UTF-8 text") from None

    def _events(self) -> Iterator[Any]:
        """What the decoder finds, as far as the body has been read."""
        try:
            while True:
                chunk = request.stream.read(_READ)
                self.decoder.receive_data(chunk or None)
                while not isinstance(event := self.decoder.next_event(), NeedData):
                    yield event
                    if isinstance(event, Epilogue):
                        return
                if len(self.decoder.buffer) > _LONGEST_FIELD:  # a boundary or a header that never ends
                    raise BadRequest("the multipart body is malformed: its boundary does not occur in it")
        except ValueError as error:
            raise BadRequest(f"the multipart body is malformed: {error}") from None


class _Part:
    """The bytes of the part that is being read, as a file to read from."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._over = False

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, as many as the decoder has found; b"" at the end of the part."""
        while not self._over:
            event = next(self._events, None)
            if not isinstance(event, Data):
                self._over = True
                break
            self._over = not event.more_data
            if event.data:
                return bytes(event.data)
        return b""
