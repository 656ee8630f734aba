"""What OpenAI's clients find again: files that they uploaded, responses that they were given.

Law: both are documents like all others, so a restart keeps them; a file's bytes are a blob.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from dtlpipe.errors import BadRequest, NotFound
from mock_server.platform.documents import now
from mock_server.platform.serving import said
from mock_server.platform.serving.jobs import Order
from mock_server.store.base import Document, Kind
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_PAGE = 10_000


class Files:
    """Files that were uploaded for a purpose."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def create(self, data: BinaryIO, *, filename: str, purpose: str, kind: str | None) -> Document:
        """Keep one. Raises PayloadTooLarge, InsufficientStorage."""
        digest, size = self._platform.store.blobs.put(data, self._platform.settings.max_upload)
        at = now()
        document = {
            "id": f"file-{new_id()}",
            "filename": filename,
            "purpose": purpose,
            "bytes": size,
            "contentType": kind,
            "created": int(time.time()),
            "createdAt": at,
            "updatedAt": at,
            "_blob": digest,
        }
        self._platform.store.write(lambda tx: tx.insert(Kind.FILE, document))
        return document

    def get(self, id: str) -> Document:
        """One. Raises NotFound."""
        found = self._platform.store.get(Kind.FILE, id, True)
        if found is None:
            raise NotFound(f"No such File object: {id}")
        return found

    def list(self, purpose: str | None = None) -> list[Document]:
        """All, or those of a purpose, newest first."""
        where = {"purpose": purpose} if purpose else None
        found = list(self._platform.store.iterate(Kind.FILE, where=where))
        return sorted(found, key=lambda each: (each["createdAt"], each["id"]), reverse=True)[:_PAGE]

    def delete(self, id: str) -> None:
        """Forget one; its bytes are swept later. Raises NotFound."""
        if not self._platform.store.write(lambda tx: tx.delete(Kind.FILE, id)):
            raise NotFound(f"No such File object: {id}")

    def path(self, id: str) -> Path:
        """Where its bytes lie. Raises NotFound."""
        path: Path = self._platform.store.blobs.path(self.get(id)["_blob"])
        return path


class Responses:
    """Responses, as they were told to whoever asked for them."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def keep(self, body: bytes, request_input: Any = None) -> None:
        """Keep one; its id is in it. From any thread, and without waiting."""
        response = json.loads(body)
        at = now()
        document = {
            "id": response["id"],
            "status": response["status"],
            "response": response,
            "input": request_input,
            "createdAt": at,
            "updatedAt": at,
        }
        self._platform.store.post(lambda tx: tx.put(Kind.RESPONSE, document))

    def get(self, id: str) -> Document:
        """One, with its `response` and its `input`. Raises NotFound."""
        store = self._platform.store
        # One that was told a moment ago may be on its way to the disk: what is asked of the writer comes after it.
        found = store.get(Kind.RESPONSE, id) or store.write(lambda tx: tx.get(Kind.RESPONSE, id))
        if found is None:
            raise NotFound(f"Response with id '{id}' not found.")
        if found.get("jobId"):
            job = self._platform.serving.jobs.get(found["model"], found["jobId"])
            found["response"] = _of_job(found["response"], job, found.get("request"))
        return found

    def begin(self, model: str, request: Mapping[str, Any], *, creator: str, idempotency_key: str | None) -> Document:
        """Have a response made by a job; it as it is now. Raises NotFound, Conflict."""
        jobs, order = self._platform.serving.jobs, Order(kind="response")
        params, named = request, self._platform.serving.named
        is_named = jobs.is_named(model)
        if is_named:
            params = {str(named.asked(model)): said.asked(request.get("input"))}
        job, _ = jobs.submit(model, params, creator=creator, order=order, idempotency_key=idempotency_key)
        at = now()
        id = f"resp_{job['id']}"
        response = {
            "id": id,
            "object": "response",
            "created_at": int(time.time()),
            "status": "queued",
            "background": True,
            "error": None,
            "incomplete_details": None,
            "instructions": request.get("instructions"),
            "metadata": request.get("metadata") or {},
            "model": model,
            "output": [],
            "parallel_tool_calls": True,
            "tool_choice": request.get("tool_choice") or "auto",
            "tools": request.get("tools") or [],
        }
        document = {
            "id": id,
            "status": "queued",
            "response": response,
            "input": request.get("input"),
            "model": model,
            "jobId": job["id"],
            "request": dict(request) if is_named else None,
            "createdAt": at,
            "updatedAt": at,
        }
        self._platform.store.write(lambda tx: tx.put(Kind.RESPONSE, document))
        return response

    def cancel(self, id: str, *, reason: str) -> Document:
        """End one that a job makes. Raises NotFound, BadRequest for one that was made at once."""
        found = self.get(id)
        if not found.get("jobId"):
            raise BadRequest("Only responses created with background=true can be canceled")
        self._platform.serving.jobs.cancel(found["model"], found["jobId"], reason=reason)
        return self.get(id)

    def delete(self, id: str) -> None:
        """Forget one. Raises NotFound."""
        if not self._platform.store.write(lambda tx: tx.delete(Kind.RESPONSE, id)):
            raise NotFound(f"Response with id '{id}' not found.")


_STATUS = {"queued": "queued", "running": "in_progress", "failed": "failed", "canceled": "cancelled"}


def _of_job(response: Document, job: Document, request: Document | None) -> Document:
    """The response as far as its job is. The job of a pipeline of the platform's makes none: it needs the request."""
    if job["status"] == "completed" and request is not None:
        result = job["result"]
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
        return said.response(request, response["id"], text, response["created_at"])
    if job["status"] == "completed" and isinstance(job["result"], dict):
        return job["result"]
    found = {**response, "status": _STATUS.get(job["status"], "in_progress")}
    if job["status"] == "failed":
        found["error"] = {"code": "server_error", "message": (job["error"] or {}).get("message") or "the job failed"}
    return found
