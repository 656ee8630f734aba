"""What Dataloop has and this platform does not: each answers with its name, so that nobody looks for a mistake.

By the book that is 501. The field's SDK takes 501 for a hiccup and asks again for half a minute, so it is told 404; and
so is every POST, which nobody should be made to repeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from dtlpipe.errors import NotFound, NotSupported

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

#: First steps of paths, and what lives there, beside what other modules serve of it.
FEATURES = {
    "models": "models at this path: they are at /ml/models",
    "ml/metrics": "metrics of models",
    "ml/models/<id>/embed/datasets": "feature vectors",
    "scores": "scores",
    "settings": "settings",
    "orgs": "organizations",
    "trigger-resource-information": "list of what triggers may listen to",
    "webhooks": "webhooks",
    "drivers": "storage drivers",
    "integrations": "integrations",
    "compute": "compute clusters",
    "features": "feature vectors",
    "projects/<id>/bots": "bots",
    "datasets/<id>/imports": "storage drivers to import items from",
}


def register(api: Blueprint, platform: Platform) -> None:  # noqa: ARG001 - as all modules with routes have it
    """Adds a route for everything under each of the paths."""
    for first, feature in FEATURES.items():
        _register(api, first, feature)


def _register(api: Blueprint, first: str, feature: str) -> None:
    def unoffered(**_rest: str) -> Any:
        message = f"this platform has no {feature}"
        asks_again = request.method == "POST" or request.headers.get("User-Agent", "").startswith("dtlpy/")
        raise NotFound(message) if asks_again else NotSupported(message)

    for rule in (f"/{first}", f"/{first}/<path:rest>"):
        api.add_url_rule(rule, f"no {feature} at {first}", unoffered, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
