"""/runs/: one pass each through a pipeline; `cancel` and `resume` are ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from dtlpipe.model.action_runs import RunStatus
from mock_server.api.guard import caller
from mock_server.api.repeating import idempotency_key
from mock_server.api.synapse import validation
from mock_server.api.wire import json_response

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes."""
    runs = platform.actions.runs

    @api.get("/runs/")
    def list_runs() -> Response:
        skip, limit = validation.window()
        status = validation.parameter("status_filter", RunStatus, None)
        status = status or validation.parameter("status", RunStatus, None)
        pipeline_id = validation.parameter("pipeline_id", str, None)
        return json_response(runs.list(status=status, pipeline_id=pipeline_id, skip=skip, limit=limit))

    @api.get("/runs/<run_id>")
    def get_run(run_id: str) -> Any:
        return runs.get(run_id)

    @api.patch("/runs/<run_id>")
    def update_run(run_id: str) -> Any:
        told = validation.given(validation.body(validation.RunChange))
        return runs.update(run_id, told, strict=platform.settings.strict_runs)

    @api.delete("/runs/<run_id>")
    def delete_run(run_id: str) -> Response:
        runs.delete(run_id)
        return Response(status=204)

    @api.post("/runs/<run_id>/cancel")
    def cancel_run(run_id: str) -> Any:
        return runs.cancel(run_id)

    @api.post("/runs/<run_id>/resume")
    def resume_run(run_id: str) -> Response:
        asked = validation.body(validation.Again, empty=True)
        made = runs.resume(
            run_id,
            params=asked.params,
            policy=asked.params_policy,
            work_dir=asked.work_dir,
            execute=asked.execute,
            creator=caller().email,
            idempotency_key=idempotency_key(),
        )
        return json_response(made, 201)
