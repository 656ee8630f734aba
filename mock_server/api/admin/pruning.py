"""Runs that are over are deleted on request: `POST /api/v1/platform/prune`.

`{"olderThan": <seconds since their end>, "keep": <how many of the latest>, "pipelineId"}`, one of the first two at
least. The answer is `{"runs": <how many are gone>}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from dtlpipe.errors import BadRequest
from mock_server.api.wire import json_response

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(admin: Blueprint, platform: Platform) -> None:
    """Adds the route."""

    @admin.post("/api/v1/platform/prune")
    def prune() -> Response:
        body = request.get_json(force=True)
        if not isinstance(body, dict):
            raise BadRequest("what is to go is said in an object")
        older, keep, pipeline_id = body.get("olderThan"), body.get("keep"), body.get("pipelineId")
        if older is None and keep is None:
            raise BadRequest("say what goes: olderThan (seconds since the end), keep (how many of the latest), or both")
        if type(older) not in (int, float, type(None)) or (older or 0) < 0:
            raise BadRequest(f"olderThan: seconds are needed, not {older!r:.60}")
        if type(keep) not in (int, type(None)) or (keep or 0) < 0:
            raise BadRequest(f"keep: a number of runs is needed, not {keep!r:.60}")
        if not isinstance(pipeline_id, str | None):
            raise BadRequest(f"pipelineId: an id is needed, not {pipeline_id!r:.60}")
        if pipeline_id is not None:
            platform.pipelines.get(pipeline_id)
        gone = platform.pruning.prune(older_than=older, beyond=keep, pipeline_id=pipeline_id)
        return json_response({"runs": gone.runs})
