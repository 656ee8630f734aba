"""/code-roots/: folders with the code of actions. Ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from dtlpipe.errors import NotFound
from mock_server.api.synapse import validation
from mock_server.api.wire import json_response

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes."""
    roots = platform.actions.roots

    @api.get("/code-roots/")
    def list_roots() -> Response:
        return json_response(roots.list())

    @api.post("/code-roots/")
    def add_root() -> Response:
        return json_response(roots.add(validation.body(validation.Root).path), 201)

    @api.delete("/code-roots/<root_id>")
    def remove_root(root_id: str) -> Response:
        if not roots.remove(root_id):
            raise NotFound("Code root not found")
        return Response(status=204)
