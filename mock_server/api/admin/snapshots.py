"""Snapshots, for who has no access to the platform's folder, and to load one into a platform that runs.

GET  /api/v1/platform/snapshots              those there are
POST /api/v1/platform/snapshots              {"name"}: keeps all that there is
POST /api/v1/platform/snapshots/{id}/load    everything is as it was then; not where strangers could ask for it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from dtlpipe.errors import BadRequest, Forbidden
from mock_server.api.wire import json_response
from mock_server.platform.snapshots import Snapshots

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(admin: Blueprint, platform: Platform) -> None:
    """Adds the routes."""
    snapshots = Snapshots(platform)

    @admin.get("/api/v1/platform/snapshots")
    def list_snapshots() -> Response:
        return json_response({"items": [each.to_wire() for each in snapshots.list()]})

    @admin.post("/api/v1/platform/snapshots")
    def save_snapshot() -> Response:
        body = request.get_json(force=True)
        if not isinstance(body, dict) or not isinstance(body.get("name"), str):
            raise BadRequest('a snapshot needs a name: {"name": "..."}')
        return json_response(snapshots.save(body["name"]).to_wire(), 201)

    @admin.post("/api/v1/platform/snapshots/<id>/load")
    def load_snapshot(id: str) -> Response:
        if platform.settings.exposed:
            raise Forbidden(
                "a platform that others can reach does not replace all it has because one of them asks",
                hint="stop it, and load the snapshot into its folder: dtlpipe snapshot load",
            )
        snapshots.load(id)
        return json_response({"loaded": id})
