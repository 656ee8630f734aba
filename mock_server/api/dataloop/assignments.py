"""/assignments: whose the items of tasks are, and what people say of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from dtlpipe.errors import BadRequest
from mock_server.api.dataloop import paging, render, validation
from mock_server.api.guard import caller

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: Parameters of the listing, and the keys that they are of.
_EQUAL = {"status": "status", "name": "name", "annotator": "annotator", "taskId": "taskId"}


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of assignments."""
    assignments = platform.assignments

    @api.get("/assignments")
    def list_assignments() -> Any:
        wanted: list[dict[str, Any]] = [
            {key: {"$in": [request.args[name]]}} for name, key in _EQUAL.items() if name in request.args
        ]
        if request.args.get("projects"):
            wanted.append({"projectId": {"$in": request.args["projects"].split(",")}})
        query = {
            "filter": {"$and": wanted},
            "page": validation.whole("pageOffset", 0),
            "pageSize": max(1, validation.whole("pageSize", 500)),
        }
        return paging.cursor(assignments.query(query), _shown)

    @api.get("/assignments/<assignment_id>")
    def get_assignment(assignment_id: str) -> Any:
        return _shown(assignments.get(assignment_id))

    @api.patch("/assignments/<assignment_id>")
    def update_assignment(assignment_id: str) -> Any:
        return _shown(assignments.update(assignment_id, validation.json_object()))

    @api.post("/assignments/<assignment_id>/reassign")
    def reassign_assignment(assignment_id: str) -> Any:
        return assignments.reassign(assignment_id, validation.json_object(), caller().email)

    @api.post("/assignments/<assignment_id>/redistribute")
    def redistribute_assignment(assignment_id: str) -> Any:
        return assignments.redistribute(assignment_id, validation.json_object(), caller().email)

    @api.post("/assignments/<assignment_id>/items/<item_id>/status")
    def set_status_in_assignment(assignment_id: str, item_id: str) -> Any:
        body = validation.json_object()
        assignments.get(assignment_id)
        status, clear = _said(body, "")
        return assignments.set_status(assignment_id, item_id, status, caller().email, clear=clear)

    @api.post("/assignments/items/tasks/<task_id>/status")
    def set_status(task_id: str) -> Any:
        body = validation.json_object()
        platform.tasks.get(task_id)
        status, clear = _said(body.get("statusPayload"), "statusPayload: ")
        ids = body.get("itemIds")
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise BadRequest("itemIds: a list of ids of items is wanted")
        return platform.tasks.set_status(task_id, ids, status, caller().email, clear=clear)


def _said(body: Any, where: str) -> tuple[str, bool]:
    """The status, and whether it is to be taken away."""
    if not isinstance(body, Mapping) or not isinstance(body.get("status"), str):
        raise BadRequest(f"{where}an object {{'status', 'operation'}} is wanted")
    return body["status"], body.get("operation") == "delete"


def _shown(assignment: Mapping[str, Any]) -> dict[str, Any]:
    return {**assignment, "url": f"{render.base()}/api/v1/assignments/{assignment['id']}"}
