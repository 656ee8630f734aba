"""/runs/{id}/logs/: lines that actions wrote, or that were told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from flask import Blueprint, Response
from pydantic import Field

from dtlpipe.model.action_runs import LogLevel
from mock_server.api.guard import caller
from mock_server.api.repeating import idempotency_key
from mock_server.api.synapse import validation
from mock_server.api.wire import json_response

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_LIMIT = Annotated[int, Field(ge=1, le=10000)]


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes."""
    logs = platform.actions.logs

    @api.post("/runs/<run_id>/logs/")
    def append_logs(run_id: str) -> Response:
        told = validation.body(validation.Entries)
        entries = [each.model_dump(mode="json") for each in told.entries]
        key = idempotency_key()
        return json_response(logs.append(run_id, entries, creator=caller().email, idempotency_key=key), 201)

    @api.get("/runs/<run_id>/logs/")
    def get_logs(run_id: str) -> Response:
        return json_response(
            logs.list(
                run_id,
                action_name=validation.parameter("action_name", str, None),
                level=validation.parameter("level", LogLevel, None),
                since=validation.parameter("since", validation.Time, None),
                limit=validation.parameter("limit", _LIMIT, 1000),
            )
        )
