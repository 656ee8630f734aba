"""/compositions: what an installed pipeline is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the one route."""

    @api.get("/compositions/<composition_id>")
    def get_composition(composition_id: str) -> Any:
        return platform.pipelines.composition(composition_id)
