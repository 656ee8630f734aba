"""Synapse's run service, as its `PipelineServiceClient` speaks it: `/synapse/api/v1/...` and `/synapse/health`.

Law: it translates alone; pipelines, runs and what is told of them are `platform.actions`. Its paths would collide with
those of another vocabulary, so it has a prefix, and a listener of its own where somebody wants it without one. Both
forms of a path, with and without a slash at its end, are the same path and never a redirect.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from mock_server.api.guard import public
from mock_server.api.wire import json_response

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

PREFIX = "/synapse"

#: Modules with routes under /synapse/api/v1.
ROUTES = ("pipelines", "runs", "progress", "checkpoints", "logs", "roots")


def blueprints(platform: Platform) -> tuple[Blueprint, ...]:
    """The API, and its health beside it."""
    api = Blueprint("synapse", __name__, url_prefix=f"{PREFIX}/api/v1")
    for name in ROUTES:
        import_module(f"{__name__}.{name}").register(api, platform)
    root = Blueprint("synapse-root", __name__, url_prefix=PREFIX)

    @root.get("/health")
    @public
    def health() -> Response:
        if platform.stopping:
            return json_response({"status": "stopping", "service": "dtlpipe"}, 503)
        return json_response({"status": "healthy", "service": "dtlpipe"})

    return api, root
