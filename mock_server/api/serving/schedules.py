"""Jobs by the clock: `/{name}/schedules`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from flask import Blueprint, Response
from pydantic import BaseModel

from mock_server.api.guard import any_token, caller
from mock_server.api.serving.submitting import Options, check
from mock_server.api.serving.validation import query, read
from mock_server.api.wire import json_response

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


class ScheduleRequest(BaseModel, defer_build=True):
    """A schedule: a cron expression in UTC, and what its jobs are given."""

    cron: str
    params: dict[str, Any] = {}


def install(serving: Blueprint, platform: Platform) -> None:
    """Put the routes on the blueprint."""
    schedules = platform.serving.schedules

    @serving.post("/<name>/schedules")
    @any_token
    def create_schedule(name: str) -> Response:
        asked = read(ScheduleRequest)
        platform.serving.deployments.find(name)
        check(platform, name, "run", asked.params)
        order = attrs.asdict(query(Options).order())
        for each in ("run_at", "secret", "resubmitted_from"):
            del order[each]
        made = schedules.create(name, asked.cron, asked.params, creator=caller().email, order=order)
        return json_response(made, 201, {"Location": f"/{name}/schedules/{made['id']}"})

    @serving.get("/<name>/schedules")
    @any_token
    def list_schedules(name: str) -> dict[str, Any]:
        return {"schedules": schedules.list(name)}

    @serving.get("/<name>/schedules/<id>")
    @any_token
    def get_schedule(name: str, id: str) -> dict[str, Any]:
        return schedules.get(name, id)

    @serving.delete("/<name>/schedules/<id>")
    @any_token
    def delete_schedule(name: str, id: str) -> Response:
        schedules.delete(name, id)
        return Response(status=204)
