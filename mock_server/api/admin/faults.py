"""Faults on purpose, set from outside: there only if the platform was started with them.

GET    /api/v1/platform/faults          those that are set, with what they have met
POST   /api/v1/platform/faults          sets one: a rule as mock_server.platform.faults has it
DELETE /api/v1/platform/faults          takes all away
DELETE /api/v1/platform/faults/{id}     takes one away
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from mock_server.api.wire import json_response
from mock_server.platform.faults import FaultRule

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(admin: Blueprint, platform: Platform) -> None:
    """Adds the routes, if there are to be any."""
    if not platform.settings.faults:
        return
    faults = platform.faults

    @admin.get("/api/v1/platform/faults")
    def list_faults() -> Response:
        return json_response({"items": [each.to_wire() for each in faults.list()]})

    @admin.post("/api/v1/platform/faults")
    def set_fault() -> Response:
        return json_response(faults.add(FaultRule.from_wire(request.get_json(force=True))).to_wire(), 201)

    @admin.delete("/api/v1/platform/faults")
    def clear_faults() -> Response:
        faults.clear()
        return json_response({"items": []})

    @admin.delete("/api/v1/platform/faults/<id>")
    def remove_fault(id: str) -> Response:
        faults.remove(id)
        return json_response({"items": [each.to_wire() for each in faults.list()]})
