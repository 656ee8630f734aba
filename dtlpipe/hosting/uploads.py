"""Files in and out: parts of a form as the objects that wrappers read, and files that wrappers answer with.

Law: the platform has put each upload into a file of its own; it is read from there and never held in memory here.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dtlpipe.hosting.replies import PIECE, Gone, Reply
from dtlpipe.hosting.shims.fastapi_names import Headers, UploadFile
from dtlpipe.hosting.signatures import Invalid, Signature, named_type


def arguments(signature: Signature, header: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """The keywords for a run. Raises Invalid for a body that does not fit."""
    form = header.get("form")
    if form is None:
        return signature.arguments(read_json(body))
    files: dict[str, list[Any]] = {}
    for each in form["files"]:
        kind = named_type(signature.uploads.get(each["field"]), "UploadFile") or UploadFile
        files.setdefault(each["field"], []).append(_opened(kind, each))
    fields = {name: values if len(values) > 1 else values[0] for name, values in form["fields"].items()}
    return signature.arguments(fields, files, form=True)


def read_json(body: bytes) -> Any:
    """A body's JSON; an empty one is an empty object. Raises Invalid."""
    if not body.strip():
        return {}
    try:
        return json.loads(body)
    except ValueError as error:
        position = getattr(error, "pos", 0)
        raise Invalid(
            [
                {
                    "type": "json_invalid",
                    "loc": ["body", position],
                    "msg": "JSON decode error",
                    "input": {},
                    "ctx": {"error": getattr(error, "msg", str(error))},
                }
            ]
        ) from None


def _opened(kind: Any, given: Mapping[str, Any]) -> Any:
    """The upload as an object of that class; its file is closed with it."""
    path = Path(given["path"])
    headers = {"content-type": given["content_type"]} if given.get("content_type") else {}
    fastapi = kind.__module__.partition(".")[0] in ("fastapi", "starlette")
    made = _foreign_headers()(headers) if fastapi else Headers(headers)
    return kind(path.open("rb"), size=path.stat().st_size, filename=given.get("filename"), headers=made)


def _foreign_headers() -> Any:
    from importlib import import_module

    return import_module("starlette.datastructures").Headers


def send_file(reply: Reply, response: Any) -> None:
    """Stream the file of a FileResponse. Raises what opening it raises."""
    path = Path(response.path)
    headers = {name: value for name, value in response.headers.items() if name.lower() != "content-type"}
    kind = response.headers.get("content-type") or getattr(response, "media_type", None)
    kind = (
        kind or mimetypes.guess_type(getattr(response, "filename", None) or path.name)[0] or "application/octet-stream"
    )
    if getattr(response, "filename", None) and "content-disposition" not in {name.lower() for name in headers}:
        place = getattr(response, "content_disposition_type", None) or "attachment"
        headers["content-disposition"] = f"{place}; filename*=utf-8''{quote(response.filename)}"
    with path.open("rb") as file:
        headers["content-length"] = str(path.stat().st_size)
        reply.start(kind, response.status_code, headers)
        try:
            while piece := file.read(PIECE):
                reply.write(piece)
            reply.end()
        except Gone:
            pass
