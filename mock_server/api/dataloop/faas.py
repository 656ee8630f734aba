"""/query/faas: one address for the queries of four nouns, told apart by `resource`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from dtlpipe.errors import UnprocessableEntity
from mock_server.api.dataloop import validation

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the one route."""
    verbs = {
        "services": platform.services.query,
        "packages": platform.packages.query,
        "triggers": platform.triggers.query,
        "executions": platform.executions.query,
    }

    @api.post("/query/faas")
    def query_faas() -> Any:
        query = validation.query()
        resource = query.get("resource")
        verb = verbs.get(resource) if isinstance(resource, str) else None
        if verb is None:
            raise UnprocessableEntity(  # 400 would be shown as an empty list by the field's SDK
                f"resource: {resource!r} cannot be queried here", hint=f"there are {', '.join(verbs)}"
            )
        return verb(query)
