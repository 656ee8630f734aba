"""/services: what can be called, and what was logged there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint
from pydantic import BaseModel, ConfigDict, Field

from mock_server.api.dataloop import validation
from mock_server.api.dataloop.holding import hold_for
from mock_server.api.guard import caller
from mock_server.platform.executions import FOLLOW

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


class _Body(BaseModel):
    model_config = ConfigDict(defer_build=True, strict=True, extra="ignore")


class _Filters(_Body):
    function_name: str | None = Field(None, alias="functionName")
    log_level: str | None = Field(None, alias="logLevel")
    text: str | None = None
    start: str | None = None
    end: str | None = None


class _Checkpoint(_Filters):
    id: int = Field(0, ge=0, lt=1 << 63)


class _Logs(_Filters):
    """The body of POST /services/logs."""

    execution_id: str | list[str] | None = Field(None, alias="executionId")
    pipeline_execution_id: str | None = Field(None, alias="pipelineExecutionId")
    service_id: str | None = Field(None, alias="serviceId")
    follow: bool | None = None
    size: int | None = Field(None, ge=1)
    checkpoint: _Checkpoint | None = None


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of services; queries for them go to /query/faas, calls to /executions."""
    services = platform.services

    @api.post("/services")
    def create_service() -> Any:
        return services.create(validation.json_object(), caller().email)

    @api.post("/services/logs")
    def logs() -> Any:
        asked: _Logs = validation.body(_Logs)
        body = asked.model_dump(by_alias=True, exclude_none=True)
        executions = platform.executions
        return hold_for(
            platform,
            executions.log_key(body),
            lambda: executions.logs(body),
            lambda found: bool(found["logs"] or found["stop"]),
            FOLLOW if asked.follow and asked.checkpoint is not None else 0.0,
        )

    @api.get("/services/<service_id>")
    def get_service(service_id: str) -> Any:
        return services.get(service_id)

    @api.patch("/services/<service_id>")
    def update_service(service_id: str) -> Any:
        return services.update(service_id, validation.json_object())

    @api.delete("/services/<service_id>")
    def delete_service(service_id: str) -> Any:
        services.delete(service_id, force=validation.flag("force"))
        return {"id": service_id}

    @api.post("/services/<service_id>/stop")
    def pause_service(service_id: str) -> Any:
        return services.pause(service_id)

    @api.post("/services/<service_id>/resume")
    def resume_service(service_id: str) -> Any:
        return services.resume(service_id)

    @api.post("/services/<service_id>/restart")
    def restart_service(service_id: str) -> Any:
        return services.restart(service_id)

    @api.get("/services/<service_id>/status")
    def service_status(service_id: str) -> Any:
        return services.status(service_id)

    @api.get("/services/<service_id>/revisions")
    def service_revisions(service_id: str) -> Any:
        return services.revisions(service_id)
