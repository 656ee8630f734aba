"""/triggers: what is to start a service or a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from mock_server.api.dataloop import validation
from mock_server.api.guard import caller

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of triggers; queries for them go to /query/faas."""
    triggers = platform.triggers

    @api.post("/triggers")
    def create_trigger() -> Any:
        return triggers.create(validation.json_object(), caller().email)

    @api.get("/triggers/<trigger_id>")
    def get_trigger(trigger_id: str) -> Any:
        return triggers.get(trigger_id)

    @api.patch("/triggers/<trigger_id>")
    def update_trigger(trigger_id: str) -> Any:
        return triggers.update(trigger_id, validation.json_object())

    @api.post("/triggers/<trigger_id>/clone")
    def clone_trigger(trigger_id: str) -> Any:
        return triggers.clone(trigger_id, validation.json_object(), caller().email)

    @api.delete("/triggers/<trigger_id>")
    def delete_trigger(trigger_id: str) -> Any:
        triggers.delete(trigger_id)
        return {"id": trigger_id}
