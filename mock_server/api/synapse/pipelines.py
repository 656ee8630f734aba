"""/pipelines/: definitions of pipelines of actions, and the runs of one."""

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
    pipelines, runs = platform.actions.pipelines, platform.actions.runs

    @api.post("/pipelines/")
    def create_pipeline() -> Response:
        asked = validation.body(validation.NewPipeline)
        made = pipelines.create(
            asked.name,
            [each.to_stored() for each in asked.actions],
            asked.description,
            creator=caller().email,
            idempotency_key=idempotency_key(),
        )
        return json_response(made, 201)

    @api.get("/pipelines/")
    def list_pipelines() -> Response:
        return json_response(pipelines.list(*validation.window()))

    @api.get("/pipelines/<pipeline_id>")
    def get_pipeline(pipeline_id: str) -> Any:
        return pipelines.get(pipeline_id)

    @api.put("/pipelines/<pipeline_id>")
    def update_pipeline(pipeline_id: str) -> Any:
        asked = validation.body(validation.PipelineChange)
        changes = {name: getattr(asked, name) for name in asked.model_fields_set if name != "actions"}
        changes = {name: value for name, value in changes.items() if value is not None or name == "description"}
        if asked.actions is not None:
            changes["actions"] = [each.to_stored() for each in asked.actions]
        return pipelines.update(pipeline_id, changes, editor=caller().email)

    @api.delete("/pipelines/<pipeline_id>")
    def delete_pipeline(pipeline_id: str) -> Response:
        pipelines.delete(pipeline_id)
        return Response(status=204)

    @api.post("/pipelines/<pipeline_id>/runs/")
    def create_run(pipeline_id: str) -> Response:
        asked = validation.body(validation.NewRun, empty=True)
        creator, key = caller().email, idempotency_key()
        if asked.resume_from is not None:
            return json_response(
                runs.resume(
                    asked.resume_from,
                    pipeline_id=pipeline_id,
                    params=asked.params,
                    policy=asked.params_policy,
                    work_dir=asked.work_dir,
                    execute=asked.execute,
                    creator=creator,
                    idempotency_key=key,
                ),
                201,
            )
        made = runs.create(
            pipeline_id,
            params=asked.params,
            work_dir=asked.work_dir,
            execute=asked.execute,
            creator=creator,
            idempotency_key=key,
        )
        return json_response(made, 201)

    @api.get("/pipelines/<pipeline_id>/runs/")
    def list_runs_of(pipeline_id: str) -> Response:
        skip, limit = validation.window()
        return json_response(runs.list_of(pipeline_id, skip=skip, limit=limit))
