"""/annotationtasks, and what people say of the items in them: /assignments/items/tasks/{id}/status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint

from dtlpipe.errors import BadRequest
from mock_server.api.dataloop import paging, render, validation
from mock_server.api.guard import caller

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of tasks."""

    @api.get("/annotationtasks/<task_id>")
    def get_task(task_id: str) -> Any:
        return _shown(platform.tasks.get(task_id))

    @api.post("/annotationtasks/query")
    def query_tasks() -> Any:
        page = platform.tasks.query(validation.json_object(empty=True))
        return paging.cursor(page, _shown)

    @api.post("/assignments/items/tasks/<task_id>/status")
    def set_status(task_id: str) -> Any:
        body = validation.json_object()
        said = body.get("statusPayload")
        ids = body.get("itemIds")
        if not isinstance(said, Mapping) or not isinstance(said.get("status"), str):
            raise BadRequest("statusPayload: an object {'status', 'operation'} is wanted")
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise BadRequest("itemIds: a list of ids of items is wanted")
        clear = said.get("operation") == "delete"
        return platform.tasks.set_status(task_id, ids, said["status"], caller().email, clear=clear)


def _shown(task: Mapping[str, Any]) -> dict[str, Any]:
    return {**task, "url": f"{render.base()}/api/v1/annotationtasks/{task['id']}"}
