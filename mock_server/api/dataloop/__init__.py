"""Dataloop's REST API, as the field's SDK speaks it: `/api/v1/...`, and `/token`, `/login`, `/get_jwt` outside of it.

How a file joins: it has a function `register(api, platform)` that adds its routes to the blueprint (whose prefix is
`/api/v1`), and its name stands in `ROUTES`. A view parses by `validation`, calls one verb of the platform, and returns
JSON data made by `render`; errors are raised, as classes of `dtlpipe.errors`. `holding.hold` is how a view waits.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flask import Blueprint

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: Modules with routes under /api/v1.
ROUTES = (
    "users",
    "projects",
    "datasets",
    "recipes",
    "items",
    "uploads",
    "streams",
    "annotations",
    "pipelines",
    "revisions",
    "pipeline_executions",
    "services",
    "executions",
    "packages",
    "apps",
    "models",
    "triggers",
    "commands",
    "tasks",
    "assignments",
    "compositions",
    "faas",
    "openapi",
    "unoffered",
)


def blueprints(platform: Platform) -> tuple[Blueprint, ...]:
    """The API, and the gate beside it."""
    from mock_server.api.dataloop import auth

    api = Blueprint("dataloop", __name__, url_prefix="/api/v1")
    for name in ROUTES:
        import_module(f"{__name__}.{name}").register(api, platform)
    gate = Blueprint("gate", __name__)
    auth.register(gate, platform)
    return api, gate
