"""/annotationtasks: items that people are to look at; what they say of them is at /assignments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint

from mock_server.api.dataloop import paging, render, validation
from mock_server.api.guard import caller

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of tasks."""
    tasks, making = platform.tasks, platform.task_making

    @api.post("/annotationtasks")
    def create_task() -> Any:
        found = making.create(validation.json_object(), caller().email)
        return _shown(found) if "name" in found else found

    @api.post("/annotationtasks/query")
    def query_tasks() -> Any:
        return paging.cursor(tasks.query(validation.query()), _shown)

    @api.get("/annotationtasks/<task_id>")
    def get_task(task_id: str) -> Any:
        return _shown(tasks.get(task_id))

    @api.patch("/annotationtasks/<task_id>")
    def update_task(task_id: str) -> Any:
        return _shown(making.update(task_id, validation.json_object()))

    @api.delete("/annotationtasks/<task_id>")
    def delete_task(task_id: str) -> Any:
        return making.delete(task_id, caller().email)

    @api.post("/annotationtasks/<task_id>/addToTask")
    def add_to_task(task_id: str) -> Any:
        return making.add_items(task_id, validation.json_object(), caller().email)

    @api.post("/annotationtasks/<task_id>/removeFromTask")
    def remove_from_task(task_id: str) -> Any:
        return making.remove_items(task_id, validation.json_object(), caller().email)


def _shown(task: Mapping[str, Any]) -> dict[str, Any]:
    return {**task, "url": f"{render.base()}/api/v1/annotationtasks/{task['id']}"}
