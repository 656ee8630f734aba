"""/runs/{id}/checkpoints/: what was kept after an action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from mock_server.api.guard import caller
from mock_server.api.repeating import idempotency_key
from mock_server.api.synapse import validation
from mock_server.api.wire import json_response

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes."""
    checkpoints = platform.actions.checkpoints

    @api.post("/runs/<run_id>/checkpoints/")
    def create_checkpoint(run_id: str) -> Response:
        told = validation.given(validation.body(validation.NewCheckpoint))
        key = idempotency_key()
        return json_response(checkpoints.create(run_id, told, creator=caller().email, idempotency_key=key), 201)

    @api.get("/runs/<run_id>/checkpoints/")
    def list_checkpoints(run_id: str) -> Response:
        return json_response(checkpoints.list(run_id))

    @api.get("/runs/<run_id>/checkpoints/latest")
    def latest_checkpoint(run_id: str) -> Any:
        return checkpoints.latest(run_id)

    @api.get("/runs/<run_id>/checkpoints/<path:action_name>")
    def checkpoint_of_action(run_id: str, action_name: str) -> Any:
        return checkpoints.by_action(run_id, action_name.removesuffix("/"))
