"""`/v1/files`: kept, listed, found, read again, deleted; and handed to wrappers that take uploads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response, request, send_file

from dtlpipe.errors import BadRequest, PlatformException
from mock_server.api.bodies import Body
from mock_server.api.guard import any_token
from mock_server.api.openai.requests import Unfit
from mock_server.store.base import Document

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.platform.serving.deployments import Deployments


def install(openai: Blueprint, platform: Platform) -> None:
    """Put the routes on the blueprint."""
    files, deployments = platform.serving.files, platform.serving.deployments
    settings = platform.settings

    @openai.post("/v1/files")
    @openai.post("/files", endpoint="files_at_root")
    @any_token
    def create_file() -> Any:
        with Body(settings.data_dir / "spool", largest_fields=settings.max_body) as body:
            form = body.form or {"files": [], "fields": {}}
            sent = next((each for each in form["files"] if each["field"] == "file"), None)
            if sent is None:
                raise Unfit("file: a file is needed, in a multipart/form-data body", "file")
            purpose = (form["fields"].get("purpose") or [""])[-1]
            if not purpose:
                raise Unfit("purpose: a text is needed", "purpose")
            taken = _handed_over(deployments, sent, purpose)
            if taken is not None:
                return taken
            with Path(sent["path"]).open("rb") as data:
                kept = files.create(data, filename=sent["filename"], purpose=purpose, kind=sent["content_type"])
            return _shown(kept)

    @openai.get("/v1/files")
    @openai.get("/files", endpoint="list_at_root")
    @any_token
    def list_files() -> dict[str, Any]:
        return _page(files.list(request.args.get("purpose")))

    @openai.get("/v1/files/<id>")
    @any_token
    def retrieve_file(id: str) -> dict[str, Any]:
        return _shown(files.get(id))

    @openai.get("/v1/files/<id>/content")
    @any_token
    def file_content(id: str) -> Response:
        found = files.get(id)
        kind = found.get("contentType") or "application/octet-stream"
        return send_file(files.path(id), mimetype=kind, download_name=found["filename"], as_attachment=True)

    @openai.delete("/v1/files/<id>")
    @any_token
    def delete_file(id: str) -> dict[str, Any]:
        files.delete(id)
        return {"id": id, "object": "file", "deleted": True}


def _shown(document: Document) -> dict[str, Any]:
    return {
        "id": document["id"],
        "object": "file",
        "bytes": document["bytes"],
        "created_at": document["created"],
        "filename": document["filename"],
        "purpose": document["purpose"],
        "status": "processed",
    }


def _handed_over(deployments: Deployments, sent: dict[str, Any], purpose: str) -> Any:
    """What the first wrapper that takes uploads made of it; None if there is none."""
    for name in deployments.names():
        try:
            takes = deployments.described(name).get("capabilities", {}).get("file_upload")
        except PlatformException:  # a wrapper that does not load takes nothing
            continue
        if takes:
            with deployments.call(name, {"call": "upload", "file": sent, "purpose": purpose}, b"") as call:
                found = call.answer()
            if found is None or found.status >= 400:
                raise BadRequest(f"pipeline '{name}' did not take the file")
            return orjson.loads(found.body)
    return None


def _page(found: list[Document]) -> dict[str, Any]:
    """The part of the list that the request asks for."""
    if request.args.get("order") == "asc":
        found.reverse()
    after = request.args.get("after")
    ids = [each["id"] for each in found]
    if after in ids:
        found = found[ids.index(after) + 1 :]
    limit = request.args.get("limit", default=10_000, type=int)
    shown = [_shown(each) for each in found[: max(1, limit)]]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(shown) < len(found),
    }
