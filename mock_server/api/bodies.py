"""Bodies as served pipelines take them: JSON as it is, forms with each file in a file of its own.

Law: a file is written where it will be read, once; it goes with its request. A body of any other kind is refused, and
none is ignored.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from dtlpipe.errors import BadRequest, PayloadTooLarge, UnknownException

_PARTS = 100_000


class Body:
    """The current request's. Close it when nobody reads its files any more.

    Attributes:
        data: the bytes, if it is no form.
        form: `{"fields": {name: [text, ...]}, "files": [{"field", "filename", "content_type", "path"}, ...]}` if it is.
    """

    def __init__(self, spool: Path, *, largest_fields: int, urlencoded: bool = False) -> None:
        self._folder: Path | None = None
        self._open: list[BinaryIO] = []
        self.data = b""
        self.form: dict[str, Any] | None = None
        kind = (request.mimetype or "").lower()
        if kind == "multipart/form-data" or (urlencoded and kind == "application/x-www-form-urlencoded"):
            spool.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix="upload-", dir=spool))
            try:
                self.form = self._parse(largest_fields)
            except BaseException:
                self.close()
                raise
        else:
            self.data = request.get_data(cache=False)
            if self.data and kind and kind != "application/json" and not kind.endswith("+json"):
                raise UnknownException(
                    f"a body of type {kind!r} is not read here: send application/json or multipart/form-data",
                    status=415,
                )

    def _parse(self, largest_fields: int) -> dict[str, Any]:
        request.max_content_length = None
        parser = FormDataParser(
            stream_factory=self._stream, max_form_memory_size=largest_fields, max_form_parts=_PARTS, silent=False
        )
        try:
            _, fields, files = parser.parse(
                request.environ["wsgi.input"], request.mimetype, request.content_length, request.mimetype_params
            )
        except RequestEntityTooLarge:
            raise PayloadTooLarge(f"the fields of a form have at most {largest_fields} bytes") from None
        except ValueError as error:
            raise BadRequest(f"the form cannot be read: {error}") from None
        for each in self._open:
            each.flush()
        return {
            "fields": {name: list(fields.getlist(name)) for name in fields},
            "files": [
                {
                    "field": field,
                    "filename": _cleaned(file.filename),
                    "content_type": file.mimetype or None,
                    "path": file.stream.name,
                }
                for field, file in files.items(multi=True)
                if file.filename
            ],
        }

    def _stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None,
        content_length: int | None = None,
    ) -> BinaryIO:
        path = (self._folder or Path()) / str(len(self._open))
        file: BinaryIO = path.open("w+b")
        self._open.append(file)
        return file

    def close(self) -> None:
        """Let go of the files."""
        for each in self._open:
            each.close()
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _cleaned(filename: str | None) -> str:
    """The name with its folders, which lead downwards only."""
    parts = [part for part in (filename or "").replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "file"


def headers() -> dict[str, str]:
    """The request's headers, for wrappers that ask for them."""
    return {name.lower(): value for name, value in request.headers.items()}


Cleanup = Callable[[], None]
