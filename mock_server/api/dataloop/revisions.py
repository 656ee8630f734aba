"""/pipelines/{id}/revisions: what was installed when. These are ours; the field's SDK does not know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from mock_server.api.dataloop import validation
from mock_server.api.guard import caller

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of revisions."""
    revisions = platform.revisions

    @api.post("/pipelines/<pipeline_id>/revisions/query")
    def query_revisions(pipeline_id: str) -> Any:
        return revisions.query(pipeline_id, validation.query())

    @api.get("/pipelines/<pipeline_id>/revisions/<int:number>")
    def get_revision(pipeline_id: str, number: int) -> Any:
        return revisions.get(pipeline_id, min(number, 1 << 62))

    @api.post("/pipelines/<pipeline_id>/revisions/<int:number>/rollback")
    def roll_back(pipeline_id: str, number: int) -> Any:
        validation.json_object(empty=True)
        return revisions.rollback(pipeline_id, min(number, 1 << 62), caller().email)
