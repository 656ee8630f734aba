"""/executions: calls of services, and the executions of pipelines' nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint
from pydantic import BaseModel, ConfigDict, Field

from mock_server.api.dataloop import validation
from mock_server.api.dataloop.executing import ExecuteService, RerunServices, Terminate
from mock_server.api.dataloop.holding import hold
from mock_server.api.guard import caller
from mock_server.api.repeating import idempotency_key, knows_repeats
from mock_server.api.wire import json_response
from mock_server.platform import lifecycle

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


class _Progress(BaseModel):
    """The body of POST /executions/{id}/progress; whatever else it says is passed over."""

    model_config = ConfigDict(defer_build=True, strict=True, extra="ignore")

    status: str | None = None
    percent_complete: float | None = Field(None, alias="percentComplete", ge=0, le=100)
    message: str | None = None


class _Update(BaseModel):
    """The body of PATCH /executions/{id}: clients send all of an execution, of which only this can be changed."""

    model_config = ConfigDict(defer_build=True, strict=True, extra="allow")

    to_terminate: bool | None = Field(None, alias="toTerminate")


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of executions; queries for them go to /query/faas."""
    executions = platform.executions

    @api.post("/executions/<service_id>")
    @knows_repeats
    def execute_service(service_id: str) -> Any:
        asked: ExecuteService = validation.body(ExecuteService)
        if asked.batch is not None:
            return executions.start_batch(
                service_id,
                query=asked.batch.query.to_wire(),
                args=asked.batch.args,
                function_name=asked.function_name,
                priority=asked.priority or 0,
                creator=caller().email,
                idempotency_key=idempotency_key(),
            )
        return executions.start(
            service_id,
            inputs=asked.input,
            function_name=asked.function_name,
            project_id=asked.project_id,
            priority=asked.priority or 0,
            creator=caller().email,
            idempotency_key=idempotency_key(),
        )

    @api.post("/executions/rerun")
    @knows_repeats
    def rerun_batch() -> Any:
        asked: RerunServices = validation.body(RerunServices)
        return executions.rerun_batch(asked.query, creator=caller().email, idempotency_key=idempotency_key())

    @api.post("/executions/terminate")
    def terminate_executions() -> Any:
        asked: Terminate = validation.body(Terminate)
        return {"terminated": executions.terminate_many(caller().email, ids=asked.ids, batch_id=asked.batch_id)}

    @api.post("/executions/resource/query")
    def query_resource_executions() -> Any:
        return executions.resource_query(validation.query())

    @api.get("/executions/<execution_id>")
    def get_execution(execution_id: str) -> Any:
        return hold(
            platform,
            execution_id,
            lambda: executions.get(execution_id),
            lambda found: lifecycle.is_final(found["latestStatus"]["status"]),
        )

    @api.patch("/executions/<execution_id>")
    def update_execution(execution_id: str) -> Any:
        return executions.update(execution_id, validation.body(_Update).model_dump(by_alias=True))

    @api.post("/executions/<execution_id>/progress")
    def report_progress(execution_id: str) -> Any:
        return executions.progress(
            execution_id, validation.body(_Progress).model_dump(by_alias=True, exclude_none=True)
        )

    @api.post("/executions/<execution_id>/terminate")
    def terminate_execution(execution_id: str) -> Any:
        return executions.terminate(execution_id, caller().email)

    @api.post("/executions/<execution_id>/rerun")
    def rerun_execution(execution_id: str) -> Any:
        return executions.rerun(execution_id, caller().email)

    @api.post("/executions/<execution_id>/attempts")
    def count_attempts(execution_id: str) -> Any:
        counted = executions.count_attempt(execution_id)
        return json_response(counted)  # a bare number, which is no view's value by itself
