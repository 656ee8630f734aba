"""/pipelines: definitions, and their lives from draft to installed and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from dtlpipe.errors import UnprocessableEntity
from mock_server.api.dataloop import validation
from mock_server.api.guard import caller

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of pipelines; those of their runs are in `pipeline_executions`."""
    _register_definitions(api, platform)
    _register_states(api, platform)


def _register_definitions(api: Blueprint, platform: Platform) -> None:
    pipelines = platform.pipelines

    @api.post("/pipelines")
    def create_pipeline() -> Any:
        return pipelines.create(validation.json_object(), caller().email)

    @api.post("/pipelines/query")
    def query_pipelines() -> Any:
        query = validation.query()
        resource = query.get("resource", "pipeline")
        if resource == "pipeline":
            return pipelines.query(query)
        if resource == "pipelineState":
            return platform.runs.query(query)
        raise UnprocessableEntity(  # 400 would be shown as an empty list by the field's SDK
            f"resource: {resource!r} cannot be queried here", hint="there are pipeline and pipelineState"
        )

    @api.post("/pipelines/validate")
    def validate_pipeline() -> Any:
        return pipelines.validate(validation.json_object())

    @api.get("/pipelines/<pipeline_id>")
    def get_pipeline(pipeline_id: str) -> Any:
        return pipelines.get(pipeline_id)

    @api.patch("/pipelines/<pipeline_id>")
    @api.patch("/pipelines/<pipeline_id>/settings")
    def update_pipeline(pipeline_id: str) -> Any:
        return pipelines.update(pipeline_id, validation.json_object(), caller().email)

    @api.patch("/pipelines/<pipeline_id>/variables")
    def update_pipeline_variables(pipeline_id: str) -> Any:
        return pipelines.update_variables(pipeline_id, validation.json_object(), caller().email)

    @api.delete("/pipelines/<pipeline_id>")
    def delete_pipeline(pipeline_id: str) -> Any:
        pipelines.delete(pipeline_id, caller().email)
        return {"id": pipeline_id}


def _register_states(api: Blueprint, platform: Platform) -> None:
    pipelines = platform.pipelines

    @api.post("/pipelines/<pipeline_id>/install")
    def install_pipeline(pipeline_id: str) -> Any:
        return pipelines.install(pipeline_id, validation.json_object(empty=True), caller().email)

    @api.post("/pipelines/<pipeline_id>/uninstall")
    def uninstall_pipeline(pipeline_id: str) -> Any:
        return pipelines.uninstall(pipeline_id, validation.json_object(empty=True), caller().email)

    @api.post("/pipelines/<pipeline_id>/reset")
    def reset_pipeline(pipeline_id: str) -> Any:
        return pipelines.reset(pipeline_id)

    @api.get("/pipelines/<pipeline_id>/statistics")
    def pipeline_statistics(pipeline_id: str) -> Any:
        return platform.runs.statistics(pipeline_id)
