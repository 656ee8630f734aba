"""What asks for work to be begun, once or as a batch: for pipelines and for services alike."""

from __future__ import annotations

from typing import Any, Self

from flask import request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mock_server.platform.wanted import Wanted

#: In which a client within node code names the execution that it is.
PARENT = "X-Dtlpipe-Execution"


class _Body(BaseModel):
    model_config = ConfigDict(defer_build=True, strict=True, extra="ignore")


class Start(_Body):
    """`{"pipeline": {...}}`: one run."""

    input: dict[str, Any] | None = None
    node_id: str | None = Field(None, alias="nodeId")
    test_mode: bool | None = Field(None, alias="testMode")
    priority: int | None = None
    timeout: float | None = None


class Query(_Body):
    """A query for items; whatever else it says is kept, and read by the store."""

    model_config = ConfigDict(defer_build=True, strict=True, extra="allow")

    filter: dict[str, Any] | None = None
    context: dict[str, Any] | None = None

    def to_wire(self) -> dict[str, Any]:
        """The query as it was sent."""
        return self.model_dump(exclude_unset=True)


class Batch(_Body):
    """`{"batch": {...}}`: one run or call for each item of a query, with the same arguments besides."""

    query: Query
    args: dict[str, Any] | None = None


class ExecutePipeline(_Body):
    """The body of POST /pipelines/{id}/execute; the node of a batch is named at its top, and so is its urgency."""

    pipeline: Start | None = None
    batch: Batch | None = None
    node_id: str | None = Field(None, alias="nodeId")
    priority: int | None = None
    timeout: float | None = None

    def wanted(self, parent: str | None = None) -> Wanted:
        """What it says of when its run or its runs go on. Raises BadRequest."""
        one = self.pipeline or Start()
        priority = self.priority if one.priority is None else one.priority
        return Wanted.said(priority, self.timeout if one.timeout is None else one.timeout, parent)


class Again(_Body):
    """From where runs are run again; without a method, from the nodes that are named, or else from the beginning."""

    method: str | None = None
    start_node_ids: list[str] | None = Field(None, alias="startNodeIds")


class Those(_Body):
    """`{"query": ...}`: what is to be run again, by a query; whatever it says of pages is passed over."""

    query: Query


class RerunPipeline(_Body):
    """The body of POST /pipelines/{id}/executions/rerun."""

    pipeline: Again | None = None
    batch: Those


class RerunServices(_Body):
    """The body of POST /executions/rerun; its query is a filter, without a frame."""

    query: dict[str, Any]


class ExecuteService(_Body):
    """The body of POST /executions/{serviceId}."""

    input: dict[str, Any] | None = None
    batch: Batch | None = None
    function_name: str | None = Field(None, alias="functionName")
    project_id: str | None = Field(None, alias="projectId")
    priority: int | None = None


class Terminate(_Body):
    """The body of POST .../executions/terminate: those of a batch, by its command's id, or those that are named."""

    ids: list[str] | None = None
    batch_id: str | None = Field(None, alias="batchId")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ids is None) == (self.batch_id is None):
            raise ValueError("either 'ids' or 'batchId' is needed")
        return self


def parent() -> str | None:
    """The execution whose node code sends the request, if it says so."""
    return request.headers.get(PARENT)
