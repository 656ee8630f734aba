"""What a platform begins with, step by step and without setting off triggers: `POST /api/v1/platform/seeds`.

A step is `{"project": {"name"}}`, `{"dataset": {"project", "name"}}`, `{"item": {"project", "dataset", "path",
"content": <base64>, "metadata"}}`, `{"pipeline": {"project", "definition", "install"}}` or `{"run": {...}}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from mock_server.api.guard import caller
from mock_server.api.wire import json_response
from mock_server.platform.seeding import Seeding

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(admin: Blueprint, platform: Platform) -> None:
    """Adds the route."""
    seeding = Seeding(platform)

    @admin.post("/api/v1/platform/seeds")
    def sow() -> Response:
        return json_response(seeding.sow(request.get_json(force=True), caller().email), 201)
