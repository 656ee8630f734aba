"""How the platform is: `GET /health`, for those who start it and those who watch it."""

from __future__ import annotations

import os
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from mock_server.api.admin import events
from mock_server.api.guard import public
from mock_server.api.wire import json_response

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def blueprints(platform: Platform) -> tuple[Blueprint, ...]:
    """One, without a prefix."""
    admin = Blueprint("admin", __name__)
    began = time.monotonic()
    release = _version()

    @admin.get("/health")
    @public
    def health() -> Response:
        found: dict[str, Any] = {
            "status": "stopping" if platform.stopping else "ok",
            "version": release,
            "pid": os.getpid(),
            "uptime": round(time.monotonic() - began, 3),
            "workers": platform.settings.workers,
            "durability": platform.settings.durability,
            "exposed": platform.settings.exposed,
        }
        return json_response(found, 503 if platform.stopping else 200)

    events.register(admin, platform)
    return (admin,)


def _version() -> str:
    try:
        return version("dtlpipe")
    except PackageNotFoundError:
        return "unknown"
